#include "export_table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "export_features.h"
#include "schema.h"

/* Where a run went back, rows of what it left behind are beside the newer ones. What stands is what no later attempt began at or before:
 * of windows, before their last step. */
#define STANDS(step)                                                                               \
	"(:all_attempts OR NOT EXISTS (SELECT 1 FROM attempts_data a WHERE a.run = :n AND "        \
	"a.attempt > t.attempt "                                                                   \
	"AND a.step_first <= t." step "))"
#define BETWEEN "t.step BETWEEN :from AND :to"

static const char *const steps_needs[] = {
	"runs_data", "attempts_data", "steps_data", "removed_data", NULL};
static const char *const history_needs[] = {
	"runs_data", "attempts_data", "history_data", "removed_data", NULL};
static const char *const windows_needs[] = {
	"runs_data", "attempts_data", "windows_data", "removed_data", NULL};
static const char *const histograms_needs[] = {
	"runs_data", "attempts_data", "histograms_data", "removed_data", NULL};
static const char *const events_needs[] = {"runs_data", "events_data", "removed_data", NULL};
static const char *const features_needs[] = {"runs_data", "features_data", "removed_data", NULL};
static const char *const deaths_needs[] = {
	"runs_data", "attempts_data", "windows_data", "deaths_data", "removed_data", NULL};

const struct export_table export_tables[EXPORT_TABLES] = {
	[EXPORT_STEPS] = {"steps", steps_needs,
		"FROM steps t WHERE t.run = :id AND " BETWEEN
		" AND " STANDS("step") " ORDER BY t.step, t.attempt"},
	[EXPORT_HISTORY] = {"history", history_needs,
		"FROM history t WHERE t.run = :id AND " BETWEEN
		" AND " STANDS("step") " ORDER BY t.step, t.attempt"},
	[EXPORT_WINDOWS] = {"windows", windows_needs,
		"FROM windows t WHERE t.run = :id AND t.step_last >= :from AND t.step_first <= :to "
		"AND " STANDS("step_last") " ORDER BY t.attempt, t.window"},
	[EXPORT_HISTOGRAMS] = {"histograms", histograms_needs,
		"FROM histograms t WHERE t.run = :id AND " BETWEEN
		" AND " STANDS("step") " ORDER BY t.step, t.attempt"},
	[EXPORT_EVENTS] = {"events", events_needs,
		/* One without a step is of the run as a whole. */
		"FROM events t WHERE t.run = :id AND coalesce(" BETWEEN
		", :from <= 0) ORDER BY t.time"},
	[EXPORT_FEATURES] = {"features", features_needs, NULL},
	[EXPORT_DEATHS] = {"deaths", deaths_needs,
		/* Those of the windows that would be written. */
		"FROM deaths t WHERE t.run = :id AND (t.attempt, t.window) IN (SELECT t.attempt, "
		"t.window FROM windows_data t WHERE t.run = :n AND t.step_last >= :from AND "
		"t.step_first <= :to AND " STANDS(
			"step_last") ") ORDER BY t.attempt, t.window, t.feature, t.what"},
};

/* ---- columns ---- */

struct columns {
	const char *names[EXPORT_COLUMNS_MAX];    /* the statement's */
	enum cell_kind kinds[EXPORT_COLUMNS_MAX]; /* CELL_NULL: what SQLite says */
	size_t n; /* what is read for its own sake stands behind them */
};

static bool is_among(const char *name, const char *const *names) {
	for (; *names != NULL; names++) {
		if (strcmp(name, *names) == 0) {
			return true;
		}
	}
	return false;
}

static enum cell_kind kind_of(const char *name) {
	static const char *const json[] = {"computed", "extra", "non_finite", "flaws", "thresholds",
		"wandb_bins", "wandb_values", "density_counts", "bins", "values", NULL};

	return strcmp(name, "time") == 0 ? CELL_TIME : is_among(name, json) ? CELL_JSON : CELL_NULL;
}

/* The names of all of a table's columns, owned but for those of features; NULL ends them. */
struct names {
	const char *all[EXPORT_COLUMNS_MAX + 1];
	sqlite3 *sql;
	sqlite3_stmt *st;
};

