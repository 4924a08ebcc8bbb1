/* Where the forwarding of a run to W&B stands, and what one visit to the database saves and brings.
 * Plain data: the store keeps it, the forwarder moves it, neither knows the other.
 *
 * A line gets its ordinal (0, 1, 2, …, without a hole) in the transaction that closes it; at W&B it has
 * the number base + ordinal. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "message.h"

#define FORWARD_SAID_MAX                                                                           \
	320u /* bytes of what W&B or the network said: 255 of its own, and what it means */
#define FORWARD_WORDS_MAX 512u /* what people are told: an id, that, and what helps */
#define FORWARD_EVENT_MAX 640u

struct forward_cursor {            /* owns its texts */
	uint8_t db_id[DB_ID_SIZE]; /* the database it was read from; none other takes it */
	bool has_base;             /* W&B was asked how far it is, for this database */
	int64_t base;
	int64_t accepted; /* ordinals below it need not be sent any more: W&B has them … */
	int64_t skipped;  /* … so many of them because it had their steps already … */
	int64_t floor;    /* … which are those through this one, from before the base; -1: none */
	int64_t refused;  /* … and so many as stand-ins: they were not taken and are set aside */
	bool has_step;    /* of the newest that W&B accepted */
	uint32_t step;
	double time;
	bool own_key;   /* sent with a key of its user's, never with the host's */
	bool completed; /* W&B was told of the end */
	uint32_t told;  /* forward_about_told() of what W&B was told last; 0: nothing */
	char *storage_id, *entity, *project, *display_name, *url; /* as W&B calls it */
	char *parked; /* why nothing is sent until somebody says otherwise; NULL: it goes on */
};

/* 0 or -ENOMEM (*to is empty then). */
int forward_cursor_copy(struct forward_cursor *to, const struct forward_cursor *from);
void forward_cursor_finish(struct forward_cursor *c);

/* What W&B is told of the run itself; texts NULL where nothing is known. */
struct forward_about {
	char *entity, *project, *name, *group, *job_type, *notes;
	char *tags_json, *config_json, *args_json;
	char *host, *program, *git_commit, *git_remote, *sweep_id, *profile, *key_suffix;
	double started;
};
void forward_about_finish(struct forward_about *a);

/* A hash of those words that people change at W&B, too: name, group, job type, notes, tags. Never 0. They are said again
 * only when the trainer's have changed: what was changed there stays. */
uint32_t forward_about_told(const struct forward_about *a);

/* A line that is to be sent, or W&B's. */
struct forward_line {
	uint32_t step;
	double time;
};
#define FORWARD_TIME_SLACK_S 0.001 /* times go through other people's JSON */

enum forward_save {
	FORWARD_SAVE_NOTHING,
	FORWARD_SAVE_CURSOR,
	/* The server has `server_lines`, its newest of step `server_step` (-1: it has none): fixes the base. Lines
	 * whose steps it has are skipped, now and when they come later. */
	FORWARD_SAVE_BASE
};

struct forward_visit {
	char run_id[RUN_ID_MAX + 1];

	/* Saved first, in one transaction. */
	enum forward_save save;
	struct forward_cursor cursor; /* saved; and brought back as it is then */
	int64_t server_lines, server_step;
	int64_t refuse; /* ordinal of a line to set aside, -1: none … */
	int refuse_status;
	char refuse_words[FORWARD_SAID_MAX]; /* … and what W&B said of it */
	char event[FORWARD_EVENT_MAX]; /* "" or what users are to know, for the run's events */

	/* Then wanted: */
	bool want_about, want_summary;
	int64_t lines_max; /* 0: none, only the rest */
	size_t bytes_max;  /* the first line comes whatever its size */
	int64_t look_at;   /* an ordinal whose step and time are asked for; -1: none … */
	struct forward_line expected; /* … and what W&B says is there */

	/* And brought. */
	int64_t lines; /* decided so far */
	bool ended;    /* finished, failed, preempted or stopped */
	bool silent;   /* crashed: W&B finds out by itself */
	int32_t exit_code;
	uint32_t uid;
	double oldest_time; /* of the first line that is not accepted; 0: none */
	struct forward_about about;
	char *summary;      /* JSON object, or NULL */
	struct buf content; /* behind what is there: JSON texts of lines, commas between them */
	int64_t first, n_lines;
	struct forward_line last; /* of these */
	bool knows_expected;      /* the run has that line, if under another number */
	bool has_looked;
	struct forward_line looked;
};

struct forward_visit *forward_visit_create(const char *run_id); /* NULL when memory is short */
void forward_visit_destroy(struct forward_visit *v);
