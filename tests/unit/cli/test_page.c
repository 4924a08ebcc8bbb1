/* What reaches a terminal: characters, lines, tables, small drawings. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "page.h"
#include "plot.h"
#include "table.h"

static struct page page;

static void begin(unsigned width, bool utf8, bool colour) {
	struct look look = {.width = width, .screen = true, .utf8 = utf8, .colour = colour};

	page_init(&page, &look);
}

static void check(const char *expected) {
	assert_string_equal(page_text(&page), expected);
	page_finish(&page);
}

static void wide_and_combining_characters_are_measured(void **state) {
	(void)state;

	assert_int_equal(glyph_columns("abc", true), 3);
	assert_int_equal(glyph_columns("日本", true), 4);
	assert_int_equal(glyph_columns("e\u0301", true), 1);
	assert_int_equal(glyph_columns("●", true), 1);
	assert_int_equal(glyph_columns("✅⭐👩🔬", true), 8);
	assert_int_equal(glyph_columns("한", true), 2);
	assert_int_equal(glyph_columns("\u1112\u1161\u11ab", true), 2); /* the same, in its parts */
	assert_int_equal(glyph_columns("\u0e1b\u0e31", true), 1); /* Thai, with a vowel above */
	assert_int_equal(glyph_columns("\u0928\u093f\u0941", true),
		2); /* Devanagari, with vowels beside and below */
	assert_int_equal(glyph_columns("\U0002b820\U0003134a", true),
		4); /* rare characters, and what joins them */
	assert_int_equal(glyph_columns("日本", false), 2);
}

static void broken_utf8_is_marked(void **state) {
	(void)state;

	begin(0, true, false);
	page_put(&page, STYLE_PLAIN, "a\xff\xc0\xaf\xe2\x82z\xed\xa0\x80\xf5");
	check("a?????z??");
}

static void controls_and_invisible_marks_are_shown_as_such(void **state) {
	(void)state;

	begin(0, true, false);
	page_put(&page, STYLE_PLAIN, "\033[31m\a\x7f\u202e\u200b\xc2\x85\ufeff");
	check("?[31m??????");
}

static void a_line_stops_at_the_edge_of_the_screen(void **state) {
	(void)state;

	begin(5, true, false);
	page_put(&page, STYLE_PLAIN, "abcd日e");
	page_end_line(&page);
	page_put(&page, STYLE_PLAIN, "next");
	page_end_line(&page);
	check("abcd\nnext\n");
}

static void what_is_cut_ends_in_an_ellipsis(void **state) {
	(void)state;

	begin(0, true, false);
	page_put_cut(&page, STYLE_PLAIN, "abcdef", 4);
	page_put_left(&page, STYLE_PLAIN, "日本語", 4);
	page_put(&page, STYLE_PLAIN, "|");
	page_put_right(&page, STYLE_PLAIN, "x", 3);
	check("abc…日… |  x");

	begin(0, false, false);
	page_put_cut(&page, STYLE_PLAIN, "abcdef", 4);
	page_put_cut(&page, STYLE_PLAIN, "abcdef", 1);
	check("ab..");
}

static void no_line_ends_in_blanks(void **state) {
	(void)state;

	begin(0, true, true);
	page_put_left(&page, STYLE_GOOD, "a", 9);
	page_end_line(&page);
	page_tab(&page, 4);
	page_end_line(&page);
	check("\033[32ma\033[0m\n\n");
}

static void a_style_lasts_over_the_blanks_within_it(void **state) {
	(void)state;

	begin(0, true, true);
	page_put(&page, STYLE_BAD, "no step");
	page_put(&page, STYLE_PLAIN, " ok ");
	page_put(&page, STYLE_NAME, "x");
	page_end_line(&page);
	check("\033[31mno step \033[0mok \033[36mx\033[0m\n");
}

static const struct table_column columns[] = {
	{"", true, 0, 0}, {"NAME", true, 0, 6}, {"N", false, 0, 0}, {"MORE", false, 1, 0}};

