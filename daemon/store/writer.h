/* What the core decided, written as rows: one prepared statement a table, plain INSERTs. The
 * caller owns the transaction. All functions return SQLite result codes; SQLITE_CONSTRAINT says
 * that a row was there already. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>

#include "buf.h"
#include "registry.h"
#include "slots.h"

enum statement {
	/* the transaction */
	STATEMENT_BEGIN,
	STATEMENT_COMMIT,
	STATEMENT_ROLLBACK,
	STATEMENT_SAVEPOINT,
	STATEMENT_RELEASE,
	STATEMENT_ROLLBACK_TO,
	STATEMENT_EPOCH,
	/* runs */
	STATEMENT_FIND_RUN,
	STATEMENT_ADD_RUN,
	STATEMENT_UPDATE_RUN,
	STATEMENT_ABOUT,
	STATEMENT_STOP_RUN,
	STATEMENT_STREAM,
	STATEMENT_STATE,
	STATEMENT_FIND_STATE,
	/* changes */
	STATEMENT_STEP,
	STATEMENT_LINE,
	STATEMENT_LAST_LATE_LINE,
	STATEMENT_FIND_KEY,
	STATEMENT_ADD_KEY,
	STATEMENT_HISTORY,
	STATEMENT_HISTOGRAM,
	STATEMENT_DROP_PARTIAL,
	STATEMENT_DROP_PARTIAL_MEANS,
	STATEMENT_WINDOW,
	STATEMENT_WINDOW_STEPS,
	STATEMENT_WINDOW_MEANS,
	STATEMENT_FEATURES,
	STATEMENT_FEATURES_BEFORE,
	STATEMENT_DEATHS,
	STATEMENT_EVENT,
	STATEMENT_ATTEMPT,
	STATEMENT_ALERT,
	STATEMENT_ALERT_OVER,
	STATEMENT_MARK,
	STATEMENT_FORGET_MARKS,
	STATEMENT_MARK_RANGE,
	/* forwarding */
	STATEMENT_FIND_FORWARD,
	STATEMENT_FORWARD,
	STATEMENT_FORWARD_LINE,
	STATEMENT_COUNT
};

struct writer {
	sqlite3 *sql; /* borrowed */
	sqlite3_stmt *statements[STATEMENT_COUNT];
	struct buf json, deaths; /* scratch */
};

int writer_prepare(struct writer *r, sqlite3 *sql);
void writer_finish(struct writer *r);

/* A statement that returns no rows. */
int writer_run(struct writer *r, enum statement statement);

/* A user without a name keeps the one that is there. *n, the run's number, is found or given when it is 0. */
int writer_put_run(struct writer *r, const struct run_row *run, int64_t *n);
int writer_stop_run(struct writer *r, int64_t run);
int writer_put_stream(struct writer *r, int64_t run, const struct stream_row *stream);

/* Everything but CHANGE_MARK, which has a file. */
int writer_put_change(struct writer *r, int64_t run, const struct change *change);

/* A restore point under the number n, whose state is in a file; marks up to `forgotten` keep none. */
int writer_put_mark(struct writer *r, int64_t run, int64_t n, const struct change_mark *mark,
	uint64_t checksum, int64_t forgotten);

/* The counts of a closed window take the place of those of one before, unless that was complete and this one is not; `base`:
 * its totals, where it has none of its own. What died and what came alive between the two is written beside them; `since`: the
 * step before the first of the windows that this commit brings, in its attempt. */
int writer_put_feature_counts(struct writer *r, int64_t run, const struct closed_window *closed,
	int64_t since, const uint64_t *base);

/* An event that no change brought; run 0: of the database. */
int writer_put_event(
	struct writer *r, int64_t run, double time, const char *kind, const char *text);

/* What is decided of a run's lines for W&B; `last` NULL: none yet. `summary`: a JSON object. */
int writer_put_forward(struct writer *r, int64_t run, int64_t lines, const struct change_line *last,
	const char *summary, bool own_key);
/* The line under that ordinal, unless it has no key for W&B: *ret_put says. */
int writer_put_forward_line(struct writer *r, int64_t run, int64_t ordinal,
	const struct change_line *line, bool with_ours, bool *ret_put);

struct state_row {
	const uint8_t *small;
	size_t small_len;
	uint32_t d_sae;
	struct slot_ref hot, base;
};
int writer_put_state(struct writer *r, int64_t run, const struct state_row *state);
