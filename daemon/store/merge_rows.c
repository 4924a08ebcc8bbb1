#include "merge_rows.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "run_match.h"

#define COLUMNS_MAX 256
#define KEYS_MAX    (16 << 20) /* above that a number is damage, and not to be allocated for */
#define ROWS_A_LOOK 1024       /* between two looks whether to stop */

/* ---- numbers ---- */

static int read_int(sqlite3 *sql, const char *select, int64_t *ret) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(sql, select, -1, &st, NULL);

	rc = rc == SQLITE_OK ? sqlite3_step(st) : rc;
	if (rc == SQLITE_ROW) {
		*ret = sqlite3_column_int64(st, 0);
		rc = SQLITE_OK;
	}
	(void)sqlite3_finalize(st);
	return rc;
}

int merge_new_number(struct merging *m, int64_t *ret) {
	return read_int(m->into,
		"SELECT 1 + max(coalesce((SELECT max(n) FROM runs_data), 0), coalesce((SELECT "
		"max(n) FROM removed_runs_data), 0))",
		ret);
}

/* ---- W&B's keys ---- */

static int take_key(
	struct merging *m, sqlite3_stmt *theirs, sqlite3_stmt *insert, sqlite3_stmt *find) {
	int64_t n = sqlite3_column_int64(theirs, 0);
	int rc = n >= 0 && n < m->n_keys ? SQLITE_OK : SQLITE_CORRUPT;

	rc = rc == SQLITE_OK ? sqlite3_bind_value(insert, 1, sqlite3_column_value(theirs, 1)) : rc;
	rc = rc == SQLITE_OK ? sqlite3_step(insert) : rc;
	(void)sqlite3_reset(insert);
	rc = rc == SQLITE_DONE ? sqlite3_bind_value(find, 1, sqlite3_column_value(theirs, 1)) : rc;
	rc = rc == SQLITE_OK ? sqlite3_step(find) : rc;
	if (rc == SQLITE_ROW) {
		m->keys[n] = sqlite3_column_int64(find, 0);
	}
	(void)sqlite3_reset(find);
	return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_CORRUPT : rc;
}

