#include "report.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rig.h"
#include "trim.h"

static char words[256];

static int report_as(const char *part, uint32_t uid, json_t **ret) {
	*ret = NULL;
	return report_build(db.sql,
		&(struct report_query){.run_part = part, .viewer = {.uid = uid}}, ret, words);
}

/* The one run that fits. */
static json_t *report_run(const char *part) {
	json_t *document;
	assert_int_equal(report_as(part, 0, &document), REPORT_OK);
	json_t *run = json_incref(json_array_get(json_object_get(document, "runs"), 0));
	json_decref(document);
	return run;
}

static json_t *at(json_t *object, const char *dotted) {
	char keys[128];
	snprintf(keys, sizeof keys, "%s", dotted);
	char *rest = keys, *key;
	while ((key = strsep(&rest, ".")) != NULL) {
		object = json_object_get(object, key);
	}
	return object;
}

static const char *text_at(json_t *object, const char *dotted) {
	return json_string_value(at(object, dotted));
}

static double number_at(json_t *object, const char *dotted) {
	assert_true(json_is_number(at(object, dotted)));
	return json_number_value(at(object, dotted));
}

static struct run_cut *trained_run(const char *id, uint32_t n_steps) {
	struct run_cut *cut = cut_create(id, n_steps);
	cut_attempt(cut, 1, 0);
	for (uint32_t i = 0; i < n_steps; i++) {
		struct change_step *s = cut_step(cut, i);
		step_measure(s, METRIC_MSE_LOSS, 1.0 / (1 + i), false);
		step_measure(s, METRIC_L0, 1000 - i, true);
		if (i % 10 == 9) {
			step_measure(s, METRIC_DEAD_FEATURES, i, true);
		}
	}
	cut->row.total_training_steps = n_steps * 2;
	cut->row.config_json = "{\"lr\": 0.0004, \"layers\": [8, 9]}";
	return cut;
}

static void the_list_has_every_run_newest_activity_first(void **state) {
	(void)state;
	cut_commit(trained_run("older", 10));
	cut_commit(trained_run("newer", 20));
	json_t *document;
	assert_int_equal(report_as(NULL, 0, &document), REPORT_OK);
	assert_int_equal(json_integer_value(json_object_get(document, "schema")), 1);
	json_t *runs = json_object_get(document, "runs");
	assert_int_equal(json_array_size(runs), 2);
	assert_string_equal(text_at(json_array_get(runs, 0), "id"), "newer");
	assert_string_equal(text_at(json_array_get(runs, 1), "id"), "older");
	assert_null(at(json_array_get(runs, 0), "curves"));
	json_decref(document);

	json_t *two = NULL;
	assert_int_equal(
		report_build(db.sql, &(struct report_query){.runs_max = 1}, &two, words), 0);
	assert_int_equal(json_array_size(json_object_get(two, "runs")), 1);
	json_decref(two);
}

static void a_database_without_runs_is_an_empty_list(void **state) {
	(void)state;
	json_t *document;
	assert_int_equal(report_as(NULL, 0, &document), REPORT_OK);
	assert_int_equal(json_array_size(json_object_get(document, "runs")), 0);
	json_decref(document);
}

/* A run with five lines for W&B, and what became of them. */
static json_t *forwarded_run(const char *id, const char *set) {
	char sql[512];
	struct run_cut *cut = trained_run(id, 20);
	cut->row.forwards = cut->row.log_to_wandb = true;
	cut->row.forward_summary_json = "{}";
	for (int i = 0; i < 5; i++) {
		struct change_line *line = cut_line(cut, i, (uint32_t)i, 1);
		line->entries[0] = (struct line_entry){"k", LINE_LOG, value_int(i)};
	}
	cut_commit(cut);
	snprintf(sql, sizeof sql,
		"UPDATE forwards_data SET %s WHERE run = (SELECT n FROM runs_data WHERE id = '%s')",
		set, id);
	sql_run(path, sql);
	return report_run(id);
}

static size_t n_alerts(json_t *run) {
	return json_array_size(at(run, "alerts"));
}

static const char *alert_text(json_t *run, const char *key) {
	return json_string_value(json_object_get(json_array_get(at(run, "alerts"), 0), key));
}

