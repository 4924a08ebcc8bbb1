/* The points document, asked beside the worker and written there: its text is long, and the loop has better to do. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asked.h"
#include "points.h"

struct points_request {
	struct request request; /* first */
	struct points_query query;
	store_text_fn on_points;
	void *user;
	struct buf text;
	int result;
	char words[256];
};

static int serve(struct request *request, struct db *db) {
	struct points_request *r = (struct points_request *)request;

	r->result = points_write(db->sql, &r->query, REPLY_PAYLOAD_MAX, &r->text, r->words);
	return r->result == -EBADMSG ? -EBADMSG : 0; /* the file is looked at */
}

static void answer(struct request *request, int status) {
	struct points_request *r = (struct points_request *)request;

	if (status < 0 && r->result == 0) {
		r->result = status;
		snprintf(r->words, sizeof r->words, "the database cannot be read: %s",
			strerror(-status));
	}
	r->on_points(r->user, &r->text, r->result, r->words);
	buf_finish(&r->text);
	free(r);
}

struct request *request_points(
	const struct points_query *query, store_text_fn on_points, void *user) {
	struct points_request *r = calloc(1, sizeof *r);

	if (r == NULL) {
		return NULL;
	}
	*r = (struct points_request){
		.request = {.uid = query->viewer.uid, .serve = serve, .answer = answer},
		.query = *query,
		.on_points = on_points,
		.user = user,
	};
	return &r->request;
}
