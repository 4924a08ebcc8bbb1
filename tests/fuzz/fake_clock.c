#include "fake_clock.h"

#include <stdbool.h>
#include <time.h>

#include "process.h"

#define BEGIN_NS    1000000000000ull
#define WALL_BEGINS 1790000000

static bool is_fake;
static uint64_t now_ns;
static struct list watches = {&watches, &watches}; /* process_watch.link, of all processes */
static uint32_t n_watches;

int __real_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);
uint64_t __real_uv_now(const uv_loop_t *loop);
uint64_t __wrap_uv_now(const uv_loop_t *loop);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret) {
	if (!is_fake) {
		return __real_clock_gettime(id, ret);
	}
	*ret = (struct timespec){
		.tv_sec = (time_t)(now_ns / 1000000000u), .tv_nsec = (long)(now_ns % 1000000000u)};
	ret->tv_sec += id == CLOCK_REALTIME ? WALL_BEGINS : 0;
	return 0;
}

uint64_t __wrap_uv_now(const uv_loop_t *loop) {
	return is_fake ? now_ns / 1000000u : __real_uv_now(loop);
}

void fake_clock_begin(void) {
	is_fake = true;
	now_ns = BEGIN_NS;
}

void fake_clock_end(void) {
	is_fake = false;
}

static void make_due(uv_handle_t *handle, void *user) {
	(void)user;
	if (handle->type == UV_TIMER && uv_is_active(handle) && !uv_is_closing(handle)) {
		uv_timer_t *timer = (uv_timer_t *)handle;
		(void)uv_timer_start(timer, timer->timer_cb, 0, uv_timer_get_repeat(timer));
	}
}

void fake_clock_pass(uv_loop_t *loop, uint64_t ms) {
	now_ns += ms * 1000000u;
	uv_walk(loop, make_due, NULL);
}

/* ---- loop/process.h ---- */

void processes_init(struct processes *p, uv_loop_t *loop, uint32_t max) {
	(void)max;
	*p = (struct processes){.loop = loop};
}

void processes_close(struct processes *p, struct closing *closing) {
	p->closing = closing;
}

int process_watch(struct processes *p, pid_t pid, struct process_watch *w) {
	(void)p;
	(void)pid;
	list_append(&watches, &w->link);
	n_watches++;
	return 0;
}

void process_unwatch(struct process_watch *w) {
	n_watches -= list_linked(&w->link);
	list_remove(&w->link);
}

double process_began(pid_t pid) {
	(void)pid;
	return 1;
}

void fake_process_ends(uint32_t nth) {
	if (n_watches == 0) {
		return;
	}
	struct list *link = watches.next;
	for (nth %= n_watches; nth > 0; nth--) {
		link = link->next;
	}
	struct process_watch *w = container_of(link, struct process_watch, link);
	process_unwatch(w);
	w->on_ended(w);
}