static void rows_say_what_wandb_has_of_a_run(void **state) {
	(void)state;
	json_t *run = forwarded_run("waits", "accepted = 2, skipped = 1, url = 'https://w/r'");
	assert_string_equal(text_at(run, "forward.target"), "wandb");
	assert_string_equal(text_at(run, "forward.state"), "pending");
	assert_int_equal(number_at(run, "forward.pending_rows"), 3);
	assert_int_equal(number_at(run, "forward.accepted_rows"), 2);
	assert_int_equal(number_at(run, "forward.skipped_rows"), 1);
	assert_true(number_at(run, "forward.lag_s") > 1e6);
	assert_true(json_is_false(at(run, "forward.parked")));
	assert_string_equal(text_at(run, "forward.url"), "https://w/r");
	assert_int_equal(n_alerts(run), 0); /* whoever reads a file need not forward it */
	json_decref(run);

	run = forwarded_run("allsent", "accepted = 5");
	assert_string_equal(text_at(run, "forward.state"), "ok");
	assert_true(json_is_null(at(run, "forward.lag_s")));
	json_decref(run);

	run = forwarded_run("ended", "accepted = 5, completed = 1");
	assert_string_equal(text_at(run, "forward.state"), "synced");
	json_decref(run);
}

static void a_crashed_run_that_is_all_sent_is_synced(void **state) {
	(void)state;
	json_decref(forwarded_run("crashed1", "accepted = 5"));
	sql_run(path, "UPDATE runs_data SET state = 'crashed'");
	json_t *run = report_run("crashed1");
	assert_string_equal(text_at(run, "forward.state"), "synced");
	json_decref(run);
}

static void a_parked_run_is_an_alert_with_its_words(void **state) {
	(void)state;
	sql_run(path, "INSERT INTO events_data (run, time, kind, text) VALUES (1, "
		      "1700000500, 'forward', 'parked')");
	json_t *run = forwarded_run("parked01", "accepted = 2, parked = 'it was deleted'");
	assert_string_equal(text_at(run, "forward.state"), "refused");
	assert_true(json_is_true(at(run, "forward.parked")));
	assert_string_equal(text_at(run, "forward.words"), "it was deleted");
	assert_int_equal(n_alerts(run), 1);
	assert_string_equal(alert_text(run, "kind"), "forward_refused");
	assert_string_equal(
		alert_text(run, "words"), "nothing more is sent to W&B: it was deleted");
	assert_string_equal(alert_text(run, "since"), "2023-11-14T22:21:40.000Z");
	json_decref(run);
}

static void rows_that_were_not_taken_are_an_alert(void **state) {
	(void)state;
	json_decref(forwarded_run("refused1", "accepted = 5, refused = 2"));
	sql_run(path, "INSERT INTO refused_lines_data VALUES (1, 2, 2, 1700000400, 400, "
		      "'no', '{}'), (1, 3, 3, 1700000500, 400, 'no', '{}')");
	json_t *run = report_run("refused1");
	assert_int_equal(number_at(run, "forward.refused_rows"), 2);
	assert_int_equal(n_alerts(run), 1);
	assert_string_equal(alert_text(run, "kind"), "forward_rows");
	assert_string_equal(
		alert_text(run, "words"), "2 rows were not taken by W&B: see refused_lines");
	assert_string_equal(alert_text(run, "since"), "2023-11-14T22:21:40.000Z");
	json_decref(run);
}

static void a_run_says_where_it_stands(void **state) {
	(void)state;
	cut_commit(trained_run("run1", 100));
	json_t *run = report_run("run1");
	assert_string_equal(text_at(run, "state"), "running");
	assert_string_equal(text_at(run, "started"), "2023-11-14T22:13:20.000Z");
	assert_int_equal(number_at(run, "step"), 99);
	assert_true(number_at(run, "losses.mse_loss") == 0.01);
	assert_true(number_at(run, "metrics.l0") == 901);
	assert_true(json_is_null(at(run, "losses.l1_loss")));
	assert_int_equal(number_at(run, "sparsity.dead_features"), 99);
	assert_true(fabs(number_at(run, "rate.steps_per_s") - 10) < 1e-6);
	assert_true(fabs(number_at(run, "rate.tokens_per_s") - 40960) < 0.1);
	assert_true(fabs(number_at(run, "eta_s") - 10) < 1e-6);
	assert_true(number_at(at(run, "config"), "lr") == 0.0004);
	assert_false(json_is_true(at(run, "resumed")));
	assert_int_equal(json_array_size(at(run, "alerts")), 0);
	assert_string_equal(text_at(run, "forward.state"), "off");
	json_decref(run);
}

