/* The screens and the document of `pareto`, and what it says of runs that are hard to compare. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "json_write.h"
#include "pareto_axis.h"
#include "pareto_json.h"
#include "render_pareto.h"
#include "screen.h"

static const struct look narrow = {80, true, true, false, SCREEN_NOW};
static const struct look wide = {120, true, true, false, SCREEN_NOW};
static const struct look coloured = {80, true, true, true, SCREEN_NOW};
static const struct look ascii = {80, true, false, false, SCREEN_NOW};
static const struct look pipe_look = {0, false, true, false, SCREEN_NOW};

#define YESTERDAY (SCREEN_NOW - 86400)

static struct pareto_axis axis_of(const char *name) {
	struct point_metric metric = point_metric_of(name);

	return (struct pareto_axis){.metric = metric, .higher = metric.better == BETTER_HIGHER};
}

static struct pareto_query query_of(const char *x, const char *y) {
	return (struct pareto_query){.x = axis_of(x), .y = axis_of(y)};
}

static void make(const json_t *document, const struct pareto_query *query, struct pareto *ret) {
	assert_int_equal(pareto_make(document, query, ret), 0);
}

static void check(const char *document, const struct pareto_query *query,
	const struct render_pareto_options *options, const struct look *look, const char *screen) {
	json_t *json = screen_document(document);
	struct pareto p;
	struct page page;

	make(json, query, &p);
	page_init(&page, look);
	render_pareto(&p, options, &page);
	screen_check(page_text(&page), screen);
	page_finish(&page);
	pareto_finish(&p);
	json_decref(json);
}

static const struct render_pareto_options plain = {0};

static void the_front_is_seen_at_80_and_120_columns(void **state) {
	const struct pareto_query query = query_of("l0", "fvu");
	(void)state;

	check("points", &query, &plain, &narrow, "pareto.80");
	check("points", &query, &plain, &wide, "pareto.120");
	check("points", &query, &plain, &coloured, "pareto.colour");
	check("points", &query, &plain, &ascii, "pareto.ascii");
}

static void higher_may_be_better(void **state) {
	struct pareto_query query = query_of("l0", "explained_variance");
	(void)state;

	query.has_reference = true;
	query.reference = (struct front_point){500, 0};
	check("points", &query, &plain, &narrow, "pareto_variance.80");
	query = query_of("dead_features", "mse_loss");
	check("points", &query, &plain, &narrow, "pareto_dead.80");
}

static void a_pipe_gets_the_table_alone(void **state) {
	const struct pareto_query query = query_of("l0", "fvu");
	(void)state;

	check("points", &query, &plain, &pipe_look, "pareto.pipe");
}

static void trajectories_are_dots_under_the_plot(void **state) {
	const struct render_pareto_options options = {.trajectories = true};
	const struct pareto_query query = query_of("l0", "fvu");
	(void)state;

	check("points", &query, &options, &narrow, "pareto_trajectories.80");
	check("points", &query, &options, &ascii, "pareto_trajectories.ascii");
}

static void names_do_nothing_to_the_terminal(void **state) {
	const struct pareto_query query = query_of("l0", "fvu");
	(void)state;

	check("points_hostile", &query, &plain, &narrow, "pareto_hostile.80");
	check("points_hostile", &query, &plain, &ascii, "pareto_hostile.ascii");
	check("points_hostile", &query, &plain, &pipe_look, "pareto_hostile.pipe");
}

/* ---- what is said ---- */

static const char *warning(const struct pareto *p, size_t i) {
	const char *text = json_string_value(json_array_get(p->warnings, i));

	return text ? text : "";
}

static json_t *mixed_runs(void) {
	return screen_document("points_mixed");
}

static void unequal_tokens_come_with_the_tokens_to_ask_for(void **state) {
	json_t *json = screen_document("points");
	struct pareto_query query = query_of("l0", "fvu");
	struct pareto p;
	(void)state;

	make(json, &query, &p);
	assert_int_equal(json_array_size(p.warnings), 1);
	assert_string_equal(warning(&p, 0), "runs are compared at unequal tokens (169M to 1.30G): "
					    "--at-tokens 169M compares them "
					    "where all have been");
	pareto_finish(&p);
	json_decref(json);
}

