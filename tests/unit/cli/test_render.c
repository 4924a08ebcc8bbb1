/* The screens of `status`, text by text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "screen.h"

static const struct look narrow = {80, true, true, false, SCREEN_NOW};
static const struct look wide = {120, true, true, false, SCREEN_NOW};
static const struct look coloured = {80, true, true, true, SCREEN_NOW};
static const struct look ascii = {80, true, false, false, SCREEN_NOW};
static const struct look pipe_look = {0, false, true, false, SCREEN_NOW};

static void check_runs(const char *document, const struct look *look, const char *screen) {
	static const struct render_runs_options all = {0};
	json_t *json = screen_document(document);
	struct page page;

	page_init(&page, look);
	render_runs(json, &all, &page);
	screen_check(page_text(&page), screen);
	page_finish(&page);
	json_decref(json);
}

static void check_run(const char *document, const struct look *look, const char *screen) {
	json_t *json = screen_document(document);
	struct page page;

	page_init(&page, look);
	render_run(json, json_array_get(document_at(json, "runs"), 0), &page);
	screen_check(page_text(&page), screen);
	page_finish(&page);
	json_decref(json);
}

static void eighty_columns_hold_the_runs(void **state) {
	(void)state;
	check_runs("five_runs", &narrow, "five_runs.80");
}

static void a_hundred_and_twenty_columns_show_more(void **state) {
	(void)state;
	check_runs("five_runs", &wide, "five_runs.120");
}

static void a_pipe_gets_plain_columns_with_words_for_glyphs(void **state) {
	(void)state;
	check_runs("five_runs", &pipe_look, "five_runs.pipe");
}

static void without_utf8_everything_is_ascii(void **state) {
	(void)state;
	check_runs("five_runs", &ascii, "five_runs.ascii");
	check_run("one_run", &ascii, "one_run.ascii");
	check_run("troubled_run", &ascii, "troubled_run.ascii");
}

static void a_last_window_that_is_whole_did_not_end_early(void **state) {
	json_t *json = screen_document("troubled_run");
	const json_t *run = json_array_get(document_at(json, "runs"), 0);
	struct page page;

	(void)state;
	json_object_set_new(json_object_get(run, "partial_window"), "n_steps", json_integer(100));
	page_init(&page, &narrow);
	render_run(json, run, &page);
	assert_non_null(strstr(page_text(&page),
		"partial  window 9 is whole, but had no row   steps 100   never fired 402"));
	page_finish(&page);
	json_decref(json);
}

static void a_run_that_ended_with_a_window_has_none_that_is_open(void **state) {
	json_t *json = screen_document("one_run");
	json_t *run = json_array_get(document_at(json, "runs"), 0);
	(void)state;

	json_object_set_new(json_object_get(run, "open_window"), "n_steps", json_integer(0));
	for (int ended = 0; ended < 2; ended++) {
		struct page page;
		json_object_set_new(
			run, "ended", ended ? json_string("2026-11-23T15:00:00Z") : json_null());
		page_init(&page, &narrow);
		render_run(json, run, &page);
		assert_int_equal(strstr(page_text(&page), "\n  open ") == NULL, ended);
		page_finish(&page);
	}
	json_decref(json);
}

static void a_small_loss_is_shown_whole(void **state) {
	const struct look *const looks[] = {&narrow, &wide, &pipe_look, &ascii};

	(void)state;
	for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
		json_t *json = screen_document("one_run");
		const json_t *run = json_array_get(document_at(json, "runs"), 0);
		json_t *loss = json_object_get(document_at(run, "curves.series"), "mse_loss");
		struct page page;

		json_object_set_new(loss, "now", json_real(-1.2345e-10));
		json_object_set_new(loss, "min", json_real(-0.00020412));
		json_object_set_new(loss, "max", json_real(0.00020412));
		page_init(&page, looks[i]);
		render_run(json, run, &page);
		assert_non_null(strstr(page_text(&page), " -1.2e-10 -2.04e-4 2.041e-4"));
		page_finish(&page);
		json_decref(json);
	}
}

static void colour_marks_states_and_nan(void **state) {
	(void)state;
	check_runs("five_runs", &coloured, "five_runs.colour");
	check_run("one_run", &coloured, "one_run.colour");
}

static void the_table_shows_how_each_run_is_forwarded(void **state) {
	(void)state;
	check_runs("forwarded_runs", &narrow, "forwarded_runs.80");
	check_runs("forwarded_runs", &wide, "forwarded_runs.120");
	check_runs("forwarded_runs", &pipe_look, "forwarded_runs.pipe");
	check_runs("forwarded_runs", &ascii, "forwarded_runs.ascii");
	check_runs("forwarded_runs", &coloured, "forwarded_runs.colour");
}

static void what_keeps_all_runs_from_wandb_is_said_once_above_them(void **state) {
	(void)state;
	check_runs("waiting_runs", &narrow, "waiting_runs.80");
	check_runs("waiting_runs", &wide, "waiting_runs.120");
	check_runs("waiting_runs", &coloured, "waiting_runs.colour");
}

static void a_file_says_how_many_rows_wandb_does_not_have(void **state) {
	(void)state;
	check_runs("pending_runs", &narrow, "pending_runs.80");
	check_runs("pending_runs", &wide, "pending_runs.120");
}

static void no_runs_yet_shows_how_to_begin(void **state) {
	(void)state;
	check_runs("no_runs", &narrow, "no_runs.80");
	check_runs("no_runs", &pipe_look, "no_runs.pipe");
}

static void one_run_fills_a_screen(void **state) {
	(void)state;
	check_run("one_run", &narrow, "one_run.80");
	check_run("one_run", &wide, "one_run.120");
	check_run("one_run", &pipe_look, "one_run.pipe");
}

static void a_run_in_trouble_says_all_of_it(void **state) {
	(void)state;
	check_run("troubled_run", &narrow, "troubled_run.80");
	check_run("troubled_run", &wide, "troubled_run.120");
}

static void a_run_of_which_nothing_is_known_is_dashes(void **state) {
	(void)state;
	check_runs("bare_run", &narrow, "bare_runs.80");
	check_run("bare_run", &narrow, "bare_run.80");
}

/* Every screen of every document at every width: no line is wider, none ends in a blank. */
static void check_lines(const char *text, const struct look *look) {
	while (*text) {
		size_t len = strcspn(text, "\n");
		char line[2048];
		assert_true(len < sizeof(line));
		memcpy(line, text, len);
		line[len] = '\0';
		assert_true(glyph_columns(line, look->utf8) <= look->width);
		assert_true(len == 0 || line[len - 1] != ' ');
		text += len + (text[len] == '\n');
	}
}

