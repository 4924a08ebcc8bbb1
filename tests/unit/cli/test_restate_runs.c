/* --as on documents: what is rewritten, what is left, what is said. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pareto_front.h"
#include "render_restated.h"
#include "restate_runs.h"
#include "run_part.h"
#include "screen.h"

/* One run under a profile, that pushed everything. */
static json_t *make_run(const char *id, const char *profile, const char *metrics) {
	json_t *run = json_pack(
		"{s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:{s:i}, s:{s:i, s:i, s:I, s:I, s:o, s:{s:i, "
		"s:i}, s:{s:f, s:f, s:f, s:f, s:f}}}",
		"id", id, "name", id, "profile", profile, "architecture", "standard", "step", 99,
		"n_training_tokens", (json_int_t)(strcmp(profile, "prisma") == 0 ? 2475 : 2400),
		"n_tokens_folded", (json_int_t)2400, "config", "train_batch_size", 25, "point",
		"window", 3, "n_steps", 25, "n_tokens", (json_int_t)600, "tokens", (json_int_t)2400,
		"metrics", json_loads(metrics, 0, NULL), "sparsity", "dead_features", 5,
		"below_1e-5", 7, "statistics", "ev_mean", 0.8, "l2_per_row", 6.0, "mse_ratio", 0.25,
		"lp_per_row", 20.0, "weighted_lp_per_row", 0.5);

	assert_non_null(run);
	return run;
}

static json_t *prisma_run(void) {
	return make_run("p", "prisma",
		"{\"l0\": 30, \"fvu\": 0.1, \"explained_variance\": 0.8, "
		"\"explained_variance_std\": "
		"0.03, \"mse_loss\": 0.25, \"l1_loss\": 20, \"ghost_grad_loss\": 0, "
		"\"overall_loss\": 0.75, \"dead_features\": 4.5, \"l1_coefficient\": 0.025, "
		"\"shrinkage\": 0.9}");
}

static json_t *saelens_run(void) {
	return make_run("s", "saelens",
		"{\"l0\": 30, \"fvu\": 0.1, \"explained_variance\": 0.9, "
		"\"explained_variance_legacy\": 0.8, \"explained_variance_legacy_std\": 0.03, "
		"\"mse_loss\": 6, \"l1_loss\": 0.5, \"overall_loss\": 6.5, \"dead_features\": 4.5, "
		"\"l1_coefficient\": 0.025, \"shrinkage\": 0.9}");
}

static double metric(const json_t *run, const char *name) {
	double value;

	return document_number(json_object_get(document_at(run, "point.metrics"), name), "", &value)
		       ? value
		       : (double)NAN;
}

static void check_same_figures(const json_t *a, const json_t *b) {
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)document_at(a, "point.metrics"), name, value) {
		assert_true(fabs(metric(a, name) - metric(b, name)) < 1e-12);
	}
	assert_int_equal(json_object_size(document_at(a, "point.metrics")),
		json_object_size(document_at(b, "point.metrics")));
	assert_true(
		document_count(a, "n_training_tokens") == document_count(b, "n_training_tokens"));
}

static void runs_of_two_trainers_read_the_same_under_one_profile(void **state) {
	static const char *const profiles[] = {"prisma", "saelens", "saelens-legacy", "native"};
	(void)state;

	for (size_t i = 0; i < 4; i++) {
		json_t *document = json_pack("{s:[o,o]}", "runs", prisma_run(), saelens_run());
		json_t *runs = json_object_get(document, "runs");
		assert_int_equal(restate_points(document, restate_profile(profiles[i])), 0);
		json_t *a = json_array_get(runs, 0), *b = json_array_get(runs, 1);
		/* ViT-Prisma's ghost loss of 0 is no figure of the others. */
		(void)json_object_del(
			json_object_get(json_object_get(a, "point"), "metrics"), "ghost_grad_loss");
		(void)json_object_del(
			json_object_get(json_object_get(b, "point"), "metrics"), "ghost_grad_loss");
		check_same_figures(a, b);
		assert_string_equal(document_text(a, "as.profile"), profiles[i]);
		json_decref(document);
	}
}

