/* Runs in memory: loaded, their processes watched, forgotten again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine_private.h"
#include "log.h"

struct feed *feed_of(const struct run *run) {
	return run_user(run);
}

int feed_create(struct engine *e, struct run *run) {
	struct feed *feed = calloc(1, sizeof *feed);
	if (feed == NULL) {
		return -ENOMEM;
	}
	feed->tenant = tenant_of(e, run_uid(run));
	if (feed->tenant == NULL) {
		free(feed);
		return -ENOMEM;
	}
	feed->run = run;
	snprintf(feed->told_state, sizeof feed->told_state, "running");
	list_init(&feed->waiting);
	list_init(&feed->watches);
	list_append(&e->feeds, &feed->link);
	run_set_user(run, feed);
	engine_note_user(e, run_uid(run));
	return 0;
}

/* ---- processes ---- */

static void watch_destroy(struct run_watch *watch) {
	process_unwatch(&watch->process);
	list_remove(&watch->link);
	free(watch);
}

/* What a process had sent is read before it counts as ended (R8). */
static void on_process_ended(struct process_watch *process) {
	struct run_watch *watch = container_of(process, struct run_watch, process);
	struct engine *e = watch->engine;
	struct stream *stream = registry_find_stream(e->registry, watch->stream);

	watch->ended = true;
	if (stream == NULL) {
		watch_destroy(watch);
		return;
	}
	struct peer *peer = stream_user(stream);
	if (peer != NULL) {
		peer->process_ended = true;
		peer_drain(peer);
		return;
	}
	feed_connection_ended(e, feed_of(stream_run(stream)), stream);
	engine_settle(e, feed_of(stream_run(stream)));
}

static struct run_watch *find_watch(const struct feed *feed, const uint8_t *stream_id) {
	list_for_each(link, &feed->watches) {
		struct run_watch *watch = container_of(link, struct run_watch, link);
		if (memcmp(watch->stream, stream_id, STREAM_ID_SIZE) == 0) {
			return watch;
		}
	}
	return NULL;
}

/* Of streams the core has dropped since. */
static void prune_watches(struct engine *e, struct feed *feed) {
	list_for_each(link, &feed->watches) {
		struct run_watch *watch = container_of(link, struct run_watch, link);
		if (registry_find_stream(e->registry, watch->stream) == NULL) {
			watch_destroy(watch);
		}
	}
}

/* Returns what process_watch said. */
static int watch_process(struct engine *e, struct feed *feed, const struct stream *stream) {
	struct run_watch *watch = calloc(1, sizeof *watch);
	if (watch == NULL) {
		return -ENOMEM;
	}
	watch->engine = e;
	watch->process.on_ended = on_process_ended;
	memcpy(watch->stream, stream_id(stream), STREAM_ID_SIZE);
	int err = process_watch(&e->processes, stream_pid(stream), &watch->process);
	if (err == -ESRCH) {
		watch->ended = true;
	} else if (err < 0) {
		free(watch); /* its end is not seen; silence is */
		return err;
	}
	list_append(&feed->watches, &watch->link);
	return err;
}

void feed_watch(struct engine *e, struct feed *feed, const struct stream *stream) {
	prune_watches(e, feed);
	struct run_watch *watch = find_watch(feed, stream_id(stream));
	if (watch != NULL) {
		watch_destroy(watch); /* the stream may have come with another process */
	}
	(void)watch_process(e, feed, stream);
}

void feed_connection_ended(struct engine *e, struct feed *feed, struct stream *stream) {
	struct run_watch *watch = find_watch(feed, stream_id(stream));
	if (watch != NULL && watch->ended) {
		watch_destroy(watch);
		registry_process_dead(e->registry, stream, engine_now());
	}
}

/* After a restart: the pid may be nobody's by now, or another's, who began after this database was last written. */
static void look_after(struct engine *e, struct feed *feed, struct stream *stream) {
	double began = process_began(stream_pid(stream));
	bool is_another = began > 0 && e->previous_end > 0 && began > e->previous_end;

	if (stream_pid(stream) <= 0 || is_another || watch_process(e, feed, stream) == -ESRCH) {
		struct run_watch *watch = find_watch(feed, stream_id(stream));
		if (watch != NULL) {
			watch_destroy(watch);
		}
		registry_process_dead(e->registry, stream, engine_now());
	}
}

/* ---- loading ---- */

static void say_why_not(const struct run_saved *saved, int err, char out[ENGINE_LOAD_WORDS]) {
	uint32_t version = registry_state_version(saved->small, saved->small_len);
	if (err == -EPROTO && version < REGISTRY_STATE_VERSION_MIN) {
		snprintf(out, ENGINE_LOAD_WORDS,
			"its state is of version %u, and this sae-metricsd reads %u to %u: what it "
			"logged "
			"is kept, but to go on it needs another id",
			version, REGISTRY_STATE_VERSION_MIN, REGISTRY_STATE_VERSION);
	} else if (err == -EPROTO) {
		snprintf(out, ENGINE_LOAD_WORDS,
			"its state is of version %u, and this sae-metricsd knows %u: the newer one "
			"goes on with it",
			version, REGISTRY_STATE_VERSION);
	} else {
		snprintf(out, ENGINE_LOAD_WORDS, "%s",
			err == -EBADMSG ? "its state is damaged" : strerror(-err));
	}
}