static void no_line_is_wider_than_its_screen(void **state) {
	static const char *const documents[] = {"five_runs", "one_run", "troubled_run", "bare_run",
		"no_runs", "forwarded_runs", "waiting_runs", "pending_runs"};
	static const struct render_runs_options all = {0};
	(void)state;

	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		json_t *json = screen_document(documents[i]);
		for (unsigned width = 1; width < 210; width++) {
			struct look look = {width, true, width % 2 == 0, false, SCREEN_NOW};
			struct page page;
			page_init(&page, &look);
			render_runs(json, &all, &page);
			if (json_array_size(document_at(json, "runs")) > 0) {
				const json_t *runs = document_at(json, "runs");
				render_run(json, json_array_get(runs, 0), &page);
			}
			check_lines(page_text(&page), &look);
			page_finish(&page);
		}
		json_decref(json);
	}
}

static void a_name_cannot_reach_the_terminal_with_an_escape(void **state) {
	json_t *json = screen_document("bare_run");
	json_t *run = json_array_get(document_at(json, "runs"), 0);
	static const struct render_runs_options all = {0};
	struct page page;
	(void)state;

	json_object_set_new(run, "name", json_string("\033[2J\xc2\x9b\xe2\x80\xae evil\nx"));
	page_init(&page, &narrow);
	render_runs(json, &all, &page);
	render_run(json, run, &page);
	assert_null(strchr(page_text(&page), '\033'));
	assert_null(strstr(page_text(&page), "\xc2\x9b"));
	assert_null(strstr(page_text(&page), "\xe2\x80\xae"));
	assert_non_null(strstr(page_text(&page), "?[2J?? evil?x"));
	page_finish(&page);
	json_decref(json);
}