/* Windows end where they end: nobody can do better. */
static void what_is_less_than_a_window_apart_is_equal(void **state) {
	json_t *json = screen_document("points");
	struct pareto_query query = query_of("l0", "fvu");
	struct pareto p;
	(void)state;

	json_t *point = json_object_get(json_array_get(json_object_get(json, "runs"), 3), "point");
	(void)json_object_set_new(point, "n_tokens", json_integer(1200000000));
	make(json, &query, &p);
	assert_int_equal(json_array_size(p.warnings), 0);
	pareto_finish(&p);
	json_decref(json);
}

static void a_figure_that_trainers_define_differently_is_warned_of(void **state) {
	json_t *json = mixed_runs();
	struct pareto_query query = query_of("l0", "explained_variance");
	struct pareto p;
	(void)state;

	make(json, &query, &p);
	assert_int_equal(json_array_size(p.warnings), 3);
	assert_non_null(strstr(warning(&p, 0), "unequal tokens"));
	assert_string_equal(warning(&p, 1),
		"explained_variance is not one thing here: mean of ratios (prisma), ratio of means "
		"(saelens); --as prisma restates it, and fvu is the same for all");
	assert_non_null(strstr(warning(&p, 0), "): --at-tokens "));
	assert_string_equal(warning(&p, 2), "explained_variance was not finite in 3 steps of "
					    "prisma-a: the mean is over the others");
	pareto_finish(&p);

	query.tokens_advice = query.as_advice = ADVICE_PARETO; /* of a full screen, say */
	make(json, &query, &p);
	assert_non_null(strstr(warning(&p, 0), "): pareto --at-tokens "));
	assert_non_null(strstr(warning(&p, 1), "(saelens); pareto --as prisma restates it"));
	pareto_finish(&p);

	query.y = axis_of("fvu");
	make(json, &query, &p);
	assert_int_equal(json_array_size(p.warnings), 2);
	assert_string_equal(warning(&p, 1),
		"fvu was not finite in 3 steps of prisma-a: the mean is over the others");
	pareto_finish(&p);
	json_decref(json);
}

static void a_number_that_a_trainer_calls_tokens_is_not_how_far_it_is(void **state) {
	json_t *json = mixed_runs();
	json_t *point = json_object_get(json_array_get(json_object_get(json, "runs"), 0), "point");
	double tokens = document_count(point, "tokens"), value = 0;
	(void)state;

	assert_true(tokens > 1000);
	(void)json_object_set_new(json_object_get(point, "metrics"), "tokens", json_real(54));
	assert_true(point_number(point, "tokens", &value));
	assert_true(value == tokens);
	(void)json_object_set_new(point, "tokens", json_null());
	assert_false(point_number(point, "tokens", &value));
	json_decref(json);
}

static void drop_fvu(json_t *document) {
	json_t *runs = json_object_get(document, "runs"), *run;
	size_t i;

	json_array_foreach(runs, i, run) {
		json_t *point = json_object_get(run, "point");
		(void)json_object_del(json_object_get(point, "metrics"), "fvu");
		(void)json_object_del(json_object_get(point, "not_finite"), "fvu");
	}
}

static void explained_variance_stands_in_for_an_fvu_that_no_run_has(void **state) {
	json_t *json = mixed_runs();
	struct pareto_query query = query_of("l0", "fvu");
	struct pareto p;
	(void)state;

	pareto_axis_stand_in(json, &query.x, &query.y);
	assert_string_equal(query.y.metric.name, "fvu"); /* they have it */
	drop_fvu(json);
	pareto_axis_stand_in(json, &query.x, &query.y);
	assert_string_equal(query.y.metric.name, "explained_variance");
	assert_true(query.y.higher);
	make(json, &query, &p);
	assert_string_equal(warning(&p, 1),
		"no run has fvu, which needs sums that were not pushed: "
		"explained_variance stands in for it");
	pareto_finish(&p);

	query = query_of("explained_variance", "fvu"); /* against itself it says nothing */
	pareto_axis_stand_in(json, &query.x, &query.y);
	assert_string_equal(query.y.metric.name, "fvu");
	json_decref(json);
}

