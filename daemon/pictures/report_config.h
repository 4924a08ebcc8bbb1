/* The configs of runs as rows of a table, what is nested with dots: optimizer.lr. Pure. */
#pragma once

#include <jansson.h>

#include "html.h"

/* A page has so many rows of one config; what is beyond is counted. */
#define REPORT_CONFIG_ROWS_MAX 400u

void report_config_write(struct html *h, const json_t *config);

/* A row for each member that is not the same in all of them. */
void report_config_write_differences(struct html *h, const json_t *const *configs, size_t n);
