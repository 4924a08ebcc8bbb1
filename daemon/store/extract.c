#include "extract.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "run_match.h"
#include "schema.h"

struct table {
	const char *name, *run;             /* the column that has the run's number */
	const char *keys[EXTRACT_KEYS_MAX]; /* of its rows, integers; none: it has one row a run */
	bool has_names;                     /* a column "key" means names of keys_data */
};

static const struct table tables[] = {
	{"runs_data", "n", {0}, false},
	{"runs_about", "run", {0}, false},
	{"forwards_data", "run", {0}, false},
	{"attempts_data", "run", {"attempt"}, false},
	{"steps_data", "run", {"step", "attempt"}, false},
	{"lines_data", "run", {"line"}, false},
	{"history_data", "run", {"step", "attempt", "line", "key"}, true},
	{"histograms_data", "run", {"step", "attempt", "line", "key"}, true},
	{"windows_data", "run", {"attempt", "window"}, false},
	{"window_means_data", "run", {"attempt", "window"}, false},
	{"features_data", "run", {"part"}, false},
	{"deaths_data", "run", {"attempt", "window", "part"}, false},
	{"events_data", "run", {"n"}, false},
	{"marks_data", "run", {"n"}, false},
	{"removed_data", "run", {"what"}, false},
	{"acknowledged_data", "run", {"n"}, false},
	{"alerts_data", "run", {"n"}, false},
};

struct page {
	sqlite3 *sql;
	const struct table *table;
	json_t *rows, *names;
	size_t bytes;
	int key_columns[EXTRACT_KEYS_MAX], name_column;
	int64_t last[EXTRACT_KEYS_MAX];
	int err; /* the first stays */
};

static const struct table *find_table(const char *name) {
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		if (strcmp(tables[i].name, name) == 0) {
			return &tables[i];
		}
	}
	return NULL;
}

static size_t n_keys(const struct table *t) {
	size_t n = 0;

	while (n < EXTRACT_KEYS_MAX && t->keys[n] != NULL) {
		n++;
	}
	return n;
}

static void keep(struct page *p, int err) {
	p->err = p->err < 0 ? p->err : err;
}

/* ---- values ---- */

static json_t *blob_json(const uint8_t *bytes, size_t len) {
	static const char digits[] = "0123456789abcdef";
	char *hex = malloc(2 * len + 1);
	json_t *value = NULL;

	if (hex != NULL) {
		for (size_t i = 0; i < len; i++) {
			hex[2 * i] = digits[bytes[i] >> 4];
			hex[2 * i + 1] = digits[bytes[i] & 15];
		}
		value = json_pack("{s:s#}", "blob", hex, (int)(2 * len));
	}
	free(hex);
	return value;
}

static json_t *real_json(double value) {
	if (isfinite(value)) {
		return json_real(value);
	}
	return json_pack("{s:s}", "real", value > 0 ? "Infinity" : "-Infinity");
}

/* NULL when memory is short, or a text is none. */
static json_t *value_json(sqlite3_stmt *st, int at) {
	switch (sqlite3_column_type(st, at)) {
	case SQLITE_INTEGER:
		return json_integer(sqlite3_column_int64(st, at));
	case SQLITE_FLOAT:
		return real_json(sqlite3_column_double(st, at));
	case SQLITE_TEXT:
		return json_stringn((const char *)sqlite3_column_text(st, at),
			(size_t)sqlite3_column_bytes(st, at));
	case SQLITE_BLOB:
		return blob_json(sqlite3_column_blob(st, at), (size_t)sqlite3_column_bytes(st, at));
	default:
		return json_null();
	}
}

/* ---- rows ---- */

/* The name of one of W&B's keys, once a page. */
static void take_name(struct page *p, int64_t key) {
	sqlite3_stmt *st = NULL;
	char number[24];

	(void)snprintf(number, sizeof number, "%" PRId64, key);
	if (json_object_get(p->names, number) != NULL) {
		return;
	}
	int rc = sqlite3_prepare_v2(p->sql, "SELECT key FROM keys_data WHERE n = ?", -1, &st, NULL);
	if (rc == SQLITE_OK && (rc = sqlite3_bind_int64(st, 1, key)) == SQLITE_OK &&
		(rc = sqlite3_step(st)) == SQLITE_ROW &&
		json_object_set_new(p->names, number, value_json(st, 0)) < 0) {
		keep(p, -EBADMSG);
	}
	(void)sqlite3_finalize(st);
	keep(p, db_error(p->sql, rc));
}