static void what_is_no_definitions_affair_stays(void **state) {
	json_t *run = prisma_run();
	(void)state;

	assert_int_equal(restate_points_run(run, restate_profile("saelens")), 0);
	assert_true(metric(run, "shrinkage") == 0.9);
	assert_true(metric(run, "l0") == 30);
	assert_true(document_count(run, "point.sparsity.dead_features") == 5);
	assert_true(document_count(run, "point.sparsity.below_1e-5") == 7);
	assert_true(document_count(run, "point.tokens") == 2400);
	assert_true(metric(run, "mse_loss") == 6);
	assert_true(isnan(metric(run, "explained_variance_std")));
	assert_non_null(document_text(run, "as.remarks.dead_features"));
	json_decref(run);
}

/* In a document made here the point is the last one of the path, not a copy of it. */
static void a_point_that_is_on_the_path_is_restated_once(void **state) {
	json_t *run = prisma_run(), *path = json_array();
	(void)state;

	(void)json_array_append(path, json_object_get(run, "point"));
	(void)json_object_set_new(run, "trajectory", path);
	assert_int_equal(restate_points_run(run, restate_profile("saelens")), 0);
	assert_true(fabs(metric(run, "explained_variance") - 0.9) < 1e-12);
	assert_true(metric(run, "explained_variance_legacy") == 0.8);
	json_decref(run);
}

static void a_profile_nobody_knows_leaves_the_figures_and_says_so(void **state) {
	json_t *document = json_pack("{s:[o,o]}", "runs", prisma_run(), saelens_run());
	json_t *run = json_array_get(json_object_get(document, "runs"), 0);
	struct pareto_query query = {.x = {point_metric_of("l0"), false},
		.y = {point_metric_of("mse_loss"), false},
		.as = "saelens"};
	struct pareto p;
	(void)state;

	(void)json_object_set_new(run, "profile", json_string("torch-sae"));
	assert_int_equal(restate_points(document, restate_profile("saelens")), 0);
	assert_true(metric(run, "mse_loss") == 0.25);
	assert_null(document_text(run, "as.profile"));
	assert_int_equal(pareto_make(document, &query, &p), 0);
	assert_string_equal(json_string_value(json_array_get(p.warnings, 0)),
		"how p defines its figures is not known: they are as they were");
	pareto_finish(&p);
	json_decref(document);
}

static void what_cannot_be_told_keeps_a_run_off_the_plot(void **state) {
	json_t *document = json_pack("{s:[o,o]}", "runs", prisma_run(), saelens_run());
	json_t *run = json_array_get(json_object_get(document, "runs"), 0);
	struct pareto_query query = {.x = {point_metric_of("l0"), false},
		.y = {point_metric_of("overall_loss"), false},
		.as = "saelens"};
	struct pareto p;
	(void)state;

	(void)json_object_set_new(run, "architecture", json_string("gated"));
	assert_int_equal(restate_points(document, restate_profile("saelens")), 0);
	assert_int_equal(pareto_make(document, &query, &p), 0);
	assert_int_equal(p.n, 1);
	assert_string_equal(p.apart[0].why, "overall_loss: its auxiliary loss was not pushed");
	pareto_finish(&p);
	json_decref(document);
}

static void only_profiles_are_profiles(void **state) {
	(void)state;

	assert_non_null(restate_profile("native"));
	assert_null(restate_profile("Prisma"));
	assert_null(restate_profile(""));
}

/* ---- on the screen ---- */

static void check_screen(
	json_t *own, const char *profile, const struct look *look, const char *screen) {
	json_t *other = json_deep_copy(own);
	struct page page;

	assert_int_equal(restate_points_run(other, restate_profile(profile)), 0);
	page_init(&page, look);
	render_restated(own, other, profile, &page);
	screen_check(page_text(&page), screen);
	page_finish(&page);
	json_decref(other);
	json_decref(own);
}