static void two_runs_of_one_name_are_told_apart_by_id(void **state) {
	json_t *json = screen_document("bare_run");
	json_t *runs = json_object_get(json, "runs");
	static const struct render_runs_options all = {0};
	struct page page;
	(void)state;

	json_object_set_new(json_array_get(runs, 0), "name", json_string("same"));
	json_array_append_new(
		runs, json_pack("{ssssss}", "id", "zzzz9999", "name", "same", "state", "stalled"));
	page_init(&page, &narrow);
	render_runs(json, &all, &page);
	assert_non_null(strstr(page_text(&page), "same-abcd1234"));
	assert_non_null(strstr(page_text(&page), "same-zzzz9999"));
	page_finish(&page);
	json_decref(json);
}

static json_t *run_of(
	const char *id, const char *run_state, const char *started, const char *seen) {
	return json_pack("{ss,ss,ss,ss}", "id", id, "state", run_state, "started", started,
		"last_seen", seen);
}

static void rows_stay_where_they_are_while_runs_train(void **state) {
	json_t *document = json_pack("{s:[o,o,o,o,o]}", "runs",
		run_of("b-older", "running", "2026-01-01T00:00:00Z", "2026-01-09T00:00:02Z"),
		run_of("e-ended", "finished", "2026-01-08T00:00:00Z", "2026-01-09T00:00:01Z"),
		run_of("a-newer", "stalled", "2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z"),
		run_of("d-first", "crashed", "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z"),
		run_of("c-older", "running", "2026-01-01T00:00:00Z", "2026-01-09T00:00:03Z"));
	struct run_column column;
	struct render_runs_options ids = {.no_headings = true, .n_columns = 1, .columns = &column};
	struct page page;
	(void)state;

	assert_true(run_column_find("ID", &column));
	page_init(&page, &narrow);
	render_runs(document, &ids, &page);
	assert_string_equal(page_text(&page), "b-older\nc-older\na-newer\ne-ended\nd-first\n");
	page_finish(&page);
	json_decref(document);
}

static void an_alert_names_its_run_as_the_table_does(void **state) {
	json_t *json = screen_document("five_runs");
	json_t *runs = json_object_get(json, "runs");
	static const struct render_runs_options all = {0};
	struct page page;
	(void)state;

	json_object_set_new(json_array_get(runs, 0), "name", json_string("vit-l11-x64"));
	page_init(&page, &wide);
	render_runs(json, &all, &page);
	assert_non_null(strstr(page_text(&page), "! vit-l11-x64-aa0119bd  no step for"));
	page_finish(&page);
	json_decref(json);
}

static void why_a_run_ended_is_said_once_and_without_what_a_terminal_obeys(void **state) {
	json_t *run = run_of("r", "preempted", "2026-01-01T00:00:00Z", "2026-01-09T00:00:02Z");
	json_t *document = json_pack("{s:[o]}", "runs", run);
	struct page page;
	(void)state;

	json_object_set_new(run, "end_words", json_string("SIG\033[2JTERM"));
	page_init(&page, &narrow);
	render_run(document, run, &page);
	assert_non_null(strstr(page_text(&page), "\n  ended    SIG"));
	assert_null(strchr(page_text(&page), '\033'));
	page_finish(&page);

	json_object_set_new(run, "state", json_string("failed")); /* there the alert has it */
	page_init(&page, &narrow);
	render_run(document, run, &page);
	assert_null(strstr(page_text(&page), "ended"));
	page_finish(&page);
	json_decref(document);
}

