/* Inside of the engine: for engine_amend*.c alone. */
#pragma once

#include "engine_private.h"

/* Has the store do what the question asks for; `on_done` gets the question as its user. */
void query_amend(struct query *query, store_amend_fn on_done);
/* Ends a question that changed rows, as query_amend's on_done. */
void query_on_amended(void *user, int result);

/* The report is there of whose alerts some are acknowledged: store_report's. */
void query_on_alerts(void *user, struct json_t *report, int status, const char *words);
