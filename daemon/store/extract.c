#include "extract.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "gradient_norm.h"
#include "json_text.h"
#include "run_match.h"
#include "schema.h"
#include "text.h"

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

/* Of a table's rows those of which a condition is true. */
static const struct part {
	const char *name, *table, *condition;
} parts[] = {
	{"gradient_norms", "history_data",
		"(SELECT k.key" LIKE_GRADIENT_NORM
		" FROM keys_data k WHERE k.n = history_data.key)"},
};

struct page {
	sqlite3 *sql;
	const struct table *table;
	const struct part *part; /* NULL: all of it */
	struct buf *out;
	json_t *names;     /* number -> name */
	size_t rows_begin; /* in `out` */
	int key_columns[EXTRACT_KEYS_MAX], name_column;
	int64_t last[EXTRACT_KEYS_MAX];
	int err; /* the first stays */
};

static const struct part *find_part(const char *name) {
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		if (strcmp(parts[i].name, name) == 0) {
			return &parts[i];
		}
	}
	return NULL;
}

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

static void put(struct page *p, const char *text) {
	keep(p, buf_append(p->out, text, strlen(text)));
}

/* ---- values ---- */

static void put_blob(struct page *p, const uint8_t *bytes, size_t len) {
	static const char digits[] = "0123456789abcdef";

	put(p, "{\"blob\":\"");
	keep(p, buf_reserve(p->out, 2 * len));
	for (size_t i = 0; p->err == 0 && i < len; i++) {
		const char pair[] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
		keep(p, buf_append(p->out, pair, sizeof pair));
	}
	put(p, "\"}");
}

static void put_real(struct page *p, double value) {
	if (isfinite(value)) {
		keep(p, json_put_number(p->out, value));
	} else {
		put(p, value > 0 ? "{\"real\":\"Infinity\"}" : "{\"real\":\"-Infinity\"}");
	}
}

static void put_text(struct page *p, const char *text, size_t len) {
	bool is_text = text != NULL && text_flaw(text_of(text, len), false) == NULL;

	keep(p, is_text ? json_put_text(p->out, text, len) : -EBADMSG);
}

static void put_value(struct page *p, sqlite3_stmt *st, int at) {
	switch (sqlite3_column_type(st, at)) {
	case SQLITE_INTEGER:
		keep(p, buf_printf(p->out, "%" PRId64, (int64_t)sqlite3_column_int64(st, at)));
		break;
	case SQLITE_FLOAT:
		put_real(p, sqlite3_column_double(st, at));
		break;
	case SQLITE_TEXT:
		put_text(p, (const char *)sqlite3_column_text(st, at),
			(size_t)sqlite3_column_bytes(st, at));
		break;
	case SQLITE_BLOB:
		put_blob(p, sqlite3_column_blob(st, at), (size_t)sqlite3_column_bytes(st, at));
		break;
	default:
		put(p, "null");
		break;
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
		json_object_set_new(p->names, number,
			json_stringn((const char *)sqlite3_column_text(st, 0),
				(size_t)sqlite3_column_bytes(st, 0))) < 0) {
		keep(p, -EBADMSG);
	}
	(void)sqlite3_finalize(st);
	keep(p, db_error(p->sql, rc));
}

/* Of a part its condition comes behind them. */
static int n_columns(const struct page *p, sqlite3_stmt *st) {
	return sqlite3_column_count(st) - (p->part != NULL);
}

static bool is_wanted(const struct page *p, sqlite3_stmt *st) {
	return p->part == NULL || sqlite3_column_int(st, n_columns(p, st)) != 0;
}

static void put_row(struct page *p, sqlite3_stmt *st) {
	put(p, p->out->len > p->rows_begin ? ",[" : "[");
	for (int i = 0; p->err == 0 && i < n_columns(p, st); i++) {
		put(p, i > 0 ? "," : "");
		put_value(p, st, i);
	}
	put(p, "]");
	if (p->table->has_names) {
		take_name(p, sqlite3_column_int64(st, p->name_column));
	}
}

static void put_columns(struct page *p, sqlite3_stmt *st) {
	for (int i = 0; i < n_columns(p, st); i++) {
		const char *name = sqlite3_column_name(st, i);
		if (name == NULL) {
			keep(p, -ENOMEM);
			return;
		}
		put(p, i > 0 ? "," : "");
		put_text(p, name, strlen(name));
		for (size_t k = 0; k < n_keys(p->table); k++) {
			p->key_columns[k] =
				strcmp(name, p->table->keys[k]) == 0 ? i : p->key_columns[k];
		}
		p->name_column = strcmp(name, "key") == 0 ? i : p->name_column;
	}
}

