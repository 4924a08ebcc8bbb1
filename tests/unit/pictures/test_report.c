/* The page of a report. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "report_config.h"
#include "report_page.h"

static const char *text_of(struct html *h) {
	assert_int_equal(h->err, 0);
	return buf_text(&h->out);
}

static void text_is_never_markup(void **state) {
	(void)state;
	struct html h = {0};

	html_element(&h, "td", "<script>alert(\"1\" & '2')</script>\033[31m\u202e\xff");
	assert_string_equal(text_of(&h), "<td>&lt;script&gt;alert(&quot;1&quot; &amp; "
					 "&#39;2&#39;)&lt;/script&gt;?[31m?\?</td>\n");
	buf_finish(&h.out);
}

static void an_elements_end_has_no_attributes(void **state) {
	(void)state;
	struct html h = {0};

	html_element(&h, "p class=\"bad\"", "x");
	assert_string_equal(text_of(&h), "<p class=\"bad\">x</p>\n");
	buf_finish(&h.out);
}

static void pictures_of_one_page_do_not_share_names(void **state) {
	(void)state;
	static char file[] = "<?xml version=\"1.0\"?>\n<svg width=\"1pt\"><g id=\"glyph0-0\"/><use "
			     "xlink:href=\"#glyph0-0\" x=\"1.234567\"/>"
			     "<g clip-path=\"url(#clip1)\"/></svg>\n";
	const struct buf svg = {(uint8_t *)file, sizeof file - 1, sizeof file};
	struct html h = {0};

	html_svg(&h, &svg, 3, "a \"b\"");
	assert_string_equal(text_of(&h), "<svg role=\"img\" aria-label=\"a &quot;b&quot;\" "
					 "width=\"1pt\"><g id=\"p3-glyph0-0\"/><use "
					 "xlink:href=\"#p3-glyph0-0\" x=\"1.23\"/><g "
					 "clip-path=\"url(#p3-clip1)\"/></svg>\n");
	buf_finish(&h.out);
}

static void a_config_is_shown_with_dots(void **state) {
	(void)state;
	json_t *config = json_loads("{\"lr\": 4e-4, \"opt\": {\"name\": \"adam<\", \"betas\": "
				    "[0.9, 0.99]}, \"none\": null, \"empty\": {}}",
		0, NULL);
	struct html h = {0};

	report_config_write(&h, config);
	const char *text = text_of(&h);
	assert_non_null(strstr(text, "<th scope=\"row\">lr</th><td>0.0004</td>"));
	assert_non_null(strstr(text, "<th scope=\"row\">opt.name</th><td>adam&lt;</td>"));
	assert_non_null(strstr(text, "<th scope=\"row\">opt.betas</th><td>[0.9,0.99]</td>"));
	assert_non_null(strstr(text, "<th scope=\"row\">none</th><td>null</td>"));
	assert_non_null(strstr(text, "<th scope=\"row\">empty</th><td>{}</td>"));
	json_decref(config);
	buf_finish(&h.out);
}

static void a_huge_config_is_shown_in_part_and_counted(void **state) {
	(void)state;
	json_t *config = json_object();
	struct html h = {0};
	char key[16], value[1000];

	memset(value, 'v', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	for (int i = 0; i < 450; i++) {
		snprintf(key, sizeof key, "key%d", i);
		json_object_set_new(config, key, json_string(value));
	}
	report_config_write(&h, config);
	assert_non_null(strstr(text_of(&h), "50 more are left out"));
	assert_non_null(strstr(text_of(&h), "vv…</td>"));
	assert_true(h.out.len < 400 * 360);
	json_decref(config);
	buf_finish(&h.out);
}

static void of_several_configs_only_what_differs_is_shown(void **state) {
	(void)state;
	json_t *a = json_loads("{\"lr\": 1, \"same\": [1], \"mine\": \"x\"}", 0, NULL);
	json_t *b = json_loads("{\"lr\": 2, \"same\": [1]}", 0, NULL);
	const json_t *configs[] = {a, b};
	struct html h = {0};

	report_config_write_differences(&h, configs, 2);
	const char *text = text_of(&h);
	assert_non_null(strstr(text, "<th scope=\"row\">lr</th><td>1</td><td>2</td>"));
	assert_non_null(strstr(text, "<th scope=\"row\">mine</th><td>x</td><td>-</td>"));
	assert_null(strstr(text, "same"));
	json_decref(a);
	json_decref(b);
	buf_finish(&h.out);
}

static void without_a_picture_the_page_says_why(void **state) {
	(void)state;
	json_t *run = json_loads("{\"id\": \"run1\", \"name\": null, \"state\": \"running\", "
				 "\"alerts\": [{\"words\": \"mse_loss is NaN\"}]}",
		0, NULL);
	struct report_run one = {.run = run, .density.words = "no window is complete"};
	struct report_page page = {
		.title = "t", .runs = &one, .n = 1, .curves.words = "there are no steps yet"};
	struct html h = {0};

	assert_int_equal(report_page_write(&h, &page), 0);
	const char *text = text_of(&h);
	assert_non_null(strstr(text, ": there are no steps yet</p>"));
	assert_non_null(strstr(text, ": no window is complete</p>"));
	assert_non_null(strstr(text, "<p class=\"bad\">mse_loss is NaN</p>"));
	assert_non_null(strstr(
		text, "<th scope=\"row\">dead by passes, as of the last row</th><td>-</td>"));
	assert_non_null(strstr(text, "<th scope=\"row\">dead by tokens</th><td>-</td>"));
	assert_null(strstr(text, "Side by side"));
	json_decref(run);
	buf_finish(&h.out);
}

static void runs_of_one_name_are_told_apart_by_their_ids(void **state) {
	(void)state;
	json_t *a = json_loads("{\"id\": \"8f3a\", \"name\": \"l1-0.01\"}", 0, NULL);
	json_t *b = json_loads("{\"id\": \"77a0\", \"name\": \"l1-0.01\"}", 0, NULL);
	const struct report_run two[] = {{.run = a}, {.run = b}};
	struct report_page page = {.title = "t", .runs = two, .n = 2};
	struct html h = {0};

	assert_int_equal(report_page_write(&h, &page), 0);
	const char *text = text_of(&h);
	assert_non_null(strstr(text, "<th scope=\"col\">l1-0.01-8f3a</th>"));
	assert_non_null(strstr(text, "<th scope=\"col\">l1-0.01-77a0</th>"));
	assert_non_null(strstr(text, "<h2>l1-0.01-77a0</h2>"));
	json_decref(a);
	json_decref(b);
	buf_finish(&h.out);
}

/* A reader has the page alone: it says itself what keeps its columns from being compared. */
static void what_makes_runs_hard_to_compare_is_said_below_them(void **state) {
	(void)state;
	json_t *a = json_loads("{\"id\": \"8f3a\", \"profile\": \"prisma\", "
			       "\"sparsity\": {\"dead_features\": 444}}",
		0, NULL);
	json_t *b = json_loads("{\"id\": \"77a0\", \"profile\": \"native\"}", 0, NULL);
	json_t *at_a =
		json_loads("{\"tokens\": 1000, \"n_tokens\": 100, \"metrics\": "
			   "{\"mse_loss\": 0.5, \"fvu\": 0.1}, "
			   "\"sparsity\": {\"dead_features\": 123, \"dead_10m_tokens\": null, "
			   "\"never_fired\": 45}}",
			0, NULL);
	json_t *at_b = json_loads("{\"tokens\": 9000, \"n_tokens\": 100, \"metrics\": "
				  "{\"mse_loss\": 40, \"fvu\": 0.2}, "
				  "\"not_finite\": {\"fvu\": 3}, "
				  "\"sparsity\": {\"dead_10m_tokens\": 67}}",
		0, NULL);
	const struct report_run two[] = {{.run = a, .point = at_a, .at_tokens = 1e6},
		{.run = b, .point = at_b, .at_tokens = 1e6}};
	struct report_page page = {.title = "t", .runs = two, .n = 2};
	struct html h = {0};

	assert_int_equal(report_page_write(&h, &page), 0);
	const char *text = text_of(&h);
	assert_non_null(strstr(text,
		"<p class=\"bad\">mse_loss is not one thing here: by the norm of a row (prisma), "
		"summed over a row (native)</p>"));
	assert_non_null(strstr(
		text, "<p class=\"bad\">runs are compared at unequal tokens (1000 to 9000)</p>"));
	assert_non_null(strstr(text, "fvu was not finite in 3 steps of 77a0"));
	assert_null(strstr(text, "--as"));
	assert_null(strstr(text, "--at-tokens"));
	assert_non_null(strstr(text, "last complete window by 1.00M tokens"));
	assert_non_null(strstr(text, "<th scope=\"row\">dead features</th><td>123</td><td>-</td>"));
	assert_non_null(strstr(text,
		"<th scope=\"row\">features silent for 10M tokens or more</th><td>-</td><td>67<"));
	json_decref(a);
	json_decref(b);
	json_decref(at_a);
	json_decref(at_b);
	buf_finish(&h.out);
}

