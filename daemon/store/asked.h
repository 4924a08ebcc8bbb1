/* The requests the store's face makes of its callers' questions. */
#pragma once

#include "known.h"
#include "report.h"
#include "requests.h"
#include "store.h"

/* NULL when memory is short. */
struct request *request_report(const struct report_query *query, store_report_fn on_report,
	void *user); /* copies the query */
struct request *request_visit(struct forward_visit *visit, store_visit_fn on_visit, void *user);
/* Slots and known runs are the worker's. */
struct request *request_trim(struct trim *trim, const struct slots *slots, struct known *known,
	store_trim_fn on_trimmed, void *user);
struct points_query;
struct request *request_points(
	const struct points_query *query, store_text_fn on_points, void *user);
struct request *request_amend(struct amendment *amendment, const struct slots *slots,
	struct known *known, store_amend_fn on_amended, void *user);
struct extract_query;
struct request *request_extract(
	const struct extract_query *query, store_text_fn on_page, void *user);
