#include "run_steps.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "step_metrics.h"

#define FIRST_CAPACITY 1024u
#define SECONDS_HOUR   3600.0

static const char *const over_columns[] = {
	[OVER_STEP] = "step", [OVER_TOKENS] = "n_training_tokens", [OVER_TIME] = "elapsed_s"};

struct attempt {
	int64_t number, step_first;
};

struct reading {
	sqlite3 *sql;
	struct run_steps *steps;
	const char *const *metrics;
	bool is_column[CURVES_MAX];
	enum steps_over over;
	struct attempt *attempts; /* oldest first */
	size_t n_attempts, n_rows;
	char *words;
};

/* ---- SQL ---- */

static int failed(struct reading *r) {
	snprintf(r->words, STEPS_WORDS_SIZE, "the database cannot be read: %s",
		sqlite3_errmsg(r->sql));
	return -EIO;
}

static int prepare(struct reading *r, const char *text, sqlite3_stmt **ret) {
	if (sqlite3_prepare_v2(r->sql, text, -1, ret, NULL) != SQLITE_OK) {
		return failed(r);
	}
	(void)sqlite3_bind_text(*ret, 1, r->steps->id, -1, SQLITE_STATIC);
	return 0;
}

static int end(struct reading *r, sqlite3_stmt *st, int rc) {
	int err = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : failed(r);

	(void)sqlite3_finalize(st);
	return err;
}

static int read_name(struct reading *r, int64_t run) {
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(r->sql,
		    "SELECT id, coalesce(nullif(name, ''), id) FROM runs_data WHERE n = ?", -1, &st,
		    NULL) != SQLITE_OK) {
		return failed(r);
	}
	(void)sqlite3_bind_int64(st, 1, run);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		snprintf(r->steps->id, sizeof r->steps->id, "%s",
			(const char *)sqlite3_column_text(st, 0));
		r->steps->name = strdup((const char *)sqlite3_column_text(st, 1));
	}
	int err = end(r, st, rc);
	return err == 0 && r->steps->name == NULL ? -ENOMEM : err;
}

static int read_attempts(struct reading *r) {
	sqlite3_stmt *st = NULL;
	int rc = SQLITE_DONE,
	    err = prepare(r,
		    "SELECT attempt, step_first FROM attempts WHERE run = ? ORDER BY attempt", &st);

	while (err == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct attempt *more = realloc(r->attempts, (r->n_attempts + 1) * sizeof *more);
		if (more == NULL) {
			err = -ENOMEM;
			break;
		}
		r->attempts = more;
		r->attempts[r->n_attempts++] =
			(struct attempt){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1)};
	}
	int ended = end(r, st, rc);
	return err < 0 ? err : ended;
}

/* ---- which metrics ---- */

static int find_metrics(struct reading *r, bool lenient) {
	for (size_t i = 0; i < r->steps->n_metrics; i++) {
		const char *metric = r->metrics[i];
		r->is_column[i] = step_metrics_have_column(r->sql, metric);
		if (!r->is_column[i] && !lenient &&
			!step_metrics_have_extra(r->sql, r->steps->id, metric)) {
			step_metrics_say_none(
				r->sql, r->steps->id, metric, r->words, STEPS_WORDS_SIZE);
			return -ENOENT;
		}
	}
	return 0;
}

/* ---- rows ---- */

static int grow(struct run_steps *s) {
	size_t capacity = s->capacity > 0 ? 2 * s->capacity : FIRST_CAPACITY;

	for (size_t i = 0; i <= s->n_metrics; i++) {
		double **list = i < s->n_metrics ? &s->y[i] : &s->x;
		double *more = realloc(*list, capacity * sizeof *more);
		if (more == NULL) {
			return -ENOMEM;
		}
		*list = more;
	}
	s->capacity = capacity;
	return 0;
}

/* A column that SQL has no number for, and the view says why; one of the trainer's own numbers says it itself. */
static bool is_not_finite(sqlite3_stmt *st, const json_t *non_finite, int at, const char *metric) {
	return sqlite3_column_type(st, at) == SQLITE_TEXT ||
	       json_object_get(non_finite, metric) != NULL;
}

