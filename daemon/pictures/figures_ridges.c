#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "density.h"
#include "figures.h"
#include "run_labels.h"

/* Where a run went back, the windows of what it left behind are not drawn. */
#define STANDING                                                                                   \
	" FROM windows w WHERE w.run = (SELECT id FROM runs_data WHERE n = ?) AND w.complete AND " \
	"NOT EXISTS (SELECT 1 FROM attempts a WHERE a.run = w.run AND a.attempt > w.attempt AND "  \
	"a.step_first <= w.step_last)"

json_t *figures_of_ridges(void) {
	return json_pack("{s:i, s:s, s:n, s:i, s:i, s:[]}", "schema", 1, "kind", "density", "title",
		"lo", -(int)(FIXED_BINS / FIXED_BINS_DECADE), "bins_per_decade",
		(int)FIXED_BINS_DECADE, "runs");
}

static int failed(sqlite3 *sql, char *words) {
	snprintf(words, FIGURES_WORDS_SIZE, "the database cannot be read: %s", sqlite3_errmsg(sql));
	return -EIO;
}

static int query(sqlite3 *sql, const char *text, int64_t run, sqlite3_stmt **ret, char *words) {
	if (sqlite3_prepare_v2(sql, text, -1, ret, NULL) != SQLITE_OK) {
		return failed(sql, words);
	}
	(void)sqlite3_bind_int64(*ret, 1, run);
	return 0;
}

/* Evenly spaced, the first and the newest among them. */
static bool is_chosen(size_t i, size_t n, size_t most) {
	if (n <= most) {
		return true;
	}
	if (most < 2) {
		return i + 1 == n;
	}
	size_t k = (i * (most - 1) + (n - 2)) / (n - 1);
	return k * (n - 1) / (most - 1) == i;
}

static json_t *make_window(sqlite3_stmt *st) {
	json_t *counts = json_loads((const char *)sqlite3_column_text(st, 6), 0, NULL);

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o*}", "window",
		sqlite3_column_int64(st, 0), "step_first", sqlite3_column_int64(st, 1), "step_last",
		sqlite3_column_int64(st, 2), "n_tokens", sqlite3_column_int64(st, 3), "d_sae",
		sqlite3_column_int64(st, 4), "never_fired", sqlite3_column_int64(st, 5), "counts",
		counts);
}

static int add_windows(json_t *run_figures, sqlite3 *sql, int64_t run, size_t most, char *words) {
	size_t n = (size_t)json_integer_value(json_object_get(run_figures, "n_windows")), i = 0;
	json_t *windows = json_object_get(run_figures, "windows");
	sqlite3_stmt *st = NULL;
	int rc = SQLITE_DONE,
	    err = query(sql,
		    "SELECT window, step_first, step_last, n_tokens, d_sae, never_fired, "
		    "density_counts" STANDING " ORDER BY attempt, window",
		    run, &st, words);

	while (err == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (is_chosen(i++, n, most) &&
			json_array_append_new(windows, make_window(st)) < 0) {
			err = -ENOMEM;
		}
	}
	err = err == 0 && rc != SQLITE_DONE ? failed(sql, words) : err;
	(void)sqlite3_finalize(st);
	return err;
}

/* Its name, and how many windows there are to choose from. */
static int begin(sqlite3 *sql, int64_t run, json_t **ret, char *words) {
	sqlite3_stmt *st = NULL;
	int err = query(sql,
		"SELECT id, coalesce(nullif(name, ''), id), (SELECT count(*)" STANDING "), "
		"feature_sampling_window FROM runs_data WHERE n = ?1",
		run, &st, words);
	int rc = err == 0 ? sqlite3_step(st) : SQLITE_DONE;

	if (rc == SQLITE_ROW && sqlite3_column_int64(st, 2) == 0) {
		snprintf(words, FIGURES_WORDS_SIZE,
			"%s has no complete sparsity window (one is %lld steps): no density to "
			"draw",
			(const char *)sqlite3_column_text(st, 0),
			(long long)sqlite3_column_int64(st, 3));
		err = -ENOENT;
	} else if (rc == SQLITE_ROW) {
		*ret = figures_run((const char *)sqlite3_column_text(st, 0),
			(const char *)sqlite3_column_text(st, 1));
		json_t *more = json_pack(
			"{s:I, s:[]}", "n_windows", sqlite3_column_int64(st, 2), "windows");
		err = json_object_update(*ret, more) < 0 ? -ENOMEM : 0;
		json_decref(more);
	} else if (err == 0) {
		err = failed(sql, words);
	}
	(void)sqlite3_finalize(st);
	return err;
}

static bool is_among(const json_t *runs, const json_t *made) {
	size_t i;
	json_t *run;

	json_array_foreach(runs, i, run) {
		if (json_equal(json_object_get(run, "id"), json_object_get(made, "id"))) {
			return true;
		}
	}
	return false;
}

int figures_add_ridges(json_t *figures, sqlite3 *sql, int64_t run, size_t most,
	char ret_words[FIGURES_WORDS_SIZE]) {
	json_t *made = NULL;

	snprintf(ret_words, FIGURES_WORDS_SIZE, "out of memory");
	int err = begin(sql, run, &made, ret_words);
	if (err == 0 && is_among(json_object_get(figures, "runs"), made)) {
		json_decref(made);
		return 0;
	}
	err = err == 0 ? add_windows(made, sql, run, most, ret_words) : err;
	if (err == 0 && json_array_append(json_object_get(figures, "runs"), made) < 0) {
		err = -ENOMEM;
	}
	json_decref(made);
	/* Anew: the one that came may have another's name. */
	return err == 0 ? run_labels_set(json_object_get(figures, "runs")) : err;
}