static void more_alerts_than_a_screen_holds_are_counted(void **state) {
	json_t *json = screen_document("bare_run");
	json_t *runs = json_object_get(json, "runs");
	static const struct render_runs_options all = {0};
	struct page page;
	char id[16];
	(void)state;

	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "run%d", i);
		json_array_append_new(runs, json_pack("{ss,ss,s:[{ss}]}", "id", id, "state",
						    "crashed", "alerts", "words", "it ended"));
	}
	page_init(&page, &narrow);
	render_runs(json, &all, &page);
	assert_non_null(
		strstr(page_text(&page), "! 8 more; `sae-metricsd status RUN` shows them\n"));
	page_finish(&page);
	json_decref(json);
}

static void columns_asked_for_come_alone_and_in_that_order(void **state) {
	json_t *json = screen_document("five_runs");
	struct run_column columns[4];
	struct render_runs_options options = {.n_columns = 4, .columns = columns};
	struct page page;
	(void)state;

	assert_true(run_column_find("ev", &columns[0]));
	assert_true(run_column_find("Run", &columns[1]));
	assert_true(run_column_find("below_1e-6", &columns[2]));
	assert_true(run_column_find("config.l1_coefficient", &columns[3]));
	page_init(&page, &pipe_look);
	render_runs(json, &options, &page);
	screen_check(page_text(&page), "chosen_columns.pipe");
	page_finish(&page);

	page_init(&page, &narrow);
	render_runs(json, &options, &page);
	screen_check(page_text(&page), "chosen_columns.80");
	page_finish(&page);
	json_decref(json);
}

static void a_column_there_is_not_is_not_found(void **state) {
	struct run_column column;
	(void)state;

	assert_false(run_column_find("LOSS", &column));
	assert_false(run_column_find("", &column));
}

static void a_choice_of_runs_says_of_how_many(void **state) {
	json_t *json = screen_document("five_runs");
	json_t *runs = json_object_get(json, "runs");
	struct render_runs_options options = {.n_all = 41};
	struct page page;
	(void)state;

	(void)json_array_remove(runs, 0);
	page_init(&page, &narrow);
	render_runs(json, &options, &page);
	assert_non_null(strstr(page_text(&page), "up 6d, 4 of 41 runs (1 running), forward off\n"));
	page_finish(&page);

	(void)json_object_del(json, "daemon"); /* of files */
	page_init(&page, &narrow);
	render_runs(json, &options, &page);
	assert_true(strncmp(page_text(&page), "4 of 41 runs (1 running)\n", 25) == 0);
	page_finish(&page);

	(void)json_array_clear(runs);
	page_init(&page, &narrow);
	render_runs(json, &options, &page);
	assert_string_equal(page_text(&page), "0 of 41 runs (0 running)\n");
	page_finish(&page);
	json_decref(json);
}

static void counts_of_a_window_that_is_incomplete_are_marked(void **state) {
	json_t *json = screen_document("five_runs");
	json_t *run = json_array_get(json_object_get(json, "runs"), 1);
	static const struct render_runs_options all = {0};
	struct page page;
	(void)state;

	json_object_set_new(json_object_get(run, "sparsity"), "complete", json_false());
	page_init(&page, &narrow);
	render_runs(json, &all, &page);
	screen_check(page_text(&page), "incomplete_window.80");
	page_finish(&page);

	page_init(&page, &pipe_look); /* scripts read numbers */
	render_runs(json, &all, &page);
	assert_null(strchr(page_text(&page), '*'));
	page_finish(&page);
	json_decref(json);
}

static void an_alert_that_somebody_has_seen_is_quiet(void **state) {
	json_t *json = screen_document("five_runs");
	const json_t *runs = json_object_get(json, "runs");
	static const struct render_runs_options all = {0};
	struct page page;
	(void)state;

	for (size_t i = 0; i < json_array_size(runs); i++) {
		json_t *alerts = json_object_get(json_array_get(runs, i), "alerts");
		for (size_t a = 0; a < json_array_size(alerts); a += 2) {
			json_object_set_new(json_array_get(alerts, a), "acknowledged",
				json_pack("{s:s, s:s}", "by", "ana", "at",
					"2026-11-23T16:00:00.000Z"));
		}
	}
	page_init(&page, &coloured);
	render_runs(json, &all, &page);
	screen_check(page_text(&page), "acknowledged.colour");
	page_finish(&page);
	json_decref(json);
}