/* As `status RUN` has it; where a count is not known that is said, and where it is not told of it is missing. */
static void dead_features_are_told_of_by_each_count(void **state) {
	(void)state;
	json_t *a = json_loads("{\"id\": \"8f3a\", \"dead_feature_window\": 5000, \"sparsity\": "
			       "{\"window\": 41, \"d_sae\": 24576, \"n_steps\": 1000, "
			       "\"n_tokens\": 4096000, \"dead_features\": 312, "
			       "\"dead_10m_tokens\": 290, \"never_fired\": 1204}}",
		0, NULL);
	json_t *b = json_loads("{\"id\": \"77a0\", \"sparsity\": {\"dead_features\": 7, "
			       "\"dead_10m_tokens\": null}}",
		0, NULL);
	const struct report_run two[] = {{.run = a}, {.run = b}};
	struct report_page page = {.title = "t", .runs = two, .n = 2};
	struct html h = {0};

	assert_int_equal(report_page_write(&h, &page), 0);
	const char *text = text_of(&h);
	static const char *const rows[] = {
		"dead by passes, as of the last row</th><td>312 (1.3 %): silent for over",
		": silent for over 5,000 steps (20.5M tokens)<",
		"dead by tokens</th><td>290 (1.2 %): silent for 10M tokens or more<",
		"dead by window</th><td>1,204 (4.9 %): silent in all 4.10M tokens of window 41<",
		"dead by tokens</th><td>not known: silent for 10M tokens or more<",
		"dead by window</th><td>-<"};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_non_null(strstr(text, rows[i]));
	}
	json_decref(a);
	json_decref(b);
	buf_finish(&h.out);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_never_markup),
		cmocka_unit_test(an_elements_end_has_no_attributes),
		cmocka_unit_test(pictures_of_one_page_do_not_share_names),
		cmocka_unit_test(a_config_is_shown_with_dots),
		cmocka_unit_test(a_huge_config_is_shown_in_part_and_counted),
		cmocka_unit_test(of_several_configs_only_what_differs_is_shown),
		cmocka_unit_test(without_a_picture_the_page_says_why),
		cmocka_unit_test(dead_features_are_told_of_by_each_count),
		cmocka_unit_test(runs_of_one_name_are_told_apart_by_their_ids),
		cmocka_unit_test(what_makes_runs_hard_to_compare_is_said_below_them),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