static void what_is_worse_than_the_reference_is_said(void **state) {
	json_t *json = mixed_runs();
	struct pareto_query query = query_of("l0", "fvu");
	struct pareto p;
	(void)state;

	query.has_reference = true;
	query.reference = (struct front_point){35, 1};
	make(json, &query, &p);
	assert_int_equal(p.volume.n_outside, 2);
	assert_string_equal(warning(&p, json_array_size(p.warnings) - 1),
		"2 runs are no better than the reference: hypervolume does not count them");
	pareto_finish(&p);
	json_decref(json);
}

static void the_reference_is_what_learnt_nothing_or_a_round_number_worse_than_all(void **state) {
	json_t *json = screen_document("points");
	struct pareto_query query = query_of("l0", "explained_variance");
	struct pareto p;
	(void)state;

	make(json, &query, &p);
	assert_true(p.query.reference.x == 500);
	assert_true(p.query.reference.y == 0);
	pareto_finish(&p);

	/* A run that is worse than nothing moves it. */
	json_t *metrics = json_object_get(
		json_object_get(json_array_get(json_object_get(json, "runs"), 0), "point"),
		"metrics");
	(void)json_object_set_new(metrics, "explained_variance", json_real(-0.3));
	make(json, &query, &p);
	assert_true(p.query.reference.y == -0.5);
	pareto_finish(&p);
	json_decref(json);
}

static void a_run_that_cannot_be_placed_says_why(void **state) {
	json_t *json = mixed_runs();
	json_t *runs = json_object_get(json, "runs");
	struct pareto_query query = query_of("l0", "fvu");
	struct pareto p;
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		json_t *point = json_object_get(json_array_get(runs, i), "point");
		(void)json_object_del(json_object_get(point, "metrics"), "fvu");
	}
	(void)json_object_set_new(json_array_get(runs, 2), "point", json_null());
	query.at_tokens = 168e6;
	make(json, &query, &p);
	assert_int_equal(p.n, 0);
	assert_int_equal(p.n_apart, 3);
	assert_true(isnan(p.volume.volume));
	for (size_t i = 0; i < 3; i++) {
		const char *id = document_text(p.apart[i].run, "id");
		assert_string_equal(p.apart[i].why,
			strcmp(id, "p1") == 0   ? "fvu was finite in no step of its window"
			: strcmp(id, "s1") == 0 ? "its window has no fvu"
						: "no complete window within 168M tokens");
	}
	pareto_finish(&p);
	json_decref(json);
}

/* ---- many ---- */

static json_t *many_runs(size_t n) {
	json_t *runs = json_array();

	for (size_t i = 0; i < n; i++) {
		char name[32];
		snprintf(name, sizeof(name), "sweep-%04zu", i);
		/* Every third is beaten by the one before it. */
		bool is_beaten = i % 3 == 2;
		double beater = 10 + 2.0 * (double)(i - is_beaten);
		double l0 = beater + (is_beaten ? 0.5 : 0),
		       fvu = 20 / beater + (is_beaten ? 0.05 : 0);
		(void)json_array_append_new(
			runs, json_pack("{s:s, s:s, s:s, s:s, s:{s:I, s:I, s:{s:f, s:f}}}", "id",
				      name + 6, "name", name, "state", "finished", "profile",
				      "prisma", "point", "tokens", (json_int_t)1000000, "n_tokens",
				      (json_int_t)1000, "metrics", "l0", l0, "fvu", fvu));
	}
	return json_pack("{s:i, s:o}", "schema", 1, "runs", runs);
}

static void more_runs_than_letters_leave_them_to_the_front(void **state) {
	json_t *json = many_runs(60);
	struct pareto_query query = query_of("l0", "fvu");
	const struct look looks[] = {narrow, ascii};
	const char *const screens[] = {"pareto_many.80", "pareto_many.ascii"};
	struct pareto p;
	(void)state;

	make(json, &query, &p);
	assert_int_equal(p.n_front, 40);
	assert_string_equal(p.runs[0].mark, "A");
	assert_string_equal(p.runs[25].mark, "Z");
	assert_string_equal(p.runs[26].mark, "AA");
	assert_string_equal(p.runs[39].mark, "AN");
	assert_string_equal(p.runs[40].mark, "");
	for (size_t i = 0; i < 2; i++) {
		struct page page;
		page_init(&page, &looks[i]);
		render_pareto(&p, &plain, &page);
		screen_check(page_text(&page), screens[i]);
		page_finish(&page);
	}
	pareto_finish(&p);
	json_decref(json);
}

