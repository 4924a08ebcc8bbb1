#include "sender.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "deadline.h"

#define STACK_BYTES                                                                                \
	(256u << 10)     /* ours needs a tenth; libraries put their thread-local data there, too */
#define NO_MEMORY_MS 100 /* until the next try to watch more sockets */
#define POLL_MAX_MS  60000u /* an int holds it */

static struct {
	pthread_mutex_t
		lock; /* what follows, but for `next` of links, which only the thread follows */
	struct link *links;
	bool running;
	struct descriptor bell;
	uint32_t generation;
	void (*at_exit)(int status);
} sender = {.lock = PTHREAD_MUTEX_INITIALIZER, .bell = DESCRIPTOR_NONE};

/* ---- the thread ---- */

struct watch {
	struct pollfd *fds; /* [0] is the bell, then the links in their order */
	size_t n, size;
};

static bool watch_make_room(struct watch *w, size_t n) {
	if (n <= w->size) {
		return true;
	}

	struct pollfd *fds = realloc(w->fds, 2 * n * sizeof *fds);
	if (fds == NULL) {
		return false;
	}
	w->fds = fds;
	w->size = 2 * n;
	return true;
}

static struct link *first_link(void) {
	pthread_mutex_lock(&sender.lock);
	struct link *first = sender.links;
	pthread_mutex_unlock(&sender.lock);
	return first;
}

/* Lets go of those whose handle is gone. False: none is left, and this thread is no longer the
 * sender. */
static bool let_go(void) {
	struct link *gone = NULL;

	pthread_mutex_lock(&sender.lock);
	for (struct link **link = &sender.links; *link != NULL;) {
		struct link *l = *link;
		if (l->released) {
			*link = l->next;
			l->next = gone;
			gone = l;
		} else {
			link = &l->next;
		}
	}
	bool any = sender.links != NULL;
	if (!any) {
		sender.running = false;
		descriptor_close(&sender.bell);
	}
	pthread_mutex_unlock(&sender.lock);

	while (gone != NULL) {
		struct link *next = gone->next;
		gone->on_gone(gone);
		gone = next;
	}
	return any;
}

/* Fills in what to poll. Returns for how long at most; w->n is 0 when memory is short. */
static int watch_links(struct watch *w, struct link *first) {
	uint64_t deadline_ms = UINT64_MAX;
	size_t n = 1;
	for (const struct link *l = first; l != NULL; l = l->next) {
		n++;
	}
	w->n = watch_make_room(w, n) ? n : 0;
	if (w->n == 0) {
		return NO_MEMORY_MS;
	}

	w->fds[0] = (struct pollfd){.fd = sender.bell.fd, .events = POLLIN};
	struct pollfd *fd = &w->fds[1];
	for (struct link *l = first; l != NULL; l = l->next, fd++) {
		uint64_t due_ms;
		short events = link_prepare(l, &due_ms);
		*fd = (struct pollfd){.fd = events == 0 ? -1 : l->socket.fd, .events = events};
		deadline_ms = due_ms < deadline_ms ? due_ms : deadline_ms;
	}

	uint64_t now_ms = clock_now_ms();
	uint64_t wait_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
	return (int)(wait_ms < POLL_MAX_MS ? wait_ms : POLL_MAX_MS);
}

/* Where nothing could be watched everything is tried. */
static void run_links(const struct watch *w, struct link *first) {
	const struct pollfd *fd = w->n > 0 ? &w->fds[1] : NULL;
	uint64_t now_ms = clock_now_ms();

	for (struct link *l = first; l != NULL; l = l->next) {
		short revents = POLLIN | POLLOUT;
		if (fd != NULL) {
			revents = (fd++)->revents;
		}
		link_run(l, revents, now_ms);
	}
}

/* The trainer rings in the middle of its step. Waking up must not take its processor away: on a
 * machine whose processors are all busy that made a log call of 0.3 ms one of 3 ms. */
static void run_in_the_background(void) {
	const struct sched_param none = {0};

	(void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
}

static void *sender_main(void *unused) {
	struct watch w = {0};

	(void)unused;
	pthread_setname_np(pthread_self(), "sae-metrics");
	run_in_the_background();
	while (let_go()) {
		struct link *first = first_link();
		int timeout_ms = watch_links(&w, first);
		poll(w.fds, w.n, timeout_ms);
		if (w.n > 0 && (w.fds[0].revents & POLLIN) != 0) {
			uint64_t rings;
			(void)!read(sender.bell.fd, &rings, sizeof rings);
		}
		run_links(&w, first);
	}
	free(w.fds);
	return NULL;
}

/* ---- starting it ---- */

static int start_thread(void) {
	sigset_t all;
	sigset_t before;
	pthread_attr_t attr;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	int error = pthread_create(&thread, &attr, sender_main, NULL);
	if (error == EINVAL) { /* a program with more thread-local data than that */
		pthread_attr_destroy(&attr);
		pthread_attr_init(&attr);
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		error = pthread_create(&thread, &attr, sender_main, NULL);
	}
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

/* With the lock held. */
static int start(void) {
	int status = descriptor_open_event(&sender.bell);
	if (status < 0) {
		return status;
	}

	status = start_thread();
	if (status < 0) {
		descriptor_close(&sender.bell);
		return status;
	}
	sender.running = true;
	return 0;
}

int sender_add(struct link *l) {
	int status = 0;

	pthread_mutex_lock(&sender.lock);
	l->next = sender.links;
	sender.links = l;
	if (!sender.running) {
		status = start();
	}
	if (status < 0) {
		sender.links = l->next;
	}
	pthread_mutex_unlock(&sender.lock);
	if (status == 0) {
		sender_wake();
	}
	return status;
}

void sender_wake(void) {
	const uint64_t once = 1;

	pthread_mutex_lock(&sender.lock);
	if (sender.running) {
		(void)!write(sender.bell.fd, &once, sizeof once);
	}
	pthread_mutex_unlock(&sender.lock);
}

bool sender_each(void (*each)(struct link *l, void *arg), void *arg, uint64_t deadline_ms) {
	if (!deadline_lock(&sender.lock, deadline_ms)) {
		return false;
	}
	for (struct link *l = sender.links; l != NULL; l = l->next) {
		each(l, arg);
	}
	pthread_mutex_unlock(&sender.lock);
	return true;
}

/* ---- forks and exits ---- */

uint32_t sender_generation(void) {
	return __atomic_load_n(&sender.generation, __ATOMIC_RELAXED);
}

static void before_fork(void) {
	pthread_mutex_lock(&sender.lock);
	descriptors_before_fork();
}

static void after_fork_in_parent(void) {
	descriptors_after_fork_in_parent();
	pthread_mutex_unlock(&sender.lock);
}

/* The thread is not here, and neither are its links: what the parent has said is the parent's
 * to deliver. */
static void after_fork_in_child(void) {
	descriptors_after_fork_in_child();
	sender.links = NULL;
	sender.running = false;
	__atomic_fetch_add(&sender.generation, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&sender.lock);
}

static void at_exit(int status, void *unused) {
	(void)unused;
	sender.at_exit(status);
}

static void prepare(void) {
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
	on_exit(at_exit, NULL);
}

void sender_prepare(void (*at_exit_call)(int status)) {
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_mutex_lock(&sender.lock);
	sender.at_exit = at_exit_call;
	pthread_mutex_unlock(&sender.lock);
	pthread_once(&once, prepare);
}
