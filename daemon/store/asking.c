#include "asking.h"

#include <assert.h>
#include <errno.h>

#include "reader.h"

void asking_init(struct asking *a, uv_loop_t *loop, const char *path,
	const struct asking_callbacks *callbacks, void *user) {
	*a = (struct asking){.loop = loop, .path = path, .callbacks = *callbacks, .user = user};
	a->work.data = a;
	requests_init(&a->requests);
}

static void on_work(uv_work_t *work) {
	struct asking *a = work->data;
	struct reader reader;

	a->status = reader_open(&reader, a->path, NULL);
	if (a->status == 0) {
		struct db db = {.sql = reader.sql};
		a->status = a->serving->serve(a->serving, &db);
		reader_close(&reader);
	}
}

static void serve_next(struct asking *a);

static void on_work_done(uv_work_t *work, int uv_status) {
	struct asking *a = work->data;
	struct request *request = a->serving;
	int status = a->status;
	assert(uv_status == 0); /* nobody cancels */
	(void)uv_status;

	a->serving = NULL;
	if (status == 0 && request->found_nothing && request->may_be_early) {
		request->may_be_early = false;
		a->callbacks.on_early(a->user, request);
	} else {
		request->answer(request, status);
	}
	serve_next(a);
	if (status == -EBADMSG) {
		a->callbacks.on_damage(a->user);
	}
	if (a->serving == NULL) {
		a->callbacks.on_idle(a->user);
	}
}

static void serve_next(struct asking *a) {
	if (a->serving != NULL || a->requests.first == NULL) {
		return;
	}
	a->serving = requests_take_other(&a->requests, a->last_uid);
	a->last_uid = a->serving->uid;
	int err = uv_queue_work(a->loop, &a->work, on_work, on_work_done);
	assert(err == 0);
	(void)err;
}

void asking_add(struct asking *a, struct request *request) {
	requests_add(&a->requests, request);
	serve_next(a);
}

bool asking_busy(const struct asking *a) {
	return a->serving != NULL;
}
