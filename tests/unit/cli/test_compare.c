/* The screens and the document of `compare`. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "compare_json.h"
#include "comparison.h"
#include "json_write.h"
#include "render_compare.h"
#include "screen.h"

static const struct look narrow = {80, true, true, false, SCREEN_NOW};
static const struct look wide = {120, true, true, false, SCREEN_NOW};
static const struct look coloured = {80, true, true, true, SCREEN_NOW};
static const struct look ascii = {80, true, false, false, SCREEN_NOW};
static const struct look pipe_look = {0, false, true, false, SCREEN_NOW};

static struct pareto_axis axis_of(const char *name) {
	struct point_metric metric = point_metric_of(name);

	return (struct pareto_axis){.metric = metric, .higher = metric.better == BETTER_HIGHER};
}

static struct comparison_query usual_query(void) {
	return (struct comparison_query){.x = axis_of("l0"), .y = axis_of("fvu")};
}

/* The runs of a document at these places of its list. */
static json_t *choose(const char *document, const size_t *places, size_t n) {
	json_t *json = screen_document(document), *chosen = json_array();

	for (size_t i = 0; i < n; i++) {
		(void)json_array_append(
			chosen, json_array_get(json_object_get(json, "runs"), places[i]));
	}
	(void)json_object_set_new(json, "runs", chosen);
	return json;
}

/* As if the document had been asked for at so many tokens. */
static void ask_at(json_t *document, double tokens) {
	json_t *runs = json_object_get(document, "runs");

	for (size_t i = 0; i < json_array_size(runs); i++) {
		json_t *run = json_array_get(runs, i), *path = json_object_get(run, "trajectory");
		json_t *found = json_null();
		for (size_t j = 0; j < json_array_size(path); j++) {
			json_t *point = json_array_get(path, j);
			found = document_count(point, "tokens") <= tokens ? point : found;
		}
		(void)json_object_set(run, "point", found);
	}
}

/* As it is asked for where nobody says at how many tokens. */
static struct comparison_query ask_at_common(json_t *document) {
	struct comparison_query query = usual_query();

	ask_at(document, INFINITY);
	query.at_tokens = comparison_common_tokens(document);
	query.is_common = true;
	ask_at(document, query.at_tokens);
	return query;
}

/* Two humps, moved to the right by the run's place. */
static json_t *make_density(size_t run) {
	json_t *counts = json_array();

	for (int i = 0; i < 200; i++) {
		double at = -10 + i / 20.0, shift = 0.4 * (double)run;
		double rare = 40 * exp(-pow((at + 5.6 - shift) / 0.35, 2));
		double usual = 620 * exp(-pow((at + 3.4 - shift) / 0.45, 2));
		(void)json_array_append_new(counts, json_integer((json_int_t)(rare + usual)));
	}
	return json_pack("{s:{s:i, s:i, s:i, s:i, s:o}, s:I}", "histogram", "lo", -10, "hi", 0,
		"bins_per_decade", 20, "zero", 341, "counts", counts, "n_tokens",
		(json_int_t)4096000);
}

static void make(json_t *json, const struct comparison_query *query, bool with_densities,
	struct comparison *ret) {
	assert_int_equal(comparison_make(json, query, ret), 0);
	for (size_t i = 0; with_densities && i < ret->n; i++) {
		ret->runs[i].density = ret->runs[i].point ? make_density(i) : NULL;
	}
}

static void check(json_t *json, const struct render_compare_options *options,
	const struct look *look, const char *screen) {
	const struct comparison_query query = ask_at_common(json);
	struct comparison c;
	struct page page;

	make(json, &query, true, &c);
	page_init(&page, look);
	render_compare(&c, options, &page);
	screen_check(page_text(&page), screen);
	page_finish(&page);
	comparison_finish(&c);
}

static const struct render_compare_options plain = {0};

static void two_runs_stand_side_by_side(void **state) {
	json_t *json = choose("points", (size_t[]){3, 2}, 2);
	const struct render_compare_options all = {.all = true};
	(void)state;

	check(json, &plain, &narrow, "compare.80");
	check(json, &plain, &wide, "compare.120");
	check(json, &plain, &coloured, "compare.colour");
	check(json, &plain, &ascii, "compare.ascii");
	check(json, &plain, &pipe_look, "compare.pipe");
	check(json, &all, &narrow, "compare_all.80");
	json_decref(json);
}

static void more_runs_have_ridges(void **state) {
	json_t *json = choose("points", (size_t[]){0, 2, 4, 7, 8, 11}, 6);
	(void)state;

	check(json, &plain, &narrow, "compare_six.80");
	check(json, &plain, &wide, "compare_six.120");
	check(json, &plain, &ascii, "compare_six.ascii");
	json_decref(json);
}

static void names_do_nothing_to_the_terminal(void **state) {
	json_t *json = choose("points_hostile", (size_t[]){0, 1, 2}, 3);
	json_t *config =
		json_object_get(json_array_get(json_object_get(json, "runs"), 0), "config");
	(void)state;

	(void)json_object_set_new(config, "\x1b]0;key\x07", json_string("\x1b[2Jvalue\n"));
	check(json, &plain, &narrow, "compare_hostile.80");
	check(json, &plain, &ascii, "compare_hostile.ascii");
	json_decref(json);
}

