/* Durable storage: one SQLite file of results, and beside it `<database>-state/` with two
 * preallocated, checksummed slots a run for the per-feature arrays.
 *
 * Group commit with one disk worker: `filling` takes cuts on the loop while `flushing` is written by
 * at most one queued work. No lock; ownership of the batch changes hands with `busy`.
 * The order on disk: each run's arrays into the slot the database does not name, fdatasync,
 * then one transaction with writer, applied seqs, small states, slot numbers and generations; the
 * callback after COMMIT is what an ack stands on. */
#pragma once

#include <uv.h>

#include "forwarding.h"
#include "registry.h"

struct json_t; /* jansson */
struct viewer;
struct store;

struct store_callbacks {
	/* A batch ended. status 0: committed and synced. The cuts are the store's and freed after the call.
	 * -EIO: the outcome is unknown; the store has reopened its database and the engine must forget
	 * what it has in memory. -ENOSPC, -EBUSY: never seen here, the batch is kept and tried again
	 * (on_trouble says so). */
	void (*on_committed)(void *user, const struct run_cut *cuts, int status);
	/* Commits fail and are tried again (words say why, and when), or work again (words NULL). */
	void (*on_trouble)(void *user, const char *words);
	/* A run's rows collided with what is stored: one of our own rules is broken. The cut is in no
	 * on_committed; nothing of it was stored, nor will be of this run's later ones until the daemon
	 * is started again. The run is marked stopped in the database. */
	void (*on_rejected)(void *user, const struct run_cut *cut, const char *words);
};

struct store_options {
	const char *path; /* of the database */
	const char *daemon_version;
};

/* Opens or creates. Locks `<path>.lock` first; refuses a network file system, a newer schema, a file
 * that is somebody else's; sets a damaged one aside. On failure ret_words (one sentence) says what was wrong
 * and what to do: -EBUSY (locked by another daemon), -EREMOTE, -EPROTO (newer schema), -EINVAL
 * (not ours), or the errno. */
int store_open(uv_loop_t *loop, const struct store_options *options,
	const struct store_callbacks *callbacks, void *user, struct store **ret,
	char ret_words[256]);
/* Commits nothing more; waits for the work in flight; on_closed may free. */
void store_close(struct store *s, void (*on_closed)(void *user), void *user);

const uint8_t *store_db_id(const struct store *s);
/* A sentence when opening set something aside or began a new file, else NULL. */
const char *store_opening_words(const struct store *s);

/* Whether commits fail because the disk is full, or a quota is. */
bool store_is_full(const struct store *s);
/* What failed for want of room, or waits to be tried again, is tried now: there may be some. */
void store_try_again(struct store *s);

/* Takes the cut into the filling batch. */
void store_put(struct store *s, struct run_cut *cut);
/* From the next commit on: whether it is told who joins and leaves the fronts of projects (front_watch.h), and whether every run counts as
 * private. */
void store_watch_fronts(struct store *s, bool is_on, bool all_private);
/* Starts the commit of what is filling unless one is in flight or nothing is there. */
void store_commit(struct store *s);
bool store_busy(const struct store *s);
size_t store_filling_bytes(const struct store *s);
/* A sentence while a forgotten reader keeps the write-ahead log from shrinking, else NULL. */
const char *store_log_words(const struct store *s);
/* The log is tried to be copied into the database now: who kept it from that may be gone, and nobody commits. */
void store_empty_log(struct store *s);
size_t store_held_bytes(const struct store *s); /* filling and flushing */
double store_last_commit_s(const struct store *s);
/* For so long the worker has been at what it does; 0: it rests. */
double store_working_s(const struct store *s);

/* Reads a run's saved state on the loop thread, through a connection of its own: 0, -ENOENT, or
 * broken. The arrays are NULL when no slot matches what the database names,
 * and of a run that has folded nothing yet. */
struct loaded_run {
	struct run_saved saved;
	void *memory;     /* of `saved.small` */
	bool arrays_lost; /* the database names arrays that no file has */
	/* As people were told last. */
	char state[16];
	bool is_parked; /* nothing more of it is sent to W&B */
};
int store_load(struct store *s, const char *run_id, struct loaded_run *ret);
void loaded_run_finish(struct loaded_run *l);

