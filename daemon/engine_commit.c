/* The cut, the commit, the ack: in that order, and none of them early. */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "crash.h"
#include "engine_hook.h"
#include "engine_private.h"
#include "engine_say.h"
#include "log.h"
#include "log_messages.h"

/* A commit takes so much, of the runs that have waited longest; of a run always all. */
#define BATCH_BYTES_MAX (64u << 20)
/* Where users share the daemon, so much of each goes into a commit, and of what is larger (SMALL_CUT_BYTES) one run … */
#define SHARED_BATCH_BYTES (32u << 10)
/* … or, where only one of them has something due, of his: the others' next ack waits for no more. */
#define SHARED_LARGE_BYTES (4u << 20)
/* … and a run is committed when it has this many rows: what is inserted within half a millisecond; or an eighth of its arrays, which
 * takes about as long as writing those. For a large commit is followed by a long rest, and whoever trains goes on in it. */
#define SHARED_RUN_HOLD_BYTES (32u << 10)
#define SHARED_RUN_HOLD_PART  8u
/* Short of memory for a cut: when to try again. */
#define CUT_RETRY_NS 1000000000ull

/* ---- what is due ---- */

static uint64_t due_ns(const struct engine *e, const struct feed *feed) {
	bool is_large = !e->ending && run_cut_size(feed->run) > SMALL_CUT_BYTES;
	return cadence_due_ns(
		&feed->tenant->share, &feed->pace, feed->urgent || e->ending, is_large);
}

static uint64_t run_hold_bytes(const struct engine *e, const struct feed *feed) {
	if (!engine_has_several_tenants(e)) {
		return e->run_hold_bytes;
	}
	uint64_t bytes =
		(run_cut_size(feed->run) - run_uncut_bytes(feed->run)) / SHARED_RUN_HOLD_PART;
	bytes = bytes > SHARED_RUN_HOLD_BYTES ? bytes : SHARED_RUN_HOLD_BYTES;
	return bytes < e->run_hold_bytes ? bytes : e->run_hold_bytes;
}

static void look_at(struct engine *e, const struct feed *feed) {
	uint64_t due = due_ns(e, feed);
	if (due < e->earliest_ns) {
		e->earliest_ns = due;
	}
}

void feed_touch(struct engine *e, struct feed *feed) {
	size_t uncut = run_uncut_bytes(feed->run);

	e->uncut_bytes += uncut - feed->uncut_bytes;
	tenant_note_uncut(feed->tenant, feed, uncut);
	if (!run_dirty(feed->run)) {
		return;
	}
	if (uncut > run_hold_bytes(e, feed) / 2) {
		feed->urgent = true;
	}
	if (!list_linked(&feed->dirty)) {
		list_append(&e->dirty, &feed->dirty);
		feed->dirty_ns = clock_mono_ns();
	}
	look_at(e, feed);
}

void feed_hurry(struct engine *e, struct feed *feed) {
	feed->urgent = true;
	if (list_linked(&feed->dirty)) {
		look_at(e, feed);
	}
}

bool engine_make_room(struct engine *e, struct feed *feed) {
	if (engine_space_holds(e)) {
		return false;
	}
	if (tenant_is_full(e, feed->tenant)) {
		list_for_each(link, &e->dirty) {
			struct feed *other = container_of(link, struct feed, dirty);
			if (other->tenant == feed->tenant) {
				feed_hurry(e, other);
			}
		}
		return false;
	}
	if (feed->uncut_bytes > run_hold_bytes(e, feed)) {
		feed_hurry(e, feed);
		return false;
	}
	return true;
}

/* ---- the cut ---- */