static void only_quiet_runs_need_no_attention(void **state) {
	json_t *json = screen_document("five_runs");
	const json_t *runs = document_at(json, "runs");
	(void)state;

	assert_false(run_needs_attention(json_array_get(runs, 0)));
	assert_true(run_needs_attention(json_array_get(runs, 2)));
	assert_false(run_needs_attention(json_array_get(runs, 3)));
	assert_true(run_needs_attention(json_array_get(runs, 4)));
	json_decref(json);
}

/* Of a run that failed for something else, too, one word does not do. */
static void a_run_whose_every_alert_is_known_needs_no_attention(void **state) {
	json_t *json = screen_document("five_runs");
	json_t *run = json_array_get(json_object_get(json, "runs"), 4);
	json_t *alerts = json_object_get(run, "alerts");
	(void)state;

	json_array_append_new(alerts,
		json_pack("{s:s, s:s}", "kind", json_string_value(json_object_get(run, "state")),
			"words", "it ended"));
	for (size_t a = 0; a < json_array_size(alerts); a++) {
		assert_true(run_needs_attention(run));
		json_object_set_new(json_array_get(alerts, a), "acknowledged",
			json_pack("{s:s, s:s}", "by", "ana", "at", "2026-11-23T16:00:00.000Z"));
	}
	assert_false(run_needs_attention(run));
	json_array_clear(alerts); /* a state that has no alert is not known */
	assert_true(run_needs_attention(run));
	json_decref(json);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_whose_every_alert_is_known_needs_no_attention),
		cmocka_unit_test(eighty_columns_hold_the_runs),
		cmocka_unit_test(a_hundred_and_twenty_columns_show_more),
		cmocka_unit_test(a_pipe_gets_plain_columns_with_words_for_glyphs),
		cmocka_unit_test(without_utf8_everything_is_ascii),
		cmocka_unit_test(a_last_window_that_is_whole_did_not_end_early),
		cmocka_unit_test(a_run_that_ended_with_a_window_has_none_that_is_open),
		cmocka_unit_test(a_small_loss_is_shown_whole),
		cmocka_unit_test(colour_marks_states_and_nan),
		cmocka_unit_test(the_table_shows_how_each_run_is_forwarded),
		cmocka_unit_test(what_keeps_all_runs_from_wandb_is_said_once_above_them),
		cmocka_unit_test(a_file_says_how_many_rows_wandb_does_not_have),
		cmocka_unit_test(no_runs_yet_shows_how_to_begin),
		cmocka_unit_test(one_run_fills_a_screen),
		cmocka_unit_test(a_run_in_trouble_says_all_of_it),
		cmocka_unit_test(a_run_of_which_nothing_is_known_is_dashes),
		cmocka_unit_test(no_line_is_wider_than_its_screen),
		cmocka_unit_test(a_name_cannot_reach_the_terminal_with_an_escape),
		cmocka_unit_test(two_runs_of_one_name_are_told_apart_by_id),
		cmocka_unit_test(rows_stay_where_they_are_while_runs_train),
		cmocka_unit_test(an_alert_names_its_run_as_the_table_does),
		cmocka_unit_test(why_a_run_ended_is_said_once_and_without_what_a_terminal_obeys),
		cmocka_unit_test(more_alerts_than_a_screen_holds_are_counted),
		cmocka_unit_test(columns_asked_for_come_alone_and_in_that_order),
		cmocka_unit_test(a_column_there_is_not_is_not_found),
		cmocka_unit_test(a_choice_of_runs_says_of_how_many),
		cmocka_unit_test(counts_of_a_window_that_is_incomplete_are_marked),
		cmocka_unit_test(an_alert_that_somebody_has_seen_is_quiet),
		cmocka_unit_test(only_quiet_runs_need_no_attention),
	};

	setenv("TZ", "UTC", 1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("render", tests, NULL, NULL);
}
