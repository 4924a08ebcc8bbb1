/* Inside of the engine: for engine_amend*.c alone. */
#pragma once

#include "engine_private.h"

/* Has the store do what the question asks for; `on_done` gets the question as its user. */
void query_amend(struct query *query, store_amend_fn on_done);
/* Ends a question that changed rows, as query_amend's on_done. */
void query_on_amended(void *user, int result);
/* What the first of two visits found, before a run is removed: the same, or the second one follows. */
void query_on_looked(void *user, int result);

/* Answers with the amendment's words, and ends the question: with the code, or with what came of it. Of one who has gone
 * meanwhile nothing is said: it is done all the same. */
void query_conclude_with(struct query *query, uint32_t code);
void query_conclude(struct query *query, int result);

/* The report is there of whose alerts some are acknowledged: store_report's. */
void query_on_alerts(void *user, struct json_t *report, int status, const char *words);
