#include "fetched_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "buf.h"
#include "document.h"
#include "extract.h"
#include "message.h"
#include "schema.h"

#define PAGE_TIMEOUT_MS                                                                            \
	30000u /* a page is some milliseconds' work, behind a commit that may wait for a slow disk */
#define COLUMNS_MAX  256
#define NAME_MAX_LEN 64u

struct fetching {
	sqlite3 *sql;
	const struct run_tables *tables;
	const char *const *name; /* of the one that is being fetched */
	const char *run_part;
	const atomic_bool *stop;
	json_t *page; /* that has come and is not kept yet; NULL: there is none */
	bool begun;
	int64_t n; /* the run's number */
	char id[RUN_ID_MAX + 1], after[EXTRACT_AFTER_MAX + 1];
	const char *failed; /* why; NULL: it goes well */
};

static struct text text_from(const char *words) {
	return text_of(words, strlen(words));
}

/* ---- rows ---- */

/* What the daemon calls its tables and columns is not put into a statement unseen. */
static bool is_name(const char *name) {
	size_t len = name != NULL ? strlen(name) : 0;

	return len > 0 && len <= NAME_MAX_LEN &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static uint8_t digit_of(char c) {
	return (uint8_t)(c >= 'a' ? c - 'a' + 10 : c - '0');
}

static int bind_hex(sqlite3_stmt *st, int at, const char *hex) {
	size_t len = strlen(hex) / 2;
	uint8_t *bytes = malloc(len + 1);

	if (bytes == NULL) {
		return SQLITE_NOMEM;
	}
	if (strspn(hex, "0123456789abcdef") != 2 * len) {
		free(bytes);
		return SQLITE_MISMATCH;
	}
	for (size_t i = 0; i < len; i++) {
		bytes[i] = (uint8_t)(digit_of(hex[2 * i]) << 4 | digit_of(hex[2 * i + 1]));
	}
	int rc = sqlite3_bind_blob(st, at, bytes, (int)len, SQLITE_TRANSIENT);
	free(bytes);
	return rc;
}

static int bind_object(sqlite3_stmt *st, int at, const json_t *value) {
	const char *hex = document_text(value, "blob"), *real = document_text(value, "real");

	if (hex != NULL) {
		return bind_hex(st, at, hex);
	}
	return real != NULL ? sqlite3_bind_double(st, at, real[0] == '-' ? -INFINITY : INFINITY)
			    : SQLITE_MISMATCH;
}

static int bind_value(sqlite3_stmt *st, int at, const json_t *value) {
	switch (json_typeof(value)) {
	case JSON_NULL:
		return sqlite3_bind_null(st, at);
	case JSON_INTEGER:
		return sqlite3_bind_int64(st, at, json_integer_value(value));
	case JSON_REAL:
		return sqlite3_bind_double(st, at, json_real_value(value));
	case JSON_STRING:
		return sqlite3_bind_text(st, at, json_string_value(value),
			(int)json_string_length(value), SQLITE_TRANSIENT);
	case JSON_OBJECT:
		return bind_object(st, at, value);
	default:
		return SQLITE_MISMATCH;
	}
}

static int put_row(sqlite3_stmt *st, const json_t *row, size_t n_columns) {
	int rc = json_array_size(row) == n_columns ? SQLITE_OK : SQLITE_MISMATCH;

	for (size_t i = 0; rc == SQLITE_OK && i < n_columns; i++) {
		rc = bind_value(st, (int)i + 1, json_array_get(row, i));
	}
	rc = rc == SQLITE_OK ? sqlite3_step(st) : rc;
	(void)sqlite3_reset(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int prepare_insert(
	sqlite3 *sql, const char *table, const json_t *columns, sqlite3_stmt **ret) {
	size_t n = json_array_size(columns);
	struct buf text = {0};
	int err = is_name(table) && n > 0 && n <= COLUMNS_MAX
			  ? buf_printf(&text, "INSERT INTO %s (", table)
			  : -1;

	for (size_t i = 0; err == 0 && i < n; i++) {
		const char *name = json_string_value(json_array_get(columns, i));
		err = is_name(name) ? buf_printf(&text, "%s\"%s\"", i > 0 ? ", " : "", name) : -1;
	}
	for (size_t i = 0; err == 0 && i < n; i++) {
		err = buf_printf(&text, "%s?", i > 0 ? ", " : ") VALUES (");
	}
	err = err == 0 ? buf_printf(&text, ")") : err;
	int rc = err == 0 && buf_text(&text) != NULL
			 ? sqlite3_prepare_v2(sql, (const char *)text.data, -1, ret, NULL)
			 : SQLITE_MISMATCH;
	buf_finish(&text);
	return rc;
}

static int put_rows(struct fetching *f, const json_t *page) {
	const json_t *columns = json_object_get(page, "columns");
	sqlite3_stmt *st = NULL;
	size_t i;
	json_t *row;

	int rc = prepare_insert(f->sql, document_text(page, "table"), columns, &st);
	json_array_foreach(json_object_get(page, "rows"), i, row) {
		rc = rc == SQLITE_OK ? put_row(st, row, json_array_size(columns)) : rc;
	}
	(void)sqlite3_finalize(st);
	return rc;
}

static int put_names(struct fetching *f, const json_t *page) {
	sqlite3_stmt *st = NULL;
	const char *number;
	json_t *name;
	int rc = sqlite3_prepare_v2(
		f->sql, "INSERT OR IGNORE INTO keys_data VALUES (?, ?)", -1, &st, NULL);

	json_object_foreach(json_object_get(page, "keys"), number, name) {
		if (rc == SQLITE_OK) {
			(void)sqlite3_bind_int64(st, 1, strtoll(number, NULL, 10));
			rc = bind_value(st, 2, name);
		}
		rc = rc == SQLITE_OK ? sqlite3_step(st) : rc;
		(void)sqlite3_reset(st);
		rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
	}
	(void)sqlite3_finalize(st);
	return rc;
}

/* ---- pages ---- */

static const char *take_page(struct fetching *f, json_t *page) {
	const char *id = document_text(page, "id"), *next = document_text(page, "next");

	if (json_integer_value(json_object_get(page, "schema")) != SCHEMA_VERSION) {
		return "the daemon keeps its runs as another version does: use the sae-metricsd "
		       "that it is";
	}
	if (id == NULL || strlen(id) > RUN_ID_MAX ||
		(next != NULL && strlen(next) > EXTRACT_AFTER_MAX)) {
		return "its answer cannot be understood";
	}
	if (f->begun && strcmp(id, f->id) != 0) {
		return "the run was removed meanwhile";
	}
	f->page = json_incref(page);
	f->begun = true;
	f->n = json_integer_value(json_object_get(page, "n"));
	snprintf(f->id, sizeof f->id, "%s", id);
	snprintf(f->after, sizeof f->after, "%s", next != NULL ? next : "");
	f->name += next == NULL;
	return NULL;
}

/* While the daemon reads the next one. */
static void keep_page(void *user) {
	struct fetching *f = user;

	if (f->page != NULL &&
		(put_names(f, f->page) != SQLITE_OK || put_rows(f, f->page) != SQLITE_OK)) {
		f->failed = "what it hands out cannot be kept (is there room for temporary "
			    "files?)";
	}
	json_decref(f->page);
	f->page = NULL;
}

/* To the next table that is needed. */
static void pass_over_needless(struct fetching *f) {
	bool begins = f->begun && f->after[0] == '\0';

	while (begins && f->tables->is_needed != NULL && f->failed == NULL && *f->name != NULL) {
		keep_page(f);
		if (f->tables->is_needed(f->sql, f->n, *f->name)) {
			return;
		}
		f->name++;
	}
}

static bool on_page(void *user, json_t *page, struct msg_query *ret) {
	struct fetching *f = user;

	if (f->failed == NULL && page != NULL) {
		f->failed = take_page(f, page);
	}
	pass_over_needless(f);
	if (f->failed == NULL && atomic_load(f->stop)) {
		f->failed = "stopped";
	}
	if (f->failed != NULL || *f->name == NULL) {
		return false;
	}
	*ret = (struct msg_query){
		.what = text_from("export"),
		.run = text_from(f->begun ? f->id : f->run_part),
		.table = text_from(*f->name),
		.after = text_from(f->after),
	};
	return true;
}

static int open_own(sqlite3 **ret) {
	int rc = sqlite3_open_v2("", ret, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

	rc = rc == SQLITE_OK ? schema_migrate(*ret) : rc;
	return rc == SQLITE_OK ? sqlite3_exec(*ret, "BEGIN", NULL, NULL, NULL) : rc;
}

enum ask_result fetched_run_open(const char *socket_path, const char *run_part,
	const struct run_tables *tables, const atomic_bool *stop, sqlite3 **ret,
	char ret_words[ASK_WORDS_MAX]) {
	struct fetching f = {
		.tables = tables, .name = tables->names, .run_part = run_part, .stop = stop};
	const struct ask_talk talk = {
		.next = on_page, .meanwhile = keep_page, .user = &f, .timeout_ms = PAGE_TIMEOUT_MS};
	enum ask_result result = ASK_FAILED;

	snprintf(ret_words, ASK_WORDS_MAX, "no temporary file can be made");
	if (open_own(&f.sql) == SQLITE_OK) {
		result = ask_talk(socket_path, &talk, ret_words);
		keep_page(&f);
	}
	if (result == ASK_ANSWERED && f.failed == NULL &&
		sqlite3_exec(f.sql, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
		f.failed = "there is no room for temporary files";
	}
	if (result == ASK_ANSWERED && f.failed != NULL) {
		snprintf(ret_words, ASK_WORDS_MAX, "%s", f.failed);
		result = ASK_FAILED;
	}
	if (result != ASK_ANSWERED) {
		(void)sqlite3_close(f.sql);
		return result;
	}
	*ret = f.sql;
	return result;
}