/* About. Of a number its bytes are not asked for: SQLite would write it out as a text. */
static size_t value_size(sqlite3_stmt *st, int at) {
	int type = sqlite3_column_type(st, at);

	return 16 + (type == SQLITE_TEXT || type == SQLITE_BLOB
				    ? (size_t)sqlite3_column_bytes(st, at)
				    : 0);
}

static void take_row(struct page *p, sqlite3_stmt *st) {
	json_t *row = json_array();

	for (int i = 0; i < sqlite3_column_count(st); i++) {
		if (json_array_append_new(row, value_json(st, i)) < 0) {
			keep(p, -EBADMSG);
		}
		p->bytes += value_size(st, i);
	}
	for (size_t i = 0; i < n_keys(p->table); i++) {
		p->last[i] = sqlite3_column_int64(st, p->key_columns[i]);
	}
	if (p->table->has_names) {
		take_name(p, sqlite3_column_int64(st, p->name_column));
	}
	if (json_array_append_new(p->rows, row) < 0) {
		keep(p, -ENOMEM);
	}
}

static json_t *take_columns(struct page *p, sqlite3_stmt *st) {
	json_t *columns = json_array();

	for (int i = 0; i < sqlite3_column_count(st); i++) {
		const char *name = sqlite3_column_name(st, i);
		if (json_array_append_new(columns, json_string(name)) < 0) {
			keep(p, -ENOMEM);
		}
		for (size_t k = 0; k < n_keys(p->table); k++) {
			p->key_columns[k] =
				strcmp(name, p->table->keys[k]) == 0 ? i : p->key_columns[k];
		}
		p->name_column = strcmp(name, "key") == 0 ? i : p->name_column;
	}
	return columns;
}

/* ---- where a page begins ---- */

static int read_after(const char *after, size_t n, int64_t ret[EXTRACT_KEYS_MAX]) {
	const char *at = after;

	for (size_t i = 0; i < n; i++) {
		char *end;
		errno = 0;
		ret[i] = strtoll(at, &end, 10);
		if (end == at || errno != 0 || *end != (i + 1 < n ? ',' : '\0')) {
			return -EINVAL;
		}
		at = end + 1;
	}
	return n > 0 ? 0 : -EINVAL;
}

static json_t *write_after(const struct page *p) {
	char text[EXTRACT_AFTER_MAX + 1] = "";
	size_t len = 0;

	for (size_t i = 0; i < n_keys(p->table); i++) {
		len += (size_t)snprintf(
			text + len, sizeof text - len, "%s%" PRId64, i > 0 ? "," : "", p->last[i]);
	}
	return json_string(text);
}

/* "(step, attempt) > (?2, ?3)": the order of the table's key. */
static void write_select(const struct table *t, bool has_after, char *out, size_t size) {
	char keys[128] = "", places[64] = "";
	size_t key_len = 0, place_len = 0, n = n_keys(t);

	for (size_t i = 0; i < n; i++) {
		const char *comma = i > 0 ? ", " : "";
		key_len += (size_t)snprintf(
			keys + key_len, sizeof keys - key_len, "%s%s", comma, t->keys[i]);
		place_len += (size_t)snprintf(
			places + place_len, sizeof places - place_len, "%s?%zu", comma, i + 2);
	}
	int len = snprintf(out, size, "SELECT * FROM %s WHERE %s = ?1", t->name, t->run);
	if (has_after) {
		len += snprintf(out + len, size - (size_t)len, " AND (%s) > (%s)", keys, places);
	}
	if (n > 0) {
		(void)snprintf(out + len, size - (size_t)len, " ORDER BY %s", keys);
	}
}

