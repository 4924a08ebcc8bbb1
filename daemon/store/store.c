#include "store.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "clock.h"
#include "commit.h"
#include "crash.h"
#include "db.h"
#include "location.h"
#include "reader.h"
#include "report.h"
#include "slots.h"

#define RETRY_MIN_MS 100u
#define RETRY_MAX_MS 5000u
/* The log is copied into the database each time it has grown by this much: some tens of commits,
 * some milliseconds of copying. */
#define CHECKPOINT_BYTES (4u << 20)
/* A log this long which a checkpoint could not empty: somebody has been reading for a long time. */
#define LOG_LONG_BYTES (64u << 20)

/* What the worker does; one at a time. */
enum job { JOB_NONE, JOB_COMMIT, JOB_CHECKPOINT, JOB_REPORT, JOB_REOPEN, JOB_CLOSE };

struct report_request {
	struct report_request *next; /* store.requests */
	char *run_part;
	uint32_t reader_uid;
	store_report_fn on_report;
	void *user;
	json_t *report;
	int status;
	char words[256];
};

struct store {
	uv_loop_t *loop;
	struct store_callbacks callbacks;
	void *user;
	char *path, *version;
	int lock_fd;
	uint8_t db_id[DB_ID_SIZE];
	char opening_words[256], log_words[256];

	/* The worker's while job is not JOB_NONE, the loop's otherwise. */
	struct slots slots;
	struct db db;
	struct committer committer;
	struct batch flushing;
	int status;
	bool replaced; /* a damaged database was set aside */
	bool pinned;
	double job_s;
	char words[256], aside_words[256];

	/* The loop's. */
	enum job job;
	uv_work_t work;
	uv_timer_t retry;
	struct reader reader;
	struct batch filling;
	struct report_request *requests, **requests_tail;
	struct report_request *serving; /* the worker's during JOB_REPORT */
	bool commit_wanted, waiting;    /* waiting: for the retry timer */
	bool reopen_wanted, damage_suspected, report_next;
	int trouble; /* what was last said by on_trouble, 0: all is well */
	uint64_t retry_ms;
	size_t checkpoint_at;
	double last_commit_s;
	bool closing;
	void (*on_closed)(void *user);
	void *close_user;
};

static void store_next(struct store *s);

/* ---- on the worker: these touch what is the worker's, and nothing else ---- */

/* Sets a damaged database aside and begins a new one, or opens the one that is there. */
static int reopen(struct store *s) {
	db_abandon(&s->db);
	if (s->damage_suspected && db_is_damaged(s->path)) {
		int err = location_set_aside(s->path, s->aside_words);
		if (err < 0) {
			memcpy(s->words, s->aside_words, sizeof s->words);
			return err;
		}
		s->replaced = true;
	}
	int err = db_open(&s->db, s->path, s->version, s->words);
	if (err == 0 && s->replaced) {
		(void)writer_put_event(&s->db.writer, 0, clock_wall(), "replaced", s->aside_words);
	}
	return err;
}

static int serve_report(struct store *s) {
	struct report_request *r = s->serving;
	struct report_query query = {.run_part = r->run_part, .reader_uid = r->reader_uid};
	r->status =
		s->db.sql == NULL ? -EIO : report_build(s->db.sql, &query, &r->report, r->words);
	return 0;
}

static int do_job(struct store *s) {
	switch (s->job) {
	case JOB_COMMIT:
		return commit_batch(&s->committer, &s->flushing);
	case JOB_CHECKPOINT:
		return db_checkpoint(&s->db, &s->pinned);
	case JOB_REPORT:
		return serve_report(s);
	case JOB_REOPEN:
		return reopen(s);
	case JOB_CLOSE:
		db_close(&s->db);
		return 0;
	case JOB_NONE:
		break;
	}
	return 0;
}

static void on_work(uv_work_t *work) {
	struct store *s = work->data;
	uint64_t begun = clock_mono_ns();
	s->status = do_job(s);
	s->job_s = (double)(clock_mono_ns() - begun) * 1e-9;
}

/* ---- troubles ---- */

static void say_trouble(struct store *s, int err, const char *words) {
	if (s->trouble != err) {
		s->trouble = err;
		s->callbacks.on_trouble(s->user, words);
	}
}

static void on_retry(uv_timer_t *timer) {
	struct store *s = timer->data;
	s->waiting = false;
	store_next(s);
}

