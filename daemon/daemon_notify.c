#include "daemon_notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "closing.h"
#include "format.h"
#include "log.h"
#include "notify.h"

#define STATUS_EVERY_MS 5000u
/* Two are lost before the watchdog barks. */
#define WATCHDOG_PART 3u
/* Asked for again at each look while it ends. */
#define EXTEND_US (60u * 1000000u)

struct daemon_notify {
	struct engine *engine;
	enum daemon_forward forward;
	uint64_t every_ms, status_ms; /* status_ms: when it was last said */
	bool watched;                 /* there is a watchdog */
	bool stuck;                   /* said in the log */
	char ending[64];              /* "" or what it is at … */
	uint64_t ending_ms;           /* … since then */
	uv_timer_t timer;
	struct closing closing;
};

static int add_forward(
	const struct engine_sum *sum, enum daemon_forward forward, char *out, size_t size) {
	char lag[FORMAT_MAX];
	const struct forward_sum *f = &sum->forward;

	if (f->worst.lag_s < 60) {
		snprintf(lag, sizeof lag, "%.0fs", f->worst.lag_s);
	} else {
		format_duration(lag, f->worst.lag_s);
	}

	if (forward != DAEMON_FORWARD_WANDB) {
		return snprintf(
			out, size, "forward %s", forward == DAEMON_FORWARD_OFF ? "off" : "offline");
	}
	return snprintf(out, size, "forward wandb %s (lag %s, %" PRId64 " pending)",
		f->runs == f->held ? "ok" : forward_state_name(f->worst.state), lag, f->pending);
}

const char *daemon_status_words(
	const struct engine_sum *sum, enum daemon_forward forward, char out[DAEMON_STATUS_SIZE]) {
	char wandb[128];

	(void)add_forward(sum, forward, wandb, sizeof wandb);
	snprintf(out, DAEMON_STATUS_SIZE, "%.300s%s%u run%s, %u running; %s; %.0f msg/s",
		sum->trouble, sum->trouble[0] != '\0' ? "; " : "", sum->runs,
		sum->runs == 1 ? "" : "s", sum->running, wandb, sum->messages_per_s);
	return out;
}

static void say_status(struct daemon_notify *n, const char *before, const struct engine_sum *sum) {
	char words[DAEMON_STATUS_SIZE];

	n->status_ms = clock_mono_ms();
	notify_send("%sSTATUS=%s", before, daemon_status_words(sum, n->forward, words));
}

static void say_ending(const struct daemon_notify *n, const char *before) {
	notify_send("%sEXTEND_TIMEOUT_USEC=%u\nSTATUS=ending: %s", before, EXTEND_US, n->ending);
}

/* The loop moves, or this would not be called; whether the worker does is what there is to judge. */
static bool moves(struct daemon_notify *n, double worker_s) {
	if (worker_s < DAEMON_WORKER_STUCK_S) {
		n->stuck = false;
		return true;
	}
	if (!n->stuck) {
		log_error("the disk worker has been at one piece of work for %.0f s: the service "
			  "manager is not told any more that this daemon is well",
			worker_s);
	}
	n->stuck = true;
	return false;
}

/* The parts go one by one, so that only the time tells. */
static void look_at_end(struct daemon_notify *n) {
	if (moves(n, (double)(clock_mono_ms() - n->ending_ms) * 1e-3)) {
		say_ending(n, n->watched ? "WATCHDOG=1\n" : "");
	}
}

static void on_look(uv_timer_t *timer) {
	struct daemon_notify *n = timer->data;
	struct engine_sum sum;

	if (n->ending[0] != '\0') {
		look_at_end(n);
		return;
	}
	engine_sum(n->engine, &sum);
	if (moves(n, sum.worker_s) && n->watched) {
		notify_send("WATCHDOG=1");
	}
	if (clock_mono_ms() - n->status_ms >= STATUS_EVERY_MS) {
		say_status(n, "", &sum);
	}
}

struct daemon_notify *daemon_notify_open(
	uv_loop_t *loop, struct engine *engine, enum daemon_forward forward) {
	struct engine_sum sum;

	if (!notify_is_heard()) {
		return NULL;
	}
	struct daemon_notify *n = calloc(1, sizeof *n);
	if (n == NULL) {
		log_error("memory is short: the service manager is told nothing");
		return NULL;
	}
	n->engine = engine;
	n->forward = forward;
	uint64_t watchdog_ms = notify_watchdog_ms();
	n->watched = watchdog_ms > 0;
	n->every_ms = n->watched && watchdog_ms / WATCHDOG_PART < STATUS_EVERY_MS
			      ? watchdog_ms / WATCHDOG_PART
			      : STATUS_EVERY_MS;
	n->every_ms = n->every_ms > 0 ? n->every_ms : 1;
	/* Neither can fail: they only register with the loop. */
	(void)uv_timer_init(loop, &n->timer);
	n->timer.data = n;
	(void)uv_timer_start(&n->timer, on_look, n->every_ms, n->every_ms);
	engine_sum(engine, &sum);
	say_status(n, "READY=1\n", &sum);
	return n;
}

void daemon_notify_reloading(struct daemon_notify *n) {
	if (n != NULL) {
		notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=reading the settings",
			clock_mono_ns() / 1000u);
	}
}

void daemon_notify_reloaded(struct daemon_notify *n) {
	struct engine_sum sum;

	if (n != NULL) {
		engine_sum(n->engine, &sum);
		say_status(n, "READY=1\n", &sum);
	}
}

void daemon_notify_ending(struct daemon_notify *n, const char *what) {
	if (n != NULL) {
		bool is_first = n->ending[0] == '\0';
		snprintf(n->ending, sizeof n->ending, "%s", what);
		n->ending_ms = clock_mono_ms();
		say_ending(n, is_first ? "STOPPING=1\n" : "");
	}
}

void daemon_notify_close(struct daemon_notify *n, void (*on_closed)(void *user), void *user) {
	if (n == NULL) {
		on_closed(user);
		return;
	}
	closing_init_of(&n->closing, n, on_closed, user);
	closing_handle(&n->closing, (uv_handle_t *)&n->timer);
	closing_release(&n->closing);
}
