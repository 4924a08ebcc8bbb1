/* The requests the store's face makes of its callers' questions. */
#pragma once

#include "requests.h"
#include "store.h"

/* NULL when memory is short. */
struct request *request_report(
	const char *run_part, uint32_t reader_uid, store_report_fn on_report, void *user);
struct request *request_visit(struct forward_visit *visit, store_visit_fn on_visit, void *user);