/* Tries what was to be done again, after a while that grows. */
static void retry_later(struct store *s, int err, const char *words) {
	s->waiting = true;
	uv_timer_start(&s->retry, on_retry, s->retry_ms, 0);
	s->retry_ms = s->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : s->retry_ms * 2;

	char sentence[512];
	snprintf(sentence, sizeof sentence,
		"%s; what was received is kept, and tried again until it works", words);
	say_trouble(s, err, sentence);
}

static void all_is_well(struct store *s) {
	s->retry_ms = RETRY_MIN_MS;
	if (s->trouble != 0) {
		s->trouble = 0;
		s->callbacks.on_trouble(s->user, NULL);
	}
}

/* ---- back on the loop ---- */

static void deliver(struct store *s, int status) {
	struct run_cut *cuts = s->flushing.first, *rejected = s->flushing.rejected;
	batch_init(&s->flushing);
	for (const struct run_cut *cut = rejected; cut != NULL; cut = cut->next) {
		if (s->callbacks.on_rejected != NULL) {
			s->callbacks.on_rejected(
				s->user, cut, commit_why(&s->committer, cut->run_id));
		}
	}
	if (cuts != NULL) {
		s->callbacks.on_committed(s->user, cuts, status);
	}
	cuts_destroy(cuts);
	cuts_destroy(rejected);
}

static void on_commit_done(struct store *s) {
	switch (s->status) {
	case 0:
		s->last_commit_s = s->job_s;
		all_is_well(s);
		deliver(s, 0);
		break;
	case -ENOSPC:
	case -EBUSY:
	case -ENOMEM:
	case -EAGAIN:
		retry_later(s, s->status, s->committer.words);
		break;
	default:
		s->reopen_wanted = true;
		s->damage_suspected = s->status == -EBADMSG;
		say_trouble(s, s->status, s->committer.words);
		break;
	}
}

/* What was not known to be committed is forgotten: clients still have it. */
static void give_up_memory(struct store *s) {
	committer_finish(&s->committer);
	committer_init(&s->committer, &s->db, &s->slots);
	batch_clear(&s->filling);
	s->commit_wanted = false;
	deliver(s, -EIO);
}

static void on_reopen_done(struct store *s) {
	if (s->status < 0) {
		s->damage_suspected = s->damage_suspected || s->status == -EBADMSG;
		retry_later(s, s->status, s->words);
		return;
	}
	bool replaced = s->replaced;
	s->reopen_wanted = s->damage_suspected = s->replaced = false;
	s->checkpoint_at = CHECKPOINT_BYTES;
	memcpy(s->db_id, s->db.id, sizeof s->db_id);
	reader_close(&s->reader);
	(void)reader_open(&s->reader, s->path, &s->slots);
	if (replaced) {
		/* The new file takes what memory has: every cut names all of its run. */
		known_renumber(&s->committer.known);
		memcpy(s->opening_words, s->aside_words, sizeof s->opening_words);
		say_trouble(s, -EBADMSG, s->opening_words);
	} else {
		give_up_memory(s);
	}
}

static void on_checkpoint_done(struct store *s) {
	size_t log_bytes = s->db.wal_bytes;
	bool pinned = s->status < 0 || s->pinned;
	s->checkpoint_at = (pinned ? log_bytes : 0) + CHECKPOINT_BYTES;
	s->log_words[0] = '\0';
	if (pinned && log_bytes >= LOG_LONG_BYTES) {
		snprintf(s->log_words, sizeof s->log_words,
			"%s-wal has grown to %zu MiB because a program keeps reading an old state "
			"of the "
			"database: close it (fuser %s tells which)",
			s->path, log_bytes >> 20, s->path);
	}
}

static void request_end(struct report_request *r) {
	r->on_report(r->user, r->report, r->status, r->words);
	json_decref(r->report);
	free(r->run_part);
	free(r);
}

static void on_report_done(struct store *s) {
	struct report_request *r = s->serving;
	s->serving = NULL;
	s->report_next = false;
	request_end(r);
}

static void on_retry_closed(uv_handle_t *handle) {
	struct store *s = handle->data;
	void (*on_closed)(void *user) = s->on_closed;
	void *user = s->close_user;
	free(s->version);
	free(s->path);
	free(s);
	on_closed(user);
}

