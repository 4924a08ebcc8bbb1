/* From what was measured to the figures that are drawn. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "buf.h"
#include "document.h"
#include "figures.h"
#include "pareto_axis.h"

static char words[FIGURES_WORDS_SIZE];

/* ---- curves ---- */

static double steps_of_both[] = {0, 1, 2, 3};
static double losses[] = {4, 3, (double)INFINITY, 1},
	      none[] = {(double)NAN, (double)NAN, (double)NAN, (double)NAN};
static char name[] = "a name";
static const char *const metrics[] = {"mse_loss", "grad_norm"};

static struct run_steps run_of(double *second) {
	return (struct run_steps){.id = "run1",
		.name = name,
		.n = 4,
		.n_metrics = 2,
		.x = steps_of_both,
		.y = {losses, second}};
}

static void curves_have_every_step_and_say_what_was_not_finite(void **state) {
	(void)state;
	struct run_steps run = run_of(none);
	json_t *f = figures_of_curves(&run, 1, metrics, false, OVER_STEP, AXIS_BY_DATA, 720, words);
	const json_t *panels = json_object_get(f, "panels");
	const json_t *series = json_array_get(document_at(json_array_get(panels, 0), "series"), 0);

	assert_string_equal(document_text(f, "x_label"), "training step");
	assert_int_equal(json_array_size(panels), 1); /* the other has no value */
	assert_string_equal(document_text(json_array_get(panels, 0), "label"), "MSE loss");
	assert_true(document_count(series, "n_steps") == 4 &&
		    document_count(series, "n_not_finite") == 1);
	assert_int_equal(json_array_size(json_object_get(series, "x")), 4);
	assert_true(json_real_value(json_array_get(json_object_get(series, "mean"), 1)) == 3);
	assert_true(json_is_null(json_array_get(json_object_get(series, "mean"), 2)));
	assert_int_equal(
		json_integer_value(json_array_get(json_object_get(series, "not_finite"), 2)), 1);
	json_decref(f);
}

static void runs_of_one_name_are_told_apart_by_their_ids(void **state) {
	(void)state;
	struct run_steps runs[] = {run_of(none), run_of(none), run_of(none)};
	static char other[] = "another name";
	snprintf(runs[1].id, sizeof runs[1].id, "run2");
	snprintf(runs[2].id, sizeof runs[2].id, "run3");
	runs[2].name = other;
	json_t *f = figures_of_curves(runs, 3, metrics, false, OVER_STEP, AXIS_BY_DATA, 720, words);
	const json_t *made = json_object_get(f, "runs");

	assert_string_equal(document_text(json_array_get(made, 0), "label"), "a name-run1");
	assert_string_equal(document_text(json_array_get(made, 1), "label"), "a name-run2");
	assert_string_equal(document_text(json_array_get(made, 2), "label"), "another name");
	assert_string_equal(document_text(json_array_get(made, 1), "name"), "a name");
	json_decref(f);
}

static void a_named_metric_has_its_panel_also_without_a_value(void **state) {
	(void)state;
	struct run_steps run = run_of(none);
	json_t *f = figures_of_curves(&run, 1, metrics, true, OVER_TOKENS, AXIS_LOG, 720, words);

	assert_int_equal(json_array_size(json_object_get(f, "panels")), 2);
	assert_string_equal(document_text(json_array_get(json_object_get(f, "panels"), 1), "label"),
		"grad_norm");
	assert_string_equal(
		document_text(json_array_get(json_object_get(f, "panels"), 0), "axis"), "log");
	json_decref(f);
}

