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
	AT_TOKENS,
	AT_SPARSITY,
	AT_MEANS = AT_SPARSITY + 13 + 3 /* behind their key */
};

static const char *const sparsity[] = {"dead_features", "dead_10m_tokens", "never_fired",
	"below_1e-5", "below_1e-6", "above_1e-2", "above_1e-1", "mean_log10_feature_sparsity",
	"p10", "p25", "p50", "p75", "p90"};

/* Rows seen by the window's end; NULL: nobody knows. Of a window that was closed by a version without means its last step says it. */
#define WINDOW_TOKENS                                                                              \
	"CASE WHEN m.run IS NOT NULL THEN m.n_tokens_folded ELSE (SELECT s.n_tokens_folded "       \
	"FROM steps_data s WHERE s.run = w.run AND s.step = w.step_last AND s.attempt <= "         \
	"w.attempt ORDER BY s.attempt DESC LIMIT 1) END"

/* ?2: the most tokens, ?3: the latest time; NULL: any. They are asked here, for of a window that ends later nothing else is read. */
#define WINDOWS                                                                                    \
	"SELECT w.attempt, w.window, w.step_first, w.step_last, w.n_steps, w.n_tokens, "           \
	"w.time, " WINDOW_TOKENS ", "                                                              \
	"w.dead_features, w.dead_10m_tokens, w.never_fired, w.below_1e_5, w.below_1e_6, "          \
	"w.above_1e_2, w.above_1e_1, "                                                             \
	"w.mean_log10_feature_sparsity, w.p10, w.p25, w.p50, w.p75, w.p90, "                       \
	"m.* "                                                                                     \
	"FROM windows_data w LEFT JOIN window_means_data m ON m.run = w.run AND "                  \
	"m.attempt = w.attempt AND m.window = w.window "                                           \
	"WHERE w.run = ?1 AND w.flaws = 0 AND (?2 IS NULL OR " WINDOW_TOKENS " <= ?2) "            \
	"AND (?3 IS NULL OR w.time <= ?3) AND " WINDOW_STANDS " ORDER BY w.attempt"

static const char all_of_them[] = WINDOWS ", w.window";
static const char the_last[] = WINDOWS " DESC, w.window DESC LIMIT 1";

static void bind_bounds(sqlite3_stmt *st, const struct points_query *query, bool is_earlier) {
	uint64_t tokens = query->at_tokens < INT64_MAX ? query->at_tokens : INT64_MAX;

	if (st != NULL && query->has_at_tokens) {
		(void)sqlite3_bind_int64(st, 2, (int64_t)tokens);
	}
	if (st != NULL && is_earlier) {
		(void)sqlite3_bind_double(st, 3, query->at_time);
	}
}

void points_prepare(struct points *p) {
	struct report *r = &p->report;

	p->windows = report_query(r, p->query->trajectory ? all_of_them : the_last, 0);
	bind_bounds(p->windows, p->query, false);
	if (p->query->has_at_time) {
		p->earlier = report_query(r, the_last, 0);
		bind_bounds(p->earlier, p->query, true);
	}
	p->steps = report_query(r, window_steps_sql, 0);
}

void points_finish(struct points *p) {
	report_end(&p->report, &p->windows);
	report_end(&p->report, &p->earlier);
	report_end(&p->report, &p->steps);
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

/* As kept, else added up; nothing where retention took some of the steps. */
static void read_means(struct points *p, int64_t run, sqlite3_stmt *st, struct window_means *ret) {
	struct window_place place = place_of(run, st);
	int rc = has_means(st) ? window_means_take(st, AT_MEANS, ret)
			       : window_means_add_up(p->steps, &place, ret);

	keep(p, db_error(p->report.sql, rc));
	if (rc == SQLITE_OK && !has_means(st) &&
		ret->n_steps != sqlite3_column_int64(st, AT_N_STEPS)) {
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

static json_t *take_point(struct points *p, int64_t run, sqlite3_stmt *st) {
	json_t *point = json_object(), *densities = json_object();
	struct window_means means = {0};

	p->attempt = sqlite3_column_int64(st, AT_ATTEMPT);
	p->window = sqlite3_column_int64(st, AT_WINDOW);
	read_means(p, run, st, &means);
	set(p, point, "window", column_number(st, AT_WINDOW));
	set(p, point, "step_first", column_number(st, AT_STEP_FIRST));
	set(p, point, "step_last", column_number(st, AT_STEP_LAST));
	set(p, point, "n_steps", column_number(st, AT_N_STEPS));
	set(p, point, "n_tokens", column_number(st, AT_N_TOKENS));
	set(p, point, "tokens", column_number(st, AT_TOKENS));
	set(p, point, "time", report_time(sqlite3_column_double(st, AT_TIME)));
	set_metrics(p, point, &means);
	set(p, point, "sparsity", densities);
	for (int i = 0; i < (int)(sizeof sparsity / sizeof sparsity[0]); i++) {
		set(p, densities, sparsity[i], column_number(st, AT_SPARSITY + i));
	}
	set_statistics(p, point, &means);
	window_means_finish(&means);
	return point;
}

void points_each(struct points *p, int64_t run, point_fn each, void *user) {
	if (p->report.err == 0) {
		(void)sqlite3_bind_int64(p->windows, 1, run);
	}
	while (step(p, p->windows) && each(user, p, take_point(p, run, p->windows))) {
	}
	(void)sqlite3_reset(p->windows);
}

json_t *points_earlier(struct points *p, int64_t run) {
	json_t *point = NULL;

	if (p->report.err == 0) {
		(void)sqlite3_bind_int64(p->earlier, 1, run);
	}
	if (step(p, p->earlier)) {
		bool is_last = sqlite3_column_int64(p->earlier, AT_ATTEMPT) == p->attempt &&
			       sqlite3_column_int64(p->earlier, AT_WINDOW) == p->window;
		point = is_last ? json_true() : take_point(p, run, p->earlier);
	}
	(void)sqlite3_reset(p->earlier);
	return point != NULL ? point : json_null();
}
