/* Whom `stop --dominated` chooses, whom it leaves alone and why, and how it looks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dominated_json.h"
#include "json_write.h"
#include "render_dominated.h"
#include "screen.h"

static const struct look narrow = {80, true, true, false, SCREEN_NOW};
static const struct look ascii = {80, true, false, false, SCREEN_NOW};
static const struct look coloured = {120, true, true, true, SCREEN_NOW};
static const struct look pipe_look = {0, false, true, false, SCREEN_NOW};

#define AT     100e6
#define WINDOW 4096000

static struct pareto_axis axis_of(const char *name) {
	struct point_metric metric = point_metric_of(name);

	return (struct pareto_axis){.metric = metric, .higher = metric.better == BETTER_HIGHER};
}

static struct dominated_query query_of(const char *x, const char *y) {
	return (struct dominated_query){.x = axis_of(x), .y = axis_of(y), .at_tokens = AT};
}

/* ---- runs ---- */

static json_t *points, *status;

static json_t *run_of(const json_t *document, const char *id) {
	size_t i;
	json_t *run;

	json_array_foreach(json_object_get(document, "runs"), i, run) {
		if (strcmp(json_string_value(json_object_get(run, "id")), id) == 0) {
			return run;
		}
	}
	return NULL;
}

static json_t *point_of(const char *id) {
	return json_object_get(run_of(points, id), "point");
}

static void set(json_t *object, const char *name, json_t *value) {
	assert_non_null(object);
	assert_int_equal(json_object_set_new(object, name, value), 0);
}

static void add(const char *id, const char *state, double l0, double fvu) {
	json_t *run = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:i, s:I, s:{s:i, s:i, "
				"s:I, s:{s:f, s:f}}}",
		"id", id, "name", id, "project", "clip", "group", "l9", "user", "joe", "own", 1,
		"state", state, "profile", "prisma", "d_in", 768, "n_tokens_folded",
		(json_int_t)110000000, "point", "window", 23, "n_tokens", WINDOW, "tokens",
		(json_int_t)98304000, "metrics", "l0", l0, "fvu", fvu);

	assert_non_null(run);
	(void)json_array_append_new(json_object_get(points, "runs"), run);
	(void)json_array_append_new(json_object_get(status, "runs"),
		json_pack("{s:s, s:s, s:i, s:i}", "id", id, "state", state, "eta_s", 7200,
			"world_size", 2));
}

/* One that is beaten by the finished one, and one that is better on an axis. */
static int begin(void **state) {
	(void)state;
	points = json_pack("{s:i, s:[]}", "schema", 1, "runs");
	status = json_pack("{s:i, s:[]}", "schema", 1, "runs");
	add("done", "finished", 40, 0.1);
	add("beaten", "running", 44, 0.13);
	add("sparser", "stalled", 30, 0.2);
	return 0;
}

static int end(void **state) {
	(void)state;
	json_decref(points);
	json_decref(status);
	return 0;
}

static void choose(const struct dominated_query *query, struct dominated *ret) {
	assert_int_equal(dominated_make(points, status, query, ret), 0);
}

/* Nobody is chosen, and of `beaten` it is said why. */
static void expect_left(const char *why) {
	const struct dominated_query query = query_of("l0", "fvu");
	struct dominated d;
	const char *said = NULL;

	choose(&query, &d);
	assert_int_equal(d.n, 0);
	for (size_t i = 0; i < d.n_left; i++) {
		said = strcmp(d.left[i].label, "beaten") == 0 ? d.left[i].why : said;
	}
	if (why) {
		assert_string_equal(said, why);
	} else {
		assert_null(said);
	}
	dominated_finish(&d);
}

/* ---- who is chosen ---- */

static void who_is_worse_on_both_than_a_finished_run_is_dominated(void **state) {
	const struct dominated_query query = query_of("l0", "fvu");
	char reason[QUERY_REASON_MAX + 1];
	struct dominated d;
	(void)state;

	choose(&query, &d);
	assert_int_equal(d.n, 1);
	assert_string_equal(d.runs[0].place.label, "beaten");
	assert_string_equal(d.runs[0].by.label, "done");
	assert_int_equal(d.runs[0].n_dominators, 1);
	dominated_reason(&d, &d.runs[0], reason);
	assert_string_equal(reason, "dominated by done at 100M tokens: l0 +10 %, fvu +0.030");
	assert_true(dominated_gpu_hours(&d.runs[0]) == 4);
	assert_int_equal(d.n_left, 1);
	assert_string_equal(d.left[0].why, "none of 1 finished run beats it on both");
	dominated_finish(&d);
}

static void the_dominator_that_is_named_is_the_best_on_y(void **state) {
	const struct dominated_query query = query_of("l0", "fvu");
	struct dominated d;
	(void)state;

	add("sparse", "finished", 35, 0.12);
	add("exact", "finished", 43, 0.05);
	choose(&query, &d);
	assert_int_equal(d.n, 1);
	assert_int_equal(d.runs[0].n_dominators, 3);
	assert_string_equal(d.runs[0].by.label, "exact");
	dominated_finish(&d);
}