static void on_close_done(struct store *s) {
	batch_clear(&s->filling);
	batch_clear(&s->flushing);
	committer_finish(&s->committer);
	slots_close(&s->slots);
	(void)close(s->lock_fd);
	while (s->requests != NULL) {
		struct report_request *r = s->requests;
		s->requests = r->next;
		r->status = -ECANCELED;
		request_end(r);
	}
	uv_close((uv_handle_t *)&s->retry, on_retry_closed);
}

static void on_work_done(uv_work_t *work, int uv_status) {
	struct store *s = work->data;
	assert(uv_status == 0); /* nobody cancels */
	(void)uv_status;
	enum job job = s->job;
	s->job = JOB_NONE;
	switch (job) {
	case JOB_COMMIT:
		s->report_next = true;
		on_commit_done(s);
		break;
	case JOB_CHECKPOINT:
		on_checkpoint_done(s);
		break;
	case JOB_REPORT:
		on_report_done(s);
		break;
	case JOB_REOPEN:
		on_reopen_done(s);
		break;
	case JOB_CLOSE:
		on_close_done(s);
		return;
	case JOB_NONE:
		break;
	}
	store_next(s);
}

/* ---- what comes next ---- */

static enum job choose_write(struct store *s) {
	if (s->waiting) {
		return JOB_NONE;
	}
	if (s->reopen_wanted) {
		return JOB_REOPEN;
	}
	if (s->flushing.first != NULL) {
		return JOB_COMMIT;
	}
	if (s->db.wal_bytes >= s->checkpoint_at) {
		return JOB_CHECKPOINT;
	}
	return s->commit_wanted && s->filling.first != NULL ? JOB_COMMIT : JOB_NONE;
}

/* Reports and commits take turns, so that neither starves the other. */
static enum job choose_job(struct store *s) {
	if (s->closing) {
		return JOB_CLOSE;
	}
	enum job write = choose_write(s);
	bool report = s->requests != NULL && (write == JOB_NONE || s->report_next);
	return report ? JOB_REPORT : write;
}

static void prepare_commit(struct store *s) {
	if (s->flushing.first == NULL) {
		s->flushing = s->filling;
		batch_init(&s->filling);
		s->commit_wanted = false;
	}
}

static void prepare_report(struct store *s) {
	s->serving = s->requests;
	s->requests = s->serving->next;
	if (s->requests == NULL) {
		s->requests_tail = &s->requests;
	}
}

static void store_next(struct store *s) {
	if (s->job != JOB_NONE) {
		return;
	}
	s->job = choose_job(s);
	switch (s->job) {
	case JOB_NONE:
		return;
	case JOB_COMMIT:
		prepare_commit(s);
		break;
	case JOB_REPORT:
		prepare_report(s);
		break;
	case JOB_CLOSE:
		reader_close(&s->reader); /* the last connection to close empties the log */
		break;
	case JOB_CHECKPOINT:
	case JOB_REOPEN:
		break;
	}
	int err = uv_queue_work(s->loop, &s->work, on_work, on_work_done);
	assert(err == 0);
	(void)err;
}

/* ---- opening ---- */

static int is_mark_named(void *user, const char *run_id, int64_t n) {
	sqlite3_stmt *st = NULL;
	struct db *db = user;
	int rc = sqlite3_prepare_v2(db->sql,
		"SELECT 1 FROM marks_data m JOIN runs_data r ON r.n = m.run "
		"WHERE r.id = ? AND m.n = ? AND m.kept",
		-1, &st, NULL);
	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_text(st, 1, run_id, -1, SQLITE_STATIC);
		(void)sqlite3_bind_int64(st, 2, n);
		rc = sqlite3_step(st);
	}
	(void)sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : 1; /* in doubt it stays */
}

static int open_database(struct store *s, char ret_words[256]) {
	int err = db_open(&s->db, s->path, s->version, ret_words);
	if (err != -EBADMSG || !db_is_damaged(s->path)) {
		return err;
	}
	err = location_set_aside(s->path, s->opening_words);
	if (err < 0) {
		memcpy(ret_words, s->opening_words, 256);
		return err;
	}
	return db_open(&s->db, s->path, s->version, ret_words);
}

/* The directory remembers the newest epoch it has seen: a database that is behind it was put back
 * from a copy, and is another database from here on. */