static void without_steps_there_is_nothing_to_draw_and_it_says_so(void **state) {
	(void)state;
	struct run_steps empty = {.id = "run1", .name = name, .n_metrics = 2};
	struct run_steps others = {.id = "run1",
		.name = name,
		.n = 4,
		.n_metrics = 1,
		.x = steps_of_both,
		.y = {none}};

	assert_null(
		figures_of_curves(&empty, 1, metrics, false, OVER_STEP, AXIS_BY_DATA, 720, words));
	assert_non_null(strstr(words, "no steps yet"));
	assert_null(
		figures_of_curves(&others, 1, metrics, false, OVER_STEP, AXIS_BY_DATA, 720, words));
	assert_non_null(strstr(words, "--metric NAME"));
}

/* ---- the front ---- */

static json_t *points_of(const char *runs) {
	json_t *points = json_object();

	json_object_set_new(points, "runs", json_loads(runs, 0, NULL));
	assert_non_null(json_object_get(points, "runs"));
	return points;
}

#define POINT(l0, fvu)                                                                             \
	"{\"tokens\": 1000, \"metrics\": {\"l0\": " #l0 ", \"fvu\": " #fvu                         \
	", \"explained_variance\": 0.5}}"
#define RUNS                                                                                       \
	"[{\"id\": \"a1\", \"name\": \"sweep-l9-best\", \"point\": " POINT(                        \
		10, 0.5) "},"                                                                      \
			 " {\"id\": \"b2\", \"name\": \"sweep-l9-worse\", \"point\": " POINT(20,   \
				 0.6) "},"                                                         \
				      " {\"id\": \"c3\", \"name\": \"sweep-l9-dense\", "           \
				      "\"point\": " POINT(100,                                     \
					      0.1) "},"                                            \
						   " {\"id\": \"d4\", \"name\": "                  \
						   "\"sweep-l9-young\", \"point\": null},"         \
						   " {\"id\": \"e5\", \"name\": "                  \
						   "\"sweep-l9-odd\", \"point\": {\"tokens\": "    \
						   "1000, \"metrics\": {\"l0\": 3}}}]"

static struct front_wanted wanted_of(const char *x, const char *y) {
	struct front_wanted wanted = {0};

	assert_int_equal(pareto_axis_make("plot", "x", x, NULL, &wanted.query.x), 0);
	assert_int_equal(pareto_axis_make("plot", "y", y, NULL, &wanted.query.y), 0);
	return wanted;
}

static int front_of(const json_t *points, json_t **ret) {
	struct front_wanted wanted = wanted_of("l0", "fvu");

	return figures_of_front(points, &wanted, ret, words);
}

static const json_t *run_named(const json_t *runs, const char *id) {
	size_t i;
	json_t *run;

	json_array_foreach(runs, i, run) {
		if (strcmp(document_text(run, "id"), id) == 0) {
			return run;
		}
	}
	return NULL;
}

static void the_front_says_who_is_on_it_and_who_dominates_the_others(void **state) {
	(void)state;
	json_t *points = points_of(RUNS), *f = NULL;

	assert_int_equal(front_of(points, &f), 0);
	const json_t *runs = json_object_get(f, "runs");
	assert_int_equal(json_array_size(runs), 3);
	assert_true(document_true(run_named(runs, "a1"), "on_front"));
	assert_true(document_true(run_named(runs, "c3"), "on_front"));
	assert_false(document_true(run_named(runs, "b2"), "on_front"));
	assert_string_equal(document_text(run_named(runs, "b2"), "dominated_by"), "a1");
	assert_string_equal(document_text(f, "x.axis"), "log");
	assert_string_equal(
		document_text(f, "y.label"), "fraction of variance unexplained – less is better");
	assert_false(document_true(f, "unequal_tokens"));
	json_decref(f);
	json_decref(points);
}

static void runs_without_a_point_or_a_metric_are_listed_apart(void **state) {
	(void)state;
	json_t *points = points_of(RUNS), *f = NULL;

	assert_int_equal(front_of(points, &f), 0);
	const json_t *out = json_object_get(f, "left_out");
	assert_int_equal(json_array_size(out), 2);
	assert_string_equal(document_text(run_named(out, "d4"), "why"), "no complete window");
	assert_string_equal(document_text(run_named(out, "e5"), "why"), "its window has no fvu");
	json_decref(f);
	json_decref(points);
}

