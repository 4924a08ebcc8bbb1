/* Which runs a command is about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "run_filter.h"

#define NOW 1795680000.0 /* 2026-11-26 08:00 UTC */

static const char runs_json[] =
	"[{\"id\": \"a\", \"project\": \"clip-b32\", \"group\": \"sweep\", \"user\": \"ana\", "
	"\"state\": \"running\","
	"  \"last_seen\": \"2026-11-26T07:59:00Z\", \"tags\": [\"good\", \"l9\"],"
	"  \"config\": {\"lr\": 0.0004, \"k\": 32, \"name\": \"x16\", \"use\": true, \"none\": "
	"null, \"a.b\": 1,"
	"              \"optimizer\": {\"betas\": [0.9, 0.99], \"warm\": {\"steps\": 500}}}},"
	" {\"id\": \"b\", \"project\": \"clip-l14\", \"group\": null, \"user\": \"joe\", "
	"\"state\": \"finished\","
	"  \"last_seen\": \"2026-11-20T00:00:00Z\", \"tags\": [], \"config\": {\"lr\": 0.001, "
	"\"k\": 64, \"use\": false}},"
	" {\"id\": \"c\", \"project\": \"gpt2\", \"user\": \"joe\", \"state\": \"crashed\","
	"  \"last_seen\": \"2026-11-26T01:00:00Z\", \"config\": {}}]";

static char words[RUN_FILTER_WORDS_SIZE];

static void add(struct run_filter *f, enum run_filter_option option, const char *value) {
	assert_true(run_filter_add(f, option, value, NOW, words));
}

/* The ids that are left, one letter each. */
static const char *left(const struct run_filter *f, bool expected) {
	static char ids[8];
	json_t *runs = json_loads(runs_json, 0, NULL);
	size_t n = 0;

	assert_non_null(runs);
	assert_int_equal(run_filter_apply(f, runs, words), expected);
	for (; n < json_array_size(runs); n++) {
		ids[n] = json_string_value(json_object_get(json_array_get(runs, n), "id"))[0];
	}
	ids[n] = '\0';
	json_decref(runs);
	return ids;
}

static void expect_one(enum run_filter_option option, const char *value, const char *ids) {
	struct run_filter f = {0};

	add(&f, option, value);
	assert_string_equal(left(&f, true), ids);
}

static void expect_refused(enum run_filter_option option, const char *value, const char *expected) {
	struct run_filter f = {0};

	assert_false(run_filter_add(&f, option, value, NOW, words));
	assert_non_null(strstr(words, expected));
	assert_non_null(strstr(words, value));
}

static void without_conditions_every_run_is_shown(void **state) {
	(void)state;

	assert_string_equal(left(&(struct run_filter){0}, true), "abc");
}

static void a_name_may_be_a_pattern(void **state) {
	(void)state;

	expect_one(RUN_FILTER_PROJECT, "clip-b32", "a");
	expect_one(RUN_FILTER_PROJECT, "clip-*", "ab");
	expect_one(RUN_FILTER_PROJECT, "clip", "");
	expect_one(RUN_FILTER_GROUP, "*", "a"); /* those that have none are in none */
	expect_one(RUN_FILTER_USER, "joe", "bc");
	expect_one(RUN_FILTER_TAG, "l9", "a");
	expect_one(RUN_FILTER_TAG, "l", "");
}

static void states_are_a_list(void **state) {
	(void)state;

	expect_one(RUN_FILTER_STATE, "running", "a");
	expect_one(RUN_FILTER_STATE, "crashed,running", "ac");
	expect_refused(RUN_FILTER_STATE, "asleep", "expected running, stalled");
	expect_refused(RUN_FILTER_STATE, "run", "expected running, stalled");
	expect_refused(RUN_FILTER_STATE, "", "expected running, stalled");
	expect_refused(RUN_FILTER_STATE, "running,", "expected running, stalled");
}

static void the_config_is_compared_as_what_it_is(void **state) {
	(void)state;

	expect_one(RUN_FILTER_WHERE, "lr=4e-4", "a");
	expect_one(RUN_FILTER_WHERE, "lr==0.00040", "a");
	expect_one(RUN_FILTER_WHERE, "k>32", "b");
	expect_one(RUN_FILTER_WHERE, "k>=32", "ab");
	expect_one(RUN_FILTER_WHERE, "k<64", "a");
	expect_one(RUN_FILTER_WHERE, "k<=63.5", "a");
	expect_one(RUN_FILTER_WHERE, "k!=32", "b"); /* a run without it is neither */
	expect_one(RUN_FILTER_WHERE, "k=many", "");
	expect_one(RUN_FILTER_WHERE, "k!=many", "ab");
	expect_one(RUN_FILTER_WHERE, "name=x16", "a");
	expect_one(RUN_FILTER_WHERE, "name=x*", "a");
	expect_one(RUN_FILTER_WHERE, "name!=x*", "");
	expect_one(RUN_FILTER_WHERE, "use=True", "a");
	expect_one(RUN_FILTER_WHERE, "use!=true", "b");
	expect_one(RUN_FILTER_WHERE, "none=null", "a");
	expect_one(RUN_FILTER_WHERE, "optimizer.betas=[0.9,0.99]", "a");
}