static void draw_table(unsigned width) {
	struct table *t = table_create(columns, 4);

	assert_non_null(t);
	begin(width, true, false);
	assert_int_equal(table_add_row(t), 0);
	assert_int_equal(table_set(t, 0, STYLE_PLAIN, "*"), 0);
	assert_int_equal(table_set(t, 1, STYLE_PLAIN, "long-name"), 0);
	assert_int_equal(table_set(t, 2, STYLE_PLAIN, "17"), 0);
	assert_int_equal(table_set(t, 3, STYLE_PLAIN, "1"), 0);
	table_draw(t, true, &page);
	table_destroy(t);
}

static void a_table_takes_what_room_it_needs(void **state) {
	(void)state;

	draw_table(0);
	check("  NAME        N  MORE\n* long-name  17     1\n");
	draw_table(21);
	check("  NAME        N  MORE\n* long-name  17     1\n");
}

static void a_narrow_table_cuts_a_name_first_then_leaves_a_column_out(void **state) {
	(void)state;

	draw_table(20);
	check("  NAME       N  MORE\n* long-na…  17     1\n");
	draw_table(17);
	check("  NAME        N\n* long-name  17\n");
	draw_table(12);
	check("  NAME     N\n* long-…  17\n");
	draw_table(8);
	check("  N…   N\n* l…  17\n");
}

static void spark(const double *values, size_t n, unsigned width, bool utf8, const char *expected) {
	begin(0, utf8, false);
	(void)plot_spark(&page, values, n, width);
	check(expected);
}

static void a_spark_spans_eight_levels(void **state) {
	static const double rising[] = {0, 1, 2, 3, 4, 5, 6, 7};
	static const double flat[] = {3, 3, 3};
	static const double broken[] = {0, NAN, PLOT_BROKEN, 7};
	(void)state;

	spark(rising, 8, 8, true, "▁▂▃▄▅▆▇█");
	spark(rising, 8, 8, false, "_.,-=+*#");
	spark(rising, 8, 4, true, "▁▃▆█");
	spark(flat, 3, 8, true, "▁▁▁");
	spark(broken, 4, 8, true, "▁ ×█");
	spark(broken, 4, 8, false, "_ x#");
	spark(rising, 0, 8, true, "");
}

static void a_spark_over_several_magnitudes_is_logarithmic(void **state) {
	static const double decay[] = {1000, 100, 10, 1};
	static const double signs[] = {-1000, 100, 10, 1};
	(void)state;

	begin(0, true, false);
	assert_true(plot_spark(&page, decay, 4, 4));
	check("█▆▃▁");
	begin(0, true, false);
	assert_false(plot_spark(&page, signs, 4, 4));
	page_finish(&page);
}

static void a_bar_is_never_fuller_than_full(void **state) {
	static const double shares[] = {-1, 0, 0.13, 0.5, 1, 7};
	static const char *const bars[] = {"░░░░", "░░░░", "▌░░░", "██░░", "████", "████"};
	(void)state;

	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		begin(0, true, false);
		plot_bar(&page, shares[i], 4);
		check(bars[i]);
	}
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(wide_and_combining_characters_are_measured),
		cmocka_unit_test(broken_utf8_is_marked),
		cmocka_unit_test(controls_and_invisible_marks_are_shown_as_such),
		cmocka_unit_test(a_line_stops_at_the_edge_of_the_screen),
		cmocka_unit_test(what_is_cut_ends_in_an_ellipsis),
		cmocka_unit_test(no_line_ends_in_blanks),
		cmocka_unit_test(a_style_lasts_over_the_blanks_within_it),
		cmocka_unit_test(a_table_takes_what_room_it_needs),
		cmocka_unit_test(a_narrow_table_cuts_a_name_first_then_leaves_a_column_out),
		cmocka_unit_test(a_spark_spans_eight_levels),
		cmocka_unit_test(a_spark_over_several_magnitudes_is_logarithmic),
		cmocka_unit_test(a_bar_is_never_fuller_than_full),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