static void what_all_names_begin_with_is_said_once(void **state) {
	(void)state;
	json_t *points = points_of(RUNS), *f = NULL;

	assert_int_equal(front_of(points, &f), 0);
	assert_string_equal(document_text(f, "label_prefix"), "sweep-l9-");
	assert_string_equal(
		document_text(run_named(json_object_get(f, "runs"), "a1"), "label"), "best");
	json_decref(f);
	json_decref(points);
}

static void a_scale_is_that_of_all_that_is_drawn_also_of_the_way(void **state) {
	(void)state;
	json_t *points = points_of("[{\"id\": \"a1\", \"point\": " POINT(
		       10, 0.02) ", \"trajectory\": [" POINT(300, 0.9) ", " POINT(10, 0.02) "]}]"),
	       *f = NULL;
	struct front_wanted wanted = wanted_of("l0", "fvu");

	assert_int_equal(figures_of_front(points, &wanted, &f, words), 0);
	assert_string_equal(document_text(f, "y.axis"), "linear");
	json_decref(f);
	f = NULL;
	wanted.trajectory = true;
	assert_int_equal(figures_of_front(points, &wanted, &f, words), 0);
	assert_string_equal(document_text(f, "y.axis"), "log");
	assert_non_null(strstr(document_text(f, "y.label"), "log scale"));
	json_decref(f);
	json_decref(points);
}

static void a_name_that_is_no_utf8_is_none(void **state) {
	(void)state;
	static char broken[] = "\xff\xfe";
	struct run_steps runs[] = {run_of(none), run_of(none)};
	runs[0].name = broken;
	snprintf(runs[1].id, sizeof runs[1].id, "run2");
	json_t *f = figures_of_curves(runs, 2, metrics, false, OVER_STEP, AXIS_BY_DATA, 720, words);
	const json_t *drawn = json_object_get(f, "runs");
	assert_int_equal(json_array_size(drawn), 2);
	assert_string_equal(document_text(json_array_get(drawn, 0), "name"), "run1");
	assert_string_equal(document_text(json_array_get(drawn, 1), "id"), "run2");
	json_decref(f);
}

static void a_front_of_none_says_why(void **state) {
	(void)state;
	json_t *points = points_of("[{\"id\": \"d4\", \"name\": \"young\", \"point\": null}]"),
	       *f = NULL;

	assert_int_equal(front_of(points, &f), -ENOENT);
	assert_string_equal(words, "no run can be drawn: young: no complete window");
	json_decref(points);
}

static void points_of_one_name_are_told_apart_by_their_ids(void **state) {
	(void)state;
	json_t *points = points_of("[{\"id\": \"8f3a\", \"name\": \"l1-0.01\", \"point\": " POINT(
		       10, 0.5) "}, {\"id\": \"77a0\", \"name\": \"l1-0.01\", \"point\": " POINT(20,
		       0.4) "}]"),
	       *f = NULL;

	assert_int_equal(front_of(points, &f), 0);
	const json_t *runs = json_object_get(f, "runs");
	assert_string_equal(document_text(run_named(runs, "8f3a"), "label"), "l1-0.01-8f3a");
	assert_string_equal(document_text(run_named(runs, "77a0"), "label"), "l1-0.01-77a0");
	json_decref(f);
	json_decref(points);
}

static void what_makes_runs_hard_to_compare_is_said(void **state) {
	(void)state;
	json_t *points = points_of("[{\"id\": \"a1\", \"name\": \"a\", \"point\": " POINT(
		       10, 0.5) "},"
				" {\"id\": \"b2\", \"name\": \"b\", \"point\": {\"tokens\": 5000, "
				"\"n_tokens\": 100, \"metrics\": {\"l0\": 3, \"fvu\": 0.2}}}]"),
	       *f = NULL;

	assert_int_equal(front_of(points, &f), 0);
	assert_true(document_true(f, "unequal_tokens"));
	const char *warning = json_string_value(json_array_get(json_object_get(f, "warnings"), 0));
	assert_non_null(warning);
	assert_non_null(strstr(warning, "unequal tokens"));
	json_decref(f);
	json_decref(points);
}

