#include "line_reader.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "line_value.h"
#include "wandb_line.h"

#define LINES_AHEAD 256 /* of the table of lines: a page of it or two */

/* The rows of a line stand together, in the order of its key. */
#define FROM_LINE(table)                                                                           \
	"FROM " table " v CROSS JOIN keys_data k ON k.n = v.key "                                  \
	"WHERE v.run = ?1 AND v.step = ?2 AND v.attempt = ?3 AND v.line = ?4"

enum reader_statement { READ_LINES, READ_VALUES, READ_HISTOGRAMS, N_STATEMENTS };

static const char *const statements[N_STATEMENTS] = {
	[READ_LINES] = "SELECT line, attempt, step, time, elapsed_s FROM lines_data "
		       "WHERE run = ?1 AND line > ?2 AND line <= ?3 ORDER BY line LIMIT ?4",
	[READ_VALUES] = "SELECT " LINE_VALUE_COLUMNS FROM_LINE("history_data"),
	[READ_HISTOGRAMS] = "SELECT " LINE_HISTOGRAM_COLUMNS FROM_LINE("histograms_data"),
};

/* Keys whose newest value stayed out. There are as many as we have metrics of our own. */
struct left_out {
	int64_t number;
	char *key;
};

struct line_reader {
	sqlite3 *sql;
	sqlite3_stmt *statements[N_STATEMENTS];
	struct line_query query; /* moves on */
	struct change_line ahead[LINES_AHEAD];
	size_t ahead_at, n_ahead;
	struct changes arena; /* of the line's keys, texts and histograms */
	struct change_line line;
	struct line_entry *entries;
	uint32_t n_entries, entries_cap;
	struct left_out *left_out;
	size_t n_left_out;
};

/* ---- beginning and end ---- */

int line_reader_open(sqlite3 *sql, const struct line_query *query, struct line_reader **ret) {
	struct line_reader *r = calloc(1, sizeof *r);
	int err = r == NULL ? -ENOMEM : 0;

	if (err == 0) {
		*r = (struct line_reader){.sql = sql, .query = *query};
		changes_init(&r->arena);
	}
	for (size_t i = 0; err == 0 && i < N_STATEMENTS; i++) {
		err = db_error(
			sql, sqlite3_prepare_v2(sql, statements[i], -1, &r->statements[i], NULL));
	}
	if (err < 0) {
		line_reader_close(r);
		return err;
	}
	*ret = r;
	return 0;
}

void line_reader_close(struct line_reader *r) {
	if (r == NULL) {
		return;
	}
	for (size_t i = 0; i < N_STATEMENTS; i++) {
		(void)sqlite3_finalize(r->statements[i]);
	}
	for (size_t i = 0; i < r->n_left_out; i++) {
		free(r->left_out[i].key);
	}
	free(r->left_out);
	free(r->entries);
	changes_finish(&r->arena);
	free(r);
}

int line_reader_newest(sqlite3 *sql, int64_t run, int64_t *ret_line) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(sql,
		"SELECT coalesce(max(line), -1) FROM lines_data WHERE run = ? AND line >= 0", -1,
		&st, NULL);
	if (rc == SQLITE_OK && (rc = sqlite3_bind_int64(st, 1, run)) == SQLITE_OK &&
		(rc = sqlite3_step(st)) == SQLITE_ROW) {
		*ret_line = sqlite3_column_int64(st, 0);
	}
	(void)sqlite3_finalize(st);
	return db_error(sql, rc);
}

/* ---- what stays out ---- */

static struct left_out *find_left_out(const struct line_reader *r, int64_t number) {
	for (size_t i = 0; i < r->n_left_out; i++) {
		if (r->left_out[i].number == number) {
			return &r->left_out[i];
		}
	}
	return NULL;
}

static int leave_out(struct line_reader *r, int64_t number, const char *key) {
	if (find_left_out(r, number) != NULL) {
		return 0;
	}
	struct left_out *more = reallocarray(r->left_out, r->n_left_out + 1, sizeof *r->left_out);
	if (more == NULL) {
		return -ENOMEM;
	}
	r->left_out = more;
	more[r->n_left_out].number = number;
	more[r->n_left_out].key = strdup(key);
	return more[r->n_left_out].key == NULL ? -ENOMEM : (r->n_left_out++, 0);
}

static void take_in(struct line_reader *r, int64_t number) {
	struct left_out *found = find_left_out(r, number);

	if (found != NULL) {
		free(found->key);
		*found = r->left_out[--r->n_left_out];
	}
}

bool line_reader_left_out(const struct line_reader *r, const char *key) {
	for (size_t i = 0; i < r->n_left_out; i++) {
		if (strcmp(r->left_out[i].key, key) == 0) {
			return true;
		}
	}
	return false;
}

/* ---- a line ---- */