static void equal_on_one_axis_is_not_worse(void **state) {
	(void)state;

	set(json_object_get(point_of("beaten"), "metrics"), "l0", json_real(40));
	expect_left("none of 1 finished run beats it on both");
}

static void higher_may_be_better(void **state) {
	struct dominated_query query = query_of("l0", "explained_variance");
	struct dominated d;
	(void)state;

	set(json_object_get(point_of("done"), "metrics"), "explained_variance", json_real(0.8));
	set(json_object_get(point_of("beaten"), "metrics"), "explained_variance", json_real(0.9));
	choose(&query, &d);
	assert_int_equal(d.n, 0);
	dominated_finish(&d);
	set(json_object_get(point_of("beaten"), "metrics"), "explained_variance", json_real(0.7));
	choose(&query, &d);
	assert_int_equal(d.n, 1);
	dominated_finish(&d);
}

static void only_a_finished_run_dominates(void **state) {
	(void)state;

	set(run_of(points, "done"), "state", json_string("crashed"));
	expect_left("no finished run to compare it with");
	set(run_of(points, "done"), "state", json_string("running"));
	set(run_of(points, "done"), "own", json_false());
	expect_left("no finished run to compare it with");
}

static void other_users_runs_are_chosen_where_that_is_asked_for(void **state) {
	struct dominated_query query = query_of("l0", "fvu");
	struct dominated d;
	(void)state;

	set(run_of(points, "beaten"), "own", json_false());
	expect_left(NULL);
	query.all_users = true;
	choose(&query, &d);
	assert_int_equal(d.n, 1);
	dominated_finish(&d);
}

static void who_has_ended_meanwhile_is_no_more_spoken_of(void **state) {
	(void)state;

	set(run_of(status, "beaten"), "state", json_string("finished"));
	expect_left(NULL);
}

/* ---- what is not a fair comparison ---- */

static void who_has_not_seen_as_many_tokens_is_left_alone(void **state) {
	(void)state;

	set(run_of(points, "beaten"), "n_tokens_folded", json_integer(40000000));
	expect_left("not there yet: at 40.0M of 100M tokens");
}

static void who_has_no_complete_window_is_left_alone(void **state) {
	(void)state;

	set(run_of(points, "beaten"), "point", json_null());
	expect_left("no complete window within 100M tokens");
}

static void a_window_that_ends_long_before_is_not_compared(void **state) {
	(void)state;

	set(point_of("beaten"), "tokens", json_integer(100000000 - WINDOW - 1));
	expect_left("its last complete window within 100M tokens ends at 95.9M");
	set(point_of("beaten"), "tokens", json_integer(98304000));
	set(point_of("done"), "tokens", json_integer(60000000));
	expect_left("no finished run to compare it with");
}

/* One with windows of 50M tokens has not seen what the other has. */
static void the_shorter_of_two_windows_is_what_counts(void **state) {
	(void)state;

	set(point_of("beaten"), "tokens", json_integer(60000000));
	set(point_of("beaten"), "n_tokens", json_integer(50000000));
	expect_left("no finished run to compare it with");
}

static void runs_of_other_projects_and_widths_are_not_compared(void **state) {
	(void)state;

	set(run_of(points, "done"), "project", json_string("gpt2"));
	expect_left("no finished run to compare it with");
	set(run_of(points, "done"), "project", json_string("clip"));
	set(run_of(points, "done"), "d_in", json_integer(1024));
	expect_left("no finished run to compare it with");
}

static void figures_that_mean_different_things_are_not_compared(void **state) {
	struct dominated_query query = query_of("l0", "mse_loss");
	struct dominated d;
	(void)state;

	set(json_object_get(point_of("done"), "metrics"), "mse_loss", json_real(0.1));
	set(json_object_get(point_of("beaten"), "metrics"), "mse_loss", json_real(0.2));
	choose(&query, &d);
	assert_int_equal(d.n, 1);
	dominated_finish(&d);
	set(run_of(points, "done"), "profile", json_string("saelens"));
	choose(&query, &d);
	assert_int_equal(d.n, 0);
	dominated_finish(&d);
	set(run_of(points, "done"), "profile", json_string("of a later version"));
	choose(&query, &d);
	assert_int_equal(d.n, 0);
	dominated_finish(&d);
}

static void a_figure_that_was_not_finite_is_not_compared(void **state) {
	(void)state;

	set(point_of("beaten"), "not_finite", json_pack("{s:i}", "fvu", 3));
	expect_left("fvu was not finite in 3 steps of its window");
	set(point_of("beaten"), "not_finite", json_null());
	set(point_of("done"), "not_finite", json_pack("{s:i}", "l0", 1));
	expect_left("no finished run to compare it with");
	(void)json_object_del(json_object_get(point_of("beaten"), "metrics"), "l0");
	expect_left("its window has no l0");
}

/* ---- what is said ---- */

