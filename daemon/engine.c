#include "engine.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "clock.h"
#include "engine_hook.h"
#include "engine_private.h"
#include "engine_say.h"
#include "location.h"
#include "log.h"

#define TICK_MS     1000u
#define USAGE_TICKS 600u

struct instant engine_now(void) {
	return (struct instant){.wall = clock_wall(), .mono_ms = clock_mono_ms()};
}

/* ---- what the core wants done ---- */

static void send_notice(const struct notice *notice) {
	struct peer *peer = stream_user(notice->stream);
	if (peer == NULL) {
		return; /* it learns of it by what comes of its seqs */
	}
	struct text words = text_from(notice->words);
	if (notice->is_stop) {
		session_send(peer->session, &(struct message){.type = MSG_STOP, .stop = {words}});
		return;
	}
	struct msg_error error = {.code = notice->code,
		.words = words,
		.has_seq = notice->has_seq,
		.seq = notice->seq};
	session_send(peer->session, &(struct message){.type = MSG_ERROR, .error = error});
}

static void drain_queues(struct engine *e) {
	struct notice notice;
	struct wanted_mark mark;
	struct stream *stream;

	while (registry_next_notice(e->registry, &notice)) {
		send_notice(&notice);
	}
	while ((stream = registry_next_unblocked(e->registry)) != NULL) {
		struct peer *peer = stream_user(stream);
		if (peer != NULL) {
			session_resume(peer->session);
		}
	}
	while (registry_next_wanted_mark(e->registry, &mark)) {
		struct feed *feed = feed_of(mark.run);
		feed->has_wanted_mark = true;
		feed->wanted_attempt = mark.attempt;
		feed->wanted_step = mark.step;
		feed_give_mark(e, feed);
	}
}

static void break_run(struct engine *e, struct feed *feed) {
	if (e->in_flight) {
		return; /* what is with the store has to be committed before it is loaded anew */
	}
	log_of_run(LOG_LEVEL_ERROR, run_id(feed->run),
		"run %s: memory ran short; it is loaded again, and its trainers send again what "
		"was not committed",
		run_id(feed->run));
	feed_forget(e, feed, NULL);
}

void engine_settle(struct engine *e, struct feed *feed) {
	drain_queues(e);
	if (feed == NULL) {
		return;
	}
	if (run_broken(feed->run)) {
		break_run(e, feed);
		return;
	}
	feed_touch(e, feed);
	list_for_each(link, &feed->waiting) {
		peer_answer(container_of(link, struct peer, waiting));
	}
}

/* ---- turns of the loop ---- */

static void on_before_wait(uv_prepare_t *handle) {
	engine_commit(handle->data);
}

static void count_rates(struct engine *e) {
	uint64_t messages = e->server != NULL ? server_stats(e->server)->messages : 0;
	double fresh = (double)(messages - e->messages_at_tick) * 1000.0 / TICK_MS;

	e->messages_per_s += 0.2 * (fresh - e->messages_per_s);
	e->messages_at_tick = messages;
}

static void on_tick(uv_timer_t *timer) {
	struct engine *e = timer->data;

	registry_tick(e->registry, engine_now());
	engine_say_lost_ranks(e);
	log_say_unsaid();
	list_for_each(link, &e->peers) {
		struct peer *peer = container_of(link, struct peer, link);
		if (peer->process_ended) {
			peer_drain(peer);
		}
	}
	list_for_each(link, &e->feeds) {
		engine_settle(e, container_of(link, struct feed, link));
	}
	engine_remove_waiting(e);
	engine_evict(e);
	engine_trim_tenants(e);
	if (++e->ticks % USAGE_TICKS == 0) {
		engine_count_usage(
			e); /* retention, or somebody by hand, may have removed something */
	}
	engine_holding_tick(e);
	engine_hook_tick(e);
	count_rates(e);
}

/* ---- memory that is no longer true ---- */