static void up_to_26_runs_all_have_a_letter(void **state) {
	json_t *json = many_runs(26);
	struct pareto_query query = query_of("l0", "fvu");
	struct pareto p;
	(void)state;

	make(json, &query, &p);
	assert_string_equal(p.runs[0].mark, "A");
	assert_string_equal(p.runs[p.n_front].mark, "c");
	pareto_finish(&p);
	json_decref(json);
}

static void no_runs_are_no_plot(void **state) {
	json_t *json = json_pack("{s:i, s:[]}", "schema", 1, "runs");
	struct pareto_query query = query_of("l0", "fvu");
	struct pareto p;
	struct page page;
	(void)state;

	make(json, &query, &p);
	page_init(&page, &narrow);
	render_pareto(&p, &plain, &page);
	assert_string_equal(page_text(&page),
		"l0 (lower is better) against fvu (lower is better)\n0 runs, 0 on the front\n");
	page_finish(&page);
	pareto_finish(&p);
	json_decref(json);
}

/* Each run stood where the next one stands: much has changed. */
static void exchange_places(json_t *json) {
	json_t *runs = json_object_get(json, "runs");
	size_t n = json_array_size(runs);

	for (size_t i = 0; i < n; i++) {
		(void)json_object_set_new(json_array_get(runs, i), "earlier",
			json_deep_copy(
				json_object_get(json_array_get(runs, (i + 1) % n), "point")));
	}
}

static void no_line_is_wider_than_its_screen(void **state) {
	static const char *const documents[] = {"points", "points_hostile", "points_mixed"};
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		json_t *json = screen_document(documents[i]);
		exchange_places(json);
		for (unsigned width = 1; width <= 160; width++) {
			const struct look look = {width, true, width % 2 == 0, false, SCREEN_NOW};
			const struct render_pareto_options options = {
				.trajectories = width % 3 == 0};
			struct pareto_query query = query_of("l0", "explained_variance");
			struct pareto p;
			struct page page;
			query.since = YESTERDAY;
			make(json, &query, &p);
			page_init(&page, &look);
			render_pareto(&p, &options, &page);
			for (const char *text = page_text(&page); *text;) {
				size_t len = strcspn(text, "\n");
				char *line = strndup(text, len);
				assert_true(glyph_columns(line, look.utf8) <= width);
				assert_true(len == 0 || line[len - 1] != ' ');
				free(line);
				text += len + (text[len] == '\n');
			}
			page_finish(&page);
			pareto_finish(&p);
		}
		json_decref(json);
	}
}

/* ---- how the front changed ---- */

static json_t *run_named(const json_t *document, const char *id) {
	const json_t *runs = document_at(document, "runs");

	for (size_t i = 0; i < json_array_size(runs); i++) {
		json_t *run = json_array_get(runs, i);
		if (strcmp(document_text(run, "id"), id) == 0) {
			return run;
		}
	}
	fail_msg("no run %s", id);
	return NULL;
}

static void stood(json_t *run, json_t *point) {
	(void)json_object_set_new(run, "earlier", point ? json_deep_copy(point) : json_null());
}

/* Yesterday k21b did not exist, and 8f3a was far behind: 0001 was on the front then. */
static json_t *changed_runs(void) {
	json_t *json = screen_document("points");
	json_t *runs = json_object_get(json, "runs"), *run;
	size_t i;

	json_array_foreach(runs, i, run) {
		if (json_is_object(json_object_get(run, "point"))) {
			(void)json_object_set_new(run, "earlier", json_true());
		} else {
			stood(run, NULL);
		}
	}
	stood(run_named(json, "k21b"), NULL);
	run = run_named(json, "8f3a");
	json_t *path = json_object_get(run, "trajectory");
	stood(run, json_array_get(path, json_array_size(path) - 2));
	return json;
}