static int begin(
	struct page *p, const struct extract_query *query, int64_t run, sqlite3_stmt **ret_st) {
	bool has_after = query->after != NULL && query->after[0] != '\0';
	int64_t after[EXTRACT_KEYS_MAX] = {0};
	char sql[512];

	if (has_after && read_after(query->after, n_keys(p->table), after) < 0) {
		return -EINVAL;
	}
	write_select(p->table, has_after, sql, sizeof sql);
	int rc = sqlite3_prepare_v2(p->sql, sql, -1, ret_st, NULL);
	if (rc == SQLITE_OK) {
		rc = sqlite3_bind_int64(*ret_st, 1, run);
	}
	for (size_t i = 0; has_after && rc == SQLITE_OK && i < n_keys(p->table); i++) {
		rc = sqlite3_bind_int64(*ret_st, (int)i + 2, after[i]);
	}
	return db_error(p->sql, rc);
}

/* ---- a page ---- */

static json_t *fill(struct page *p, sqlite3_stmt *st, size_t bytes_max) {
	json_t *columns = take_columns(p, st), *next = NULL;
	int rc;

	while (p->err == 0 && (rc = sqlite3_step(st)) != SQLITE_DONE) {
		if (rc != SQLITE_ROW) {
			keep(p, db_error(p->sql, rc));
			break;
		}
		take_row(p, st);
		if (p->bytes >= bytes_max && n_keys(p->table) > 0) {
			next = write_after(p);
			break;
		}
	}
	return json_pack("{s:i, s:s, s:o, s:O, s:O, s:o}", "schema", SCHEMA_VERSION, "table",
		p->table->name, "columns", columns, "rows", p->rows, "keys", p->names, "next",
		next != NULL ? next : json_null());
}

static int read_id(sqlite3 *sql, int64_t run, json_t *page) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(sql, "SELECT id FROM runs_data WHERE n = ?", -1, &st, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_bind_int64(st, 1, run)) == SQLITE_OK &&
		(rc = sqlite3_step(st)) == SQLITE_ROW) {
		json_object_set_new(page, "id", value_json(st, 0));
		json_object_set_new(page, "n", json_integer(run));
	}
	(void)sqlite3_finalize(st);
	return db_error(sql, rc);
}

static int build(struct page *p, const struct extract_query *query, int64_t run, json_t **ret) {
	sqlite3_stmt *st = NULL;
	json_t *page = NULL;
	int err = begin(p, query, run, &st);

	if (err == 0) {
		page = fill(p, st, query->page_bytes > 0 ? query->page_bytes : EXTRACT_PAGE_BYTES);
		keep(p, page == NULL ? -ENOMEM : read_id(p->sql, run, page));
		err = p->err;
	}
	(void)sqlite3_finalize(st);
	if (err < 0) {
		json_decref(page);
		return err;
	}
	*ret = page;
	return 0;
}

static int extract(
	struct page *p, const struct extract_query *query, json_t **ret, char ret_words[256]) {
	int64_t run = 0;
	int result = run_match(p->sql, query->run_part, &query->viewer, &run, ret_words);

	if (result == RUN_MATCH_NOT_ONE) {
		return EXTRACT_NO_SUCH_RUN;
	}
	return result < 0 ? result : build(p, query, run, ret);
}

int extract_page(
	sqlite3 *sql, const struct extract_query *query, json_t **ret, char ret_words[256]) {
	struct page p = {.sql = sql, .table = find_table(query->table)};

	ret_words[0] = '\0';
	if (p.table == NULL) {
		snprintf(ret_words, 256, "there is no table \"%.64s\" to be handed out",
			query->table);
		return -EINVAL;
	}
	p.rows = json_array();
	p.names = json_object();
	int result = db_error(sql, sqlite3_exec(sql, "BEGIN", NULL, NULL, NULL));
	if (result == 0) {
		result = extract(&p, query, ret, ret_words);
		(void)sqlite3_exec(sql, "COMMIT", NULL, NULL, NULL);
	}
	json_decref(p.rows);
	json_decref(p.names);
	if (result < 0 && ret_words[0] == '\0') {
		snprintf(ret_words, 256, "%s",
			result == -EINVAL ? "there is no such place in the table"
					  : "the database cannot be read");
	}
	return result;
}
