#include "report_row.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "db.h"
#include "repr.h"

#define PATH_MAX_BYTES 64

static void keep(struct report *r, int err) {
	if (r->err == 0) {
		r->err = err;
	}
}

static sqlite3_stmt *prepare(struct report *r, const char *sql) {
	sqlite3_stmt *st = NULL;

	keep(r, db_error(r->sql, sqlite3_prepare_v2(r->sql, sql, -1, &st, NULL)));
	return st;
}

static void bind(sqlite3_stmt *st, int n_values, va_list *values) {
	for (int i = 0; st != NULL && i < n_values; i++) {
		(void)sqlite3_bind_int64(st, i + 1, va_arg(*values, int64_t));
	}
}

sqlite3_stmt *report_query(struct report *r, const char *sql, int n_values, ...) {
	sqlite3_stmt *st = r->err < 0 ? NULL : prepare(r, sql);
	va_list values;

	va_start(values, n_values);
	bind(st, n_values, &values);
	va_end(values);
	return st;
}

/* One that is not being asked; else a new one, which is kept if there is room. */
static sqlite3_stmt *take_kept(struct report *r, const char *sql) {
	for (size_t i = 0; i < r->n_kept; i++) {
		struct report_kept *kept = &r->kept[i];
		if (kept->text == sql && !kept->in_use) {
			kept->in_use = true;
			return kept->statement;
		}
	}
	sqlite3_stmt *st = prepare(r, sql);
	if (st != NULL && r->n_kept < REPORT_KEPT_MAX) {
		r->kept[r->n_kept++] = (struct report_kept){sql, st, true};
	}
	return st;
}

sqlite3_stmt *report_query_again(struct report *r, const char *sql, int n_values, ...) {
	sqlite3_stmt *st = r->err < 0 ? NULL : take_kept(r, sql);
	va_list values;

	va_start(values, n_values);
	bind(st, n_values, &values);
	va_end(values);
	return st;
}

void report_finish(struct report *r) {
	for (size_t i = 0; i < r->n_kept; i++) {
		(void)sqlite3_finalize(r->kept[i].statement);
	}
	r->n_kept = 0;
}

void report_end(struct report *r, sqlite3_stmt **st) {
	for (size_t i = 0; i < r->n_kept; i++) {
		if (r->kept[i].statement == *st) {
			(void)sqlite3_reset(*st);
			r->kept[i].in_use = false;
			*st = NULL;
		}
	}
	(void)sqlite3_finalize(*st);
	*st = NULL;
}

bool report_next(struct report *r, sqlite3_stmt **st) {
	int rc = *st != NULL && r->err == 0 ? sqlite3_step(*st) : SQLITE_DONE;
	if (rc == SQLITE_ROW) {
		return true;
	}
	keep(r, db_error(r->sql, rc));
	report_end(r, st);
	return false;
}

void report_set(struct report *r, json_t *object, const char *path, json_t *value) {
	char key[PATH_MAX_BYTES];
	snprintf(key, sizeof key, "%s", path);
	char *name = key, *dot;
	while ((dot = strchr(name, '.')) != NULL) {
		*dot = '\0';
		json_t *inner = json_object_get(object, name);
		if (inner == NULL) {
			inner = json_object();
			keep(r, json_object_set_new(object, name, inner) < 0 ? -ENOMEM : 0);
		}
		object = inner;
		name = dot + 1;
	}
	keep(r, json_object_set_new(object, name, value) < 0 ? -ENOMEM : 0);
}

void report_append(struct report *r, json_t *array, json_t *value) {
	keep(r, json_array_append_new(array, value) < 0 ? -ENOMEM : 0);
}

json_t *report_time(double seconds) {
	time_t whole = (time_t)floor(seconds);
	struct tm tm;
	if (!(seconds > 0) || gmtime_r(&whole, &tm) == NULL) {
		return json_null();
	}
	char date[40], text[48];
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	int thousandths = (int)((seconds - floor(seconds)) * 1000);
	snprintf(text, sizeof text, "%s.%03dZ", date, thousandths);
	return json_string(text);
}

json_t *report_number(double value) {
	char text[REPR_MAX];
	return isfinite(value) ? json_real(value) : json_string(repr_double(text, value));
}

json_t *report_printf(const char *format, ...) {
	va_list args;
	va_start(args, format);
	json_t *text = json_vsprintf(format, args);
	va_end(args);
	return text;
}

/* JSON that a trainer gave was checked when it came; if it is none after all, it is a text. */
static json_t *column_json(sqlite3_stmt *st, int column) {
	const char *text = (const char *)sqlite3_column_text(st, column);
	size_t len = (size_t)sqlite3_column_bytes(st, column);
	json_t *value = json_loadb(text, len, JSON_DECODE_ANY, NULL);
	return value != NULL ? value : json_stringn(text, len);
}

static json_t *column_value(sqlite3_stmt *st, int column, const char *kind) {
	int type = sqlite3_column_type(st, column);
	if (type == SQLITE_NULL) {
		return json_null();
	}
	if (strcmp(kind, "time") == 0) {
		return report_time(sqlite3_column_double(st, column));
	}
	if (strcmp(kind, "bool") == 0) {
		return json_boolean(sqlite3_column_int(st, column));
	}
	if (strcmp(kind, "json") == 0) {
		return column_json(st, column);
	}
	if (type == SQLITE_INTEGER) {
		return json_integer(sqlite3_column_int64(st, column));
	}
	if (type == SQLITE_FLOAT) {
		return report_number(sqlite3_column_double(st, column));
	}
	return json_stringn((const char *)sqlite3_column_text(st, column),
		(size_t)sqlite3_column_bytes(st, column));
}

void report_take_row(struct report *r, sqlite3_stmt *st, json_t *object) {
	for (int i = 0; i < sqlite3_column_count(st); i++) {
		char path[PATH_MAX_BYTES];
		snprintf(path, sizeof path, "%s", sqlite3_column_name(st, i));
		char *colon = strchr(path, ':');
		if (colon != NULL) {
			*colon = '\0';
		}
		if (path[0] != '_') {
			report_set(r, object, path,
				column_value(st, i, colon == NULL ? "" : colon + 1));
		}
	}
}