static void a_run_that_has_ended_has_no_time_to_go(void **state) {
	(void)state;
	struct run_cut *cut = trained_run("run1", 100);
	cut->row.state = "finished";
	cut->row.has_exit_code = true;
	cut->row.ended = cut->row.last_seen;
	cut_commit(cut);
	json_t *run = report_run("run1");
	assert_true(json_is_null(at(run, "eta_s")));
	assert_int_equal(number_at(run, "exit_code"), 0);
	assert_true(fabs(number_at(run, "duration_s") - 9.9) < 1e-6);
	json_decref(run);
}

static void a_run_without_a_step_has_no_numbers(void **state) {
	(void)state;
	cut_commit(cut_create("run1", 0));
	json_t *run = report_run("run1");
	assert_true(json_is_null(at(run, "step")));
	assert_true(json_is_null(at(run, "losses.mse_loss")));
	assert_true(json_is_null(at(run, "rate.steps_per_s")));
	assert_true(json_is_null(at(run, "curves")));
	assert_true(json_is_null(at(run, "sparsity.window")));
	assert_true(json_is_null(at(run, "open_window")));
	json_decref(run);
}

static void what_is_not_a_number_is_said_and_is_an_alert(void **state) {
	(void)state;
	struct run_cut *cut = trained_run("run1", 10);
	struct change_step *s = cut_step(cut, 10);
	step_measure(s, METRIC_MSE_LOSS, NAN, false);
	step_measure(s, METRIC_L0, INFINITY, true);
	struct change_event *e = &changes_append(&cut->changes, CHANGE_EVENT)->event;
	*e = (struct change_event){1, 8, 1700000001.5, "nan", "mse_loss is NaN"};
	e = &changes_append(&cut->changes, CHANGE_EVENT)->event;
	*e = (struct change_event){1, 9, 1700000002.5, "nan", "overall_loss is NaN"};
	cut_commit(cut);
	json_t *run = report_run("run1");
	assert_string_equal(text_at(run, "losses.mse_loss"), "NaN");
	assert_string_equal(text_at(run, "metrics.l0"), "Infinity");
	json_t *alert = json_array_get(at(run, "alerts"), 0);
	assert_string_equal(text_at(alert, "kind"), "nan");
	assert_string_equal(text_at(alert, "words"), "mse_loss NaN at step 8");
	assert_string_equal(text_at(alert, "since"), "2023-11-14T22:13:21.500Z");
	assert_string_equal(text_at(run, "curves.series.mse_loss.now"), "NaN");
	assert_true(number_at(run, "curves.series.mse_loss.min") == 0.1);
	json_decref(run);
}

static bool has_alert(json_t *run, const char *kind) {
	size_t i;
	json_t *alert;
	json_array_foreach(at(run, "alerts"), i, alert) {
		if (strcmp(text_at(alert, "kind"), kind) == 0) {
			return text_at(alert, "words") != NULL;
		}
	}
	return false;
}

static void whatever_went_wrong_is_an_alert(void **state) {
	(void)state;
	struct run_cut *cut = trained_run("run1", 10);
	cut->row.dropped = cut->row.late = cut->row.refused = cut->row.gap = 1;
	cut->row.missing_steps = 12345;
	cut->row.resumed = true;
	cut->row.state = "stalled";
	cut->row.waiting_for = "rank 1 (never connected)";
	cut_event(cut, "disagree", "l0 is 3 as given, 4 as counted");
	cut_commit(cut);
	static const char *const kinds[] = {"stalled", "waiting", "dropped", "late", "refused",
		"lost", "missing", "disagree", "resumed"};
	json_t *run = report_run("run1");
	assert_int_equal(json_array_size(at(run, "alerts")), 9);
	for (size_t i = 0; i < 9; i++) {
		assert_true(has_alert(run, kinds[i]));
	}
	assert_int_equal(number_at(run, "client.lost"), 1);
	json_decref(run);

	cut = cut_create("run1", 2);
	cut->row.state = "failed";
	cut->row.has_exit_code = true;
	cut->row.exit_code = 137;
	cut_commit(cut);
	run = report_run("run1");
	assert_string_equal(
		text_at(json_array_get(at(run, "alerts"), 0), "words"), "exit code 137");
	json_decref(run);

	cut = cut_create("run1", 3);
	cut->row.state = "failed";
	cut->row.has_exit_code = true;
	cut->row.exit_code = 1;
	cut->row.end_words = "ValueError: the loss is NaN";
	cut_commit(cut);
	run = report_run("run1");
	assert_string_equal(text_at(run, "end_words"), "ValueError: the loss is NaN");
	assert_string_equal(text_at(json_array_get(at(run, "alerts"), 0), "words"),
		"exit code 1: ValueError: the loss is NaN");
	json_decref(run);
}

