/* From a window's row, and that of its means, to a POINT. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "db.h"
#include "points_private.h"
#include "window_means.h"
#include "window_stands.h"

enum {
	AT_ATTEMPT,
	AT_WINDOW,
	AT_STEP_FIRST,
	AT_STEP_LAST,
	AT_N_STEPS,
	AT_N_TOKENS,
	AT_TIME,
	AT_SPARSITY,
	AT_MEANS = AT_SPARSITY + 12 + 3 /* behind their key */
};

static const char *const sparsity[] = {"dead_features", "never_fired", "below_1e-5", "below_1e-6",
	"above_1e-2", "above_1e-1", "mean_log10_feature_sparsity", "p10", "p25", "p50", "p75",
	"p90"};

/* From the first on for a trajectory, from the last on for a point alone. */
#define WINDOWS                                                                                    \
	"SELECT w.attempt, w.window, w.step_first, w.step_last, w.n_steps, w.n_tokens, w.time, "   \
	"w.dead_features, w.never_fired, w.below_1e_5, w.below_1e_6, w.above_1e_2, w.above_1e_1, " \
	"w.mean_log10_feature_sparsity, w.p10, w.p25, w.p50, w.p75, w.p90, m.* "                   \
	"FROM windows_data w LEFT JOIN window_means_data m ON m.run = w.run AND "                  \
	"m.attempt = w.attempt AND m.window = w.window "                                           \
	"WHERE w.run = ?1 AND w.flaws = 0 AND " WINDOW_STANDS " ORDER BY w.attempt"

static const char first_to_last[] = WINDOWS ", w.window";
static const char last_to_first[] = WINDOWS " DESC, w.window DESC";

static const char tokens_sql[] = "SELECT n_tokens_folded FROM steps_data WHERE run = ?1 AND step "
				 "= ?3 AND attempt <= ?2 ORDER BY attempt DESC LIMIT 1";

void points_prepare(struct points *p) {
	struct report *r = &p->report;

	p->windows = report_query(r, p->query->trajectory ? first_to_last : last_to_first, 0);
	p->steps = report_query(r, window_steps_sql, 0);
	p->tokens = report_query(r, tokens_sql, 0);
}

void points_finish(struct points *p) {
	report_end(&p->report, &p->windows);
	report_end(&p->report, &p->steps);
	report_end(&p->report, &p->tokens);
}

/* ---- rows ---- */

void points_note_error(struct points *p) {
	if (p->report.err < 0 && p->words[0] == '\0') {
		snprintf(p->words, sizeof p->words, "the database cannot be read: %s",
			p->report.err == -ENOMEM ? strerror(ENOMEM)
						 : sqlite3_errmsg(p->report.sql));
	}
}

static void keep(struct points *p, int err) {
	p->report.err = p->report.err == 0 ? err : p->report.err;
	points_note_error(p);
}

/* The next row of a statement that is used again. */
static bool step(struct points *p, sqlite3_stmt *st) {
	int rc = p->report.err == 0 ? sqlite3_step(st) : SQLITE_DONE;

	if (rc != SQLITE_ROW) {
		keep(p, db_error(p->report.sql, rc));
	}
	return rc == SQLITE_ROW;
}

static struct window_place place_of(int64_t run, sqlite3_stmt *st) {
	return (struct window_place){
		.run = run,
		.attempt = sqlite3_column_int64(st, AT_ATTEMPT),
		.window = sqlite3_column_int64(st, AT_WINDOW),
		.step_first = sqlite3_column_int64(st, AT_STEP_FIRST),
		.step_last = sqlite3_column_int64(st, AT_STEP_LAST),
	};
}

static bool has_means(sqlite3_stmt *st) {
	return sqlite3_column_type(st, AT_MEANS) != SQLITE_NULL;
}

/* Rows seen by the window's end, where that can be told; else -1. */
static int64_t read_tokens(struct points *p, int64_t run) {
	struct window_place place = place_of(run, p->windows);
	int64_t tokens = -1;

	if (has_means(p->windows)) {
		return sqlite3_column_type(p->windows, AT_MEANS + 1) != SQLITE_NULL
			       ? sqlite3_column_int64(p->windows, AT_MEANS + 1)
			       : -1;
	}
	(void)sqlite3_bind_int64(p->tokens, 1, place.run);
	(void)sqlite3_bind_int64(p->tokens, 2, place.attempt);
	(void)sqlite3_bind_int64(p->tokens, 3, place.step_last);
	if (step(p, p->tokens) && sqlite3_column_type(p->tokens, 0) != SQLITE_NULL) {
		tokens = sqlite3_column_int64(p->tokens, 0);
	}
	(void)sqlite3_reset(p->tokens);
	return tokens;
}

