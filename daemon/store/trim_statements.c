#include <stdarg.h>

#include "trim_private.h"

static int prepare(sqlite3 *sql, sqlite3_stmt **ret, const char *text, int n, va_list values) {
	*ret = NULL;
	int rc = sqlite3_prepare_v2(sql, text, -1, ret, NULL);
	for (int i = 1; rc == SQLITE_OK && i <= n; i++) {
		rc = sqlite3_bind_int64(*ret, i, va_arg(values, int64_t));
	}
	return db_error(sql, rc);
}

int trim_prepare(sqlite3 *sql, sqlite3_stmt **ret, const char *text, int n_values, ...) {
	va_list values;
	va_start(values, n_values);
	int err = prepare(sql, ret, text, n_values, values);
	va_end(values);
	return err;
}

int trim_run_sql(sqlite3 *sql, int64_t *ret_changed, const char *text, int n_values, ...) {
	sqlite3_stmt *st;
	va_list values;
	va_start(values, n_values);
	int err = prepare(sql, &st, text, n_values, values);
	va_end(values);
	if (err == 0) {
		err = db_error(sql, sqlite3_step(st));
	}
	if (err == 0 && ret_changed != NULL) {
		*ret_changed += sqlite3_changes64(sql);
	}
	(void)sqlite3_finalize(st);
	return err;
}

int trim_read_int(sqlite3 *sql, int64_t none, int64_t *ret, const char *text, int n_values, ...) {
	sqlite3_stmt *st;
	va_list values;
	va_start(values, n_values);
	int err = prepare(sql, &st, text, n_values, values);
	va_end(values);
	if (err == 0) {
		int rc = sqlite3_step(st);
		bool found = rc == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL;
		*ret = found ? sqlite3_column_int64(st, 0) : none;
		err = db_error(sql, rc);
	}
	(void)sqlite3_finalize(st);
	return err;
}