static void a_long_name_leaves_room_for_the_figures(void **state) {
	const struct dominated_query query = query_of("l0", "fvu");
	char name[400], reason[QUERY_REASON_MAX + 1];
	struct dominated d;
	(void)state;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	set(run_of(points, "done"), "name", json_string(name));
	choose(&query, &d);
	dominated_reason(&d, &d.runs[0], reason);
	assert_non_null(strstr(reason, " at 100M tokens: l0 +10 %, fvu +0.03"));
	dominated_finish(&d);
}

static void what_is_not_known_is_not_counted_as_saved(void **state) {
	const struct dominated_query query = query_of("l0", "fvu");
	size_t n_unknown;
	struct dominated d;
	(void)state;

	add("also", "running", 50, 0.3);
	set(run_of(status, "also"), "eta_s", json_null());
	choose(&query, &d);
	assert_int_equal(d.n, 2);
	assert_true(dominated_all_gpu_hours(&d, &n_unknown) == 4);
	assert_int_equal(n_unknown, 1);
	dominated_finish(&d);
}

static void check(
	const struct look *look, const enum dominated_outcome *outcomes, const char *screen) {
	const struct dominated_query query = query_of("l0", "fvu");
	struct dominated d;
	struct page page;

	choose(&query, &d);
	page_init(&page, look);
	render_dominated(&d, outcomes, &page);
	screen_check(page_text(&page), screen);
	page_finish(&page);
	dominated_finish(&d);
}

static void it_is_seen_who_is_asked_and_who_is_left_alone(void **state) {
	static const enum dominated_outcome outcomes[] = {DOMINATED_ASKED, DOMINATED_NOT_ASKED};
	(void)state;

	add("clip-b32-l9-x64-again", "running", 500, 0.31);
	set(run_of(status, "clip-b32-l9-x64-again"), "eta_s", json_null());
	add("young", "running", 30, 0.2);
	set(run_of(points, "young"), "n_tokens_folded", json_integer(40000000));
	check(&narrow, NULL, "dominated.80");
	check(&ascii, outcomes, "dominated_asked.ascii");
	check(&coloured, outcomes, "dominated_asked.colour");
	check(&pipe_look, NULL, "dominated.pipe");
	check(&pipe_look, outcomes, "dominated_asked.pipe");
}

static void where_nobody_is_dominated_that_is_said(void **state) {
	(void)state;

	set(run_of(points, "done"), "state", json_string("crashed"));
	check(&narrow, NULL, "dominated_none.80");
}

static void the_document_has_all_of_it(void **state) {
	const struct dominated_query query = query_of("l0", "fvu");
	json_t *answers =
		json_pack("[{s:b, s:s}]", "asked", 1, "words", "run beaten is asked to stop");
	struct dominated d;
	(void)state;

	choose(&query, &d);
	json_t *document = dominated_json(&d, answers), *dry = dominated_json(&d, NULL);
	assert_non_null(document);
	const json_t *one = json_array_get(document_at(document, "dominated"), 0);
	assert_string_equal(document_text(one, "id"), "beaten");
	assert_string_equal(document_text(one, "dominated_by.id"), "done");
	assert_true(document_count(one, "worse.l0.difference") == 4);
	assert_true(document_count(one, "gpu_hours") == 4);
	assert_true(document_true(one, "asked"));
	assert_string_equal(document_text(one, "answer"), "run beaten is asked to stop");
	assert_true(json_is_false(json_object_get(document, "dry_run")));
	assert_true(document_true(dry, "dry_run"));
	assert_true(json_is_null(
		json_object_get(json_array_get(document_at(dry, "dominated"), 0), "asked")));
	assert_string_equal(
		document_text(json_array_get(document_at(dry, "left_alone"), 0), "id"), "sparser");
	assert_true(document_count(dry, "gpu_hours") == 4);
	json_decref(document);
	json_decref(dry);
	json_decref(answers);
	dominated_finish(&d);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(who_is_worse_on_both_than_a_finished_run_is_dominated),
		T(the_dominator_that_is_named_is_the_best_on_y),
		T(equal_on_one_axis_is_not_worse),
		T(higher_may_be_better),
		T(only_a_finished_run_dominates),
		T(other_users_runs_are_chosen_where_that_is_asked_for),
		T(who_has_ended_meanwhile_is_no_more_spoken_of),
		T(who_has_not_seen_as_many_tokens_is_left_alone),
		T(who_has_no_complete_window_is_left_alone),
		T(a_window_that_ends_long_before_is_not_compared),
		T(the_shorter_of_two_windows_is_what_counts),
		T(runs_of_other_projects_and_widths_are_not_compared),
		T(figures_that_mean_different_things_are_not_compared),
		T(a_figure_that_was_not_finite_is_not_compared),
		T(a_long_name_leaves_room_for_the_figures),
		T(what_is_not_known_is_not_counted_as_saved),
		T(it_is_seen_who_is_asked_and_who_is_left_alone),
		T(where_nobody_is_dominated_that_is_said),
		T(the_document_has_all_of_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("dominated", tests, NULL, NULL);
}