static double value_of(
	struct reading *r, sqlite3_stmt *st, const json_t *non_finite, size_t metric) {
	int at = 4 + (int)metric, type = sqlite3_column_type(st, at);

	if (type == SQLITE_FLOAT || type == SQLITE_INTEGER) {
		return sqlite3_column_double(st, at);
	}
	return is_not_finite(st, non_finite, at, r->metrics[metric]) ? (double)INFINITY
								     : (double)NAN;
}

/* Whether no newer attempt has begun at this step or before it. */
static bool stands(const struct reading *r, int64_t step, int64_t attempt) {
	for (size_t i = r->n_attempts; i-- > 0 && r->attempts[i].number > attempt;) {
		if (r->attempts[i].step_first <= step) {
			return false;
		}
	}
	return true;
}

static int take_row(struct reading *r, sqlite3_stmt *st) {
	struct run_steps *s = r->steps;

	if (!stands(r, sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1))) {
		return 0;
	}
	r->n_rows++;
	if (sqlite3_column_type(st, 2) == SQLITE_NULL || !isfinite(sqlite3_column_double(st, 2))) {
		return 0;
	}
	if (s->n == s->capacity && grow(s) < 0) {
		return -ENOMEM;
	}
	const char *text = (const char *)sqlite3_column_text(st, 3);
	json_t *non_finite = text != NULL ? json_loads(text, 0, NULL) : NULL;
	s->x[s->n] = sqlite3_column_double(st, 2) / (r->over == OVER_TIME ? SECONDS_HOUR : 1);
	for (size_t i = 0; i < s->n_metrics; i++) {
		s->y[i][s->n] = value_of(r, st, non_finite, i);
	}
	s->n++;
	json_decref(non_finite);
	return 0;
}

static char *make_query(const struct reading *r) {
	sqlite3_str *text = sqlite3_str_new(NULL);

	sqlite3_str_appendf(text, "SELECT step, attempt, %s, non_finite", over_columns[r->over]);
	for (size_t i = 0; i < r->steps->n_metrics; i++) {
		if (r->is_column[i]) {
			sqlite3_str_appendf(text, ", \"%w\"", r->metrics[i]);
		} else {
			sqlite3_str_appendf(text,
				", (SELECT value FROM json_each(extra) WHERE key = %Q)",
				r->metrics[i]);
		}
	}
	sqlite3_str_appendf(text, " FROM steps WHERE run = ? ORDER BY step, attempt");
	return sqlite3_str_finish(text);
}

static int read_rows(struct reading *r) {
	sqlite3_stmt *st = NULL;
	char *text = make_query(r);
	int rc = SQLITE_DONE, err = text != NULL ? prepare(r, text, &st) : -ENOMEM;

	while (err == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		err = take_row(r, st);
	}
	sqlite3_free(text);
	int ended = end(r, st, rc);
	return err < 0 ? err : ended;
}

static int check_x(struct reading *r) {
	if (r->steps->n > 0 || r->n_rows == 0) {
		return 0;
	}
	snprintf(r->words, STEPS_WORDS_SIZE,
		"%s does not say its %s; draw it over steps: --over step", r->steps->id,
		r->over == OVER_TOKENS ? "training tokens" : "training time");
	return -ENOENT;
}

int run_steps_read(sqlite3 *sql, int64_t run, enum steps_over over, const char *const *metrics,
	size_t n_metrics, bool lenient, struct run_steps *ret, char ret_words[STEPS_WORDS_SIZE]) {
	struct reading r = {
		.sql = sql, .steps = ret, .metrics = metrics, .over = over, .words = ret_words};

	*ret = (struct run_steps){.n_metrics = n_metrics};
	snprintf(ret_words, STEPS_WORDS_SIZE, "out of memory");
	int err = read_name(&r, run);
	err = err == 0 ? read_attempts(&r) : err;
	err = err == 0 ? find_metrics(&r, lenient) : err;
	err = err == 0 ? read_rows(&r) : err;
	err = err == 0 ? check_x(&r) : err;
	free(r.attempts);
	return err;
}

void run_steps_finish(struct run_steps *s) {
	for (size_t i = 0; i < s->n_metrics; i++) {
		free(s->y[i]);
	}
	free(s->x);
	free(s->name);
	*s = (struct run_steps){0};
}

bool run_steps_has(const struct run_steps *s, size_t metric) {
	for (size_t i = 0; i < s->n; i++) {
		if (!isnan(s->y[metric][i])) {
			return true;
		}
	}
	return false;
}