/* ---- at equal tokens ---- */

static void the_tokens_are_the_most_that_all_have_a_window_at(void **state) {
	json_t *json = choose("points", (size_t[]){3, 2}, 2);
	struct comparison_query query = ask_at_common(json);
	struct comparison c;
	(void)state;

	make(json, &query, false, &c);
	assert_true(query.at_tokens == 168812544);
	assert_true(document_count(c.runs[0].point, "tokens") == 168812544);
	/* Its windows end at 130M, 260M, …: nothing is interpolated. */
	assert_true(document_count(c.runs[1].point, "tokens") == 130000000);
	comparison_finish(&c);

	query.at_tokens = 400e6;
	query.is_common = false;
	ask_at(json, query.at_tokens);
	make(json, &query, false, &c);
	assert_true(document_count(c.runs[0].point, "tokens") == 168812544);
	assert_true(document_count(c.runs[1].point, "tokens") == 390000000);
	assert_non_null(strstr(json_string_value(json_array_get(c.warnings, 0)), "unequal tokens"));
	comparison_finish(&c);

	query.at_tokens = 20e6;
	ask_at(json, query.at_tokens);
	make(json, &query, false, &c);
	assert_non_null(c.runs[0].point);
	assert_null(c.runs[1].point);
	assert_string_equal(json_string_value(json_array_get(c.warnings, 0)),
		"B has no complete window within so many tokens");
	comparison_finish(&c);
	json_decref(json);
}

static void a_run_without_a_window_keeps_no_other_from_being_compared(void **state) {
	json_t *json = choose("points", (size_t[]){11, 2, 4}, 3);
	struct comparison_query query = ask_at_common(json);
	struct comparison c;
	(void)state;

	make(json, &query, false, &c);
	assert_true(query.at_tokens == 1300000000);
	assert_null(c.runs[0].point);
	assert_string_equal(json_string_value(json_array_get(c.warnings, 0)),
		"A has no complete window within so many tokens");
	comparison_finish(&c);
	json_decref(json);
}

static void two_runs_of_one_name_are_told_apart_by_id(void **state) {
	json_t *json = choose("points", (size_t[]){2, 4}, 2), *runs = json_object_get(json, "runs");
	struct comparison_query query = usual_query();
	struct comparison c;
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		json_object_set_new(json_array_get(runs, i), "name", json_string("l1-0.01"));
		json_object_set_new(
			json_array_get(runs, i), "id", json_string(i == 0 ? "8f3a" : "77a0"));
	}
	make(json, &query, false, &c);
	assert_string_equal(c.runs[0].label, "l1-0.01-8f3a");
	assert_string_equal(c.runs[1].label, "l1-0.01-77a0");
	comparison_finish(&c);
	json_decref(json);
}

/* ---- configs ---- */

static void configs_are_compared_key_by_key(void **state) {
	json_t *a = json_loads("{\"lr\": 0.0004, \"opt\": {\"name\": \"adam\", \"eps\": 1}, \"k\": "
			       "[1, 2], \"only_a\": null}",
		0, NULL);
	json_t *b =
		json_loads("{\"opt\": {\"eps\": 1.0, \"name\": \"sgd\"}, \"k\": [1, 3], \"lr\": "
			   "4e-4, \"only_b\": \"x\", \"opt.name\": 5}",
			0, NULL);
	const json_t *configs[] = {a, b};
	static const struct {
		const char *key;
		bool same;
	} expected[] = {{"lr", true}, {"opt.name", false}, {"opt.eps", true}, {"k", false},
		{"only_a", false}, {"only_b", false}};
	struct config_rows rows;
	(void)state;

	assert_int_equal(config_rows_make(configs, 2, &rows), 0);
	assert_int_equal(rows.n, 6);
	assert_int_equal(rows.n_same, 2);
	for (size_t i = 0; i < 6; i++) {
		assert_string_equal(rows.rows[i].key, expected[i].key);
		assert_int_equal(rows.rows[i].same, expected[i].same);
	}
	assert_null(rows.rows[4].values[1]);
	assert_null(rows.rows[5].values[0]);
	config_rows_finish(&rows);
	json_decref(a);
	json_decref(b);
}

static void no_configs_are_no_rows(void **state) {
	const json_t *configs[] = {NULL, json_null()};
	struct config_rows rows;
	(void)state;

	assert_int_equal(config_rows_make(configs, 2, &rows), 0);
	assert_int_equal(rows.n, 0);
	config_rows_finish(&rows);
}

/* ---- who is better ---- */

static const struct comparison_figure *figure(const struct comparison *c, const char *name) {
	for (size_t i = 0; i < c->n_figures; i++) {
		if (strcmp(c->figures[i].name, name) == 0) {
			return &c->figures[i];
		}
	}
	fail_msg("no %s", name);
	return NULL;
}

