#include "requests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

struct request {
	struct request *next; /* requests.first */
	char *run_part;
	uint32_t reader_uid;
	store_report_fn on_report;
	void *user;
	json_t *report;
	int status;
	char words[256];
};

void requests_init(struct requests *r) {
	*r = (struct requests){0};
	r->tail = &r->first;
}

int requests_add(struct requests *r, const char *run_part, uint32_t reader_uid,
	store_report_fn on_report, void *user) {
	struct request *request = calloc(1, sizeof *request);
	char *part = run_part == NULL ? NULL : strdup(run_part);
	if (request == NULL || (run_part != NULL && part == NULL)) {
		free(part);
		free(request);
		return -ENOMEM;
	}
	*request = (struct request){
		.run_part = part,
		.reader_uid = reader_uid,
		.on_report = on_report,
		.user = user,
	};
	*r->tail = request;
	r->tail = &request->next;
	return 0;
}

struct request *requests_take(struct requests *r) {
	struct request *first = r->first;
	r->first = first->next;
	if (r->first == NULL) {
		r->tail = &r->first;
	}
	return first;
}

void request_serve(struct request *r, sqlite3 *sql) {
	struct report_query query = {.run_part = r->run_part, .reader_uid = r->reader_uid};
	r->status = report_build(sql, &query, &r->report, r->words);
}

void request_answer(struct request *r, int status) {
	if (status < 0) {
		r->status = status;
		snprintf(r->words, sizeof r->words, "%s", strerror(-status));
	}
	r->on_report(r->user, r->report, r->status, r->words);
	json_decref(r->report);
	free(r->run_part);
	free(r);
}
