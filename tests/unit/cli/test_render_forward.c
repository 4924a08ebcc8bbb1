/* How forwarding looks in each of its states; tests/unit/cli/documents/forwards.json has them. */
#include "render_forward.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fact_line.h"
#include "screen.h"

static const struct look narrow = {80, true, true, false, SCREEN_NOW};
static const struct look wide = {120, true, true, false, SCREEN_NOW};
static const struct look coloured = {80, true, true, true, SCREEN_NOW};
static const struct look ascii = {80, true, false, false, SCREEN_NOW};
static const struct look pipe_look = {0, false, true, false, SCREEN_NOW};

static void draw_all(const json_t *forwards, struct page *page) {
	size_t i;
	json_t *forward;

	json_array_foreach((json_t *)forwards, i, forward) {
		facts_label("forward", page);
		render_forward_facts(forward, "q7w18f3a", page);
		page_end_line(page);
	}
}

static void check(const struct look *look, const char *screen) {
	json_t *forwards = screen_document("forwards");
	struct page page;

	page_init(&page, look);
	draw_all(forwards, &page);
	screen_check(page_text(&page), screen);
	page_finish(&page);
	json_decref(forwards);
}

static void each_state_has_its_words(void **state) {
	(void)state;
	check(&narrow, "forwards.80");
	check(&wide, "forwards.120");
	check(&ascii, "forwards.ascii");
	check(&coloured, "forwards.colour");
	check(&pipe_look, "forwards.pipe");
}

static void words_of_any_length_fit_any_screen(void **state) {
	json_t *forwards = screen_document("forwards");
	(void)state;

	for (unsigned width = 1; width < 210; width++) {
		struct look look = {width, true, width % 2 == 0, false, SCREEN_NOW};
		struct page page;
		page_init(&page, &look);
		draw_all(forwards, &page);
		char *text = strdup(page_text(&page)), *rest = text, *line;
		assert_non_null(text);
		while ((line = strsep(&rest, "\n")) != NULL) {
			size_t len = strlen(line);
			assert_true(glyph_columns(line, look.utf8) <= width);
			assert_true(len == 0 || line[len - 1] != ' ');
		}
		free(text);
		page_finish(&page);
	}
	json_decref(forwards);
}

/* What it shows without its blanks and line ends. */
static char *solid_text(struct page *page) {
	char *text = strdup(page_text(page)), *to = text;

	assert_non_null(text);
	for (const char *from = text; *from; from++) {
		if (*from != ' ' && *from != '\n') {
			*to++ = *from;
		}
	}
	*to = '\0';
	return text;
}

static void nothing_is_left_out_on_a_narrow_screen(void **state) {
	json_t *forwards = screen_document("forwards");
	struct page reference;
	(void)state;

	page_init(&reference, &pipe_look);
	draw_all(forwards, &reference);
	char *expected = solid_text(&reference);
	for (unsigned width = LABEL_WIDTH + 1; width < 210; width++) {
		struct look look = {width, true, true, false, SCREEN_NOW};
		struct page page;
		page_init(&page, &look);
		draw_all(forwards, &page);
		char *text = solid_text(&page);
		assert_string_equal(text, expected);
		free(text);
		page_finish(&page);
	}
	free(expected);
	page_finish(&reference);
	json_decref(forwards);
}

static void words_of_others_cannot_reach_the_terminal_with_an_escape(void **state) {
	json_t *forward = json_pack("{ss,ss,ss}", "target", "wandb", "state", "waiting", "words",
		"\033[2J\xc2\x9b\xe2\x80\xae evil\nx");
	struct page page;
	(void)state;

	page_init(&page, &narrow);
	render_forward_facts(forward, NULL, &page);
	assert_string_equal(page_text(&page), "wandb waiting: ?[2J?? evil?x");
	page_finish(&page);
	json_decref(forward);
}

/* ---- of all runs ---- */

static void check_note(const char *run_state, const char *alert, const char *expected) {
	json_t *forward = json_pack("{ss,ss,ss,si,ss?}", "target", "wandb", "state", run_state,
		"words", "HTTP 503", "pending_rows", 2, "alert", alert);
	struct page page;

	page_init(&page, &narrow);
	render_forward_trouble(forward, &page);
	render_forward_alert(forward, &page);
	const char *text = page_text(&page);
	assert_string_equal(text ? text : "", expected);
	page_finish(&page);
	json_decref(forward);
}

static void only_what_is_amiss_is_noted_and_only_what_lasts_is_an_alert(void **state) {
	(void)state;
	check_note("ok", NULL, "");
	check_note("idle", NULL, "");
	check_note("offline", NULL, "");
	check_note("behind", NULL, "");
	check_note("behind", "since long", "! forward  wandb behind: 2 rows\n");
	check_note("waiting", NULL, "  forward  wandb waiting: HTTP 503   2 rows kept\n");
	check_note("waiting", "since long", "! forward  wandb waiting: HTTP 503   2 rows kept\n");
	check_note("refused", "the key", "! forward  wandb refused: HTTP 503   2 rows kept\n");
}

static void check_title(const char *forward_state, bool is_wide, const char *expected) {
	json_t *forward =
		json_pack("{ss,ss,sf}", "target", "wandb", "state", forward_state, "lag_s", 4.2);
	struct page page;

	page_init(&page, &wide);
	render_forward_title(forward, is_wide, &page);
	assert_string_equal(page_text(&page), expected);
	page_finish(&page);
	json_decref(forward);
}

static void the_title_has_a_word_for_all_of_it(void **state) {
	(void)state;
	check_title("ok", true, ", forward wandb: ok, lag 4s");
	check_title("ok", false, ", forward ok, lag 4s");
	check_title("behind", true, ", forward wandb: behind, lag 4s");
	check_title("waiting", true, ", forward wandb: waiting");
	check_title("refused", false, ", forward refused");
	check_title("idle", true, ", forward idle");
	check_title("off", true, ", forward off");
	check_title("offline", true, ", forward offline");
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_has_its_words),
		cmocka_unit_test(words_of_any_length_fit_any_screen),
		cmocka_unit_test(nothing_is_left_out_on_a_narrow_screen),
		cmocka_unit_test(words_of_others_cannot_reach_the_terminal_with_an_escape),
		cmocka_unit_test(only_what_is_amiss_is_noted_and_only_what_lasts_is_an_alert),
		cmocka_unit_test(the_title_has_a_word_for_all_of_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("render_forward", tests, NULL, NULL);
}