/* A view's are from a database without rows: they are the same in all. */
static bool read_names(const struct export_table *t, struct names *ret) {
	char select[96];

	*ret = (struct names){0};
	for (size_t i = 0; t->select == NULL && export_features_names[i] != NULL; i++) {
		ret->all[i] = export_features_names[i];
	}
	if (t->select == NULL) {
		return true;
	}
	snprintf(select, sizeof select, "SELECT * FROM %s", t->name);
	if (sqlite3_open(":memory:", &ret->sql) != SQLITE_OK ||
		schema_migrate(ret->sql) != SQLITE_OK ||
		sqlite3_prepare_v2(ret->sql, select, -1, &ret->st, NULL) != SQLITE_OK) {
		return false;
	}
	for (int i = 0; i < sqlite3_column_count(ret->st) && i < (int)EXPORT_COLUMNS_MAX; i++) {
		ret->all[i] = sqlite3_column_name(ret->st, i);
	}
	return true;
}

static void names_finish(struct names *names) {
	(void)sqlite3_finalize(names->st);
	(void)sqlite3_close(names->sql);
}

static bool has_name(const struct names *names, const char *name, size_t len) {
	for (size_t i = 0; names->all[i] != NULL; i++) {
		if (strlen(names->all[i]) == len && memcmp(names->all[i], name, len) == 0) {
			return true;
		}
	}
	return false;
}

static void say_names(const struct export_table *t, const struct names *names, const char *name,
	size_t len, char *words, size_t size) {
	int n = snprintf(words, size, "%s has no column '%.*s'; there are", t->name,
		(int)(len < 64 ? len : 64), name);

	for (size_t i = 0; names->all[i] != NULL && n > 0 && (size_t)n < size; i++) {
		n += snprintf(words + n, size - (size_t)n, " %s", names->all[i]);
	}
}

/* Two members of one name would be no object that every reader takes. */
static bool is_named_before(const char *columns, const char *name, size_t len) {
	for (const char *at = columns; at < name; at += strcspn(at, ",") + 1) {
		if (strcspn(at, ",") == len && memcmp(at, name, len) == 0) {
			return true;
		}
	}
	return false;
}

bool export_table_has(
	const struct export_table *t, const char *columns, char *ret_words, size_t words_size) {
	struct names names;
	bool has_all = read_names(t, &names);

	snprintf(ret_words, words_size, "memory is short");
	for (const char *name = columns; has_all; name++) {
		size_t len = strcspn(name, ",");
		has_all = has_name(&names, name, len);
		if (!has_all) {
			say_names(t, &names, name, len, ret_words, words_size);
		} else if (is_named_before(columns, name, len)) {
			has_all = false;
			snprintf(ret_words, words_size, "column '%.*s' is named twice", (int)len,
				name);
		}
		name += len;
		if (*name == '\0') {
			break;
		}
	}
	names_finish(&names);
	return has_all;
}

/* `"step","below_1e-5"`: each in the quotes that some need. */
static int put_list(struct buf *out, const char *columns) {
	int err = 0;

	for (const char *name = columns; err == 0; name++) {
		size_t len = strcspn(name, ",");
		err = buf_printf(out, "%st.\"%.*s\"", name == columns ? "" : ",", (int)len, name);
		name += len;
		if (*name == '\0') {
			break;
		}
	}
	return err;
}

/* What says of a NULL what it was is read in any case, behind all others. */
static const char *teller_of(const struct export_table *t) {
	return t == &export_tables[EXPORT_STEPS]     ? "non_finite"
	       : t == &export_tables[EXPORT_HISTORY] ? "kind"
						     : NULL;
}

static int write_statement(struct buf *out, const struct export_table *t, const char *columns) {
	const char *teller = teller_of(t);
	int err = buf_printf(out, "SELECT ");

	err = err < 0 ? err : columns != NULL ? put_list(out, columns) : buf_printf(out, "t.*");
	err = err < 0 || teller == NULL ? err : buf_printf(out, ", t.%s", teller);
	err = err < 0 ? err : buf_printf(out, " %s", t->select);
	return err < 0 || buf_text(out) == NULL ? -ENOMEM : 0;
}

/* ---- what was not finite ---- */

/* Of "NaN" a NaN, and so on; false: of none of them. */
static bool read_word(const char *word, struct cell *ret) {
	static const struct {
		const char *word;
		double value;
	} words[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}, {"nan", NAN},
		{"inf", INFINITY}, {"-inf", -INFINITY}};

	for (size_t i = 0; word != NULL && i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(word, words[i].word) == 0) {
			*ret = (struct cell){.kind = CELL_REAL, .real = words[i].value};
			return true;
		}
	}
	return false;
}