static void more_is_better_of_explained_variance(void **state) {
	(void)state;
	struct front_wanted by_ev = wanted_of("l0", "explained_variance");
	json_t *points = points_of(RUNS), *f = NULL;

	assert_int_equal(figures_of_front(points, &by_ev, &f, words), 0);
	assert_true(document_true(f, "y.higher"));
	assert_true(document_true(run_named(json_object_get(f, "runs"), "a1"), "on_front"));
	assert_false(document_true(run_named(json_object_get(f, "runs"), "c3"), "on_front"));
	json_decref(f);
	json_decref(points);
}

/* ---- tables ---- */

static void a_table_has_a_row_a_drawn_number_and_nothing_that_a_spreadsheet_runs(void **state) {
	(void)state;
	json_t *points = points_of(
		       "[{\"id\": \"a1\", \"name\": \"=HYPERLINK(\\\"x\\\")\", \"point\": " POINT(
			       10, 0.5) "}]"),
	       *f = NULL;
	struct buf out = {0};

	assert_int_equal(front_of(points, &f), 0);
	assert_int_equal(figures_write_csv(&out, f), 0);
	assert_string_equal(buf_text(&out),
		"\"run\",\"name\",\"l0\",\"fvu\",\"n_tokens_folded\",\"on_front\",\"dominated_"
		"by\"\r\n"
		"\"a1\",\"'=HYPERLINK(\"\"x\"\")\",10.0,0.5,1000.0,\"yes\",\"\"\r\n");
	buf_finish(&out);
	json_decref(f);
	json_decref(points);
}

static void a_gap_of_a_curve_is_an_empty_field(void **state) {
	(void)state;
	struct run_steps run = run_of(none);
	json_t *f = figures_of_curves(&run, 1, metrics, false, OVER_STEP, AXIS_BY_DATA, 720, words);
	struct buf out = {0};

	assert_int_equal(figures_write_csv(&out, f), 0);
	assert_non_null(strstr(buf_text(&out), "\"mse_loss\",\"run1\",2.0,,,,0,1\r\n"));
	assert_non_null(strstr(buf_text(&out), "\"mse_loss\",\"run1\",3.0,1.0,1.0,1.0,1,0\r\n"));
	buf_finish(&out);
	json_decref(f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(curves_have_every_step_and_say_what_was_not_finite),
		cmocka_unit_test(runs_of_one_name_are_told_apart_by_their_ids),
		cmocka_unit_test(a_named_metric_has_its_panel_also_without_a_value),
		cmocka_unit_test(without_steps_there_is_nothing_to_draw_and_it_says_so),
		cmocka_unit_test(the_front_says_who_is_on_it_and_who_dominates_the_others),
		cmocka_unit_test(runs_without_a_point_or_a_metric_are_listed_apart),
		cmocka_unit_test(what_all_names_begin_with_is_said_once),
		cmocka_unit_test(a_scale_is_that_of_all_that_is_drawn_also_of_the_way),
		cmocka_unit_test(a_name_that_is_no_utf8_is_none),
		cmocka_unit_test(a_front_of_none_says_why),
		cmocka_unit_test(points_of_one_name_are_told_apart_by_their_ids),
		cmocka_unit_test(what_makes_runs_hard_to_compare_is_said),
		cmocka_unit_test(more_is_better_of_explained_variance),
		cmocka_unit_test(
			a_table_has_a_row_a_drawn_number_and_nothing_that_a_spreadsheet_runs),
		cmocka_unit_test(a_gap_of_a_curve_is_an_empty_field),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