static int take_keys(struct merging *m) {
	sqlite3_stmt *theirs = NULL, *insert = NULL, *find = NULL;
	int rc = read_int(m->from, "SELECT 1 + coalesce(max(n), 0) FROM keys_data", &m->n_keys);

	if (rc == SQLITE_OK && (m->n_keys < 0 || m->n_keys > KEYS_MAX)) {
		return SQLITE_CORRUPT;
	}
	m->keys = rc == SQLITE_OK ? calloc((size_t)m->n_keys, sizeof *m->keys) : NULL;
	rc = rc == SQLITE_OK && m->keys == NULL ? SQLITE_NOMEM : rc;
	rc = rc == SQLITE_OK ? sqlite3_prepare_v2(
				       m->from, "SELECT n, key FROM keys_data", -1, &theirs, NULL)
			     : rc;
	rc = rc == SQLITE_OK ? sqlite3_prepare_v2(m->into,
				       "INSERT OR IGNORE INTO keys_data (key) VALUES (?)", -1,
				       &insert, NULL)
			     : rc;
	rc = rc == SQLITE_OK ? sqlite3_prepare_v2(m->into, "SELECT n FROM keys_data WHERE key = ?",
				       -1, &find, NULL)
			     : rc;
	while (rc == SQLITE_OK && (rc = sqlite3_step(theirs)) == SQLITE_ROW) {
		rc = take_key(m, theirs, insert, find);
	}
	(void)sqlite3_finalize(theirs);
	(void)sqlite3_finalize(insert);
	(void)sqlite3_finalize(find);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* ---- tables ---- */

/* A table that is added later is among them by having the column. */
static int find_tables(struct merging *m) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(m->into,
		"SELECT name FROM sqlite_schema t WHERE type = 'table' AND EXISTS (SELECT 1 FROM "
		"pragma_table_info(t.name) c WHERE c.name = 'run') "
		"ORDER BY name",
		-1, &st, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		char *name = strdup((const char *)sqlite3_column_text(st, 0));
		rc = name == NULL                      ? SQLITE_NOMEM
		     : m->n_tables == MERGE_TABLES_MAX ? SQLITE_TOOBIG
						       : SQLITE_OK;
		if (rc == SQLITE_OK) {
			m->tables[m->n_tables++] = name;
		} else {
			free(name);
		}
	}
	(void)sqlite3_finalize(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int merge_prepare(struct merging *m) {
	int rc = find_tables(m);

	return rc == SQLITE_OK ? take_keys(m) : rc;
}

void merge_finish(struct merging *m) {
	for (size_t i = 0; i < m->n_tables; i++) {
		free(m->tables[i]);
	}
	free(m->keys);
}

/* ---- rows ---- */

/* How rows of a table are read there and written here. */
struct road {
	sqlite3_stmt *select, *insert;
	int n_columns, run, key,
		own; /* columns, -1: none. own: a number of the row's own, given anew */
};

static void end_road(struct road *r) {
	(void)sqlite3_finalize(r->select);
	(void)sqlite3_finalize(r->insert);
}

/* Columns as the current schema has them, so that both sides are in one order. */
static int write_road(struct merging *m, const char *table, const char *where, struct buf *select,
	struct buf *insert, struct road *r) {
	sqlite3_stmt *st = NULL;
	int err = buf_printf(select, "SELECT ") < 0 ||
				  buf_printf(insert, "INSERT INTO \"%s\" VALUES (", table) < 0
			  ? -1
			  : 0;
	int rc = sqlite3_prepare_v2(m->into,
		"SELECT name, pk = 1 AND type = 'INTEGER' AND (SELECT count(*) FROM "
		"pragma_table_info(?1) WHERE pk > 0) = 1 FROM pragma_table_info(?1)",
		-1, &st, NULL);

	rc = rc == SQLITE_OK ? sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC) : rc;
	while (rc == SQLITE_OK && err == 0 && sqlite3_step(st) == SQLITE_ROW &&
		r->n_columns < COLUMNS_MAX) {
		const char *name = (const char *)sqlite3_column_text(st, 0),
			   *comma = r->n_columns > 0 ? ", " : "";
		r->run = strcmp(name, "run") == 0 ? r->n_columns : r->run;
		r->key = strcmp(name, "key") == 0 ? r->n_columns : r->key;
		r->own = sqlite3_column_int(st, 1) != 0 && strcmp(name, "n") == 0 ? r->n_columns
										  : r->own;
		err = buf_printf(select, "%s\"%s\"", comma, name) < 0 ||
				      buf_printf(insert, "%s?", comma) < 0
			      ? -1
			      : 0;
		r->n_columns++;
	}
	(void)sqlite3_finalize(st);
	err = err < 0 || buf_printf(select, " FROM \"%s\" r WHERE %s", table, where) < 0 ||
			      buf_printf(insert, ")") < 0
		      ? -1
		      : 0;
	return rc != SQLITE_OK                                                   ? rc
	       : err < 0 || buf_text(select) == NULL || buf_text(insert) == NULL ? SQLITE_NOMEM
										 : SQLITE_OK;
}

static int begin_road(struct merging *m, const char *table, const char *where, struct road *ret) {
	struct buf select = {0}, insert = {0};

	*ret = (struct road){.run = -1, .key = -1, .own = -1};
	int rc = write_road(m, table, where, &select, &insert, ret);
	rc = rc == SQLITE_OK ? sqlite3_prepare_v2(
				       m->from, (const char *)select.data, -1, &ret->select, NULL)
			     : rc;
	rc = rc == SQLITE_OK ? sqlite3_prepare_v2(
				       m->into, (const char *)insert.data, -1, &ret->insert, NULL)
			     : rc;
	buf_finish(&select);
	buf_finish(&insert);
	return rc;
}

static int bind_column(const struct merging *m, struct road *r, int at, int64_t our_n) {
	if (at == r->run && our_n > 0) {
		return sqlite3_bind_int64(r->insert, at + 1, our_n);
	}
	if (at == r->own) {
		return our_n > 0 && r->run < 0 ? sqlite3_bind_int64(r->insert, at + 1, our_n)
					       : sqlite3_bind_null(r->insert, at + 1);
	}
	if (at == r->key) {
		int64_t key = sqlite3_column_int64(r->select, at);
		return key >= 0 && key < m->n_keys
			       ? sqlite3_bind_int64(r->insert, at + 1, m->keys[key])
			       : SQLITE_CORRUPT;
	}
	return sqlite3_bind_value(r->insert, at + 1, sqlite3_column_value(r->select, at));
}

static int copy_row(struct merging *m, struct road *r, int64_t our_n) {
	int rc = SQLITE_OK;

	for (int i = 0; rc == SQLITE_OK && i < r->n_columns; i++) {
		rc = bind_column(m, r, i, our_n);
	}
	rc = rc == SQLITE_OK ? sqlite3_step(r->insert) : rc;
	(void)sqlite3_reset(r->insert);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int copy_rows(struct merging *m, struct road *r, int64_t our_n) {
	int rc = SQLITE_OK;
	uint64_t n = 0;

	while (rc == SQLITE_OK && (rc = sqlite3_step(r->select)) == SQLITE_ROW) {
		bool is_stopped = ++n % ROWS_A_LOOK == 0 && atomic_load(m->stop);
		rc = is_stopped ? SQLITE_INTERRUPT : copy_row(m, r, our_n);
	}
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int copy_table(
	struct merging *m, const char *table, const char *where, int64_t their_n, int64_t our_n) {
	struct road r;
	int rc = begin_road(m, table, where, &r);

	rc = rc == SQLITE_OK ? sqlite3_bind_int64(r.select, 1, their_n) : rc;
	rc = rc == SQLITE_OK ? copy_rows(m, &r, our_n) : rc;
	end_road(&r);
	return rc;
}

int merge_copy_run(struct merging *m, int64_t their_n, int64_t our_n) {
	int rc = copy_table(m, "runs_data", "r.n = ?1", their_n, our_n);

	for (size_t i = 0; rc == SQLITE_OK && i < m->n_tables; i++) {
		rc = copy_table(m, m->tables[i], "r.run = ?1", their_n, our_n);
	}
	return rc;
}

static int remove_rows(struct merging *m, const char *table, const char *column, int64_t n) {
	char sql[128];
	sqlite3_stmt *st = NULL;

	(void)snprintf(sql, sizeof sql, "DELETE FROM \"%s\" WHERE %s = ?", table, column);
	int rc = sqlite3_prepare_v2(m->into, sql, -1, &st, NULL);
	rc = rc == SQLITE_OK ? sqlite3_bind_int64(st, 1, n) : rc;
	rc = rc == SQLITE_OK ? sqlite3_step(st) : rc;
	(void)sqlite3_finalize(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int merge_remove_run(struct merging *m, int64_t n) {
	int rc = remove_rows(m, "runs_data", "n", n);

	for (size_t i = 0; rc == SQLITE_OK && i < m->n_tables; i++) {
		rc = remove_rows(m, m->tables[i], "run", n);
	}
	return rc;
}

/* ---- the rest ---- */

/* Whether a row like the one that `select` stands at is here already. SQLITE_ROW: it is. */
static int find_same(sqlite3_stmt *find, const struct road *r, const int *columns, int n) {
	int rc = SQLITE_OK;

	for (int i = 0; rc == SQLITE_OK && i < n; i++) {
		rc = sqlite3_bind_value(find, i + 1, sqlite3_column_value(r->select, columns[i]));
	}
	rc = rc == SQLITE_OK ? sqlite3_step(find) : rc;
	(void)sqlite3_reset(find);
	return rc;
}

static int copy_new(struct merging *m, struct road *r, const char *same, const int *columns, int n,
	bool is_numbered) {
	sqlite3_stmt *find = NULL;
	int rc = sqlite3_prepare_v2(m->into, same, -1, &find, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(r->select)) == SQLITE_ROW) {
		int64_t number = 0;
		rc = find_same(find, r, columns, n);
		if (rc == SQLITE_DONE) {
			rc = is_numbered ? merge_new_number(m, &number) : SQLITE_OK;
			rc = rc == SQLITE_OK ? copy_row(m, r, number) : rc;
		} else {
			rc = rc == SQLITE_ROW ? SQLITE_OK : rc;
		}
	}
	(void)sqlite3_finalize(find);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* By their columns: n, id, …, removed; and n, run, attempt, step, time, kind, text. */
int merge_copy_rest(struct merging *m, const struct viewer *viewer) {
	static const int event[] = {4, 5, 6}, removed[] = {1, 11};
	struct road r;
	int rc = begin_road(m, "removed_runs_data", RUN_VISIBLE, &r);

	if (rc == SQLITE_OK) {
		run_match_bind(r.select, viewer);
		rc = copy_new(m, &r,
			"SELECT 1 FROM removed_runs_data WHERE id IS ?1 AND removed IS ?2", removed,
			2, true);
	}
	end_road(&r);
	if (rc != SQLITE_OK || !viewer->sees_all) {
		return rc;
	}
	rc = begin_road(m, "events_data", "r.run IS NULL", &r);
	rc = rc == SQLITE_OK ? copy_new(m, &r,
				       "SELECT 1 FROM events_data WHERE run IS NULL AND time IS ?1 "
				       "AND kind IS ?2 AND text IS ?3",
				       event, 3, false)
			     : rc;
	end_road(&r);
	return rc;
}
