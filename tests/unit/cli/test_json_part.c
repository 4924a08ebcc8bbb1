/* What documents that commands print take from others. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "json_part.h"

static void assert_is(json_t *value, const char *want) {
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	assert_non_null(text);
	assert_string_equal(text, want);
	free(text);
	json_decref(value);
}

static void what_is_not_finite_is_a_text(void **state) {
	(void)state;

	assert_is(json_part_number(0.5), "0.5");
	assert_is(json_part_number((double)NAN), "\"NaN\"");
	assert_is(json_part_number((double)INFINITY), "\"Infinity\"");
	assert_is(json_part_number(-(double)INFINITY), "\"-Infinity\"");
}

static void what_is_not_there_is_null(void **state) {
	(void)state;

	assert_is(json_part_value(NULL), "null");
	assert_is(json_part_member(NULL, "id"), "null");
}

static void members_are_those_that_are_named_in_their_order(void **state) {
	static const char *const names[] = {"state", "id", "group", NULL};
	json_t *run = json_pack("{s:s, s:s, s:i}", "id", "8f3a", "state", "running", "d_sae", 4);
	(void)state;

	json_t *members = json_part_members(run, names);
	json_decref(run); /* they are kept by the new object, too */
	assert_is(members, "{\"state\":\"running\",\"id\":\"8f3a\",\"group\":null}");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_finite_is_a_text),
		cmocka_unit_test(what_is_not_there_is_null),
		cmocka_unit_test(members_are_those_that_are_named_in_their_order),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
