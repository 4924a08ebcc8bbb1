/* What is asked of a run's config. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "where.h"

static const char config_json[] = "{\"k\": 32, \"name\": \"x16\", \"use\": true, \"none\": null, "
				  "\"a.b\": 1, \"layers\": [9, 10], "
				  "\"optimizer\": {\"warm\": {\"steps\": 500}}}";

/* Whether the config is as the text asks. */
static bool fits(const char *text) {
	json_t *config = json_loads(config_json, 0, NULL);
	struct where w;

	assert_non_null(config);
	assert_true(where_read(&w, text));
	bool does = where_fits(&w, config);
	json_decref(config);
	return does;
}

static void a_text_is_taken_apart_at_its_first_relation(void **state) {
	struct where w;
	(void)state;

	assert_true(where_read(&w, "optimizer.lr<=4e-4"));
	assert_int_equal(w.key_len, strlen("optimizer.lr"));
	assert_int_equal(w.relation, WHERE_AT_MOST);
	assert_string_equal(w.value, "4e-4");
	assert_true(where_read(&w, "name=a=b"));
	assert_int_equal(w.key_len, strlen("name"));
	assert_int_equal(w.relation, WHERE_EQUAL);
	assert_string_equal(w.value, "a=b");
	assert_true(where_read(&w, "name="));
	assert_string_equal(w.value, "");
}

static void a_text_without_a_key_or_a_relation_is_none(void **state) {
	struct where w;
	(void)state;

	assert_false(where_read(&w, ""));
	assert_false(where_read(&w, "lr"));
	assert_false(where_read(&w, "=4"));
	assert_false(where_read(&w, "lr!4"));
}

static void a_number_is_compared_as_one_and_never_with_a_word(void **state) {
	(void)state;

	assert_true(fits("k=3.2e1"));
	assert_true(fits("k>9")); /* as a text it would be less */
	assert_false(fits("k<9"));
	assert_false(fits("k>many"));
	assert_true(fits("k!=many"));
	assert_false(fits("k<nan"));
}

static void a_text_is_compared_letter_by_letter_or_as_a_pattern(void **state) {
	(void)state;

	assert_true(fits("name=x1?"));
	assert_false(fits("name!=x*"));
	assert_true(fits("name>x15"));
	assert_false(fits("name<x15"));
}

static void words_are_those_of_json_and_of_python(void **state) {
	(void)state;

	assert_true(fits("use=true"));
	assert_true(fits("use=True"));
	assert_true(fits("use!=False"));
	assert_true(fits("none=None"));
	assert_false(fits("none>null"));
}

static void a_list_is_what_its_json_says(void **state) {
	(void)state;

	assert_true(fits("layers=[[]9,10]")); /* as a pattern: a bracket is one in brackets */
	assert_true(fits("layers=[9,10]"));
	assert_false(fits("layers=[9]"));
}

static void a_key_leads_into_what_is_nested_or_has_a_dot_in_it(void **state) {
	(void)state;

	assert_true(fits("optimizer.warm.steps=500"));
	assert_true(fits("a.b=1"));
}

static void a_config_without_the_key_fits_nothing(void **state) {
	json_t *config = json_object();
	struct where w;
	(void)state;

	assert_true(where_read(&w, "k!=32"));
	assert_false(where_has_key(&w, config));
	assert_false(where_fits(&w, config));
	assert_false(where_fits(&w, NULL));
	json_decref(config);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_taken_apart_at_its_first_relation),
		cmocka_unit_test(a_text_without_a_key_or_a_relation_is_none),
		cmocka_unit_test(a_number_is_compared_as_one_and_never_with_a_word),
		cmocka_unit_test(a_text_is_compared_letter_by_letter_or_as_a_pattern),
		cmocka_unit_test(words_are_those_of_json_and_of_python),
		cmocka_unit_test(a_list_is_what_its_json_says),
		cmocka_unit_test(a_key_leads_into_what_is_nested_or_has_a_dot_in_it),
		cmocka_unit_test(a_config_without_the_key_fits_nothing),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