/* As kept, else added up; nothing where retention took some of the steps. */
static void read_means(struct points *p, int64_t run, struct window_means *ret) {
	struct window_place place = place_of(run, p->windows);
	int rc = has_means(p->windows) ? window_means_take(p->windows, AT_MEANS, ret)
				       : window_means_add_up(p->steps, &place, ret);

	keep(p, db_error(p->report.sql, rc));
	if (rc == SQLITE_OK && !has_means(p->windows) &&
		ret->n_steps != sqlite3_column_int64(p->windows, AT_N_STEPS)) {
		window_means_finish(ret);
		for (size_t i = 0; i < WINDOW_MEANS; i++) {
			ret->value[i] = (double)NAN;
		}
	}
}

/* ---- the point ---- */

static void set(struct points *p, json_t *object, const char *name, json_t *value) {
	keep(p, json_object_set_new_nocheck(object, name, value) < 0 ? -ENOMEM : 0);
}

static json_t *column_number(sqlite3_stmt *st, int at) {
	switch (sqlite3_column_type(st, at)) {
	case SQLITE_NULL:
		return json_null();
	case SQLITE_INTEGER:
		return json_integer(sqlite3_column_int64(st, at));
	default:
		return report_number(sqlite3_column_double(st, at));
	}
}

static json_t *object_of(const char *text) {
	return text == NULL ? NULL : json_loads(text, 0, NULL);
}

static void set_metrics(struct points *p, json_t *point, const struct window_means *m) {
	json_t *metrics = json_object(), *extra = object_of(m->extra);
	json_t *not_finite = object_of(m->not_finite);

	set(p, point, "metrics", metrics);
	for (uint32_t i = 0; i < WINDOW_METRICS; i++) {
		if (isfinite(m->value[i])) {
			set(p, metrics, window_mean_name(i), json_real(m->value[i]));
		}
	}
	if (extra != NULL) {
		keep(p, json_object_update_missing(metrics, extra) < 0 ? -ENOMEM : 0);
	}
	json_decref(extra);
	if (not_finite != NULL) {
		set(p, point, "not_finite", not_finite);
	}
}

static void set_statistics(struct points *p, json_t *point, const struct window_means *m) {
	json_t *statistics = json_object();

	set(p, point, "statistics", statistics);
	for (uint32_t i = WINDOW_METRICS - 1; i < WINDOW_MEANS; i++) { /* from l1_coefficient on */
		set(p, statistics, window_mean_name(i),
			isfinite(m->value[i]) ? json_real(m->value[i]) : json_null());
	}
}

static json_t *take_point(struct points *p, int64_t run, int64_t tokens) {
	json_t *point = json_object(), *densities = json_object();
	struct window_means means = {0};

	read_means(p, run, &means);
	set(p, point, "window", column_number(p->windows, AT_WINDOW));
	set(p, point, "step_first", column_number(p->windows, AT_STEP_FIRST));
	set(p, point, "step_last", column_number(p->windows, AT_STEP_LAST));
	set(p, point, "n_steps", column_number(p->windows, AT_N_STEPS));
	set(p, point, "n_tokens", column_number(p->windows, AT_N_TOKENS));
	set(p, point, "tokens", tokens >= 0 ? json_integer(tokens) : json_null());
	set(p, point, "time", report_time(sqlite3_column_double(p->windows, AT_TIME)));
	set_metrics(p, point, &means);
	set(p, point, "sparsity", densities);
	for (int i = 0; i < (int)(sizeof sparsity / sizeof sparsity[0]); i++) {
		set(p, densities, sparsity[i], column_number(p->windows, AT_SPARSITY + i));
	}
	set_statistics(p, point, &means);
	window_means_finish(&means);
	return point;
}

/* Whether the window at hand ends late enough to be said nothing of; or nobody knows when. */
static bool is_behind(const struct points *p, int64_t tokens) {
	return p->query->has_at_tokens && (tokens < 0 || (uint64_t)tokens > p->query->at_tokens);
}

void points_each(struct points *p, int64_t run, point_fn each, void *user) {
	bool more = true;

	if (p->report.err == 0) {
		(void)sqlite3_bind_int64(p->windows, 1, run);
	}
	while (more && step(p, p->windows)) {
		int64_t tokens = read_tokens(p, run);
		if (!is_behind(p, tokens)) {
			more = each(user, p, take_point(p, run, tokens)) && p->query->trajectory;
		}
	}
	(void)sqlite3_reset(p->windows);
}
