#include "store.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "asked.h"
#include "store_private.h"

/* ---- questions of readers ---- */

void store_ask_on(struct store *s) {
	while (s->behind_commit.first != NULL) {
		asking_add(&s->asking, requests_take(&s->behind_commit));
	}
}

static void ask_behind_commit(struct store *s, struct request *request) {
	requests_add(&s->behind_commit, request);
	if (s->job != JOB_COMMIT) {
		store_ask_on(s);
	}
}

/* What is committed is shown, at once: a commit of a busy daemon takes as long as a hundred reports. What has been acked is
 * committed. But a run that has just been opened, and is asked for by its name, the commit under way may be the first to have. */
static void ask_at_once(struct store *s, struct request *request) {
	request->may_be_early = s->job == JOB_COMMIT;
	asking_add(&s->asking, request);
}

static void on_asking_early(void *user, struct request *request) {
	struct store *s = user;
	if (s->closing) {
		request->answer(request, -ECANCELED);
	} else {
		ask_behind_commit(s, request);
	}
}

static void on_asking_damage(void *user) {
	store_doubt_reading(user);
}

/* It may be what closing waits for. */
static void on_asking_idle(void *user) {
	struct store *s = user;
	if (s->closing) {
		store_next(s);
	}
}

/* ---- opening and closing ---- */

static int open_parts(struct store *s, const struct store_options *options, char ret_words[256]) {
	int err = files_open(&s->files, options->path, options->daemon_version, ret_words);
	if (err < 0) {
		return err;
	}
	err = reader_open(&s->reader, s->files.path, &s->files.slots);
	if (err < 0) {
		snprintf(ret_words, 256, "%.190s: %s", options->path, strerror(-err));
		files_close(&s->files);
	}
	return err;
}

int store_open(uv_loop_t *loop, const struct store_options *options,
	const struct store_callbacks *callbacks, void *user, struct store **ret,
	char ret_words[256]) {
	static const struct asking_callbacks on_asking = {
		.on_idle = on_asking_idle,
		.on_damage = on_asking_damage,
		.on_early = on_asking_early,
	};
	struct store *s = calloc(1, sizeof *s);
	if (s == NULL) {
		return -ENOMEM;
	}
	int err = open_parts(s, options, ret_words);
	if (err < 0) {
		free(s);
		return err;
	}
	s->loop = loop;
	s->callbacks = *callbacks;
	s->user = user;
	s->work.data = s->retry.data = s;
	s->retry_ms = RETRY_MIN_MS;
	s->checkpoint_at = store_checkpoint_bytes();
	s->files.replaced = false;
	batch_init(&s->filling);
	batch_init(&s->flushing);
	requests_init(&s->requests);
	requests_init(&s->behind_commit);
	asking_init(&s->asking, loop, s->files.path, &on_asking, s);
	committer_init(&s->committer, &s->files.db, &s->files.slots);
	store_look_at_database(s);
	uv_timer_init(loop, &s->retry);
	*ret = s;
	return 0;
}

void store_close(struct store *s, void (*on_closed)(void *user), void *user) {
	assert(!s->closing);
	s->closing = true;
	s->on_closed = on_closed;
	s->close_user = user;
	requests_give_up(&s->behind_commit, -ECANCELED);
	requests_give_up(&s->asking.requests, -ECANCELED);
	store_next(s);
}

/* ---- the rest of the face ---- */

const uint8_t *store_db_id(const struct store *s) {
	return s->db_id;
}

const char *store_opening_words(const struct store *s) {
	return s->opening_words[0] == '\0' ? NULL : s->opening_words;
}

const char *store_log_words(const struct store *s) {
	return s->log_words[0] == '\0' ? NULL : s->log_words;
}

bool store_is_full(const struct store *s) {
	return s->trouble == -ENOSPC;
}

void store_try_again(struct store *s) {
	(void)uv_timer_stop(&s->retry);
	s->waiting = false;
	s->checkpoint_at = s->checkpoint_failed ? store_checkpoint_bytes() : s->checkpoint_at;
	store_next(s);
}

void store_empty_log(struct store *s) {
	s->checkpoint_at = store_checkpoint_bytes();
	store_next(s);
}

void store_put(struct store *s, struct run_cut *cut) {
	batch_put(&s->filling, cut);
}

void store_watch_fronts(struct store *s, bool is_on, bool all_private) {
	s->fronts = (struct front_rules){is_on, all_private};
}

void store_commit(struct store *s) {
	s->commit_wanted = true;
	store_next(s);
}

bool store_busy(const struct store *s) {
	return s->job != JOB_NONE || s->flushing.first != NULL;
}

size_t store_filling_bytes(const struct store *s) {
	return s->filling.bytes;
}

size_t store_held_bytes(const struct store *s) {
	return s->filling.bytes + s->flushing.bytes;
}