static size_t cut(struct engine *e, struct feed *feed, uint64_t now_ns) {
	size_t bytes = run_cut_size(feed->run);
	struct run_cut *cut = run_cut(e->registry, feed->run, engine_now());
	if (cut == NULL) {
		feed->pace.due_ns = now_ns + CUT_RETRY_NS;
		feed->urgent = false;
		log_of_run(LOG_LEVEL_ERROR, run_id(feed->run),
			"run %s: memory is short for its commit, retrying in 1 s",
			run_id(feed->run));
		return 0;
	}
	cut->row.user = engine_user_name(e, run_uid(feed->run));
	cut->row.forwards_own_key = engine_forward_has_own_key(e, run_id(feed->run));
	list_remove(&feed->dirty);
	feed->urgent = false;
	e->uncut_bytes -= feed->uncut_bytes;
	tenant_note_cut(feed->tenant, feed, bytes);
	cadence_cut(&e->cadence, &feed->tenant->share, &feed->pace, bytes,
		engine_count_sharing(e, now_ns), now_ns);
	for (struct stream *s = NULL; (s = run_next_stream(feed->run, s)) != NULL;) {
		struct peer *peer = stream_user(s);
		if (peer != NULL) {
			peer->bytes_cut = session_bytes(peer->session);
		}
	}
	engine_say_state(e, feed, cut);
	store_put(e->store, cut);
	if (!e->in_flight || feed->dirty_ns < e->in_flight_since_ns) {
		e->in_flight_since_ns = feed->dirty_ns;
	}
	e->in_flight = true;
	return bytes;
}

/* Several users have something due: small cuts of each, a little of everybody's; a large one by itself, or with the small
 * ones when those had their turn. So nobody's small ack waits for more than one large write. */
static bool takes_now(struct engine *e, const struct feed *feed, bool *had_small, bool *had_large) {
	size_t size = run_cut_size(feed->run);

	if (size <= SMALL_CUT_BYTES) {
		bool fits = feed->tenant->cut_bytes == 0 ||
			    feed->tenant->cut_bytes + size <= SHARED_BATCH_BYTES;
		*had_small |= fits;
		return fits;
	}
	if (*had_large || !e->large_turn) {
		e->large_waits = true;
		return false;
	}
	return *had_large = true;
}

static bool several_are_due(const struct engine *e, uint64_t now_ns) {
	const struct tenant *first = NULL;

	list_for_each(link, &e->dirty) {
		const struct feed *feed = container_of(link, struct feed, dirty);
		if (due_ns(e, feed) > now_ns) {
			continue;
		}
		if (first != NULL && feed->tenant != first) {
			return true;
		}
		first = feed->tenant;
	}
	return false;
}

static void cut_a_part(struct engine *e, uint64_t now_ns) {
	bool had_small = false, had_large = false;

	e->large_waits = false;
	list_for_each(link, &e->dirty) {
		struct feed *feed = container_of(link, struct feed, dirty);
		if (due_ns(e, feed) <= now_ns && takes_now(e, feed, &had_small, &had_large)) {
			(void)cut(e, feed, now_ns);
		}
	}
	e->large_turn = e->large_waits;
	if (!had_small && !had_large && e->large_waits) {
		cut_a_part(e, now_ns); /* there are large ones alone */
	}
}

static void cut_all(struct engine *e, uint64_t now_ns) {
	size_t bytes = 0,
	       max = engine_has_several_tenants(e) ? SHARED_LARGE_BYTES : BATCH_BYTES_MAX;

	list_for_each(link, &e->dirty) {
		struct feed *feed = container_of(link, struct feed, dirty);
		if (bytes < max && due_ns(e, feed) <= now_ns) {
			bytes += cut(e, feed, now_ns);
		}
	}
}

static void cut_what_is_due(struct engine *e, uint64_t now_ns) {
	if (!e->ending && several_are_due(e, now_ns)) {
		cut_a_part(e, now_ns);
	} else {
		cut_all(e, now_ns);
	}
	e->earliest_ns = UINT64_MAX;
	list_for_each(link, &e->dirty) {
		look_at(e, container_of(link, struct feed, dirty));
	}
}

static void on_due(uv_timer_t *timer) {
	engine_commit(timer->data);
}

static void wait_until(struct engine *e, uint64_t due_ns, uint64_t now_ns) {
	uint64_t ms = (due_ns - now_ns + 999999u) / 1000000u;

	uv_update_time(e->loop);
	(void)uv_timer_start(&e->due, on_due, ms, 0);
}

void engine_commit(struct engine *e) {
	if (e->in_flight || list_empty(&e->dirty)) {
		return;
	}
	uint64_t now_ns = clock_mono_ns();
	if (e->earliest_ns <= now_ns) {
		cut_what_is_due(e, now_ns);
	}
	if (e->in_flight) {
		CRASH_POINT("after-cut");
		store_watch_fronts(
			e->store, e->registry_options.alerts.front, e->access.private_runs);
		store_commit(e->store);
	} else if (e->earliest_ns != UINT64_MAX) {
		wait_until(e, e->earliest_ns, now_ns);
	}
}