static void event_of(struct run_cut *cut, uint32_t attempt, double time, const char *text) {
	struct change_event *e = &changes_append(&cut->changes, CHANGE_EVENT)->event;
	*e = (struct change_event){attempt, 8, time, "disagree", text};
}

/* Else an alert that somebody knows of would be news each thousand steps. */
static void what_does_not_agree_began_with_the_first_of_its_attempt(void **state) {
	(void)state;
	struct run_cut *cut = trained_run("run1", 10);
	event_of(cut, 1, 1700000001, "l0 is 3 as given, 4 as counted");
	event_of(cut, 2, 1700000002, "fvu is 3 as given, 4 as counted");
	event_of(cut, 2, 1700000003, "l0 is 3 as given, 5 as counted");
	event_of(cut, 2, 1700000004, "l0 is 3 as given, 6 as counted");
	cut_commit(cut);
	json_t *run = report_run("run1");
	json_t *alert = json_array_get(at(run, "alerts"), 0);
	assert_string_equal(text_at(alert, "words"), "l0 is 3 as given, 6 as counted");
	assert_string_equal(text_at(alert, "since"), "2023-11-14T22:13:23.000Z");
	json_decref(run);
}

static void the_last_closed_window_is_the_sparsity(void **state) {
	(void)state;
	struct run_cut *cut = trained_run("run1", 350);
	cut_window(cut, 0, 0);
	cut_window(cut, 1, 0);
	cut_window(cut, 2, FLAW_LATE);
	cut_window(cut, 3, FLAW_PARTIAL);
	cut->row.state = "finished";
	cut_commit(cut);
	json_t *run = report_run("run1");
	assert_int_equal(number_at(run, "sparsity.window"), 2);
	assert_false(json_is_true(at(run, "sparsity.complete")));
	assert_string_equal(
		json_string_value(json_array_get(at(run, "sparsity.flaws"), 0)), "late");
	assert_int_equal(number_at(run, "sparsity.below_1e-5"), 5);
	assert_int_equal(number_at(run, "sparsity.dead_features"), 349); /* of the last row */
	assert_true(number_at(run, "metrics.mean_log10_feature_sparsity") == -3.5);
	assert_true(number_at(run, "sparsity.quantiles.p90") == -1);
	assert_int_equal(number_at(json_array_get(at(run, "sparsity.thresholds"), 0), "below"), 11);
	assert_int_equal(json_array_size(at(run, "sparsity.histogram.counts")), 200);
	assert_int_equal(number_at(run, "sparsity.histogram.zero"), 2);
	assert_int_equal(json_array_size(at(run, "windows")), 3);
	assert_int_equal(number_at(json_array_get(at(run, "windows"), 0), "window"), 0);
	assert_int_equal(number_at(run, "partial_window.window"), 3);
	assert_int_equal(number_at(run, "partial_window.dead_features"), 10);
	assert_int_equal(number_at(run, "open_window.window"), 3);
	assert_int_equal(number_at(run, "open_window.n_steps"), 51);
	json_decref(run);
}

static void a_curve_is_thirty_two_means_with_its_extremes(void **state) {
	(void)state;
	cut_commit(trained_run("run1", 640));
	json_t *run = report_run("run1");
	json_t *l0 = at(run, "curves.series.l0");
	assert_int_equal(number_at(run, "curves.step_last"), 639);
	assert_int_equal(json_array_size(at(l0, "values")), 32);
	assert_true(json_number_value(json_array_get(at(l0, "values"), 0)) == 1000 - 9.5);
	assert_true(json_number_value(json_array_get(at(l0, "values"), 31)) == 1000 - 629.5);
	assert_true(number_at(l0, "min") == 361 && number_at(l0, "max") == 1000);
	assert_true(json_is_null(at(run, "curves.series.fvu.min")));
	json_decref(run);
}

static json_t *report_fine(const char *part, unsigned points) {
	json_t *document = NULL;
	assert_int_equal(
		report_build(db.sql, &(struct report_query){.run_part = part, .points = points},
			&document, words),
		REPORT_OK);
	json_t *run = json_incref(json_array_get(json_object_get(document, "runs"), 0));
	json_decref(document);
	return run;
}

static double item(json_t *list, size_t i) {
	assert_true(json_is_number(json_array_get(list, i)));
	return json_number_value(json_array_get(list, i));
}