double store_last_commit_s(const struct store *s) {
	return s->last_commit_s;
}

double store_working_s(const struct store *s) {
	return s->job != JOB_NONE ? (double)(clock_mono_ns() - s->job_began_ns) * 1e-9 : 0;
}

/* Whoever asked is told; the file is looked at. */
static int read_status(struct store *s, int err) {
	if (err == -EBADMSG) {
		store_doubt_reading(s);
	}
	return err;
}

int store_load(struct store *s, const char *run_id, struct loaded_run *ret) {
	return read_status(s, reader_load(&s->reader, run_id, ret));
}

int store_look(struct store *s, const char *run_id, struct stored_run *ret) {
	return read_status(s, reader_look(&s->reader, run_id, ret));
}

int store_each_usage(
	struct store *s, void (*each)(void *user, uint32_t uid, uint64_t bytes), void *user) {
	return read_status(s, reader_each_usage(&s->reader, each, user));
}

int store_find_removed(struct store *s, const char *run_id, const struct viewer *viewer,
	bool *ret_found, char ret_words[256]) {
	return read_status(
		s, reader_find_removed(&s->reader, run_id, viewer, ret_found, ret_words));
}

int store_load_mark(struct store *s, const char *run_id, uint32_t attempt, uint32_t step,
	uint8_t **ret_state, size_t *ret_len) {
	return read_status(
		s, reader_load_mark(&s->reader, run_id, attempt, step, ret_state, ret_len));
}

int store_each_open_run(struct store *s, void (*each)(void *user, const char *run_id), void *user) {
	return read_status(s, reader_each_open_run(&s->reader, each, user));
}

/* Who is to be asked to stop, or is chosen from a list, may have been opened this moment. */
static int ask_report(
	struct store *s, const struct report_query *query, store_report_fn on_report, void *user) {
	struct request *request = request_report(query, on_report, user);
	if (request == NULL) {
		return -ENOMEM;
	}
	if (query->brief || query->whose) {
		ask_behind_commit(s, request);
	} else {
		ask_at_once(s, request);
	}
	return 0;
}

int store_report(struct store *s, const char *run_part, const struct viewer *viewer,
	store_report_fn on_report, void *user) {
	const struct report_query query = {.run_part = run_part, .viewer = *viewer};
	return ask_report(s, &query, on_report, user);
}

int store_report_fine(struct store *s, const char *run_part, unsigned points,
	const struct viewer *viewer, store_report_fn on_report, void *user) {
	const struct report_query query = {
		.run_part = run_part, .viewer = *viewer, .points = points};
	return ask_report(s, &query, on_report, user);
}

int store_list_runs(struct store *s, const char *run_part, const struct viewer *viewer,
	store_report_fn on_report, void *user) {
	(void)run_part;
	const struct report_query query = {.viewer = *viewer, .brief = true};
	return ask_report(s, &query, on_report, user);
}

int store_find_run(struct store *s, const char *run_part, const struct viewer *viewer,
	store_report_fn on_report, void *user) {
	const struct report_query query = {.run_part = run_part, .viewer = *viewer, .whose = true};
	return ask_report(s, &query, on_report, user);
}

int store_points(
	struct store *s, const struct points_query *query, store_text_fn on_points, void *user) {
	struct request *request = request_points(query, on_points, user);
	if (request == NULL) {
		return -ENOMEM;
	}
	ask_at_once(s, request);
	return 0;
}

int store_extract(
	struct store *s, const struct extract_query *query, store_text_fn on_page, void *user) {
	struct request *request = request_extract(query, on_page, user);
	if (request == NULL) {
		return -ENOMEM;
	}
	ask_at_once(s, request);
	return 0;
}

int store_visit(struct store *s, struct forward_visit *visit, store_visit_fn on_visit, void *user) {
	struct request *request = request_visit(visit, on_visit, user);
	if (request == NULL) {
		return -ENOMEM;
	}
	requests_add(&s->requests, request);
	store_next(s);
	return 0;
}

int store_amend(
	struct store *s, struct amendment *amendment, store_amend_fn on_amended, void *user) {
	struct request *request =
		request_amend(amendment, &s->files.slots, &s->committer.known, on_amended, user);
	if (request == NULL) {
		return -ENOMEM;
	}
	requests_add(&s->requests, request);
	store_next(s);
	return 0;
}

int store_each_forward(struct store *s, void (*each)(void *user, const char *run_id), void *user) {
	return read_status(s, reader_each_forward(&s->reader, each, user));
}

int store_trim(struct store *s, struct trim *trim, store_trim_fn on_trimmed, void *user) {
	assert(s->idle_request == NULL);
	s->idle_request =
		request_trim(trim, &s->files.slots, &s->committer.known, on_trimmed, user);
	if (s->idle_request == NULL) {
		return -ENOMEM;
	}
	store_next(s);
	return 0;
}