static void load_one(void *user, const char *id) {
	struct engine *e = user;
	if (!engine_has_room_for(e, id)) {
		log_warning("run %s: there is no room for it in host_memory: it is loaded when its "
			    "trainer comes",
			id);
		return;
	}
	char words[ENGINE_LOAD_WORDS];
	int err = engine_load(e, id, words);
	if (err < 0) {
		log_of_run(LOG_LEVEL_ERROR, id,
			"run %s: cannot be loaded (%s); it is tried again when its trainer comes",
			id, words);
	}
}

static void load_open_runs(struct engine *e) {
	int err = store_each_open_run(e->store, load_one, e);
	if (err < 0) {
		log_error("the runs that had not ended cannot be listed: %s", strerror(-err));
	}
}

void engine_forget_all(struct engine *e) {
	struct registry *fresh = registry_create(&e->registry_options);

	list_for_each(link, &e->peers) {
		struct peer *peer = container_of(link, struct peer, link);
		if (peer->stream != NULL) {
			peer_detach(peer);
			session_close(peer->session);
		}
	}
	if (fresh == NULL) {
		log_error("memory is short: ending, so that nothing wrong is kept");
		abort();
	}
	engine_notes_forget(e);
	feed_finish_all(e);
	registry_destroy(e->registry);
	e->registry = fresh;
	load_open_runs(e);
	engine_forward_again(e);
}

/* ---- opening ---- */

/* When the database was last written to: a process that began later is none of its streams'. */
static double last_written(const char *database) {
	static const char *const suffixes[] = {"", "-wal"};
	double latest = 0;

	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		char path[PATH_MAX];
		struct stat st;
		snprintf(path, sizeof path, "%s%s", database, suffixes[i]);
		if (stat(path, &st) == 0) {
			double at = (double)st.st_mtim.tv_sec + (double)st.st_mtim.tv_nsec * 1e-9;
			latest = at > latest ? at : latest;
		}
	}
	return latest;
}

static void engine_free(struct engine *e) {
	engine_retention_finish(e);
	registry_destroy(e->registry);
	engine_finish_tenants(e);
	engine_notes_forget(e);
	engine_users_finish(e);
	for (struct list *link; (link = list_take_first(&e->rejected)) != NULL;) {
		free(container_of(link, struct rejected_run, link));
	}
	free(e->socket);
	free(e->database);
	free(e);
}

static struct engine *engine_create(uv_loop_t *loop, const struct engine_options *options) {
	struct engine *e = calloc(1, sizeof *e);
	if (e == NULL) {
		return NULL;
	}
	e->loop = loop;
	e->version = options->version;
	e->scope = options->scope;
	e->socket = strdup(options->socket);
	e->database = location_resolve(options->database);
	e->access = options->access;
	e->user_name = options->user_name;
	e->user_name_user = options->user_name_user;
	e->registry_options = options->registry;
	e->registry = registry_create(&options->registry);
	e->run_hold_bytes =
		options->run_hold_bytes > 0 ? options->run_hold_bytes : ENGINE_RUN_HOLD_BYTES;
	e->hold_bytes = options->hold_bytes > 0 ? options->hold_bytes : ENGINE_HOLD_BYTES;
	e->started = clock_wall();
	e->earliest_ns = UINT64_MAX;
	list_init(&e->peers);
	list_init(&e->feeds);
	list_init(&e->rejected);
	list_init(&e->notes);
	list_init(&e->removing);
	list_init(&e->waiting_to_remove);
	list_init(&e->users);
	list_init(&e->dirty);
	list_init(&e->tenants);
	list_init(&e->sql_waiting);
	processes_init(&e->processes, loop, options->processes_max);
	cadence_init(&e->cadence, options->run_bytes_per_s, options->host_bytes_per_s);
	if (e->socket == NULL || e->database == NULL || e->registry == NULL) {
		engine_free(e);
		return NULL;
	}
	return e;
}

static void start_handles(struct engine *e) {
	/* None of these can fail: they only register with the loop. */
	(void)uv_prepare_init(e->loop, &e->before_wait);
	(void)uv_timer_init(e->loop, &e->due);
	(void)uv_timer_init(e->loop, &e->tick);
	(void)uv_timer_init(e->loop, &e->ask_rest);
	e->before_wait.data = e->due.data = e->tick.data = e->ask_rest.data = e;
	(void)uv_prepare_start(&e->before_wait, on_before_wait);
	(void)uv_timer_start(&e->tick, on_tick, TICK_MS, TICK_MS);
}