static void a_curve_is_as_fine_as_asked_for_and_a_spike_of_one_step_is_in_it(void **state) {
	(void)state;
	struct run_cut *cut = trained_run("run1", 640);
	step_measure(cut_step(cut, 640), METRIC_L0, 90000, true);
	for (uint32_t i = 641; i < 800; i++) {
		step_measure(cut_step(cut, i), METRIC_L0, 10, true);
	}
	cut->row.step = 799;
	cut_commit(cut);
	json_t *run = report_fine("run1", 100);
	json_t *l0 = at(run, "curves.series.l0");
	assert_int_equal(json_array_size(at(l0, "values")), 100);
	assert_true(item(at(l0, "values"), 0) == 996.5);
	assert_true(item(at(l0, "lows"), 0) == 993 && item(at(l0, "highs"), 0) == 1000);
	assert_true(item(at(l0, "highs"), 80) == 90000 && item(at(l0, "lows"), 80) == 10);
	assert_int_equal(json_array_size(at(run, "curves.tokens")), 100);
	assert_true(item(at(run, "curves.times"), 99) > item(at(run, "curves.times"), 0));
	assert_true(item(at(run, "curves.series.dead_features.highs"), 1) == 9);
	assert_null(at(run, "curves.series.fvu")); /* this run has none */
	json_decref(run);

	run = report_fine("run1", 100000);
	assert_int_equal(json_array_size(at(run, "curves.series.l0.values")), REPORT_POINTS_MAX);
	json_decref(run);
}

static void a_point_in_which_a_value_was_not_finite_is_marked(void **state) {
	(void)state;
	struct run_cut *cut = trained_run("run1", 40);
	step_measure(cut_step(cut, 40), METRIC_MSE_LOSS, NAN, false);
	cut->row.step = 40;
	cut_commit(cut);
	json_t *run = report_fine("run1", 41);
	json_t *marked = at(run, "curves.series.mse_loss.not_finite");
	assert_int_equal(json_array_size(marked), 1);
	assert_true(item(marked, 0) == 40);
	assert_true(json_is_null(json_array_get(at(run, "curves.series.mse_loss.values"), 40)));
	assert_int_equal(json_array_size(at(run, "curves.series.l0.not_finite")), 0);
	json_decref(run);
}

static void fine_curves_come_with_the_histograms_of_the_windows(void **state) {
	(void)state;
	struct run_cut *cut = trained_run("run1", 400);
	for (uint32_t window = 0; window < 3; window++) {
		cut_window(cut, window, 0);
	}
	cut_commit(cut);
	json_t *fine = report_fine("run1", 10), *coarse = report_run("run1");
	for (size_t i = 0; i < 3; i++) {
		json_t *window = json_array_get(at(fine, "windows"), i);
		assert_int_equal(json_array_size(at(window, "histogram.counts")), 200);
		assert_null(at(json_array_get(at(coarse, "windows"), i), "histogram"));
	}
	json_decref(fine);
	json_decref(coarse);
}

static void where_a_run_went_back_the_curve_shows_the_newest_attempt(void **state) {
	(void)state;
	cut_commit(trained_run("run1", 64));
	struct run_cut *cut = cut_create("run1", 2);
	cut_attempt(cut, 2, 32);
	for (uint32_t i = 32; i < 64; i++) {
		step_measure(cut_step(cut, i), METRIC_L0, 5, true);
	}
	cut_commit(cut);
	json_t *run = report_run("run1");
	json_t *values = at(run, "curves.series.l0.values");
	assert_true(json_number_value(json_array_get(values, 0)) == 999.5);
	assert_true(json_number_value(json_array_get(values, 16)) == 5);
	assert_true(json_number_value(json_array_get(values, 31)) == 5);
	assert_int_equal(json_array_size(at(run, "attempts")), 2);
	json_decref(run);
}

static void where_a_run_went_back_the_windows_behind_are_not_shown(void **state) {
	(void)state;
	struct run_cut *cut = trained_run("aaaa1111", 400);
	for (uint32_t window = 0; window < 4; window++) {
		cut_window(cut, window, 0);
	}
	cut_attempt(cut, 2, 150); /* inside window 1 */
	cut_commit(cut);
	json_t *run = report_run("aaaa");
	assert_int_equal(number_at(run, "sparsity.window"), 0);
	assert_int_equal(json_array_size(at(run, "windows")), 1);
	json_decref(run);

	cut = cut_create("aaaa1111", 600);
	cut->row.attempt = 2;
	cut_window(cut, 1, 0);
	cut_commit(cut);
	run = report_run("aaaa");
	assert_int_equal(number_at(run, "sparsity.window"), 1);
	assert_int_equal(json_array_size(at(run, "windows")), 2);
	json_decref(run);
}