/* The entry to be filled, or NULL when memory is short. */
static struct line_entry *entry_add(struct line_reader *r, sqlite3_stmt *st) {
	if (r->n_entries == r->entries_cap) {
		uint32_t cap = r->entries_cap == 0 ? 32 : r->entries_cap * 2;
		struct line_entry *more = reallocarray(r->entries, cap, sizeof *more);
		if (more == NULL) {
			return NULL;
		}
		r->entries = more;
		r->entries_cap = cap;
	}
	char *key = changes_text(&r->arena, line_column_text(st, AT_KEY));
	if (key == NULL) {
		return NULL;
	}
	struct line_entry *e = &r->entries[r->n_entries++];
	*e = (struct line_entry){
		.key = key, .source = (enum line_source)sqlite3_column_int(st, AT_SOURCE)};
	return e;
}

static int take_row(struct line_reader *r, enum reader_statement which) {
	sqlite3_stmt *st = r->statements[which];
	int64_t number = sqlite3_column_int64(st, AT_KEY_NUMBER);

	if (wandb_line_reserves(line_column_text(st, AT_KEY).data)) {
		return 0;
	}
	if (!r->query.with_ours) {
		if (sqlite3_column_int(st, AT_SOURCE) == LINE_OURS) {
			return leave_out(r, number, line_column_text(st, AT_KEY).data);
		}
		take_in(r, number);
	}
	struct line_entry *e = entry_add(r, st);
	if (e == NULL) {
		return -ENOMEM;
	}
	return which == READ_VALUES ? line_value_take(st, &r->arena, &e->value)
				    : line_histogram_take(st, &r->arena, &e->value);
}

static int read_rows(struct line_reader *r, enum reader_statement which) {
	sqlite3_stmt *st = r->statements[which];
	int err = 0, rc;

	(void)sqlite3_bind_int64(st, 1, r->query.run);
	(void)sqlite3_bind_int64(st, 2, r->line.step);
	(void)sqlite3_bind_int64(st, 3, r->line.attempt);
	(void)sqlite3_bind_int64(st, 4, r->line.line);
	while (err == 0 && (rc = sqlite3_step(st)) != SQLITE_DONE) {
		err = rc == SQLITE_ROW ? take_row(r, which) : db_error(r->sql, rc);
	}
	(void)sqlite3_reset(st);
	return err;
}

/* ---- which lines ---- */

static double column_time(sqlite3_stmt *st, int at) {
	return sqlite3_column_type(st, at) == SQLITE_NULL ? NAN : sqlite3_column_double(st, at);
}

static struct change_line column_line(sqlite3_stmt *st) {
	return (struct change_line){
		.line = sqlite3_column_int64(st, 0),
		.attempt = (uint32_t)sqlite3_column_int64(st, 1),
		.step = (uint32_t)sqlite3_column_int64(st, 2),
		.time = column_time(st, 3),
		.elapsed_s = column_time(st, 4),
	};
}

static int read_ahead(struct line_reader *r) {
	sqlite3_stmt *st = r->statements[READ_LINES];
	int rc;

	r->ahead_at = r->n_ahead = 0;
	(void)sqlite3_bind_int64(st, 1, r->query.run);
	(void)sqlite3_bind_int64(st, 2, r->query.after_line);
	(void)sqlite3_bind_int64(st, 3, r->query.through_line);
	(void)sqlite3_bind_int(st, 4, LINES_AHEAD);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		r->ahead[r->n_ahead++] = column_line(st);
	}
	(void)sqlite3_reset(st);
	return db_error(r->sql, rc);
}

/* The next one of the table, whether or not W&B gets it. */
static int next_of_table(struct line_reader *r) {
	int err = r->ahead_at == r->n_ahead ? read_ahead(r) : 0;

	if (err < 0 || r->ahead_at == r->n_ahead) {
		return err < 0 ? err : LINE_END;
	}
	r->line = r->ahead[r->ahead_at++];
	r->query.after_line = r->line.line;
	return LINE_READ;
}

/* What the line has logged. */
static int read_entries(struct line_reader *r) {
	r->n_entries = 0;
	changes_finish(&r->arena);
	changes_init(&r->arena);
	int err = read_rows(r, READ_VALUES);
	err = err < 0 ? err : read_rows(r, READ_HISTOGRAMS);
	r->line.entries = r->entries;
	r->line.n_entries = r->n_entries;
	return err;
}

int line_reader_next(struct line_reader *r, const struct change_line **ret) {
	int result;

	while ((result = next_of_table(r)) == LINE_READ) {
		if ((int64_t)r->line.step <= r->query.after_step) {
			continue;
		}
		int err = read_entries(r);
		if (err < 0) {
			return err;
		}
		if (r->n_entries > 0) {
			r->query.after_step = r->line.step;
			*ret = &r->line;
			break;
		}
	}
	return result;
}
