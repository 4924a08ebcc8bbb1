/* Inside of the store: for store*.c alone. */
#pragma once

#include "asking.h"
#include "commit.h"
#include "files.h"
#include "reader.h"
#include "requests.h"
#include "store.h"

#define RETRY_MIN_MS 100u
#define RETRY_MAX_MS 5000u
/* Room comes back unannounced where it is a quota that is full. */
#define RETRY_FULL_MAX_MS 500u

/* What the worker does; one at a time. */
enum job { JOB_NONE, JOB_COMMIT, JOB_CHECKPOINT, JOB_REQUEST, JOB_REOPEN, JOB_CLOSE };

struct store {
	uv_loop_t *loop;
	struct store_callbacks callbacks;
	void *user;
	enum job job;
	uint64_t job_began_ns;
	uv_work_t work;

	/* The worker's while job is not JOB_NONE, the loop's otherwise. */
	struct files files;
	struct committer committer;
	struct batch flushing;
	struct request *serving;
	enum doubt looked_for; /* how closely the file that is opened anew is looked at */
	bool pinned;           /* the last checkpoint had to leave something */
	int status;
	double job_s;
	char words[256];

	/* The loop's. */
	uint8_t db_id[DB_ID_SIZE];
	char opening_words[256], log_words[384];
	struct reader reader;
	struct batch filling;
	struct front_rules fronts; /* of commits to come */
	struct requests requests;
	struct asking asking;
	struct requests
		behind_commit; /* questions that are to see what the commit under way brings */
	struct request *idle_request; /* NULL: none. Served while there is nothing else to do */
	uv_timer_t retry;
	uint64_t retry_ms;
	bool waiting; /* for the timer */
	bool commit_wanted, reopen_wanted, request_next, checkpoint_failed;
	int trouble; /* what was last said by on_trouble, 0: all is well */
	size_t checkpoint_at;
	double last_commit_s;
	unsigned commit_doubts; /* commits lately that SQLite called damage */
	uint64_t doubted_ns;    /* the newest of them */
	unsigned read_doubts;   /* the same of readings, since the file was opened first */
	enum doubt doubt;       /* that the file is whole, since it was looked at last */
	bool closing;
	void (*on_closed)(void *user);
	void *close_user;
};

/* Gives the worker the next thing to do unless it is at something. Follows every change of what there is to do. */
void store_next(struct store *s);
/* The commit under way, if there was one, has ended: questions that waited for it are asked. */
void store_ask_on(struct store *s);
/* How long the log may grow before it is copied into the database. */
size_t store_checkpoint_bytes(void);
/* Said unless it is what was said last. */
void store_say_trouble(struct store *s, int err, const char *words);
/* Tries what was to be done again, after a while that grows. */
void store_retry_later(struct store *s, int err, const char *words);
void store_all_is_well(struct store *s);
/* What the worker left in status may mean that the file is damaged. */
void store_doubt_writing(struct store *s);
/* A reading met damage: the file is looked at. At any time, also while the worker looks. */
void store_doubt_reading(struct store *s);
/* The file is as much in doubt as that at least. */
void store_doubt(struct store *s, enum doubt doubt);
/* What opening the database, or opening it anew, found. */
void store_look_at_database(struct store *s);
