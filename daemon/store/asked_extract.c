/* A page of what is kept of a run, asked beside the worker and written there as a text. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "asked.h"
#include "extract.h"

struct extract_request {
	struct request request; /* first */
	struct extract_query query;
	char *run_part, *table, *after; /* the query's, owned */
	store_text_fn on_page;
	void *user;
	struct buf page;
	int result;
	char words[256];
};

static int serve(struct request *request, struct db *db) {
	struct extract_request *r = (struct extract_request *)request;

	r->result = extract_page(db->sql, &r->query, &r->page, r->words);
	request->found_nothing = r->result == EXTRACT_NO_SUCH_RUN;
	return r->result == -EBADMSG ? -EBADMSG : 0; /* the file is looked at */
}

static void finish(struct extract_request *r) {
	buf_finish(&r->page);
	free(r->run_part);
	free(r->table);
	free(r->after);
	free(r);
}

static void answer(struct request *request, int status) {
	struct extract_request *r = (struct extract_request *)request;

	if (status < 0 && r->result == 0) {
		r->result = status;
		snprintf(r->words, sizeof r->words, "the database cannot be read: %s",
			strerror(-status));
	}
	r->on_page(r->user, &r->page, r->result, r->words);
	finish(r);
}

struct request *request_extract(
	const struct extract_query *query, store_text_fn on_page, void *user) {
	struct extract_request *r = calloc(1, sizeof *r);

	if (r == NULL) {
		return NULL;
	}
	*r = (struct extract_request){
		.request = {.uid = query->viewer.uid, .serve = serve, .answer = answer},
		.query = *query,
		.run_part = strdup(query->run_part),
		.table = strdup(query->table),
		.after = strdup(query->after != NULL ? query->after : ""),
		.on_page = on_page,
		.user = user,
	};
	if (r->run_part == NULL || r->table == NULL || r->after == NULL) {
		finish(r);
		return NULL;
	}
	r->query.run_part = r->run_part;
	r->query.table = r->table;
	r->query.after = r->after;
	return &r->request;
}