static void put_names(struct page *p) {
	char *text = json_dumps(p->names, JSON_COMPACT);

	if (text != NULL) {
		put(p, text);
	} else {
		keep(p, -ENOMEM);
	}
	free(text);
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

static void put_after(struct page *p) {
	for (size_t i = 0; i < n_keys(p->table); i++) {
		keep(p, buf_printf(p->out, "%s%" PRId64, i > 0 ? "," : "\"", p->last[i]));
	}
	put(p, "\"");
}

/* "(step, attempt) > (?2, ?3)": the order of the table's key. */
static void write_select(const struct page *p, bool has_after, char *out, size_t size) {
	const struct table *t = p->table;
	const struct part *part = p->part;
	char keys[128] = "", places[64] = "";
	size_t key_len = 0, place_len = 0, n = n_keys(t);

	for (size_t i = 0; i < n; i++) {
		const char *comma = i > 0 ? ", " : "";
		key_len += (size_t)snprintf(
			keys + key_len, sizeof keys - key_len, "%s%s", comma, t->keys[i]);
		place_len += (size_t)snprintf(
			places + place_len, sizeof places - place_len, "%s?%zu", comma, i + 2);
	}
	int len = snprintf(out, size, "SELECT *%s%s FROM %s WHERE %s = ?1",
		part != NULL ? ", " : "", part != NULL ? part->condition : "", t->name, t->run);
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
	write_select(p, has_after, sql, sizeof sql);
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

static void take_place(struct page *p, sqlite3_stmt *st) {
	for (size_t i = 0; i < n_keys(p->table); i++) {
		p->last[i] = sqlite3_column_int64(st, p->key_columns[i]);
	}
}

/* Whether more rows follow. */
static bool put_rows(struct page *p, sqlite3_stmt *st, const struct extract_query *query) {
	size_t bytes_max = query->page_bytes > 0 ? query->page_bytes : EXTRACT_PAGE_BYTES;
	size_t rows_left = query->page_rows > 0 ? query->page_rows : EXTRACT_PAGE_ROWS;
	int rc;

	p->rows_begin = p->out->len;
	while (p->err == 0 && (rc = sqlite3_step(st)) != SQLITE_DONE) {
		if (rc != SQLITE_ROW) {
			keep(p, db_error(p->sql, rc));
			break;
		}
		if (is_wanted(p, st)) {
			put_row(p, st);
		}
		bool is_full = --rows_left == 0 || p->out->len - p->rows_begin >= bytes_max;
		if (is_full && n_keys(p->table) > 0) {
			take_place(p, st);
			return true;
		}
	}
	return false;
}

static void put_id(struct page *p, int64_t run) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(p->sql, "SELECT id FROM runs_data WHERE n = ?", -1, &st, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_bind_int64(st, 1, run)) == SQLITE_OK &&
		(rc = sqlite3_step(st)) == SQLITE_ROW) {
		put(p, ",\"id\":");
		put_value(p, st, 0);
		keep(p, buf_printf(p->out, ",\"n\":%" PRId64, run));
	}
	(void)sqlite3_finalize(st);
	keep(p, db_error(p->sql, rc));
}

static void put_page(
	struct page *p, sqlite3_stmt *st, int64_t run, const struct extract_query *query) {
	keep(p, buf_printf(p->out, "{\"schema\":%d,\"table\":\"%s\",\"columns\":[", SCHEMA_VERSION,
			p->table->name));
	put_columns(p, st);
	put(p, "],\"rows\":[");
	bool has_more = put_rows(p, st, query);
	put(p, "],\"keys\":");
	put_names(p);
	put(p, ",\"next\":");
	if (has_more) {
		put_after(p);
	} else {
		put(p, "null");
	}
	put_id(p, run);
	put(p, "}");
}

static int build(struct page *p, const struct extract_query *query, int64_t run) {
	sqlite3_stmt *st = NULL;
	int err = begin(p, query, run, &st);

	if (err == 0) {
		put_page(p, st, run, query);
		err = p->err;
	}
	(void)sqlite3_finalize(st);
	return err;
}

static int extract(struct page *p, const struct extract_query *query, char ret_words[256]) {
	int64_t run = 0;
	int result = run_match(p->sql, query->run_part, &query->viewer, &run, ret_words);

	if (result == RUN_MATCH_NOT_ONE) {
		return EXTRACT_NO_SUCH_RUN;
	}
	return result < 0 ? result : build(p, query, run);
}

int extract_page(
	sqlite3 *sql, const struct extract_query *query, struct buf *ret, char ret_words[256]) {
	const struct part *part = find_part(query->table);
	struct page p = {.sql = sql,
		.table = find_table(part != NULL ? part->table : query->table),
		.part = part,
		.out = ret};

	ret_words[0] = '\0';
	if (p.table == NULL) {
		snprintf(ret_words, 256, "there is no table \"%.64s\" to be handed out",
			query->table);
		return -EINVAL;
	}
	p.names = json_object();
	int result = db_error(sql, sqlite3_exec(sql, "BEGIN", NULL, NULL, NULL));
	if (result == 0) {
		result = extract(&p, query, ret_words);
		(void)sqlite3_exec(sql, "COMMIT", NULL, NULL, NULL);
	}
	json_decref(p.names);
	if (result != 0) {
		buf_finish(ret);
	}
	if (result < 0 && ret_words[0] == '\0') {
		snprintf(ret_words, 256, "%s",
			result == -EINVAL ? "there is no such place in the table"
					  : "the database cannot be read");
	}
	return result;
}
