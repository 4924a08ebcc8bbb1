#include "payload_config.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "payload.h"

#define N(array) (sizeof(array) / sizeof(array)[0])

static void assert_config(const struct payload_run *run, const char *expected) {
	struct buf out = {0};

	assert_int_equal(payload_config(&out, run), 0);
	assert_string_equal(buf_text(&out), expected);
	/* As reals, because not every integer here is one of jansson's. */
	json_t *read =
		json_loads(buf_text(&out), JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
	assert_non_null(read);
	json_decref(read);
	buf_finish(&out);
}

static void assert_refused(const struct payload_run *run) {
	struct buf out = {0};

	assert_int_equal(buf_append(&out, "before", 6), 0);
	assert_int_equal(payload_config(&out, run), -EINVAL);
	assert_string_equal(buf_text(&out), "before");
	buf_finish(&out);
}

/* The part of the config that W&B's own client adds: read back, it is to be freed. */
static json_t *wandb_part(const struct payload_run *run) {
	struct buf out = {0};

	assert_int_equal(payload_config(&out, run), 0);
	json_t *read = json_loads(buf_text(&out), JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(read);
	json_t *part = json_incref(json_object_get(json_object_get(read, "_wandb"), "value"));
	assert_non_null(part);
	json_decref(read);
	buf_finish(&out);
	return part;
}

static void assert_member(json_t *object, const char *name, const char *expected) {
	json_t *member = json_object_get(object, name);
	char *text = member == NULL ? NULL : json_dumps(member, JSON_COMPACT | JSON_ENCODE_ANY);

	if (expected == NULL) {
		assert_null(text);
	} else {
		assert_non_null(text);
		assert_string_equal(text, expected);
	}
	free(text);
}

#define OURS                                                                                       \
	"\"_wandb\":{\"value\":{\"cli_version\":\"0.1.0\",\"t\":{\"5\":\"0.1.0\"},\"m\":[],"       \
	"\"e\":{\"sae-metricsd\":{}}}}"

static void each_key_of_the_trainers_is_a_value_in_an_envelope(void **state) {
	(void)state;
	assert_config(&(struct payload_run){.version = "0.1.0",
			      .config_json = " {\"lr\": 0.1, \"sae\":{\"d\":[1,{\"x\":null}]},"
					     "\"name\" :\"a \\\"b\\\"\" } "},
		"{\"lr\":{\"value\":0.1},\"sae\":{\"value\":{\"d\":[1,{\"x\":null}]}},"
		"\"name\":{\"value\":\"a \\\"b\\\"\"}," OURS "}");
}

static void a_run_without_a_config_still_says_who_writes(void **state) {
	(void)state;
	assert_config(&(struct payload_run){.version = "0.1.0"}, "{" OURS "}");
	assert_config(&(struct payload_run){.version = "0.1.0", .config_json = "{}"}, "{" OURS "}");
}

static void a_number_that_no_machine_holds_is_passed_on_digit_by_digit(void **state) {
	(void)state;
	assert_config(&(struct payload_run){.version = "0.1.0",
			      .config_json = "{\"seed\":123456789012345678901234567890,"
					     "\"tiny\":1e-999,\"f\":0.1000000000000000055}"},
		"{\"seed\":{\"value\":123456789012345678901234567890},"
		"\"tiny\":{\"value\":1e-999},\"f\":{\"value\":0.1000000000000000055}," OURS "}");
}

static void the_trainers_own_key_wandb_gives_way_to_ours(void **state) {
	static const char *const configs[] = {
		"{\"_wandb\":{\"t\":1},\"a\":1}",
		"{\"a\":1,\"_wandb\":null}",
		"{\"\\u005fwandb\":{\"x\":[1]},\"a\":1}",
		"{\"_wan\\u0064b\":2,\"a\":1,\"_wandb\":3}",
	};
	(void)state;

	for (size_t i = 0; i < N(configs); i++) {
		assert_config(&(struct payload_run){.version = "0.1.0", .config_json = configs[i]},
			"{\"a\":{\"value\":1}," OURS "}");
	}
}

static void a_key_that_only_looks_like_it_stays(void **state) {
	(void)state;
	assert_config(&(struct payload_run){.version = "0.1.0",
			      .config_json = "{\"_wandb2\":1,\"\\\\u005fwandb\":2,"
					     "\"a\":{\"_wandb\":3}}"},
		"{\"_wandb2\":{\"value\":1},\"\\\\u005fwandb\":{\"value\":2},"
		"\"a\":{\"value\":{\"_wandb\":3}}," OURS "}");
}

static void a_config_that_is_no_object_is_refused(void **state) {
	static const char *const configs[] = {
		"", "[]", "null", "{\"a\":NaN}", "{\"a\":1", "{\"a\":1} x", "{'a':1}"};
	(void)state;

	for (size_t i = 0; i < N(configs); i++) {
		assert_refused(&(struct payload_run){.config_json = configs[i]});
	}
}

static void args_that_are_no_list_of_texts_are_refused(void **state) {
	static const char *const lists[] = {
		"", "{}", "\"a\"", "[1]", "[\"a\",null]", "[\"a\"", "[]]"};
	(void)state;

	for (size_t i = 0; i < N(lists); i++) {
		assert_refused(&(struct payload_run){.args_json = lists[i]});
	}
}

static void who_writes_is_said_as_far_as_it_is_known(void **state) {
	const struct payload_run run = {
		.version = "0.1.0",
		.host = "gpu07",
		.program = "train \"a\".py",
		.args_json = "[\"--lr\", \"0.1\"]",
		.git_commit = "abc",
		.git_remote = "git@example.com:a/b.git",
		.started = 1795449374.5,
	};
	(void)state;
	json_t *part = wandb_part(&run);
	json_t *who = json_object_get(json_object_get(part, "e"), "sae-metricsd");

	assert_member(who, "host", "\"gpu07\"");
	assert_member(who, "program", "\"train \\\"a\\\".py\"");
	assert_member(who, "args", "[\"--lr\",\"0.1\"]");
	assert_member(who, "startedAt", "\"2026-11-23T15:56:14.500Z\"");
	assert_member(who, "git", "{\"remote\":\"git@example.com:a/b.git\",\"commit\":\"abc\"}");
	json_decref(part);
}

static void a_commit_without_a_remote_is_said_alone(void **state) {
	(void)state;
	json_t *part = wandb_part(&(struct payload_run){.git_commit = "abc"});

	assert_member(part, "e", "{\"sae-metricsd\":{\"git\":{\"commit\":\"abc\"}}}");
	json_decref(part);
}

static void a_start_that_no_calendar_has_is_not_said(void **state) {
	static const double starts[] = {0, -1, 1e300, 253402300800.0, NAN, INFINITY, -INFINITY};
	(void)state;

	for (size_t i = 0; i < N(starts); i++) {
		json_t *part = wandb_part(&(struct payload_run){.started = starts[i]});
		assert_member(part, "e", "{\"sae-metricsd\":{}}");
		json_decref(part);
	}
}

static void assert_metrics(const struct payload_metric *metrics, size_t n, const char *expected) {
	json_t *part = wandb_part(&(struct payload_run){.metrics = metrics, .n_metrics = n});

	assert_member(part, "m", expected);
	json_decref(part);
}

static void a_metric_against_the_step_is_merely_defined(void **state) {
	static const struct payload_metric metrics[] = {{"loss", NULL}};
	(void)state;
	assert_metrics(metrics, N(metrics), "[{\"1\":\"loss\",\"6\":[3],\"7\":[]}]");
}

static void a_step_metric_gets_an_entry_of_its_own_once(void **state) {
	static const struct payload_metric metrics[] = {
		{"loss", "tokens"}, {"l0", "tokens"}, {"val/acc", "epoch"}};
	(void)state;
	assert_metrics(metrics, N(metrics),
		"[{\"1\":\"tokens\",\"6\":[],\"7\":[]},"
		"{\"1\":\"loss\",\"5\":1,\"6\":[1,3],\"7\":[]},"
		"{\"1\":\"l0\",\"5\":1,\"6\":[1,3],\"7\":[]},"
		"{\"1\":\"epoch\",\"6\":[],\"7\":[]},"
		"{\"1\":\"val/acc\",\"5\":4,\"6\":[1,3],\"7\":[]}]");
}

static void a_step_metric_that_is_listed_is_referred_to_where_it_stands(void **state) {
	static const struct payload_metric metrics[] = {
		{"loss", "tokens"}, {"tokens", NULL}, {"l0", "tokens"}};
	(void)state;
	assert_metrics(metrics, N(metrics),
		"[{\"1\":\"loss\",\"5\":2,\"6\":[1,3],\"7\":[]},"
		"{\"1\":\"tokens\",\"6\":[3],\"7\":[]},"
		"{\"1\":\"l0\",\"5\":2,\"6\":[1,3],\"7\":[]}]");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_of_the_trainers_is_a_value_in_an_envelope),
		cmocka_unit_test(a_run_without_a_config_still_says_who_writes),
		cmocka_unit_test(a_number_that_no_machine_holds_is_passed_on_digit_by_digit),
		cmocka_unit_test(the_trainers_own_key_wandb_gives_way_to_ours),
		cmocka_unit_test(a_key_that_only_looks_like_it_stays),
		cmocka_unit_test(a_config_that_is_no_object_is_refused),
		cmocka_unit_test(args_that_are_no_list_of_texts_are_refused),
		cmocka_unit_test(who_writes_is_said_as_far_as_it_is_known),
		cmocka_unit_test(a_commit_without_a_remote_is_said_alone),
		cmocka_unit_test(a_start_that_no_calendar_has_is_not_said),
		cmocka_unit_test(a_metric_against_the_step_is_merely_defined),
		cmocka_unit_test(a_step_metric_gets_an_entry_of_its_own_once),
		cmocka_unit_test(a_step_metric_that_is_listed_is_referred_to_where_it_stands),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
