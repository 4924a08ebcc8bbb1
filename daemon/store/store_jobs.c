/* What the store's worker does, in which order, and what becomes of it. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crash.h"
#include "store_private.h"

/* The log is copied into the database each time it has grown by this much: some tens of commits,
 * some milliseconds of copying. */
#define CHECKPOINT_BYTES (4u << 20)
/* A log this long which a checkpoint could not empty: somebody has been reading for a long time. */
#define LOG_LONG_BYTES (64u << 20)

/* An empty database, whose tables are still in the log when it is started again, has 145 KiB. */
size_t store_checkpoint_bytes(void) {
	return CRASH_IS_NEAR("during-checkpoint") ? CHECKPOINT_BYTES / 16 : CHECKPOINT_BYTES;
}

/* ---- on the worker: these touch what is the worker's, and nothing else ---- */

static int do_job(struct store *s) {
	switch (s->job) {
	case JOB_COMMIT:
		return commit_batch(&s->committer, &s->flushing);
	case JOB_CHECKPOINT:
		return db_checkpoint(&s->files.db, &s->pinned);
	case JOB_REQUEST:
		return s->serving->serve(s->serving, &s->files.db);
	case JOB_REOPEN:
		return files_reopen(&s->files, s->looked_for, s->words);
	case JOB_CLOSE:
		files_close(&s->files);
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

/* ---- back on the loop ---- */

static void deliver(struct store *s, int status) {
	struct run_cut *cuts = s->flushing.first, *rejected = s->flushing.rejected;
	batch_init(&s->flushing);
	for (struct run_cut *cut = rejected; cut != NULL; cut = cut->next) {
		s->callbacks.on_rejected(s->user, cut, commit_why(&s->committer, cut->run_id));
	}
	if (cuts != NULL) {
		s->callbacks.on_committed(s->user, cuts, status);
	}
	cuts_destroy(cuts);
	cuts_destroy(rejected);
}

static void on_commit_done(struct store *s) {
	store_ask_on(s);
	s->request_next = true;
	switch (s->status) {
	case 0:
		s->last_commit_s = s->job_s;
		store_all_is_well(s);
		deliver(s, 0);
		break;
	case -ENOSPC:
	case -EBUSY:
	case -ENOMEM:
	case -EAGAIN:
		store_retry_later(s, s->status, s->committer.words);
		break;
	default:
		s->reopen_wanted = true;
		store_doubt_writing(s);
		store_say_trouble(s, s->status, s->committer.words);
		break;
	}
}

/* What was not known to be committed is forgotten: clients still have it. */
static void give_up_memory(struct store *s) {
	committer_finish(&s->committer);
	committer_init(&s->committer, &s->files.db, &s->files.slots);
	batch_move(&s->flushing, &s->filling);
	s->commit_wanted = false;
	deliver(s, -EIO);
}

/* The new file takes what memory has: every cut names all of its run. */
static void go_on_in_new_file(struct store *s) {
	s->files.replaced = false;
	s->commit_doubts = s->read_doubts = 0;
	s->doubt = DOUBT_NONE; /* whatever was met meanwhile, it was the other file's */
	s->reopen_wanted = false;
	known_renumber(&s->committer.known);
	s->trouble = -EBADMSG; /* said although that was: now it has an end */
	s->callbacks.on_trouble(s->user, s->files.news);
}

void store_look_at_database(struct store *s) {
	memcpy(s->db_id, s->files.db.id, sizeof s->db_id);
	memcpy(s->opening_words, s->files.news, sizeof s->opening_words);
}

static void on_reopen_done(struct store *s) {
	if (s->status < 0) {
		s->reopen_wanted = true;
		store_doubt(s, s->looked_for);
		store_doubt_writing(s);
		store_retry_later(s, s->status, s->words);
		return;
	}
	s->checkpoint_at = store_checkpoint_bytes();
	store_look_at_database(s);
	reader_close(&s->reader);
	(void)reader_open(&s->reader, s->files.path, &s->files.slots);
	if (s->files.replaced) {
		go_on_in_new_file(s);
	} else {
		give_up_memory(s);
	}
}

static void on_checkpoint_done(struct store *s) {
	size_t log_bytes = s->files.db.wal_bytes;
	bool pinned = s->status < 0 || s->pinned;
	s->checkpoint_at = (pinned ? log_bytes : 0) + store_checkpoint_bytes();
	s->log_words[0] = '\0';
	s->checkpoint_failed = s->status < 0;
	if (s->checkpoint_failed) {
		snprintf(s->log_words, sizeof s->log_words,
			"%.200s-wal cannot be copied into the database (%s): nothing of it is "
			"lost, but "
			"it grows until that works",
			s->files.path, strerror(-s->status));
	} else if (pinned && log_bytes >= LOG_LONG_BYTES) {
		snprintf(s->log_words, sizeof s->log_words,
			"%.80s-wal has grown to %zu MiB because a program keeps reading an old "
			"state "
			"of the database: close it (fuser %.80s tells which)",
			s->files.path, log_bytes >> 20, s->files.path);
	}
}

static void on_request_done(struct store *s) {
	struct request *request = s->serving;
	int status = s->status;
	s->serving = NULL;
	s->request_next = false;
	if (status == -EIO || status == -ESTALE) {
		/* As with a commit: what is in memory may not be what is on disk. */
		s->reopen_wanted = true;
	} else if (status == -EBADMSG) {
		store_doubt_reading(s);
	}
	request->answer(request, status);
}

static void on_asking_closed(void *user) {
	struct store *s = user;
	void (*on_closed)(void *user) = s->on_closed;
	void *close_user = s->close_user;
	free(s);
	on_closed(close_user);
}

static void on_retry_closed(uv_handle_t *handle) {
	struct store *s = handle->data;
	asking_close(&s->asking, on_asking_closed);
}

static struct request *take_request(struct store *s) {
	if (s->requests.first != NULL) {
		return requests_take(&s->requests);
	}
	struct request *request = s->idle_request;
	s->idle_request = NULL;
	return request;
}

static void on_close_done(struct store *s) {
	batch_clear(&s->filling);
	batch_clear(&s->flushing);
	committer_finish(&s->committer);
	for (struct request *request; (request = take_request(s)) != NULL;) {
		request->answer(request, -ECANCELED);
	}
	uv_close((uv_handle_t *)&s->retry, on_retry_closed);
}

static void on_work_done(uv_work_t *work, int uv_status) {
	static void (*const on_done[])(struct store *) = {
		[JOB_COMMIT] = on_commit_done,
		[JOB_CHECKPOINT] = on_checkpoint_done,
		[JOB_REQUEST] = on_request_done,
		[JOB_REOPEN] = on_reopen_done,
	};
	struct store *s = work->data;
	enum job job = s->job;
	assert(uv_status == 0); /* nobody cancels */
	(void)uv_status;
	if (job == JOB_CLOSE) {
		on_close_done(s); /* job stays: nothing may follow */
		return;
	}
	s->job = JOB_NONE;
	on_done[job](s);
	store_next(s);
}

/* ---- what comes next ---- */

static enum job choose_write(const struct store *s) {
	if (s->waiting) {
		return JOB_NONE;
	}
	if (s->reopen_wanted) {
		return JOB_REOPEN;
	}
	if (s->flushing.first != NULL) {
		return JOB_COMMIT;
	}
	if (s->files.db.wal_bytes >= s->checkpoint_at) {
		return JOB_CHECKPOINT;
	}
	return s->commit_wanted && s->filling.first != NULL ? JOB_COMMIT : JOB_NONE;
}

/* Requests and commits take turns, so that neither starves the other. */
static enum job choose_job(const struct store *s) {
	if (s->closing) {
		return asking_busy(&s->asking) ? JOB_NONE : JOB_CLOSE;
	}
	enum job write = choose_write(s);
	bool readable = s->requests.first != NULL && !s->reopen_wanted;
	if (readable && (write == JOB_NONE || s->request_next)) {
		return JOB_REQUEST;
	}
	bool idle = write == JOB_NONE && s->idle_request != NULL && !s->reopen_wanted;
	return idle ? JOB_REQUEST : write;
}

static void prepare_commit(struct store *s) {
	s->committer.front = s->fronts;
	if (s->flushing.first == NULL) {
		s->flushing = s->filling;
		batch_init(&s->filling);
		s->commit_wanted = false;
	}
}

void store_next(struct store *s) {
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
	case JOB_REQUEST:
		s->serving = take_request(s);
		break;
	case JOB_CLOSE:
		reader_close(&s->reader); /* the last connection to close empties the log */
		break;
	case JOB_REOPEN:
		s->looked_for = s->doubt;
		s->doubt = DOUBT_NONE;
		s->reopen_wanted = false;
		break;
	case JOB_CHECKPOINT:
		break;
	}
	s->job_began_ns = clock_mono_ns();
	int err = uv_queue_work(s->loop, &s->work, on_work, on_work_done);
	assert(err == 0);
	(void)err;
}