/* ---- the ack ---- */

static void ack(struct engine *e, const struct run_cut *cut) {
	for (uint32_t i = 0; i < cut->n_streams; i++) {
		struct stream *stream = registry_find_stream(e->registry, cut->streams[i].id);
		struct peer *peer = stream != NULL ? stream_user(stream) : NULL;
		if (peer == NULL || stream_durable(stream) <= peer->acked) {
			continue;
		}
		peer->acked = stream_durable(stream);
		outbox_acked(&peer->outbox, peer->bytes_cut);
		session_ack(peer->session, peer->acked);
		CRASH_POINT("after-first-ack");
	}
}

static void conclude_run(struct engine *e, const struct run_cut *cut) {
	registry_committed(e->registry, cut);
	ack(e, cut);
	engine_notes_committed(e, cut->run_id);
	engine_say_windows(e, cut);
	engine_say_alerts(e, cut);
	engine_say_front(e, cut);
	struct feed *feed = feed_of(cut->run);
	engine_hook_committed(e, feed, cut);
	feed_note_stored(feed, cut);
	engine_forward_committed(e, feed, cut);
	feed_give_mark(e, feed);
	engine_settle(e, feed);
}

static void resume_held(struct engine *e) {
	engine_space_resume(e);
	if (e->server != NULL) {
		server_admit_waiting(e->server);
	}
}

/* As long as the commit itself took: what it waited for the worker, which may have been reading for W&B, cost
 * the disk nothing of its own. */
static void let_rest(struct engine *e) {
	uint64_t now_ns = clock_mono_ns();
	engine_settle_flight(e, now_ns - (uint64_t)(store_last_commit_s(e->store) * 1e9), now_ns);
}

static void on_committed(void *user, const struct run_cut *cuts, int status) {
	struct engine *e = user;

	e->in_flight = false;
	if (e->on_closed != NULL) {
		return;
	}
	if (status < 0) {
		engine_settle_flight(e, 0, 0);
		log_error("the outcome of a commit is not known: forgetting what is in memory; "
			  "trainers send again what was not committed");
		engine_forget_all(e);
	} else {
		e->commits++;
		let_rest(e);
		e->earliest_ns = 0; /* look again at what waited */
		for (const struct run_cut *cut = cuts; cut != NULL; cut = cut->next) {
			conclude_run(e, cut);
		}
		engine_remove_waiting(e);
		resume_held(e);
	}
	engine_check_end(e);
}

static void on_trouble(void *user, const char *words) {
	struct engine *e = user;

	if (words == NULL) {
		e->trouble[0] = '\0';
		log_about(LOG_LEVEL_INFO, &(struct log_about){.kind = LOG_COMMITS_WORK},
			"commits work again");
		return;
	}
	snprintf(e->trouble, sizeof e->trouble, "%s", words);
	log_about(LOG_LEVEL_ERROR, &(struct log_about){.kind = LOG_COMMITS_FAIL}, "%s", words);
	if (e->ending) {
		e->in_flight = false;
		engine_check_end(e);
	}
}

static void on_rejected(void *user, const struct run_cut *cut, const char *words) {
	struct engine *e = user;

	e->in_flight = false;
	if (e->on_closed != NULL) {
		return;
	}
	e->earliest_ns = 0;
	engine_settle_flight(e, 0, 0);
	const struct log_about about = engine_about(e, cut->run, LOG_RUN_REJECTED);
	log_about(LOG_LEVEL_ERROR, &about,
		"run %s: stopped, nothing more of it is taken until the daemon is started "
		"again: %s",
		cut->run_id, words);
	struct rejected_run *rejected = calloc(1, sizeof *rejected);
	if (rejected != NULL) {
		memcpy(rejected->id, cut->run_id, sizeof rejected->id);
		snprintf(rejected->words, sizeof rejected->words, "the run was stopped: %.200s",
			words);
		list_append(&e->rejected, &rejected->link);
	}
	engine_forward_rejected(e, cut);
	feed_forget(e, feed_of(cut->run),
		&(struct msg_refusal){.code = REFUSE_STORAGE, .words = text_from(words)});
	resume_held(e); /* others may have waited for what it held */
	engine_check_end(e);
}

const struct store_callbacks engine_store_callbacks = {
	.on_committed = on_committed,
	.on_trouble = on_trouble,
	.on_rejected = on_rejected,
};