static void events_come_newest_first_and_not_without_end(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("run1", 1);
	for (int i = 0; i < 30; i++) {
		char *text = changes_alloc(&cut->changes, 16);
		snprintf(text, 16, "event %d", i);
		cut_event(cut, "resample", text);
	}
	cut_commit(cut);
	json_t *run = report_run("run1");
	assert_int_equal(json_array_size(at(run, "events")), 20);
	assert_string_equal(text_at(json_array_get(at(run, "events"), 0), "text"), "event 29");
	json_decref(run);
}

static void take_by_age(uint64_t steps_s, uint64_t runs_s, double now) {
	struct trim trim = {.policy = retention_none, .now = now, .pass_wanted = true};
	trim.policy.steps_s = steps_s;
	trim.policy.runs_s = runs_s;
	int result;
	do {
		result = trim_turn(&trim, &db, &slots, &committer.known);
		trim.may_remove = result == TRIM_ASKS;
	} while (result == TRIM_MORE || result == TRIM_ASKS);
	assert_int_equal(result, TRIM_DONE);
	trim_finish(&trim);
}

static void a_run_whose_steps_are_gone_shows_its_figures_its_curves_and_what_is_missing(
	void **state) {
	(void)state;
	struct run_cut *cut = trained_run("run1", 900);
	cut->row.state = "finished";
	cut_commit(cut);
	json_t *before = report_run("run1");
	assert_int_equal(json_array_size(at(before, "removed")), 0);
	take_by_age(1, RETENTION_FOREVER, 1800000000);
	json_t *after = report_run("run1");
	assert_true(json_equal(at(before, "losses"), at(after, "losses")));
	assert_true(json_equal(at(before, "metrics"), at(after, "metrics")));
	assert_true(json_equal(at(before, "sparsity"), at(after, "sparsity")));
	assert_true(json_equal(at(before, "rate"), at(after, "rate")));
	assert_false(json_is_true(at(before, "curves.sampled")));
	assert_true(json_is_true(at(after, "curves.sampled")));
	assert_int_equal(number_at(after, "curves.step_first"), 0);
	json_t *drawn = at(before, "curves.series.l0.values"),
	       *still = at(after, "curves.series.l0.values");
	assert_int_equal(json_array_size(still), 32);
	for (size_t i = 0; i < 32; i++) {
		assert_true(fabs(json_number_value(json_array_get(drawn, i)) -
				    json_number_value(json_array_get(still, i))) < 32);
	}
	json_t *removed = json_array_get(at(after, "removed"), 0);
	assert_string_equal(text_at(removed, "what"), "steps");
	assert_int_equal(number_at(removed, "step_last"), 835);
	assert_string_equal(text_at(removed, "words"),
		"steps through 835 (2023-11-14) removed by retention (steps = 1s)");
	json_decref(before);
	json_decref(after);
}

static void who_asks_for_a_run_that_is_gone_learns_what_became_of_it(void **state) {
	(void)state;
	struct run_cut *cut = trained_run("run1", 10);
	cut->row.state = "finished";
	cut->row.is_private = true;
	cut_commit(cut);
	take_by_age(RETENTION_FOREVER, 86400, 1800000000);
	json_t *document;
	assert_int_equal(report_as("run1", 1000, &document), REPORT_NO_SUCH_RUN);
	assert_string_equal(
		words, "no run fits 'run1': run1 was removed on 2027-01-15 (runs = 1d)");
	assert_int_equal(report_as("run1", 1001, &document), REPORT_NO_SUCH_RUN);
	assert_string_equal(words, "no run fits 'run1'");
}

static void a_part_of_an_id_or_a_name_is_enough_when_it_fits_one(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("clip8f3a", 1);
	cut->row.name = "l9-x16";
	cut_commit(cut);
	cut = cut_create("clip77a0", 1);
	cut->row.name = "l9-x8";
	cut_commit(cut);
	static const struct {
		const char *part, *id;
	} fits[] = {{"clip8f3a", "clip8f3a"}, {"8f3a", "clip8f3a"}, {"clip7", "clip77a0"},
		{"l9-x8", "clip77a0"}, {"x16", "clip8f3a"}, {"p77", "clip77a0"}};
	for (size_t i = 0; i < sizeof fits / sizeof fits[0]; i++) {
		json_t *run = report_run(fits[i].part);
		assert_string_equal(text_at(run, "id"), fits[i].id);
		json_decref(run);
	}
	json_t *none;
	assert_int_equal(report_as("clip", 0, &none), REPORT_NO_SUCH_RUN);
	assert_non_null(strstr(words, "2 runs fit 'clip': "));
	assert_int_equal(report_as("zzz", 0, &none), REPORT_NO_SUCH_RUN);
	assert_string_equal(words, "no run fits 'zzz'");
	assert_int_equal(report_as("%", 0, &none), REPORT_NO_SUCH_RUN);
	assert_null(none);
}

