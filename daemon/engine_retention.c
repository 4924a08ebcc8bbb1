#include "engine_retention.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "engine_private.h"
#include "format.h"
#include "log.h"

static void take_turn(uv_timer_t *timer);

static void turn_in(struct engine *e, uint64_t ms) {
	uv_update_time(e->loop);
	(void)uv_timer_start(&e->retention.timer, take_turn, ms, 0);
}

bool engine_retention_takes(const struct engine *e, const char *run_id) {
	return (e->retention.going[0] != '\0' && strcmp(e->retention.going, run_id) == 0) ||
	       engine_is_removing(e, run_id);
}

/* ---- what is said ---- */

static void log_removed(struct engine_retention *r) {
	const struct trim_removed *all = &r->trim.removed, *told = &r->told;
	char steps[FORMAT_MAX], lines[FORMAT_MAX], windows[FORMAT_MAX], used[FORMAT_MAX];

	if (memcmp(all, told, sizeof *all) == 0) {
		return;
	}
	uint64_t n_runs = all->runs - told->runs;
	log_info("retention: removed %" PRIu64 " run%s, and rows of others: %s steps, %s lines, %s "
		 "windows; the database uses %s",
		n_runs, n_runs == 1 ? "" : "s", format_grouped(steps, all->steps - told->steps),
		format_grouped(lines, all->lines - told->lines),
		format_grouped(windows, all->windows - told->windows),
		format_bytes(used, (double)r->trim.used_bytes));
	r->told = *all;
}

static void say_size(struct engine_retention *r) {
	char used[FORMAT_MAX], limit[FORMAT_MAX];
	bool said = r->words[0] != '\0';

	if (!r->trim.too_large) {
		r->words[0] = '\0';
		return;
	}
	snprintf(r->words, sizeof r->words,
		"the database uses %s, more than max_db = %s, and nothing is left that may go: "
		"what is there goes on, or waits for W&B",
		format_bytes(used, (double)r->trim.used_bytes),
		format_bytes(limit, (double)r->trim.policy.max_db_bytes));
	if (!said) {
		log_warning("%s", r->words);
	}
}

static void say_failure(struct engine_retention *r, int err) {
	if (!r->failing) {
		log_error("retention: %s; trying again every %u s", strerror(-err),
			RETENTION_AGAIN_MS / 1000);
	}
	r->failing = true;
}

static bool find_removed(struct engine *e, const char *id, uint32_t uid, char words[256]) {
	struct viewer viewer = {.uid = uid};
	bool found = false;
	return store_find_removed(e->store, id, &viewer, &found, words) == 0 && found;
}

void engine_retention_opened(struct engine *e, struct run *run) {
	char words[256], sentence[320];
	if (find_removed(e, run_id(run), run_uid(run), words)) {
		snprintf(sentence, sizeof sentence, "an earlier run %s: this one begins anew",
			words);
		run_tell(run, "removed", sentence, engine_now());
	}
}

void engine_retention_explain(
	struct engine *e, const char *id, uint32_t uid, struct refusal *refusal) {
	char words[256];
	if (refusal->code == REFUSE_RESUME && find_removed(e, id, uid, words)) {
		snprintf(refusal->words, sizeof refusal->words, "there is no run to resume: %.200s",
			words);
	}
}

/* ---- turns ---- */

/* Whoever is in memory may yet be told something, also by W&B. Asked again at the next pass. */
static bool may_go(const struct engine *e, const char *run_id) {
	struct forward_view view;
	return registry_find(e->registry, run_id) == NULL &&
	       (e->forward == NULL || !forward_look(e->forward, run_id, clock_wall(), &view));
}

static void answer(struct engine *e) {
	struct engine_retention *r = &e->retention;
	r->trim.may_remove = may_go(e, r->trim.asked.id);
	if (r->trim.may_remove) {
		snprintf(r->going, sizeof r->going, "%s", r->trim.asked.id);
		log_debug("run %s: removed by retention (%s)", r->going, r->trim.asked.why);
	}
}

static void rest(struct engine *e) {
	struct engine_retention *r = &e->retention;
	uint64_t now_ms = clock_mono_ms();

	log_removed(r);
	say_size(r);
	if (r->collect_wanted) {
		r->collect_wanted = false;
		turn_in(e, RETENTION_REST_MIN_MS);
		return;
	}
	if (!retention_is_set(&r->policy)) {
		return; /* until it is */
	}
	uint64_t ms = r->pass_at_ms > now_ms ? r->pass_at_ms - now_ms : 0;
	bool has_limit = r->policy.max_db_bytes != UINT64_MAX;
	turn_in(e, has_limit && ms > RETENTION_LOOK_MS ? RETENTION_LOOK_MS : ms);
}

static void on_trimmed(void *user, int result, double took_s) {
	struct engine *e = user;
	struct engine_retention *r = &e->retention;

	/* Leave that the turn could not make use of is asked for anew: from now on the run may be opened. */
	r->busy = r->trim.may_remove = false;
	r->going[0] = '\0';
	if (e->on_closed != NULL) {
		return;
	}
	if (result < 0) {
		say_failure(r, result);
		turn_in(e, RETENTION_AGAIN_MS);
		return;
	}
	r->failing = false;
	switch ((enum trim_result)result) {
	case TRIM_ASKS:
		answer(e);
		turn_in(e, RETENTION_REST_MIN_MS);
		break;
	case TRIM_MORE: {
		uint64_t ms = (uint64_t)(took_s * 1000 * RETENTION_REST_FACTOR);
		turn_in(e, ms > RETENTION_REST_MIN_MS ? ms : RETENTION_REST_MIN_MS);
		break;
	}
	case TRIM_WAITS:
		store_empty_log(e->store);
		turn_in(e, RETENTION_READER_MS);
		break;
	case TRIM_DONE:
		rest(e);
		break;
	}
}

static void take_turn(uv_timer_t *timer) {
	struct engine *e = timer->data;
	struct engine_retention *r = &e->retention;
	uint64_t now_ms = clock_mono_ms();

	if (r->busy || e->on_closed != NULL) {
		return;
	}
	r->trim.policy = r->policy;
	r->trim.now = clock_wall();
	if (now_ms >= r->pass_at_ms && !r->trim.may_remove) {
		r->trim.pass_wanted = true;
		r->pass_at_ms = now_ms + retention_pass_ms(&r->policy);
	}
	r->busy = store_trim(e->store, &r->trim, on_trimmed, e) == 0;
	if (!r->busy) {
		turn_in(e, RETENTION_AGAIN_MS);
	}
}

/* ---- the engine's ---- */

/* Also where nothing is set: a run that was being removed when the daemon ended is gone through to its end. */
void engine_retention_open(struct engine *e, const struct retention *policy) {
	(void)uv_timer_init(e->loop, &e->retention.timer);
	e->retention.timer.data = e;
	engine_set_retention(e, policy);
}

void engine_set_retention(struct engine *e, const struct retention *policy) {
	struct engine_retention *r = &e->retention;
	r->policy = *policy;
	r->pass_at_ms = 0;
	if (!r->busy) {
		turn_in(e, RETENTION_REST_MIN_MS);
	}
}

void engine_retention_collect(struct engine *e) {
	struct engine_retention *r = &e->retention;
	if (r->busy) {
		r->collect_wanted = true; /* this turn may have looked for it already */
	} else {
		turn_in(e, RETENTION_REST_MIN_MS);
	}
}

uv_handle_t *engine_retention_handle(struct engine *e) {
	return (uv_handle_t *)&e->retention.timer;
}

void engine_retention_finish(struct engine *e) {
	trim_finish(&e->retention.trim);
}
