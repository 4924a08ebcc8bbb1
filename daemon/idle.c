#include "idle.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "closing.h"
#include "duration.h"
#include "log.h"

#define LOOKS         8u    /* in the time that was said: it ends late by that part of it at most */
#define LOOK_EVERY_MS 5000u /* more seldom nothing is saved */

void idle_clock_start(struct idle_clock *c, uint64_t after_ms, uint64_t now_ms) {
	*c = (struct idle_clock){.after_ms = after_ms, .alone_ms = now_ms, .quiet_ms = now_ms};
}

bool idle_clock_look(
	struct idle_clock *c, uint64_t now_ms, enum engine_need need, uint64_t accepted) {
	if (need == ENGINE_BUSY || accepted != c->accepted) {
		c->accepted = accepted;
		c->alone_ms = c->quiet_ms = now_ms;
		return false;
	}
	if (need == ENGINE_FORWARDS) {
		uint64_t patience_ms =
			c->after_ms > IDLE_PATIENCE_MS ? c->after_ms : IDLE_PATIENCE_MS;
		c->quiet_ms = now_ms;
		return now_ms - c->alone_ms >= patience_ms;
	}
	return now_ms - c->quiet_ms >= c->after_ms;
}

struct idle {
	struct idle_options options;
	struct idle_clock clock;
	uv_timer_t timer;
	struct closing closing;
};

static void on_look(uv_timer_t *timer) {
	struct idle *i = timer->data;
	char words[DURATION_TEXT_SIZE];
	uint64_t accepted = server_stats(i->options.server)->accepted;

	if (!idle_clock_look(
		    &i->clock, clock_mono_ms(), engine_need(i->options.engine), accepted)) {
		return;
	}
	if (!listener_retire(i->options.listener)) {
		return; /* somebody stands at the door */
	}
	(void)uv_timer_stop(&i->timer);
	log_info("nobody has been here for %s: ending", duration_write(words, i->clock.after_ms));
	i->options.on_idle(i->options.user);
}

int idle_open(uv_loop_t *loop, const struct idle_options *options, struct idle **ret) {
	struct idle *i = calloc(1, sizeof *i);
	if (i == NULL) {
		return -ENOMEM;
	}
	i->options = *options;
	idle_clock_start(&i->clock, options->after_ms, clock_mono_ms());
	/* Neither can fail: they only register with the loop. */
	(void)uv_timer_init(loop, &i->timer);
	i->timer.data = i;
	uint64_t every_ms = options->after_ms / LOOKS;
	every_ms = every_ms < LOOK_EVERY_MS ? every_ms : LOOK_EVERY_MS;
	(void)uv_timer_start(&i->timer, on_look, every_ms, every_ms);
	*ret = i;
	return 0;
}

void idle_close(struct idle *i, void (*on_closed)(void *user), void *user) {
	if (i == NULL) {
		on_closed(user);
		return;
	}
	closing_init_of(&i->closing, i, on_closed, user);
	closing_handle(&i->closing, (uv_handle_t *)&i->timer);
	closing_release(&i->closing);
}
