#include "step_metrics.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"

/* Columns of the view `steps` that are no figure of a step. */
#define NO_METRICS                                                                                 \
	"'run', 'attempt', 'step', 'lap', 'time', 'elapsed_s', 'computed', 'extra', 'non_finite'"

static bool has_row(sqlite3 *sql, const char *text, const char *first, const char *second) {
	sqlite3_stmt *st = NULL;
	bool found = false;

	if (sqlite3_prepare_v2(sql, text, -1, &st, NULL) == SQLITE_OK) {
		(void)sqlite3_bind_text(st, 1, first, -1, SQLITE_STATIC);
		(void)sqlite3_bind_text(st, 2, second, -1, SQLITE_STATIC);
		found = sqlite3_step(st) == SQLITE_ROW;
	}
	(void)sqlite3_finalize(st);
	return found;
}

bool step_metrics_have_column(sqlite3 *sql, const char *metric) {
	return has_row(sql,
		"SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2 AND name NOT IN (" NO_METRICS
		")",
		"steps", metric);
}

bool step_metrics_have_extra(sqlite3 *sql, const char *run, const char *metric) {
	return has_row(sql,
		"SELECT 1 FROM steps s, json_each(s.extra) j WHERE s.run = ?1 AND j.key = ?2 LIMIT "
		"1",
		run, metric);
}

/* The columns with a value in the newest step, and its extra numbers. */
static void name_all(sqlite3 *sql, const char *run, struct buf *out) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(sql,
		"SELECT * FROM steps WHERE run = ? ORDER BY step DESC, attempt DESC LIMIT 1", -1,
		&st, NULL);

	(void)sqlite3_bind_text(st, 1, run, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(st); i++) {
			const char *name = sqlite3_column_name(st, i);
			int type = sqlite3_column_type(st, i);
			if ((type == SQLITE_FLOAT || type == SQLITE_INTEGER) &&
				step_metrics_have_column(sql, name)) {
				(void)buf_printf(out, " %s", name);
			}
			json_t *extra =
				strcmp(name, "extra") == 0 && type == SQLITE_TEXT
					? json_loads(
						  (const char *)sqlite3_column_text(st, i), 0, NULL)
					: NULL;
			const char *key;
			json_t *value;
			json_object_foreach(extra, key, value) {
				(void)buf_printf(out, " %s", key);
			}
			json_decref(extra);
		}
	}
	(void)sqlite3_finalize(st);
}

void step_metrics_say_none(
	sqlite3 *sql, const char *run, const char *metric, char *ret_words, size_t size) {
	struct buf all = {0};

	name_all(sql, run, &all);
	const char *names = all.len > 0 ? buf_text(&all) : NULL;
	snprintf(ret_words, size,
		names != NULL ? "%s has no metric %s; there are:%s"
			      : "%s has no metric %s, and no steps%s",
		run, metric, names != NULL ? names : "");
	buf_finish(&all);
}