static void both_definitions_stand_side_by_side(void **state) {
	const struct look narrow = {80, true, true, false, SCREEN_NOW};
	const struct look pipe_look = {0, false, true, false, SCREEN_NOW};
	(void)state;

	check_screen(prisma_run(), "saelens", &narrow, "restated_saelens.80");
	check_screen(saelens_run(), "prisma", &narrow, "restated_prisma.80");
	check_screen(prisma_run(), "saelens", &pipe_look, "restated_saelens.pipe");
	json_t *gated = prisma_run();
	(void)json_object_set_new(gated, "architecture", json_string("gated"));
	check_screen(gated, "saelens", &narrow, "restated_gated.80");
}

/* ---- which run is meant ---- */

static void a_part_of_an_id_or_a_name_finds_a_run(void **state) {
	json_t *runs = json_pack("[{s:s,s:s},{s:s,s:s},{s:s,s:s},{s:s}]", "id", "abc1", "name",
		"clip", "id", "abc2", "name", "abc1-x16", "id", "clip", "name", "other", "id",
		"zz-abc");
	char words[RUN_PART_WORDS_SIZE];
	(void)state;

	assert_int_equal(run_part_find(runs, "abc1", words), 0);  /* a whole id */
	assert_int_equal(run_part_find(runs, "clip", words), 2);  /* before a whole name */
	assert_int_equal(run_part_find(runs, "other", words), 2); /* a whole name */
	assert_int_equal(run_part_find(runs, "c2", words), 1);    /* the end of an id */
	assert_int_equal(run_part_find(runs, "x16", words), 1);   /* any part of a name */
	assert_true(run_part_find(runs, "abc", words) == RUN_PART_NONE);
	assert_string_equal(words, "3 runs fit 'abc': abc1, abc2, zz-abc");
	assert_true(run_part_find(runs, "\x1b[31m", words) == RUN_PART_NONE);
	assert_null(strchr(words, '\x1b'));
	assert_non_null(strstr(words, "no run fits"));
	json_decref(runs);
}

static void the_runs_that_are_named_are_kept_once_each(void **state) {
	json_t *document = json_pack("{s:[{s:s,s:s},{s:s,s:s},{s:s,s:s}]}", "runs", "id", "abc1",
		"name", "clip", "id", "abc2", "name", "like abc1", "id", "abc3", "name", "other");
	const char *const parts[] = {"other", "abc1", "abc3"}, *const several[] = {"abc1", "abc"};
	char words[RUN_PART_WORDS_SIZE];
	(void)state;

	assert_int_equal(run_part_keep(document, several, 2, words), -ESRCH);
	assert_string_equal(words, "3 runs fit 'abc': abc1, abc2, abc3");
	assert_int_equal(json_array_size(json_object_get(document, "runs")), 3);
	assert_int_equal(run_part_keep(document, parts, 3, words), 0);
	const json_t *kept = json_object_get(document, "runs");
	assert_int_equal(json_array_size(kept), 2);
	assert_string_equal(document_text(json_array_get(kept, 0), "id"), "abc3");
	assert_string_equal(document_text(json_array_get(kept, 1), "id"), "abc1");
	json_decref(document);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_of_two_trainers_read_the_same_under_one_profile),
		cmocka_unit_test(what_is_no_definitions_affair_stays),
		cmocka_unit_test(a_point_that_is_on_the_path_is_restated_once),
		cmocka_unit_test(a_profile_nobody_knows_leaves_the_figures_and_says_so),
		cmocka_unit_test(what_cannot_be_told_keeps_a_run_off_the_plot),
		cmocka_unit_test(only_profiles_are_profiles),
		cmocka_unit_test(both_definitions_stand_side_by_side),
		cmocka_unit_test(a_part_of_an_id_or_a_name_finds_a_run),
		cmocka_unit_test(the_runs_that_are_named_are_kept_once_each),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
