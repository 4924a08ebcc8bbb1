/* A registry on the bench: messages built by hand, no wire; the store is a list of committed cuts.
 *
 * What the core leaves behind is kept as text, one line a change with floats as their bits, so that
 * two histories are the same when their texts are. Changes count once they are committed, as they
 * would in the database. */
#pragma once

#include "registry.h"
#include "rig_trainer.h"

struct rig_text {
	char **lines;
	size_t count, cap;
};

/* What the store holds of a run. */
struct rig_saved {
	struct rig_saved *next;
	char run_id[RUN_ID_MAX + 1];
	uint8_t *small;
	size_t small_len;
	uint32_t d_sae;
	uint32_t *window, *last;
	uint64_t *base;
};

struct rig_mark {
	struct rig_mark *next;
	uint32_t attempt, step;
	uint8_t *state;
	size_t len;
};

struct rig {
	struct registry *registry;
	struct holdings limits; /* everybody's */
	struct ledger ledger;
	struct registry_options options;
	struct instant now;
	struct peer_identity peer;
	uint8_t db_id[DB_ID_SIZE];
	struct rig_trainer *trainers;
	struct rig_saved *saved;
	struct rig_mark *marks;
	struct rig_text history; /* of all committed changes */
	/* Of the newest calls. */
	struct stream *stream;
	struct msg_opened opened;
	struct refusal refusal;
	struct apply_error error;
	/* Of the newest commit of each run. */
	struct run_row row; /* its texts are gone; see row_text */
	struct rig_text row_text;
	uint64_t n_errors, n_stops; /* notices */
	struct notice notice;       /* the newest */
};

void rig_start(struct rig *rig);
void rig_finish(struct rig *rig);

/* For cmocka: *state is a rig. */
int rig_setup(void **state);
int rig_teardown(void **state);

struct text rig_lit(const char *text);

/* ---- messages ---- */

/* run "r", launch "launch", stream id of `rank`, prisma, W 3, F 2, dead 1, batch 2, context 2. */
struct msg_open rig_msg_open(uint32_t d_sae);
void rig_stream_id(struct msg_open *open, uint8_t id);

/* A STEP with dense u32 counts, which it borrows (NULL: none). Its lap, and that of the others, is counted. */
struct message rig_msg_step(
	uint64_t seq, uint32_t step, uint32_t n_rows, const uint32_t *nonzero, uint32_t d_sae);
void rig_add_scalar(struct message *step, double value);
void rig_skip_scalar(struct message *step);
/* step: of the last STEP among them; < 0: none. */
struct message rig_msg_dropped(uint64_t seq, uint64_t count, int64_t step);
struct message rig_msg_finish(uint64_t seq, int32_t exit_code);
struct message rig_msg_event(uint64_t seq, const char *kind, const char *text);
struct message rig_msg_mark(uint64_t seq, uint32_t step);
struct message rig_msg_restore(uint64_t seq, uint32_t step, const uint8_t *state, size_t len);
/* One entry `key` = value; it borrows entry, which it fills. step < 0: none. */
struct message rig_msg_log(
	uint64_t seq, int64_t step, struct log_entry *entry, const char *key, double value);

/* ---- calls ---- */

/* registry_open as peer; the stream in rig->stream. */
int rig_open(struct rig *rig, const struct msg_open *open);
/* The same, which must succeed. */
struct stream *rig_must_open(struct rig *rig, const struct msg_open *open);

/* Gives what its trainer counts its lap. */
enum apply_result rig_apply(struct rig *rig, struct stream *s, const struct message *m);
/* A one-rank step of the rig's run, its counts given one by one, must be taken. */
void rig_step(struct rig *rig, struct stream *s, uint32_t step, uint32_t n_rows, uint32_t c0,
	uint32_t c1);

/* Drains notices; the newest is rig->notice. */
void rig_notices(struct rig *rig);

/* Cuts every dirty run and commits it. */
void rig_commit(struct rig *rig);
/* As if killed and started again: what was not committed is gone. `lose_arrays`: the files too. */
void rig_crash(struct rig *rig, bool lose_arrays);
/* Gives every mark that is asked for, from what was committed. */
void rig_give_marks(struct rig *rig);

/* ---- the history ---- */

struct rig_text rig_sorted(const struct rig_text *text);
void rig_text_add(struct rig_text *text, char *line);
void rig_text_finish(struct rig_text *text);
/* How many lines begin so. */
size_t rig_count(const struct rig *rig, const char *begin);
/* The n-th line that begins so, or NULL. */
const char *rig_find(const struct rig *rig, const char *begin, size_t n);
/* The value of `key` in it, as text up to the next blank, or NULL. */
const char *rig_value(const char *line, const char *key, char out[128]);
double rig_number(const char *line, const char *key);
/* Prints what is left, for a look at a failing test. */
void rig_dump(const struct rig *rig);