static size_t runs_shown(const char *part, struct viewer viewer) {
	const struct report_query query = {.run_part = part, .viewer = viewer};
	json_t *document = NULL;
	int result = report_build(db.sql, &query, &document, words);
	size_t n = json_array_size(json_object_get(document, "runs"));
	assert_int_equal(result, n > 0 || part == NULL ? REPORT_OK : REPORT_NO_SUCH_RUN);
	json_decref(document);
	return n;
}

static void a_private_run_is_shown_to_its_user_and_to_who_sees_all(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("secret", 1);
	cut->row.is_private = true;
	cut_commit(cut);
	json_t *document;
	assert_int_equal(report_as("secret", 1000, &document), REPORT_OK);
	json_t *run = json_array_get(json_object_get(document, "runs"), 0);
	assert_true(json_is_true(at(run, "own")));
	assert_true(json_is_true(at(run, "private")));
	json_decref(document);
	static const struct viewer may_not[] = {{.uid = 0}, {.uid = 1001}, {.uid = 65534}};
	for (size_t i = 0; i < sizeof may_not / sizeof may_not[0]; i++) {
		assert_int_equal(runs_shown(NULL, may_not[i]), 0);
		assert_int_equal(runs_shown("secret", may_not[i]), 0);
		assert_string_equal(words, "no run fits 'secret'");
	}
	assert_int_equal(runs_shown(NULL, (struct viewer){.uid = 1001, .sees_all = true}), 1);
	assert_int_equal(runs_shown("secret", (struct viewer){.uid = 0, .sees_all = true}), 1);
}

static void where_all_runs_are_private_each_sees_his_own(void **state) {
	(void)state;
	cut_commit(cut_create("mine", 1));
	struct run_cut *cut = cut_create("theirs", 1);
	cut->row.uid = 1001;
	cut_commit(cut);
	assert_int_equal(runs_shown(NULL, (struct viewer){.uid = 1000}), 2);
	assert_int_equal(runs_shown(NULL, (struct viewer){.uid = 1000, .all_private = true}), 1);
	assert_int_equal(runs_shown("mine", (struct viewer){.uid = 1000, .all_private = true}), 1);
	assert_int_equal(
		runs_shown("theirs", (struct viewer){.uid = 1000, .all_private = true}), 0);
	assert_int_equal(
		runs_shown(NULL, (struct viewer){.uid = 1, .sees_all = true, .all_private = true}),
		2);
}

/* "2 runs fit" would tell that there is another one. */
static void a_part_that_fits_one_run_he_sees_is_that_run(void **state) {
	(void)state;
	cut_commit(cut_create("clip8f3a", 1));
	struct run_cut *cut = cut_create("clip77a0", 1);
	cut->row.uid = 1001;
	cut->row.is_private = true;
	cut_commit(cut);
	assert_int_equal(runs_shown("clip", (struct viewer){.uid = 1000}), 1);
	assert_int_equal(runs_shown("clip", (struct viewer){.uid = 1001}), 0);
	assert_non_null(strstr(words, "2 runs fit"));
}

/* Of all the runs that a reader may see. */
static json_t *report_brief(uint32_t uid) {
	json_t *document = NULL;
	assert_int_equal(
		report_build(db.sql, &(struct report_query){.viewer = {.uid = uid}, .brief = true},
			&document, words),
		REPORT_OK);
	return document;
}

static void a_brief_report_has_the_newest_runs_that_the_reader_may_see(void **state) {
	(void)state;
	char id[16];
	for (int i = 0; i < REPORT_BRIEF_RUNS + 5; i++) {
		snprintf(id, sizeof id, "run%d", i);
		struct run_cut *cut = cut_create(id, 1);
		cut->row.last_seen = 1e9 + i;
		cut->row.is_private = i % 2 == 0;
		cut_commit(cut);
	}
	json_t *document = report_brief(1000), *runs = json_object_get(document, "runs");
	assert_int_equal(json_array_size(runs), REPORT_BRIEF_RUNS);
	json_t *run = json_array_get(runs, 0);
	assert_string_equal(text_at(run, "id"), id);
	assert_string_equal(text_at(run, "state"), "running");
	assert_int_equal(json_object_size(run), 4);
	json_decref(document);

	document = report_brief(1001);
	assert_int_equal(
		json_array_size(json_object_get(document, "runs")), REPORT_BRIEF_RUNS / 2 + 2);
	json_decref(document);
}