int engine_open(uv_loop_t *loop, const struct engine_options *options, struct engine **ret,
	char ret_words[256]) {
	struct engine *e = engine_create(loop, options);
	if (e == NULL) {
		snprintf(ret_words, 256, "memory is short");
		return -ENOMEM;
	}
	e->previous_end = last_written(e->database);
	struct store_options store = {.path = e->database, .daemon_version = options->version};
	int err = store_open(loop, &store, &engine_store_callbacks, e, &e->store, ret_words);
	if (err < 0) {
		engine_free(e);
		return err;
	}
	if (store_opening_words(e->store) != NULL) {
		log_warning("%s", store_opening_words(e->store));
	}
	start_handles(e);
	engine_space_open(e, options->keep_free_bytes);
	hook_init(&e->hook, e->loop);
	engine_retention_open(e, options->retention != NULL ? options->retention : &retention_none);
	engine_report_begin(e);
	engine_count_usage(e);
	load_open_runs(e);
	engine_take_notes(e);
	if (options->forward != NULL) {
		engine_forward_open(e, options->forward);
	}
	*ret = e;
	return 0;
}

void engine_serve(struct engine *e, struct server *server) {
	e->server = server;
}

/* ---- the end ---- */

enum engine_need engine_need(const struct engine *e) {
	if (e->in_flight || !list_empty(&e->dirty) || !list_empty(&e->peers)) {
		return ENGINE_BUSY;
	}
	struct forward_sum sum = {0};
	if (e->forward != NULL) {
		forward_look_all(e->forward, clock_wall(), NULL, &sum);
	}
	return sum.runs > sum.held ? ENGINE_FORWARDS : ENGINE_IDLE;
}

void engine_check_end(struct engine *e) {
	if (!e->ending || e->on_ended == NULL || e->in_flight) {
		return;
	}
	if (!list_empty(&e->dirty) && e->trouble[0] == '\0') {
		return; /* engine_commit cuts it */
	}
	void (*on_ended)(void *user) = e->on_ended;
	e->on_ended = NULL;
	on_ended(e->on_ended_user);
}

void engine_end(struct engine *e, void (*on_ended)(void *user), void *user) {
	e->ending = true;
	e->on_ended = on_ended;
	e->on_ended_user = user;
	if (e->trouble[0] != '\0') {
		log_error("ending although commits fail; trainers keep what was not committed");
		e->in_flight = false;
	}
	list_for_each(link, &e->feeds) {
		feed_touch(e, container_of(link, struct feed, link));
	}
	engine_commit(e);
	engine_check_end(e);
}

static void on_all_closed(void *user) {
	struct engine *e = user;
	void (*on_closed)(void *user) = e->on_closed;
	void *on_closed_user = e->on_closed_user;

	engine_free(e);
	on_closed(on_closed_user);
}

void engine_close(struct engine *e, void (*on_closed)(void *user), void *user) {
	e->on_closed = on_closed;
	e->on_closed_user = user;
	engine_remove_none(e);
	feed_finish_all(e);
	closing_init(&e->closing, on_all_closed, e);
	closing_handle(&e->closing, (uv_handle_t *)&e->before_wait);
	closing_handle(&e->closing, (uv_handle_t *)&e->due);
	closing_handle(&e->closing, (uv_handle_t *)&e->tick);
	closing_handle(&e->closing, (uv_handle_t *)&e->ask_rest);
	closing_handle(&e->closing, (uv_handle_t *)&e->space_timer);
	closing_handle(&e->closing, engine_retention_handle(e));
	processes_close(&e->processes, &e->closing);
	engine_forward_close(e, &e->closing);
	hook_close(&e->hook, &e->closing);
	engine_sql_close(e, &e->closing);
	closing_hold(&e->closing);
	store_close(e->store, closing_release, &e->closing);
	closing_release(&e->closing);
}