static int check_restored(struct store *s) {
	bool restored = false;
	int err = slots_note_epoch(&s->slots, s->db.id, s->db.epoch, &restored);
	if (err == 0 && restored) {
		err = db_rename(&s->db);
		snprintf(s->opening_words, sizeof s->opening_words,
			"%s was put back from an older copy: what is newer will be missing, and is "
			"shown "
			"as lost",
			s->path);
	}
	if (err == 0 && restored) {
		err = slots_note_epoch(&s->slots, s->db.id, s->db.epoch, &restored);
	}
	return err;
}

static int open_parts(struct store *s, char ret_words[256]) {
	int err = location_check(s->path, ret_words);
	if (err == 0) {
		err = location_lock(s->path, &s->lock_fd, ret_words);
	}
	if (err == 0) {
		err = open_database(s, ret_words);
	}
	if (err < 0) {
		return err;
	}

	err = slots_open(&s->slots, s->path);
	if (err == 0) {
		err = check_restored(s);
	}
	if (err == 0) {
		err = reader_open(&s->reader, s->path, &s->slots);
	}
	if (err < 0) {
		snprintf(ret_words, 256, "%s-state: %s", s->path, strerror(-err));
		return err;
	}
	slots_sweep_marks(&s->slots, is_mark_named, &s->db);
	if (s->opening_words[0] != '\0') {
		(void)writer_put_event(
			&s->db.writer, 0, clock_wall(), "replaced", s->opening_words);
	}
	return 0;
}

static void close_parts(struct store *s) {
	reader_close(&s->reader);
	slots_close(&s->slots);
	db_close(&s->db);
	if (s->lock_fd >= 0) {
		(void)close(s->lock_fd);
	}
	free(s->version);
	free(s->path);
	free(s);
}

int store_open(uv_loop_t *loop, const struct store_options *options,
	const struct store_callbacks *callbacks, void *user, struct store **ret,
	char ret_words[256]) {
	struct store *s = calloc(1, sizeof *s);
	if (s == NULL) {
		return -ENOMEM;
	}
	s->loop = loop;
	s->callbacks = *callbacks;
	s->user = user;
	s->lock_fd = s->slots.dir_fd = -1;
	s->path = strdup(options->path);
	s->version = strdup(options->daemon_version);
	s->requests_tail = &s->requests;
	s->retry_ms = RETRY_MIN_MS;
	s->checkpoint_at = CHECKPOINT_BYTES;
	s->work.data = s;
	batch_init(&s->filling);
	batch_init(&s->flushing);

	int err = s->path == NULL || s->version == NULL ? -ENOMEM : open_parts(s, ret_words);
	if (err < 0) {
		close_parts(s);
		return err;
	}
	committer_init(&s->committer, &s->db, &s->slots);
	memcpy(s->db_id, s->db.id, sizeof s->db_id);
	uv_timer_init(loop, &s->retry);
	s->retry.data = s;
	*ret = s;
	return 0;
}

void store_close(struct store *s, void (*on_closed)(void *user), void *user) {
	assert(!s->closing);
	s->closing = true;
	s->on_closed = on_closed;
	s->close_user = user;
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

void store_put(struct store *s, struct run_cut *cut) {
	batch_put(&s->filling, cut);
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

int store_load(struct store *s, const char *run_id, struct loaded_run *ret) {
	return reader_load(&s->reader, run_id, ret);
}

int store_load_mark(struct store *s, const char *run_id, uint32_t attempt, uint32_t step,
	uint8_t **ret_state, size_t *ret_len) {
	return reader_load_mark(&s->reader, run_id, attempt, step, ret_state, ret_len);
}

int store_each_open_run(struct store *s, void (*each)(void *user, const char *run_id), void *user) {
	return reader_each_open_run(&s->reader, each, user);
}

int store_report(struct store *s, const char *run_part, uint32_t reader_uid,
	store_report_fn on_report, void *user) {
	struct report_request *r = calloc(1, sizeof *r);
	char *part = run_part == NULL ? NULL : strdup(run_part);
	if (r == NULL || (run_part != NULL && part == NULL)) {
		free(part);
		free(r);
		return -ENOMEM;
	}
	*r = (struct report_request){
		.run_part = part,
		.reader_uid = reader_uid,
		.on_report = on_report,
		.user = user,
	};
	*s->requests_tail = r;
	s->requests_tail = &r->next;
	store_next(s);
	return 0;
}