/* What is committed has been told, or was to be: it is not told again. */
static void take_up(struct feed *feed, const struct loaded_run *loaded) {
	feed->is_stored = true;
	snprintf(feed->told_state, sizeof feed->told_state, "%s", loaded->state);
	feed->told_refused = loaded->is_parked;
}

int engine_load(struct engine *e, const char *id, char ret_words[ENGINE_LOAD_WORDS]) {
	struct loaded_run loaded;
	struct run *run = NULL;

	int err = store_load(e->store, id, &loaded);
	if (err < 0) {
		snprintf(ret_words, ENGINE_LOAD_WORDS, "%s", strerror(-err));
		return err;
	}
	if (loaded.arrays_lost) {
		log_warning("run %s: what was counted of each feature cannot be read back "
			    "(%.200s-state); "
			    "its open windows are marked, and it goes on",
			id, e->database);
	}
	err = registry_restore(e->registry, &loaded.saved, engine_now(), &run);
	if (err < 0) {
		say_why_not(&loaded.saved, err, ret_words);
	}
	if (err == 0 && feed_create(e, run) < 0) {
		registry_forget(e->registry, run);
		snprintf(ret_words, ENGINE_LOAD_WORDS, "memory is short");
		err = -ENOMEM;
	}
	if (err == 0) {
		take_up(feed_of(run), &loaded);
	}
	loaded_run_finish(&loaded);
	if (err < 0) {
		return err;
	}
	for (struct stream *s = NULL; (s = run_next_stream(run, s)) != NULL;) {
		look_after(e, feed_of(run), s);
	}
	engine_settle(e, feed_of(run));
	return 0;
}

void feed_give_mark(struct engine *e, struct feed *feed) {
	uint8_t *state = NULL;
	size_t len = 0;

	if (!feed->has_wanted_mark) {
		return;
	}
	int err = store_load_mark(
		e->store, run_id(feed->run), feed->wanted_attempt, feed->wanted_step, &state, &len);
	if (err == -ENOENT && (list_linked(&feed->dirty) || e->in_flight)) {
		feed_hurry(e, feed); /* it may be on its way there */
		return;
	}
	feed->has_wanted_mark = false;
	registry_give_mark(e->registry, feed->run, err == 0 ? state : NULL, len, engine_now());
	free(state);
	engine_settle(e, feed);
}

/* ---- forgetting ---- */

static void feed_destroy(struct engine *e, struct feed *feed) {
	for (struct list *link; (link = list_take_first(&feed->watches)) != NULL;) {
		watch_destroy(container_of(link, struct run_watch, link));
	}
	e->uncut_bytes -= feed->uncut_bytes;
	tenant_note_uncut(feed->tenant, feed, 0);
	tenant_release(feed->tenant);
	list_remove(&feed->dirty);
	list_remove(&feed->link);
	run_set_user(feed->run, NULL);
	free(feed);
}

void feed_forget(struct engine *e, struct feed *feed, const struct msg_refusal *refusal) {
	struct run *run = feed->run;

	for (struct stream *s = NULL; (s = run_next_stream(run, s)) != NULL;) {
		struct peer *peer = stream_user(s);
		if (peer == NULL) {
			continue;
		}
		peer_detach(peer);
		if (refusal != NULL) {
			session_refuse(peer->session, refusal);
		} else {
			session_close(peer->session);
		}
	}
	feed_destroy(e, feed);
	registry_forget(e->registry, run);
}

void feed_finish_all(struct engine *e) {
	list_for_each(link, &e->feeds) {
		feed_destroy(e, container_of(link, struct feed, link));
	}
}

/* One whose process may still come back stays. */
static bool may_go(const struct feed *feed) {
	return list_empty(&feed->watches) && list_empty(&feed->waiting) &&
	       !list_linked(&feed->dirty) && run_evictable(feed->run);
}

void engine_evict(struct engine *e) {
	if (e->in_flight) {
		return;
	}
	list_for_each(link, &e->feeds) {
		struct feed *feed = container_of(link, struct feed, link);
		if (may_go(feed)) {
			struct run *run = feed->run;
			feed_destroy(e, feed);
			registry_evict(e->registry, run);
		}
	}
}

const struct rejected_run *engine_find_rejected(const struct engine *e, const char *id) {
	list_for_each(link, &e->rejected) {
		struct rejected_run *rejected = container_of(link, struct rejected_run, link);
		if (strcmp(rejected->id, id) == 0) {
			return rejected;
		}
	}
	return NULL;
}
