/* When a daemon that was started for one job may end by itself: nobody is connected, nothing is left to be written or sent
 * to W&B, and that for as long as was said. Lines that W&B does not take keep it for a day and no longer: they are in the
 * database, and go with its next start or with `sae-metricsd sync`. */
#pragma once

#include <uv.h>

#include "engine.h"
#include "listener.h"

#define IDLE_MIN_MS      1000u /* sooner a second trainer of the same script would find nobody */
#define IDLE_PATIENCE_MS 86400000u /* with W&B: an outage is over by then, or it is no outage */

/* What is known of the time without anybody. Pure. */
struct idle_clock {
	uint64_t after_ms;
	uint64_t alone_ms; /* since when nobody is connected, and all is written */
	uint64_t quiet_ms; /* … and sent */
	uint64_t accepted; /* connections until then */
};

void idle_clock_start(struct idle_clock *c, uint64_t after_ms, uint64_t now_ms);
/* Whether it may end. `accepted`: connections so far, for those that came and went between two looks. */
bool idle_clock_look(
	struct idle_clock *c, uint64_t now_ms, enum engine_need need, uint64_t accepted);

struct idle;

struct idle_options { /* its parts are borrowed until closed */
	uint64_t after_ms;
	struct engine *engine;
	struct server *server;
	struct listener *listener;
	void (*on_idle)(void *user); /* once; nobody can connect any more */
	void *user;
};

/* 0 or -ENOMEM. */
int idle_open(uv_loop_t *loop, const struct idle_options *options, struct idle **ret);
/* NULL: calls back at once. */
void idle_close(struct idle *i, void (*on_closed)(void *user), void *user);
