#include "asking.h"

#include <assert.h>
#include <errno.h>

#include "reader.h"

static void on_served(uv_async_t *served);

void asking_init(struct asking *a, uv_loop_t *loop, const char *path,
	const struct asking_callbacks *callbacks, void *user) {
	*a = (struct asking){.loop = loop, .path = path, .callbacks = *callbacks, .user = user};
	requests_init(&a->requests);
	(void)uv_sem_init(&a->wanted, 0);
	(void)uv_async_init(loop, &a->served, on_served);
	a->served.data = a;
}

/* ---- on the thread ---- */

static int serve(const char *path, struct request *request) {
	struct reader reader;

	int err = reader_open(&reader, path, NULL);
	if (err == 0) {
		struct db db = {.sql = reader.sql};
		err = request->serve(request, &db);
		reader_close(&reader);
	}
	return err;
}

static void run(void *user) {
	struct asking *a = user;

	for (uv_sem_wait(&a->wanted); !a->ending; uv_sem_wait(&a->wanted)) {
		atomic_store(&a->status, serve(a->path, a->serving));
		(void)uv_async_send(&a->served);
	}
}

/* ---- on the loop ---- */

static void serve_next(struct asking *a) {
	while (a->serving == NULL && a->requests.first != NULL) {
		struct request *request = requests_take_other(&a->requests, a->last_uid);
		int err = a->has_thread ? 0 : uv_thread_create(&a->thread, run, a);
		a->last_uid = request->uid;
		if (err == 0) {
			a->has_thread = true;
			a->serving = request;
			uv_sem_post(&a->wanted);
		} else {
			request->answer(request, err);
		}
	}
}

static void on_served(uv_async_t *served) {
	struct asking *a = served->data;
	int status = atomic_load(&a->status);
	struct request *request = a->serving;

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

void asking_add(struct asking *a, struct request *request) {
	requests_add(&a->requests, request);
	serve_next(a);
}

bool asking_busy(const struct asking *a) {
	return a->serving != NULL;
}

static void on_async_closed(uv_handle_t *handle) {
	struct asking *a = handle->data;
	a->on_closed(a->user);
}

void asking_close(struct asking *a, void (*on_closed)(void *user)) {
	assert(a->serving == NULL && a->requests.first == NULL);
	a->on_closed = on_closed;
	if (a->has_thread) {
		a->ending = true;
		uv_sem_post(&a->wanted);
		(void)uv_thread_join(&a->thread);
	}
	uv_sem_destroy(&a->wanted);
	uv_close((uv_handle_t *)&a->served, on_async_closed);
}
