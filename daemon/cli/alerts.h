/* A run's alerts in the status document: which are open, and which somebody has acknowledged (`sae-metricsd ack`). */
#pragma once

#include <jansson.h>
#include <stdbool.h>

bool alert_is_known(const json_t *alert);
/* How many of the run's are not. */
size_t alerts_open(const json_t *run);
/* Whether it has one of this kind, and that is known. */
bool alerts_know(const json_t *run, const char *kind);