static void restore_step(const struct columns *c, struct cell *cells, const char *non_finite) {
	json_t *object = json_loads(non_finite, 0, NULL);

	for (size_t i = 0; i < c->n && object != NULL; i++) {
		if (cells[i].kind == CELL_NULL) {
			(void)read_word(
				json_string_value(json_object_get(object, c->names[i])), &cells[i]);
		}
	}
	json_decref(object);
}

static void restore_value(const struct columns *c, struct cell *cells, const char *kind) {
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->names[i], "value") == 0 && cells[i].kind == CELL_NULL) {
			(void)read_word(kind, &cells[i]);
		}
	}
}

/* SQLite has no NaN: the view says beside a NULL that it was one. */
static void restore(const struct export_table *t, const struct columns *c, struct cell *cells,
	const char *told) {
	if (told != NULL && t == &export_tables[EXPORT_STEPS]) {
		restore_step(c, cells, told);
	} else if (told != NULL) {
		restore_value(c, cells, told);
	}
}

/* ---- rows ---- */

static void take_row(sqlite3_stmt *st, const struct columns *c, struct cell *ret) {
	for (size_t i = 0; i < c->n; i++) {
		ret[i] = cell_of_column(st, (int)i);
		bool fits = c->kinds[i] == CELL_TIME ? ret[i].kind == CELL_REAL
						     : ret[i].kind == CELL_TEXT;
		if (c->kinds[i] != CELL_NULL && fits) {
			ret[i].kind = c->kinds[i];
		}
	}
}

static bool read_columns(sqlite3_stmt *st, bool has_teller, struct columns *ret) {
	ret->n = (size_t)sqlite3_column_count(st) - has_teller;
	for (size_t i = 0; i < ret->n && i < EXPORT_COLUMNS_MAX; i++) {
		ret->names[i] = sqlite3_column_name(st, (int)i);
		ret->kinds[i] = kind_of(ret->names[i]);
	}
	return ret->n <= EXPORT_COLUMNS_MAX;
}

static int write_rows(const struct export_table *t, sqlite3_stmt *st, bool with_heading,
	const atomic_bool *stop, struct row_output *out) {
	bool has_teller = teller_of(t) != NULL;
	struct cell cells[EXPORT_COLUMNS_MAX];
	struct columns c;
	int rc = SQLITE_DONE, err = 0;

	if (!read_columns(st, has_teller, &c)) {
		return -EINVAL;
	}
	err = with_heading ? row_output_heading(out, c.names, c.n) : 0;
	while (err == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		take_row(st, &c, cells);
		if (has_teller) {
			restore(t, &c, cells, (const char *)sqlite3_column_text(st, (int)c.n));
		}
		err = row_output_put(out, c.names, cells, c.n);
		err = err == 0 && atomic_load(stop) ? -EINTR : err;
	}
	return err < 0 ? err : rc == SQLITE_DONE ? 0 : -EBADMSG;
}

static void bind_int(sqlite3_stmt *st, const char *name, int64_t value) {
	(void)sqlite3_bind_int64(st, sqlite3_bind_parameter_index(st, name), value);
}

/* By its id, which is what the views have. */
static int bind(sqlite3_stmt *st, int64_t run, const char *id, const struct export_choice *choice) {
	bind_int(st, ":n", run);
	bind_int(st, ":from", choice->from);
	bind_int(st, ":to", choice->to);
	bind_int(st, ":all_attempts", choice->all_attempts);
	return sqlite3_bind_text(st, sqlite3_bind_parameter_index(st, ":id"), id, -1,
		       SQLITE_STATIC) == SQLITE_OK
		       ? 0
		       : -ENOMEM;
}

int export_table_write(const struct export_table *t, sqlite3 *sql, int64_t run, const char *id,
	const struct export_choice *choice, bool with_heading, const atomic_bool *stop,
	struct row_output *out) {
	sqlite3_stmt *st = NULL;
	struct buf select = {0};

	if (t->select == NULL) {
		return export_features_write(sql, run, id, choice, with_heading, stop, out);
	}
	int err = write_statement(&select, t, choice->columns);
	if (err == 0 &&
		sqlite3_prepare_v2(sql, (const char *)select.data, -1, &st, NULL) != SQLITE_OK) {
		err = -EBADMSG;
	}
	err = err < 0 ? err : bind(st, run, id, choice);
	err = err < 0 ? err : write_rows(t, st, with_heading, stop, out);
	(void)sqlite3_finalize(st);
	buf_finish(&select);
	return err;
}
