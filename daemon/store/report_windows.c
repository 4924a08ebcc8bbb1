#include "report_row.h"

#include <errno.h>

#include "changes.h"
#include "window_stands.h"

#define WINDOWS_SHOWN "32"
#define HISTORY_COLUMNS                                                                            \
	"w.window, w.step_first, w.step_last, w.n_tokens, w.d_sae, w.n_steps, "                    \
	"w.n_steps_expected, w.flaws = 0 AS \"complete:bool\", "                                   \
	"(SELECT json_group_array(b.name) FROM flaw_bits b WHERE w.flaws & b.bit) "                \
	"AS \"flaws:json\", w.dead_features, w.dead_10m_tokens, w.below_1e_5 AS \"below_1e-5\", "  \
	"w.below_1e_6 AS \"below_1e-6\", w.never_fired, w.above_1e_2 AS \"above_1e-2\", "          \
	"w.above_1e_1 AS \"above_1e-1\", w.revived, w.newly_dead, "                                \
	"w.mean_log10_feature_sparsity, w.thresholds AS \"thresholds:json\""
#define WINDOW_COLUMNS                                                                             \
	HISTORY_COLUMNS                                                                            \
	", w.p10 AS \"quantiles.p10\", w.p25 AS \"quantiles.p25\", w.p50 AS \"quantiles.p50\", "   \
	"w.p75 AS \"quantiles.p75\", w.p90 AS \"quantiles.p90\", w.n_quantile_features"
#define HISTOGRAM_COLUMNS                                                                          \
	"-10 AS \"histogram.lo\", 0 AS \"histogram.hi\", 20 AS \"histogram.bins_per_decade\", "    \
	"w.never_fired AS \"histogram.zero\", w.density_counts AS \"histogram.counts:json\""

#define CLOSED                                                                                     \
	"w.run = ? AND w.flaws & ? = 0 AND " WINDOW_STANDS                                         \
	" ORDER BY w.attempt DESC, w.window DESC LIMIT "
#define PARTIAL "w.run = ? AND w.attempt = ? AND w.flaws & ? <> 0 ORDER BY w.window DESC LIMIT 1"

_Static_assert(FIXED_BINS_DECADE == 20 && FIXED_BINS == 200, "the histogram says so of itself");

/* The members of `from` that `object` does not have yet. */
static void adopt(struct report *r, json_t *object, json_t *from) {
	if (json_object_update_missing(object, from) < 0 && r->err == 0) {
		r->err = -ENOMEM;
	}
}

/* The last closed window under `sparsity`; dead_features and the means are there already when the
 * last row had them. */
static void report_last_window(struct report *r, const struct report_run *run) {
	json_t *sparsity = json_object_get(run->object, "sparsity");
	sqlite3_stmt *st = report_query_again(r,
		"SELECT " WINDOW_COLUMNS " FROM windows_data w WHERE " CLOSED "1", 2, run->n,
		(int64_t)FLAW_PARTIAL);
	while (report_next(r, &st)) {
		json_t *window = json_object();
		report_take_row(r, st, window);
		if (json_is_null(json_object_get(sparsity, "dead_features"))) {
			(void)json_object_del(sparsity, "dead_features");
		}
		adopt(r, sparsity, window);
		report_set(r, run->object, "metrics.mean_log10_feature_sparsity",
			json_incref(json_object_get(window, "mean_log10_feature_sparsity")));
		(void)json_object_del(sparsity, "mean_log10_feature_sparsity");
		json_decref(window);
	}
	if (json_object_get(sparsity, "window") == NULL) {
		report_set(r, sparsity, "window", json_null());
		report_set(r, run->object, "metrics.mean_log10_feature_sparsity", json_null());
	}
}

/* Which window is filling: the one behind the last closed, as far as the database knows. */
static void report_open_window(struct report *r, const struct report_run *run) {
	int64_t window = 0, steps_before = -1;
	sqlite3_stmt *st = report_query_again(r,
		"SELECT w.window, w.step_last FROM windows_data w WHERE w.run = ? AND w.attempt = "
		"? "
		"AND w.flaws & ? = 0 ORDER BY w.window DESC LIMIT 1",
		3, run->n, (int64_t)run->attempt, (int64_t)FLAW_PARTIAL);
	while (report_next(r, &st)) {
		window = sqlite3_column_int64(st, 0) + 1;
		steps_before = sqlite3_column_int64(st, 1);
	}
	if (run->has_step && window > 0) {
		report_set(r, run->object, "open_window.window", json_integer(window));
		report_set(r, run->object, "open_window.n_steps",
			json_integer(run->step > steps_before ? run->step - steps_before : 0));
	} else {
		report_set(r, run->object, "open_window", json_null());
	}
}

void report_windows(struct report *r, const struct report_run *run) {
	report_last_window(r, run);
	report_open_window(r, run);
}

static void report_histogram(struct report *r, const struct report_run *run) {
	sqlite3_stmt *st = report_query(r,
		"SELECT " HISTOGRAM_COLUMNS " FROM windows_data w WHERE " CLOSED "1", 2, run->n,
		(int64_t)FLAW_PARTIAL);
	while (report_next(r, &st)) {
		report_take_row(r, st, json_object_get(run->object, "sparsity"));
	}
}

static void report_window_list(struct report *r, const struct report_run *run) {
	json_t *list = json_array();
	report_set(r, run->object, "windows", list);
	sqlite3_stmt *st = report_query(r,
		r->points > 0 ? "SELECT " HISTORY_COLUMNS ", " HISTOGRAM_COLUMNS
				" FROM windows_data w WHERE " CLOSED WINDOWS_SHOWN
			      : "SELECT " HISTORY_COLUMNS
				" FROM windows_data w WHERE " CLOSED WINDOWS_SHOWN,
		2, run->n, (int64_t)FLAW_PARTIAL);
	while (report_next(r, &st)) {
		json_t *window = json_object();
		report_take_row(r, st, window);
		if (json_array_insert_new(list, 0, window) < 0) {
			r->err = -ENOMEM;
		}
	}
}

static void report_partial_window(struct report *r, const struct report_run *run) {
	report_set(r, run->object, "partial_window", json_null());
	sqlite3_stmt *st = report_query(r,
		"SELECT " WINDOW_COLUMNS ", " HISTOGRAM_COLUMNS
		" FROM windows_data w WHERE " PARTIAL,
		3, run->n, (int64_t)run->attempt, (int64_t)FLAW_PARTIAL);
	while (report_next(r, &st)) {
		json_t *window = json_object();
		report_take_row(r, st, window);
		report_set(r, run->object, "partial_window", window);
	}
}

void report_window_detail(struct report *r, const struct report_run *run) {
	report_histogram(r, run);
	report_window_list(r, run);
	report_partial_window(r, run);
}