static struct pareto_query changed_query(void) {
	struct pareto_query query = query_of("l0", "fvu");

	query.since = YESTERDAY;
	return query;
}

static void check_changed(const json_t *json, const struct look *look, const char *screen) {
	static const struct render_pareto_options no_plot = {.no_plot = true};
	const struct pareto_query query = changed_query();
	struct pareto p;
	struct page page;

	make(json, &query, &p);
	page_init(&page, look);
	render_pareto(&p, &no_plot, &page);
	screen_check(page_text(&page), screen);
	page_finish(&page);
	pareto_finish(&p);
}

static void what_is_new_on_the_front_and_what_left_it_is_said(void **state) {
	json_t *json = changed_runs();
	(void)state;

	check_changed(json, &narrow, "pareto_change.80");
	check_changed(json, &wide, "pareto_change.120");
	check_changed(json, &coloured, "pareto_change.colour");
	check_changed(json, &ascii, "pareto_change.ascii");
	check_changed(json, &pipe_look, "pareto_change.pipe");
	json_decref(json);
}

static void a_change_is_in_the_document(void **state) {
	const struct pareto_query query = changed_query();
	json_t *json = changed_runs();
	struct pareto p;
	(void)state;

	make(json, &query, &p);
	json_t *document = pareto_json(&p, false);
	const json_t *change = document_at(document, "change");
	assert_string_equal(document_text(change, "since"), "2026-11-22T16:02:29.000Z");
	assert_int_equal(json_integer_value(json_object_get(change, "n_then")), 10);
	json_t *joined = json_pack("[s, s]", "k21b", "8f3a");
	json_t *left = json_pack("[{s:s, s:s}]", "id", "0001", "dominated_by", "8f3a");
	assert_true(json_equal(document_at(change, "joined"), joined));
	assert_true(json_equal(document_at(change, "left"), left));
	double now = document_count(document, "hypervolume.value");
	assert_true(fabs(now - document_count(change, "hypervolume_then") -
			    document_count(change, "hypervolume_change")) < 1e-12);
	assert_true(document_count(change, "hypervolume_change") > 0);
	json_decref(joined);
	json_decref(left);
	json_decref(document);
	pareto_finish(&p);
	json_decref(json);
}

static void expect_lines(const json_t *json, const char *wanted, const char *unwanted) {
	const struct pareto_query query = changed_query();
	struct pareto p;
	struct page page;

	make(json, &query, &p);
	page_init(&page, &wide);
	render_pareto(&p, &plain, &page);
	assert_true(!wanted || strstr(page_text(&page), wanted) != NULL);
	assert_true(!unwanted || strstr(page_text(&page), unwanted) == NULL);
	page_finish(&page);
	pareto_finish(&p);
}

static void where_no_run_stood_anywhere_then_nothing_is_news(void **state) {
	json_t *json = changed_runs();
	json_t *runs = json_object_get(json, "runs"), *run;
	size_t i;
	(void)state;

	json_array_foreach(runs, i, run) {
		stood(run, NULL);
	}
	expect_lines(json, "hypervolume 1.393 (reference: l0 500 in decades, fvu 1)\n", "new on");
	const struct pareto_query query = changed_query();
	struct pareto p;
	make(json, &query, &p);
	json_t *document = pareto_json(&p, false);
	assert_true(json_is_null(json_object_get(document, "change")));
	json_decref(document);
	pareto_finish(&p);
	/* As of a daemon that does not know the question. */
	json_array_foreach(runs, i, run) {
		(void)json_object_del(run, "earlier");
	}
	expect_lines(json, "fvu 1)\n", "since");
	json_decref(json);
}

static void a_front_that_is_as_it_was_is_said_to_be(void **state) {
	json_t *json = changed_runs();
	json_t *runs = json_object_get(json, "runs"), *run;
	size_t i;
	(void)state;

	json_array_foreach(runs, i, run) {
		stood(run, json_object_get(run, "point"));
	}
	expect_lines(json, "fvu 1), unchanged since 2026-11-22 16:02\n", "front:");
	json_decref(json);
}