static void configs_are_asked_for_by_where_alone(void **state) {
	struct run_filter f = {0};
	(void)state;

	assert_false(run_filter_asks_config(&f));
	add(&f, RUN_FILTER_PROJECT, "p");
	assert_false(run_filter_asks_config(&f));
	add(&f, RUN_FILTER_WHERE, "lr=1");
	assert_true(run_filter_asks_config(&f));
}

static void a_key_may_lead_into_what_is_nested(void **state) {
	(void)state;

	expect_one(RUN_FILTER_WHERE, "optimizer.warm.steps=500", "a");
	expect_one(RUN_FILTER_WHERE, "a.b=1", "a"); /* or have a dot in its name */
}

static void conditions_of_one_kind_are_either_and_of_several_all(void **state) {
	struct run_filter f = {0};
	(void)state;

	add(&f, RUN_FILTER_PROJECT, "clip-b32");
	add(&f, RUN_FILTER_PROJECT, "gpt2");
	assert_string_equal(left(&f, true), "ac");
	add(&f, RUN_FILTER_USER, "joe");
	assert_string_equal(left(&f, true), "c");

	f = (struct run_filter){0};
	add(&f, RUN_FILTER_WHERE, "k>=32");
	add(&f, RUN_FILTER_WHERE, "lr<0.001");
	assert_string_equal(left(&f, true), "a");
}

static void a_key_that_nobody_has_is_said_with_those_there_are(void **state) {
	struct run_filter f = {0};
	(void)state;

	add(&f, RUN_FILTER_WHERE, "learning_rate=1");
	assert_string_equal(left(&f, false), "");
	assert_non_null(
		strstr(words, "no run's config has 'learning_rate'; there are lr, k, name"));
}

static void keys_reach_no_terminal_with_an_escape(void **state) {
	struct run_filter f = {0};
	json_t *runs = json_pack("[{s:{s:i, s:i}}]", "config", "a\x1b]0;x\x07", 1,
		"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 2);
	(void)state;

	for (size_t len = 100; len < 120; len++) {
		char key[512];
		json_t *config = json_object_get(json_array_get(runs, 0), "config");
		snprintf(key, sizeof(key), "%0*d%s", (int)len, 0, "\xc3\xa9\xc3\xa9");
		(void)json_object_set_new(config, key, json_integer(3));
	}
	add(&f, RUN_FILTER_WHERE, "b=1");
	assert_false(run_filter_apply(&f, runs, words));
	assert_null(strpbrk(words, "\x1b\x07"));
	assert_non_null(strstr(words, "there are a?]0;x?, \xc3\xa9"));
	json_t *text = json_string(words); /* none of what is not UTF-8 */
	assert_non_null(text);
	json_decref(text);
	json_decref(runs);
}

static void a_condition_without_a_relation_is_refused(void **state) {
	(void)state;

	expect_refused(RUN_FILTER_WHERE, "lr", "expected KEY=VALUE");
	expect_refused(RUN_FILTER_WHERE, "=4", "expected KEY=VALUE");
	expect_refused(RUN_FILTER_WHERE, "lr!4", "expected KEY=VALUE");
}

static void since_is_a_length_of_time_or_a_day(void **state) {
	(void)state;

	expect_one(RUN_FILTER_SINCE, "10m", "a");
	expect_one(RUN_FILTER_SINCE, "1d", "ac");
	expect_one(RUN_FILTER_SINCE, "2026-11-25", "ac");
	expect_one(RUN_FILTER_SINCE, "2026-11-26 07:00", "a");
	expect_one(RUN_FILTER_SINCE, "2026-11-26T00:30", "ac");
	expect_refused(RUN_FILTER_SINCE, "yesterday", "expected a time like 2h");
	expect_refused(RUN_FILTER_SINCE, "2026-13-01", "expected a time like 2h");
	expect_refused(RUN_FILTER_SINCE, "2026-11-26 7 o'clock", "expected a time like 2h");
}

static void more_conditions_than_there_is_room_for_are_refused(void **state) {
	struct run_filter f = {0};
	(void)state;

	for (size_t i = 0; i < RUN_FILTER_TERMS_MAX; i++) {
		add(&f, RUN_FILTER_USER, "joe");
	}
	assert_false(run_filter_add(&f, RUN_FILTER_USER, "joe", NOW, words));
	assert_non_null(strstr(words, "too many conditions"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_conditions_every_run_is_shown),
		cmocka_unit_test(a_name_may_be_a_pattern),
		cmocka_unit_test(states_are_a_list),
		cmocka_unit_test(the_config_is_compared_as_what_it_is),
		cmocka_unit_test(configs_are_asked_for_by_where_alone),
		cmocka_unit_test(a_key_may_lead_into_what_is_nested),
		cmocka_unit_test(conditions_of_one_kind_are_either_and_of_several_all),
		cmocka_unit_test(a_key_that_nobody_has_is_said_with_those_there_are),
		cmocka_unit_test(keys_reach_no_terminal_with_an_escape),
		cmocka_unit_test(a_condition_without_a_relation_is_refused),
		cmocka_unit_test(since_is_a_length_of_time_or_a_day),
		cmocka_unit_test(more_conditions_than_there_is_room_for_are_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests_name("run_filter", tests, NULL, NULL);
}