static void the_best_is_said_where_there_is_one(void **state) {
	json_t *json = choose("points", (size_t[]){2, 7, 0}, 3); /* C, d, A */
	const struct comparison_query query = ask_at_common(json);
	struct comparison c;
	(void)state;

	make(json, &query, false, &c);
	assert_int_equal(figure(&c, "l0")->best, 2);
	assert_int_equal(figure(&c, "fvu")->best, 0);
	assert_int_equal(figure(&c, "explained_variance")->best, 0);
	assert_int_equal(figure(&c, "above_1e-2")->best, -1); /* all the same */
	assert_int_equal(figure(&c, "p50")->best, -1);        /* who knows */
	assert_true(c.dominates[0][1]);
	assert_false(c.dominates[1][0] || c.dominates[0][2] || c.dominates[2][0]);
	comparison_finish(&c);
	json_decref(json);
}

static const char *difference(const char *metric, double value, double other) {
	static char text[POINT_DIFFERENCE_SIZE];
	struct point_metric known = point_metric_of(metric);

	point_metric_difference(&known, value, other, text);
	return text;
}

/* A percentage of a logarithm means nothing, and neither does one across zero. */
static void a_difference_is_what_one_reads_of_that_figure(void **state) {
	(void)state;

	assert_string_equal(difference("l0", 58.3, 34.1), "+71 %");
	assert_string_equal(difference("l0", 341, 34.1), "x10.0");
	assert_string_equal(difference("l0", 0.341, 34.1), "-99 %");
	assert_string_equal(difference("l0", 0.0341, 34.1), "x0.001");
	assert_string_equal(difference("l0", 0, 34.1), "-100 %");
	assert_string_equal(difference("fvu", 0.116, 0.085), "+0.031");
	assert_string_equal(difference("p50", -3.505, -3.806), "+0.301");
	assert_string_equal(difference("mean_log10_feature_sparsity", -3.4, -0.3), "-3.100");
	assert_string_equal(difference("dead_features", 11, 0), "+11");
	assert_string_equal(difference("mse_loss", 0.00012, 0), "+0.00012");
	assert_string_equal(difference("grad_norm", -12345.6, 0.5), "-1.235e4");
	assert_string_equal(difference("grad_norm", 0.5, -0.04), "+0.54");
	assert_string_equal(difference("grad_norm", -0.5, -0.4), "-25 %");
	assert_string_equal(difference("l0", 12, 12), "the same");
}

static void no_line_is_wider_than_its_screen(void **state) {
	json_t *json = choose("points", (size_t[]){0, 2, 3, 7, 8, 11}, 6);
	const struct comparison_query query = ask_at_common(json);
	struct comparison c;
	(void)state;

	make(json, &query, true, &c);
	for (unsigned width = 1; width <= 160; width++) {
		const struct look look = {width, true, width % 2 == 0, false, SCREEN_NOW};
		struct page page;
		page_init(&page, &look);
		render_compare(&c, &plain, &page);
		for (const char *text = page_text(&page); *text;) {
			size_t len = strcspn(text, "\n");
			char *line = strndup(text, len);
			assert_true(glyph_columns(line, look.utf8) <= width);
			assert_true(len == 0 || line[len - 1] != ' ');
			free(line);
			text += len + (text[len] == '\n');
		}
		page_finish(&page);
	}
	comparison_finish(&c);
	json_decref(json);
}

static void the_document_has_it_all(void **state) {
	json_t *json = choose("points", (size_t[]){3, 2}, 2);
	const struct comparison_query query = ask_at_common(json);
	struct comparison c;
	struct buf text = {0};
	(void)state;

	make(json, &query, false, &c);
	json_t *document = compare_json(&c, false);
	assert_non_null(document);
	assert_int_equal(json_write(&text, document, JSON_FOR_PEOPLE), 0);
	screen_check(buf_text(&text), "compare.json");
	json_decref(document);
	document = compare_json(&c, true);
	assert_int_equal(
		json_array_size(json_object_get(json_object_get(document, "config"), "lr")), 2);
	json_decref(document);
	buf_finish(&text);
	comparison_finish(&c);
	json_decref(json);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_runs_stand_side_by_side),
		cmocka_unit_test(more_runs_have_ridges),
		cmocka_unit_test(names_do_nothing_to_the_terminal),
		cmocka_unit_test(the_tokens_are_the_most_that_all_have_a_window_at),
		cmocka_unit_test(a_run_without_a_window_keeps_no_other_from_being_compared),
		cmocka_unit_test(two_runs_of_one_name_are_told_apart_by_id),
		cmocka_unit_test(configs_are_compared_key_by_key),
		cmocka_unit_test(no_configs_are_no_rows),
		cmocka_unit_test(the_best_is_said_where_there_is_one),
		cmocka_unit_test(a_difference_is_what_one_reads_of_that_figure),
		cmocka_unit_test(no_line_is_wider_than_its_screen),
		cmocka_unit_test(the_document_has_it_all),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