static void where_all_of_the_front_is_new_those_that_left_it_say_so(void **state) {
	json_t *json = many_runs(2);
	json_t *runs = json_object_get(json, "runs");
	(void)state;

	json_t *worse = json_deep_copy(json_array_get(runs, 0));
	(void)json_object_set_new(worse, "id", json_string("old"));
	(void)json_object_set_new(worse, "name", json_string("old"));
	json_t *metrics = json_object_get(json_object_get(worse, "point"), "metrics");
	(void)json_object_set_new(metrics, "fvu", json_real(5));
	stood(worse, json_object_get(worse, "point"));
	(void)json_array_append_new(runs, worse);
	expect_lines(json, "left the front: b (worse than A)\n", "new on");
	json_decref(json);
}

static void a_run_that_cannot_be_compared_any_more_left_the_front(void **state) {
	json_t *json = changed_runs();
	json_t *run = run_named(json, "00b7");
	(void)state;

	stood(run, json_object_get(run, "point"));
	(void)json_object_del(json_object_get(json_object_get(run, "point"), "metrics"), "fvu");
	expect_lines(json, "left the front: f (worse than E), clip-b32-l9-x64-b7 (not compared)\n",
		NULL);
	json_decref(json);
}

static double some_figure(void) {
	int pick = rand() % 12;

	return pick == 0 ? (double)NAN : 1 + pick % 6;
}

static json_t *some_point(void) {
	double l0 = some_figure(), fvu = some_figure();
	json_t *metrics = json_object();

	if (rand() % 4 == 0) {
		json_decref(metrics);
		return json_null();
	}
	if (!isnan(l0)) {
		(void)json_object_set_new(metrics, "l0", json_real(l0));
	}
	if (!isnan(fvu)) {
		(void)json_object_set_new(metrics, "fvu", json_real(fvu / 10));
	}
	return json_pack("{s:i, s:i, s:o}", "tokens", 1000, "n_tokens", 1000, "metrics", metrics);
}

static bool place(const json_t *point, double ret[2]) {
	return document_number(point, "metrics.l0", &ret[0]) &&
	       document_number(point, "metrics.fvu", &ret[1]);
}

/* By the definition alone. */
static bool was_on_front(const json_t *runs, const json_t *run, const char *when) {
	double own[2], other[2];

	if (!place(document_at(run, when), own)) {
		return false;
	}
	for (size_t i = 0; i < json_array_size(runs); i++) {
		if (place(document_at(json_array_get(runs, i), when), other) &&
			other[0] <= own[0] && other[1] <= own[1] &&
			(other[0] < own[0] || other[1] < own[1])) {
			return false;
		}
	}
	return true;
}

static bool is_listed(const json_t *ids, const json_t *run, const char *member) {
	for (size_t i = 0; i < json_array_size(ids); i++) {
		const json_t *id = json_array_get(ids, i);
		if (json_equal(member ? json_object_get(id, member) : id,
			    json_object_get(run, "id"))) {
			return true;
		}
	}
	return false;
}

static void check_against_definition(const json_t *json, const struct pareto *p) {
	const json_t *runs = document_at(json, "runs"), *run;
	json_t *document = pareto_json(p, false);
	const json_t *change = document_at(document, "change");
	bool any_then = false;
	double at[2];
	size_t i;

	json_array_foreach((json_t *)runs, i, run) {
		any_then = any_then || place(document_at(run, "earlier"), at);
	}
	assert_true(any_then == json_is_object(change));
	json_array_foreach((json_t *)runs, i, run) {
		bool then = any_then && was_on_front(runs, run, "earlier");
		bool now = was_on_front(runs, run, "point");
		assert_true(is_listed(document_at(change, "joined"), run, NULL) ==
			    (any_then && now && !then));
		assert_true(is_listed(document_at(change, "left"), run, "id") == (then && !now));
	}
	json_decref(document);
}

/* The hypervolume of then is what is said when then is now. */
static void check_volume_of_then(json_t *json, const struct pareto *p) {
	json_t *runs = json_object_get(json, "runs"), *run;
	struct pareto_query query = query_of("l0", "fvu");
	struct pareto then;
	size_t i;

	json_array_foreach(runs, i, run) {
		(void)json_object_set(run, "point", json_object_get(run, "earlier"));
	}
	query.has_reference = true;
	query.reference = p->query.reference;
	make(json, &query, &then);
	if (p->n > 0 && p->change.n_then > 0) {
		assert_true(then.volume.volume == p->change.volume.volume);
	}
	pareto_finish(&then);
}