static void whose_a_run_is_can_be_asked_by_who_may_see_it(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("secret", 1);
	cut->row.is_private = true;
	cut_commit(cut);
	struct report_query query = {.run_part = "sec", .viewer = {.uid = 1000}, .whose = true};
	json_t *document;
	assert_int_equal(report_build(db.sql, &query, &document, words), REPORT_OK);
	json_t *run = json_array_get(json_object_get(document, "runs"), 0);
	assert_string_equal(text_at(run, "id"), "secret");
	assert_string_equal(text_at(run, "state"), "running");
	assert_int_equal(number_at(run, "uid"), 1000);
	assert_non_null(at(run, "user"));
	assert_true(json_is_false(json_object_get(run, "forwards")));
	assert_int_equal(json_object_size(run), 5);
	json_decref(document);

	query.viewer.uid = 1001;
	assert_int_equal(report_build(db.sql, &query, &document, words), REPORT_NO_SUCH_RUN);
}

static void the_document_is_strict_json(void **state) {
	(void)state;
	struct run_cut *cut = trained_run("run1", 50);
	cut->row.name = "quote \" and \\ and \u00e9";
	step_measure(cut_step(cut, 50), METRIC_MSE_LOSS, -INFINITY, false);
	cut_window(cut, 0, 0);
	cut_commit(cut);
	json_t *document;
	assert_int_equal(report_as("run1", 0, &document), REPORT_OK);
	char *text = json_dumps(document, 0);
	assert_non_null(text);
	json_t *again = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(again);
	assert_true(json_equal(document, again));
	json_decref(again);
	json_decref(document);
	free(text);
}

static void a_long_run_is_told_from_a_sample(void **state) {
	(void)state;
	for (uint32_t from = 0; from < 40000; from += 10000) {
		struct run_cut *cut = cut_create("run1", from + 1);
		for (uint32_t i = from; i < from + 10000; i++) {
			step_measure(cut_step(cut, i), METRIC_L0, i, true);
		}
		cut_commit(cut);
	}
	json_t *run = report_run("run1");
	assert_true(json_is_true(at(run, "curves.sampled")));
	json_t *values = at(run, "curves.series.l0.values");
	assert_int_equal(json_array_size(values), 32);
	assert_true(fabs(json_number_value(json_array_get(values, 16)) - 20624.5) < 20);
	assert_true(number_at(run, "curves.series.l0.min") == 0);
	assert_true(number_at(run, "curves.series.l0.max") == 39999);
	json_decref(run);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
		T(the_list_has_every_run_newest_activity_first),
		T(a_database_without_runs_is_an_empty_list),
		T(rows_say_what_wandb_has_of_a_run),
		T(a_crashed_run_that_is_all_sent_is_synced),
		T(a_parked_run_is_an_alert_with_its_words),
		T(rows_that_were_not_taken_are_an_alert),
		T(a_run_says_where_it_stands),
		T(a_run_that_has_ended_has_no_time_to_go),
		T(a_run_without_a_step_has_no_numbers),
		T(what_is_not_a_number_is_said_and_is_an_alert),
		T(whatever_went_wrong_is_an_alert),
		T(what_does_not_agree_began_with_the_first_of_its_attempt),
		T(the_last_closed_window_is_the_sparsity),
		T(a_curve_is_thirty_two_means_with_its_extremes),
		T(a_curve_is_as_fine_as_asked_for_and_a_spike_of_one_step_is_in_it),
		T(a_point_in_which_a_value_was_not_finite_is_marked),
		T(fine_curves_come_with_the_histograms_of_the_windows),
		T(where_a_run_went_back_the_curve_shows_the_newest_attempt),
		T(where_a_run_went_back_the_windows_behind_are_not_shown),
		T(events_come_newest_first_and_not_without_end),
		T(a_run_whose_steps_are_gone_shows_its_figures_its_curves_and_what_is_missing),
		T(who_asks_for_a_run_that_is_gone_learns_what_became_of_it),
		T(a_part_of_an_id_or_a_name_is_enough_when_it_fits_one),
		T(a_private_run_is_shown_to_its_user_and_to_who_sees_all),
		T(where_all_runs_are_private_each_sees_his_own),
		T(a_part_that_fits_one_run_he_sees_is_that_run),
		T(a_brief_report_has_the_newest_runs_that_the_reader_may_see),
		T(whose_a_run_is_can_be_asked_by_who_may_see_it),
		T(the_document_is_strict_json),
		T(a_long_run_is_told_from_a_sample),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
