#include "asked.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amend.h"
#include "clock.h"
#include "spool.h"
#include "trim.h"

/* ---- a report ---- */

struct report_request {
	struct request request; /* first */
	struct report_query query;
	char *run_part; /* the query's, owned */
	store_report_fn on_report;
	void *user;
	json_t *report;
	int result;
	char words[256];
};

static int report_serve(struct request *request, struct db *db) {
	struct report_request *r = (struct report_request *)request;
	r->result = report_build(db->sql, &r->query, &r->report, r->words);
	request->found_nothing = r->result == REPORT_NO_SUCH_RUN;
	return r->result == -EBADMSG ? -EBADMSG : 0; /* the file is looked at */
}

static void report_answer(struct request *request, int status) {
	struct report_request *r = (struct report_request *)request;
	if (status < 0 && r->result == 0) {
		r->result = status;
		snprintf(r->words, sizeof r->words, "the database cannot be read: %s",
			strerror(-status));
	}
	r->on_report(r->user, r->report, r->result, r->words);
	json_decref(r->report);
	free(r->run_part);
	free(r);
}

struct request *request_report(
	const struct report_query *query, store_report_fn on_report, void *user) {
	struct report_request *r = calloc(1, sizeof *r);
	char *part = query->run_part == NULL ? NULL : strdup(query->run_part);
	if (r == NULL || (query->run_part != NULL && part == NULL)) {
		free(part);
		free(r);
		return NULL;
	}
	*r = (struct report_request){
		.request = {.uid = query->viewer.uid,
			.serve = report_serve,
			.answer = report_answer},
		.query = *query,
		.run_part = part,
		.on_report = on_report,
		.user = user,
	};
	r->query.run_part = part;
	return &r->request;
}

/* ---- a visit of the forwarder's ---- */

struct visit_request {
	struct request request; /* first */
	struct forward_visit *visit;
	store_visit_fn on_visit;
	void *user;
};

static int visit_serve(struct request *request, struct db *db) {
	struct visit_request *r = (struct visit_request *)request;
	return spool_visit(db, r->visit);
}

static void visit_answer(struct request *request, int status) {
	struct visit_request *r = (struct visit_request *)request;
	r->on_visit(r->user, r->visit, status);
	free(r);
}

struct request *request_visit(struct forward_visit *visit, store_visit_fn on_visit, void *user) {
	struct visit_request *r = calloc(1, sizeof *r);
	if (r != NULL) {
		*r = (struct visit_request){
			.request = {.serve = visit_serve, .answer = visit_answer},
			.visit = visit,
			.on_visit = on_visit,
			.user = user,
		};
	}
	return r == NULL ? NULL : &r->request;
}

/* ---- a turn of retention ---- */

struct trim_request {
	struct request request; /* first */
	struct trim *trim;
	const struct slots *slots;
	struct known *known;
	store_trim_fn on_trimmed;
	void *user;
	int result;
	double took_s;
};

static int trim_serve(struct request *request, struct db *db) {
	struct trim_request *r = (struct trim_request *)request;
	uint64_t begun_ns = clock_mono_ns();
	r->result = trim_turn(r->trim, db, r->slots, r->known);
	r->took_s = (double)(clock_mono_ns() - begun_ns) * 1e-9;
	return r->result < 0 ? r->result : 0;
}

static void trim_answer(struct request *request, int status) {
	struct trim_request *r = (struct trim_request *)request;
	r->on_trimmed(r->user, status < 0 ? status : r->result, r->took_s);
	free(r);
}

struct request *request_trim(struct trim *trim, const struct slots *slots, struct known *known,
	store_trim_fn on_trimmed, void *user) {
	struct trim_request *r = calloc(1, sizeof *r);
	if (r == NULL) {
		return NULL;
	}
	*r = (struct trim_request){
		.request = {.serve = trim_serve, .answer = trim_answer},
		.trim = trim,
		.slots = slots,
		.known = known,
		.on_trimmed = on_trimmed,
		.user = user,
	};
	return &r->request;
}

/* ---- what somebody wants to be done to a run ---- */

struct amend_request {
	struct request request; /* first */
	struct amendment *amendment;
	const struct slots *slots;
	struct known *known;
	store_amend_fn on_amended;
	void *user;
	int result;
};

static int amend_serve(struct request *request, struct db *db) {
	struct amend_request *r = (struct amend_request *)request;
	r->result = amend(r->amendment, db, r->slots, r->known);
	return r->result < 0 ? r->result : 0;
}

static void amend_answer(struct request *request, int status) {
	struct amend_request *r = (struct amend_request *)request;
	r->on_amended(r->user, status < 0 ? status : r->result);
	free(r);
}

struct request *request_amend(struct amendment *amendment, const struct slots *slots,
	struct known *known, store_amend_fn on_amended, void *user) {
	struct amend_request *r = calloc(1, sizeof *r);
	if (r == NULL) {
		return NULL;
	}
	*r = (struct amend_request){
		.request = {.serve = amend_serve, .answer = amend_answer},
		.amendment = amendment,
		.slots = slots,
		.known = known,
		.on_amended = on_amended,
		.user = user,
	};
	return &r->request;
}