static void the_change_is_that_of_two_fronts_by_their_definition(void **state) {
	struct pareto_query query = changed_query();
	(void)state;

	srand(11);
	for (int round = 0; round < 3000; round++) {
		size_t n = (size_t)(rand() % 9);
		json_t *runs = json_array();
		for (size_t i = 0; i < n; i++) {
			char id[32];
			snprintf(id, sizeof(id), "r%zu", i);
			(void)json_array_append_new(runs,
				json_pack("{s:s, s:s, s:o, s:o}", "id", id, "profile", "prisma",
					"point", some_point(), "earlier", some_point()));
		}
		json_t *json = json_pack("{s:o}", "runs", runs);
		struct pareto p;
		make(json, &query, &p);
		check_against_definition(json, &p);
		check_volume_of_then(json, &p);
		pareto_finish(&p);
		json_decref(json);
	}
}

/* ---- the document ---- */

static void the_document_has_the_figures_under_their_names(void **state) {
	json_t *json = screen_document("points");
	struct pareto_query query = query_of("l0", "fvu");
	struct pareto p;
	struct buf text = {0};
	(void)state;

	make(json, &query, &p);
	json_t *document = pareto_json(&p, false);
	assert_non_null(document);
	assert_int_equal(json_write(&text, document, JSON_FOR_PEOPLE), 0);
	screen_check(buf_text(&text), "pareto.json");
	json_decref(document);
	document = pareto_json(&p, true);
	const json_t *first = json_array_get(json_object_get(document, "front"), 0);
	const json_t *path = json_object_get(first, "trajectory");
	assert_int_equal(json_array_size(path), 7);
	assert_true(document_count(json_array_get(path, 6), "l0") == 12.0);
	json_decref(document);
	buf_finish(&text);
	pareto_finish(&p);
	json_decref(json);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_front_is_seen_at_80_and_120_columns),
		cmocka_unit_test(higher_may_be_better),
		cmocka_unit_test(a_pipe_gets_the_table_alone),
		cmocka_unit_test(trajectories_are_dots_under_the_plot),
		cmocka_unit_test(names_do_nothing_to_the_terminal),
		cmocka_unit_test(unequal_tokens_come_with_the_tokens_to_ask_for),
		cmocka_unit_test(what_is_less_than_a_window_apart_is_equal),
		cmocka_unit_test(a_figure_that_trainers_define_differently_is_warned_of),
		cmocka_unit_test(a_number_that_a_trainer_calls_tokens_is_not_how_far_it_is),
		cmocka_unit_test(explained_variance_stands_in_for_an_fvu_that_no_run_has),
		cmocka_unit_test(what_is_worse_than_the_reference_is_said),
		cmocka_unit_test(
			the_reference_is_what_learnt_nothing_or_a_round_number_worse_than_all),
		cmocka_unit_test(a_run_that_cannot_be_placed_says_why),
		cmocka_unit_test(more_runs_than_letters_leave_them_to_the_front),
		cmocka_unit_test(up_to_26_runs_all_have_a_letter),
		cmocka_unit_test(no_runs_are_no_plot),
		cmocka_unit_test(no_line_is_wider_than_its_screen),
		cmocka_unit_test(what_is_new_on_the_front_and_what_left_it_is_said),
		cmocka_unit_test(a_change_is_in_the_document),
		cmocka_unit_test(where_no_run_stood_anywhere_then_nothing_is_news),
		cmocka_unit_test(a_front_that_is_as_it_was_is_said_to_be),
		cmocka_unit_test(where_all_of_the_front_is_new_those_that_left_it_say_so),
		cmocka_unit_test(a_run_that_cannot_be_compared_any_more_left_the_front),
		cmocka_unit_test(the_change_is_that_of_two_fronts_by_their_definition),
		cmocka_unit_test(the_document_has_the_figures_under_their_names),
	};
	setenv("TZ", "UTC", 1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