/* Whose run it is, and how large: what is to be known before it is loaded. 0, -ENOENT, or broken. */
struct stored_run {
	uint32_t uid, d_sae, world_size;
};
int store_look(struct store *s, const char *run_id, struct stored_run *ret);

/* Calls `each`, on the loop thread, for every user who has runs: about what they occupy, state files included. */
int store_each_usage(
	struct store *s, void (*each)(void *user, uint32_t uid, uint64_t bytes), void *user);

/* The state kept for a MARK of that attempt and step, malloc'ed: 0, -ENOENT, or broken. */
int store_load_mark(struct store *s, const char *run_id, uint32_t attempt, uint32_t step,
	uint8_t **ret_state, size_t *ret_len);

/* Whether a run of this id was removed, and when and why, in words; on the loop thread, as store_load. */
int store_find_removed(struct store *s, const char *run_id, const struct viewer *viewer,
	bool *ret_found, char ret_words[256]);

/* Ids of runs whose state is not an end (running, stalled, crashed lately), oldest first. Calls
 * `each` for every one, on the loop thread. */
int store_each_open_run(struct store *s, void (*each)(void *user, const char *run_id), void *user);

/* Builds a status document (report.h) beside the worker (asking.h), of what is committed by now; of a run that is not there yet, of
 * what the commit under way brings. `on_report` gets it on the loop (report NULL: status < 0, or 4 with words). run_part NULL: all
 * runs. */
typedef void (*store_report_fn)(void *user, struct json_t *report, int status, const char *words);
int store_report(struct store *s, const char *run_part, const struct viewer *viewer,
	store_report_fn on_report, void *user);
/* The same of one run with curves of so many points (report.h); 0: as few as ever. */
int store_report_fine(struct store *s, const char *run_part, unsigned points,
	const struct viewer *viewer, store_report_fn on_report, void *user);
/* The same of the newest runs, with nothing but what they are called (report.h), and with what the commit under way brings;
 * run_part is not looked at. */
int store_list_runs(struct store *s, const char *run_part, const struct viewer *viewer,
	store_report_fn on_report, void *user);
/* The same of the one run that fits, with nothing but whose it is (report.h), and with what the commit under way brings. */
int store_find_run(struct store *s, const char *run_part, const struct viewer *viewer,
	store_report_fn on_report, void *user);

/* The points document (points.h) as a text, beside the worker. `text` is taken over where its data is, and freed after the call
 * where it is not. */
struct buf;
struct points_query;
typedef void (*store_text_fn)(void *user, struct buf *text, int status, const char *words);
int store_points(
	struct store *s, const struct points_query *query, store_text_fn on_points, void *user);

/* A page of what is kept of a run (extract.h), as a text as well. */
struct extract_query;
int store_extract(
	struct store *s, const struct extract_query *query, store_text_fn on_page, void *user);

/* A visit of the forwarder's (forwarding.h), on the worker, between commits. `on_visit` gets it back on the loop, with
 * what spool_visit says or, when the store is closed first, -ECANCELED. 0 or -ENOMEM (not taken). */
typedef void (*store_visit_fn)(void *user, struct forward_visit *visit, int status);
int store_visit(struct store *s, struct forward_visit *visit, store_visit_fn on_visit, void *user);

/* A turn of retention (trim.h), on the worker, once nothing else is to be done: one at a time. `trim` is lent until
 * on_trimmed, which gets what trim_turn said and how long it took or, when the store is closed first, -ECANCELED. 0 or -ENOMEM
 * (not taken). */
struct trim;
typedef void (*store_trim_fn)(void *user, int result, double took_s);
int store_trim(struct store *s, struct trim *trim, store_trim_fn on_trimmed, void *user);

/* What somebody asks to be done to a run (amend.h), on the worker, between commits. `amendment` is lent until on_amended, which
 * gets what amend said or, when the store is closed first, -ECANCELED. 0 or -ENOMEM (not taken). */
struct amendment;
typedef void (*store_amend_fn)(void *user, int result);
int store_amend(
	struct store *s, struct amendment *amendment, store_amend_fn on_amended, void *user);

/* Calls `each`, on the loop thread, for every run that W&B does not have all of yet. */
int store_each_forward(struct store *s, void (*each)(void *user, const char *run_id), void *user);
