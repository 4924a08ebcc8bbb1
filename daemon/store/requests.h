/* Reports that were asked for and wait for the worker, first come first served. */
#pragma once

#include <sqlite3.h>

#include "store.h"

struct request;

struct requests {
	struct request *first, **tail;
};

void requests_init(struct requests *r);
int requests_add(struct requests *r, const char *run_part, uint32_t reader_uid,
	store_report_fn on_report, void *user);
struct request *requests_take(struct requests *r);

/* On the worker. */
void request_serve(struct request *r, sqlite3 *sql);
/* Answers whoever asked, with what request_serve made or with `status` below 0, and frees it. */
void request_answer(struct request *r, int status);
