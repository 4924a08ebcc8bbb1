#include "lookup.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "list.h"

/* An entry as the directory has it, all of a group's members included. */
#define ENTRY_SIZE (1u << 20)

struct question {
	struct list link; /* lookup.asked, then lookup.answered */
	struct lookup_answer answer;
	bool done, awaited;
};

struct lookup {
	pthread_mutex_t lock;
	pthread_cond_t asking, answering;
	lookup_find_fn find;
	struct list asked, answered; /* the first of asked is being looked up */
	bool has_thread, closed;
	unsigned holders; /* the loop and the thread: the last one frees it */

	/* The loop's. */
	uv_async_t async;
	void (*on_answer)(void *user, const struct lookup_answer *answer);
	void *user;
	struct closing *closing;
};

/* ---- the system's directory ---- */

static void find_user(struct lookup_answer *a, char *entry) {
	struct passwd user, *found = NULL;

	a->found = getpwuid_r(a->id, &user, entry, ENTRY_SIZE, &found) == 0 && found != NULL &&
		   strlen(user.pw_name) <= LOOKUP_NAME_MAX;
	if (a->found) {
		snprintf(a->name, sizeof a->name, "%s", user.pw_name);
	}
}

static void find_group(struct lookup_answer *a, char *entry) {
	struct group group, *found = NULL;

	a->found = getgrnam_r(a->name, &group, entry, ENTRY_SIZE, &found) == 0 && found != NULL;
	if (a->found) {
		a->id = group.gr_gid;
	}
}

void lookup_find(struct lookup_answer *inout) {
	char *entry = malloc(ENTRY_SIZE);

	inout->found = false;
	if (entry != NULL && inout->kind == LOOKUP_USER) {
		find_user(inout, entry);
	} else if (entry != NULL) {
		find_group(inout, entry);
	}
	free(entry);
}

/* ---- the thread ---- */

static void free_questions(struct list *questions) {
	for (struct list *link; (link = list_take_first(questions)) != NULL;) {
		free(container_of(link, struct question, link));
	}
}

/* With the lock, which is gone then. */
static void let_go(struct lookup *l) {
	bool is_last = --l->holders == 0;

	(void)pthread_mutex_unlock(&l->lock);
	if (!is_last) {
		return;
	}
	free_questions(&l->asked);
	free_questions(&l->answered);
	(void)pthread_cond_destroy(&l->asking);
	(void)pthread_cond_destroy(&l->answering);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}

static void answer_first(struct lookup *l) {
	struct question *q = container_of(l->asked.next, struct question, link);
	struct lookup_answer answer = q->answer;

	(void)pthread_mutex_unlock(&l->lock);
	l->find(&answer);
	(void)pthread_mutex_lock(&l->lock);
	q->answer = answer;
	q->done = true;
	list_remove(&q->link);
	list_append(&l->answered, &q->link);
	if (q->awaited) {
		(void)pthread_cond_signal(&l->answering);
	} else if (!l->closed) {
		(void)uv_async_send(&l->async);
	}
}

static void *look_up(void *user) {
	struct lookup *l = user;

	(void)pthread_mutex_lock(&l->lock);
	while (!l->closed) {
		if (list_empty(&l->asked)) {
			(void)pthread_cond_wait(&l->asking, &l->lock);
		} else {
			answer_first(l);
		}
	}
	let_go(l);
	return NULL;
}

/* Without the process's signals, which are the loop's. */
static int start_thread(struct lookup *l) {
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	int err = pthread_create(&thread, &attributes, look_up, l);
	(void)pthread_attr_destroy(&attributes);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

/* ---- the loop ---- */

static void on_async(uv_async_t *async) {
	struct lookup *l = async->data;
	struct list taken;

	list_init(&taken);
	(void)pthread_mutex_lock(&l->lock);
	for (struct list *link; (link = list_take_first(&l->answered)) != NULL;) {
		list_append(&taken, link);
	}
	(void)pthread_mutex_unlock(&l->lock);
	for (struct list *link; (link = list_take_first(&taken)) != NULL;) {
		struct question *q = container_of(link, struct question, link);
		l->on_answer(l->user, &q->answer);
		free(q);
	}
}

static struct timespec from_now(unsigned ms) {
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

/* With the lock. Whether it is answered. */
static bool await(struct lookup *l, struct question *q, unsigned patience_ms) {
	struct timespec until = from_now(patience_ms);

	q->awaited = true;
	while (!q->done && pthread_cond_timedwait(&l->answering, &l->lock, &until) != ETIMEDOUT) {
		/* it was for nothing */
	}
	q->awaited = false;
	return q->done;
}

bool lookup_ask(struct lookup *l, struct lookup_answer *inout, unsigned patience_ms) {
	struct question *q = calloc(1, sizeof *q);
	bool answered = false;

	if (q == NULL) {
		return false; /* it is never answered */
	}
	q->answer = *inout;
	(void)pthread_mutex_lock(&l->lock);
	if (!l->has_thread && start_thread(l) == 0) {
		l->has_thread = true;
		l->holders++;
	}
	bool is_first = list_empty(&l->asked);
	list_append(&l->asked, &q->link);
	(void)pthread_cond_signal(&l->asking);
	if (is_first && l->has_thread && patience_ms > 0 && await(l, q, patience_ms)) {
		*inout = q->answer;
		list_remove(&q->link);
		answered = true;
	}
	(void)pthread_mutex_unlock(&l->lock);
	if (answered) {
		free(q);
	}
	return answered;
}

int lookup_open(uv_loop_t *loop, lookup_find_fn find,
	void (*on_answer)(void *user, const struct lookup_answer *answer), void *user,
	struct lookup **ret) {
	struct lookup *l = calloc(1, sizeof *l);
	pthread_condattr_t monotonic;

	if (l == NULL) {
		return -ENOMEM;
	}
	int err = uv_async_init(loop, &l->async, on_async);
	if (err < 0) {
		free(l);
		return err;
	}
	l->async.data = l;
	l->find = find;
	l->on_answer = on_answer;
	l->user = user;
	l->holders = 1;
	list_init(&l->asked);
	list_init(&l->answered);
	(void)pthread_mutex_init(&l->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&l->asking, NULL);
	(void)pthread_cond_init(&l->answering, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	*ret = l;
	return 0;
}

static void on_handle_closed(uv_handle_t *handle) {
	struct lookup *l = handle->data;
	struct closing *closing = l->closing;

	(void)pthread_mutex_lock(&l->lock);
	let_go(l);
	closing_release(closing);
}

void lookup_close(struct lookup *l, struct closing *closing) {
	(void)pthread_mutex_lock(&l->lock);
	l->closed = true; /* from now on the thread leaves the handle alone */
	(void)pthread_cond_signal(&l->asking);
	(void)pthread_mutex_unlock(&l->lock);
	l->closing = closing;
	closing_hold(closing);
	uv_close((uv_handle_t *)&l->async, on_handle_closed);
}
