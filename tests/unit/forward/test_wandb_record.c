#include "wandb_record.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wandb_record.pb-c.h>

#include <cmocka.h>

/* ---- what was packed ---- */

static struct buf out;
static Wandb__Record *record;

static int begin(void **state) {
	(void)state;
	buf_clear(&out);
	return 0;
}

static int end(void **state) {
	(void)state;
	if (record != NULL) {
		wandb__record__free_unpacked(record, NULL);
		record = NULL;
	}
	buf_finish(&out);
	return 0;
}

static void unpack(Wandb__Record__KindCase kind) {
	record = wandb__record__unpack(NULL, out.len, out.data);
	assert_non_null(record);
	assert_int_equal(record->kind_case, kind);
}

/* The JSON of an item; NULL: there is none. */
static const char *json_of(Wandb__Item *const *items, size_t n, const char *key) {
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(items[i]->key, key) == 0) {
			assert_null(found); /* once */
			found = items[i]->value_json;
		}
	}
	return found;
}

#define assert_json(list, n, key, expected)                                                        \
	do {                                                                                       \
		const char *json_found = json_of(list, n, key);                                    \
		assert_non_null(json_found);                                                       \
		assert_string_equal(json_found, expected);                                         \
	} while (0)

/* ---- a run ---- */

static const struct payload_run bare_run = {.id = "8f3a", .version = "0.1.0"};

static Wandb__Run *packed_run(const struct payload_run *run) {
	assert_int_equal(wandb_record_run(&out, 1, run), 0);
	unpack(WANDB__RECORD__KIND_RUN);
	return record->run;
}

static void a_run_says_who_it_is(void **state) {
	const struct payload_run run = {
		.id = "8f3a",
		.entity = "vision",
		.project = "clip-b32",
		.display_name = "l9-x16",
		.group = "sweep 3",
		.job_type = "train",
		.notes = "two\nlines",
		.tags_json = "[\"relu\", \"über\"]",
		.host = "gpu07",
		.git_remote = "git@host:repo",
		.git_commit = "c0ffee",
		.sweep_id = "s1",
		.started = 1700000000.25,
		.version = "0.1.0",
	};
	(void)state;

	const Wandb__Run *r = packed_run(&run);
	assert_int_equal(record->num, 1);
	assert_string_equal(r->run_id, "8f3a");
	assert_string_equal(r->entity, "vision");
	assert_string_equal(r->project, "clip-b32");
	assert_string_equal(r->display_name, "l9-x16");
	assert_string_equal(r->run_group, "sweep 3");
	assert_string_equal(r->job_type, "train");
	assert_string_equal(r->notes, "two\nlines");
	assert_int_equal(r->n_tags, 2);
	assert_string_equal(r->tags[1], "über");
	assert_string_equal(r->host, "gpu07");
	assert_string_equal(r->git->remote_url, "git@host:repo");
	assert_string_equal(r->git->commit, "c0ffee");
	assert_string_equal(r->sweep_id, "s1");
	assert_int_equal(r->start_time->seconds, 1700000000);
	assert_int_equal(r->start_time->nanos, 250000000);
}

static void what_is_not_known_of_a_run_is_not_said(void **state) {
	(void)state;

	const Wandb__Run *r = packed_run(&bare_run);
	assert_string_equal(r->run_id, "8f3a");
	assert_string_equal(r->entity, "");
	assert_string_equal(r->display_name, "");
	assert_int_equal(r->n_tags, 0);
	assert_null(r->git);
	assert_null(r->start_time);
}

static void config_values_are_passed_on_to_the_letter(void **state) {
	struct payload_run run = bare_run;
	(void)state;
	run.config_json = "{\"lr\": 4e-4, \"big\":123456789012345678901234567890, "
			  "\"nested\":{\"a\":[1, {\"b\":null}]},\"\\u00fc\\\"q\":\"x\"}";

	const Wandb__Run *r = packed_run(&run);
	assert_int_equal(r->config->n_update, 5);
	Wandb__Item *const *items = r->config->update;
	assert_json(items, 5, "lr", "4e-4");
	assert_json(items, 5, "big", "123456789012345678901234567890");
	assert_json(items, 5, "nested", "{\"a\":[1, {\"b\":null}]}");
	assert_json(items, 5, "ü\"q", "\"x\"");
}

static void wandbs_own_config_says_who_writes(void **state) {
	struct payload_run run = bare_run;
	(void)state;
	run.config_json = "{\"_wandb\":\"the trainer's own\",\"\":1}";

	const Wandb__Run *r = packed_run(&run);
	assert_int_equal(r->config->n_update, 1); /* nothing without a name */
	const char *json = json_of(r->config->update, 1, "_wandb");
	assert_non_null(json);
	assert_non_null(strstr(json, "\"cli_version\":\"0.1.0\""));
	assert_non_null(strstr(json, "\"t\":{"));
	assert_null(strstr(json, "\"value\""));
	assert_string_equal(r->telemetry->cli_version, "0.1.0");
}

static void a_config_that_is_none_is_refused_and_nothing_written(void **state) {
	static const char *const configs[] = {"", "[]", "{\"a\":}", "{\"a\":NaN}", "{} x"};
	struct payload_run run = bare_run;
	(void)state;

	for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
		run.config_json = configs[i];
		assert_int_equal(wandb_record_run(&out, 1, &run), -EINVAL);
		assert_int_equal(out.len, 0);
	}
}

static void tags_that_are_none_are_refused(void **state) {
	static const char *const tags[] = {"", "{}", "[1]", "[\"a\"", "\"a\""};
	struct payload_run run = bare_run;
	(void)state;

	for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
		run.tags_json = tags[i];
		assert_int_equal(wandb_record_run(&out, 1, &run), -EINVAL);
		assert_int_equal(out.len, 0);
	}
}

static void a_metric_with_an_axis_takes_its_last_value_along(void **state) {
	const struct payload_metric metric = {"val/loss", "epoch"}, plain = {"loss", NULL};
	(void)state;

	assert_int_equal(wandb_record_metric(&out, 2, &metric), 0);
	unpack(WANDB__RECORD__KIND_METRIC);
	assert_int_equal(record->num, 2);
	assert_string_equal(record->metric->name, "val/loss");
	assert_string_equal(record->metric->step_metric, "epoch");
	assert_true(record->metric->options->step_sync && record->metric->options->defined);
	end(NULL);

	assert_int_equal(wandb_record_metric(&out, 3, &plain), 0);
	unpack(WANDB__RECORD__KIND_METRIC);
	assert_string_equal(record->metric->step_metric, "");
	assert_false(record->metric->options->step_sync);
}

/* ---- rows ---- */

static struct line_entry entry(const char *key, struct value value) {
	return (struct line_entry){.key = key, .source = LINE_METRICS, .value = value};
}

static struct value number(double n) {
	return (struct value){.kind = VALUE_FLOAT, .number = n};
}

static void a_row_has_every_value_as_wandb_writes_it(void **state) {
	static const double counts[] = {1, 0, 2}, edges[] = {-1, 0, 0.5, 1};
	struct line_entry entries[] = {
		entry("losses/mse_loss", number(0.1)),
		entry("tiny", number(5e-324)),
		entry("nan", number(NAN)),
		entry("inf", number(INFINITY)),
		entry("-inf", number(-INFINITY)),
		entry("whole", (struct value){.kind = VALUE_INT, .integer = INT64_MIN}),
		entry("text", (struct value){.kind = VALUE_TEXT, .text = {"a\"b", 3}}),
		entry("plots/h",
			(struct value){.kind = VALUE_HISTOGRAM, .histogram = {3, counts, edges}}),
	};
	const struct change_line line = {
		.step = 40,
		.time = 1700000000.5,
		.elapsed_s = 2.25,
		.n_entries = 8,
		.entries = entries,
	};
	(void)state;

	assert_int_equal(wandb_record_history(&out, 7, &line), 0);
	unpack(WANDB__RECORD__KIND_HISTORY);
	assert_int_equal(record->num, 7);
	assert_int_equal(record->history->step->num, 40);
	Wandb__Item *const *items = record->history->item;
	assert_int_equal(record->history->n_item, 11);
	assert_json(items, 11, "losses/mse_loss", "0.1");
	assert_json(items, 11, "tiny", "5e-324");
	assert_json(items, 11, "nan", "NaN");
	assert_json(items, 11, "inf", "Infinity");
	assert_json(items, 11, "-inf", "-Infinity");
	assert_json(items, 11, "whole", "-9223372036854775808");
	assert_json(items, 11, "text", "\"a\\\"b\"");
	assert_json(items, 11, "plots/h",
		"{\"_type\":\"histogram\",\"values\":[1,0,2],\"bins\":[-1,0,0.5,1]}");
	assert_json(items, 11, "_step", "40");
	assert_json(items, 11, "_runtime", "2.25");
	assert_json(items, 11, "_timestamp", "1700000000.5");
}

static void nothing_that_is_logged_replaces_wandbs_own_keys(void **state) {
	struct line_entry entries[] = {
		entry("_step", number(9)),
		entry("_timestamp", number(9)),
		entry("_runtime", number(9)),
		entry("loss", number(9)),
	};
	const struct change_line line = {
		.step = 0, .time = 1e9, .elapsed_s = 0, .n_entries = 4, .entries = entries};
	(void)state;

	assert_int_equal(wandb_record_history(&out, 1, &line), 0);
	unpack(WANDB__RECORD__KIND_HISTORY);
	Wandb__Item *const *items = record->history->item;
	assert_int_equal(record->history->n_item, 4);
	assert_json(items, 4, "_step", "0");
	assert_json(items, 4, "_timestamp", "1000000000");
	assert_json(items, 4, "_runtime", "0");
}

static void a_time_that_is_not_known_is_not_said(void **state) {
	struct line_entry entries[] = {entry("loss", number(9))};
	const struct change_line line = {
		.step = 1, .time = NAN, .elapsed_s = NAN, .n_entries = 1, .entries = entries};
	(void)state;

	assert_int_equal(wandb_record_history(&out, 1, &line), 0);
	unpack(WANDB__RECORD__KIND_HISTORY);
	assert_int_equal(record->history->n_item, 2);
	assert_null(json_of(record->history->item, 2, "_timestamp"));
}

/* ---- the summary and the end ---- */

static bool is_fvu(const void *user, const char *key) {
	return strcmp(key, user) == 0;
}

static void a_summary_is_that_of_the_database_as_wandb_writes_it(void **state) {
	const struct change_line last = {.step = 90, .time = 1700000009, .elapsed_s = 9.75};
	const struct wandb_summary summary = {
		.json = "{\"loss\":0.25,\"nan\":\"NaN\",\"up\":\"Infinity\",\"down\":\"-Infinity\","
			"\"word\":\"NaN of a "
			"kind\",\"best\":{\"step\":3},\"_step\":1,\"_wandb\":0}",
		.last = &last,
		.span_s = 61.5,
	};
	(void)state;

	assert_int_equal(wandb_record_summary(&out, 1, &summary), 0);
	unpack(WANDB__RECORD__KIND_SUMMARY);
	Wandb__Item *const *items = record->summary->update;
	assert_int_equal(record->summary->n_update, 10);
	assert_json(items, 10, "loss", "0.25");
	assert_json(items, 10, "nan", "NaN");
	assert_json(items, 10, "up", "Infinity");
	assert_json(items, 10, "down", "-Infinity");
	assert_json(items, 10, "word", "\"NaN of a kind\"");
	assert_json(items, 10, "best", "{\"step\":3}");
	assert_json(items, 10, "_step", "90");
	assert_json(items, 10, "_runtime", "61.5");
	assert_json(items, 10, "_timestamp", "1700000009");
	assert_json(items, 10, "_wandb", "{\"runtime\":61}");
}

static void what_stays_out_of_the_rows_stays_out_of_the_summary(void **state) {
	const struct wandb_summary summary = {
		.json = "{\"metrics/fvu\":0.1,\"metrics/l0\":58}",
		.left_out = is_fvu,
		.user = "metrics/fvu",
	};
	(void)state;

	assert_int_equal(wandb_record_summary(&out, 1, &summary), 0);
	unpack(WANDB__RECORD__KIND_SUMMARY);
	Wandb__Item *const *items = record->summary->update;
	assert_int_equal(record->summary->n_update, 3); /* and W&B's own, without a row */
	assert_json(items, 3, "metrics/l0", "58");
	assert_json(items, 3, "_runtime", "0");
	assert_json(items, 3, "_wandb", "{\"runtime\":0}");
}

static void a_summary_that_is_none_is_refused_and_nothing_written(void **state) {
	const struct wandb_summary summary = {.json = "{\"a\":"};
	(void)state;

	assert_int_equal(wandb_record_summary(&out, 1, &summary), -EINVAL);
	assert_int_equal(out.len, 0);
}

static void an_end_without_an_error_is_said_all_the_same(void **state) {
	(void)state;

	assert_int_equal(wandb_record_exit(&out, 3, 0, 0), 0);
	/* num = 3, exit = {}: an empty message that is there. */
	assert_int_equal(out.len, 5);
	assert_memory_equal(out.data, "\x08\x03\x92\x01\x00", 5);

	buf_clear(&out);
	assert_int_equal(wandb_record_exit(&out, 3, -9, 300), 0);
	unpack(WANDB__RECORD__KIND_EXIT);
	assert_int_equal(record->exit->exit_code, -9);
	assert_int_equal(record->exit->runtime, 300);
}

static void whatever_a_trainer_says_of_its_time_fits(void **state) {
	(void)state;

	assert_int_equal(wandb_runtime_s(59.9), 59);
	assert_int_equal(wandb_runtime_s(-1), 0);
	assert_int_equal(wandb_runtime_s(NAN), 0);
	assert_int_equal(wandb_runtime_s(1e300), INT32_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_run_says_who_it_is),
		TEST(what_is_not_known_of_a_run_is_not_said),
		TEST(config_values_are_passed_on_to_the_letter),
		TEST(wandbs_own_config_says_who_writes),
		TEST(a_config_that_is_none_is_refused_and_nothing_written),
		TEST(tags_that_are_none_are_refused),
		TEST(a_metric_with_an_axis_takes_its_last_value_along),
		TEST(a_row_has_every_value_as_wandb_writes_it),
		TEST(nothing_that_is_logged_replaces_wandbs_own_keys),
		TEST(a_time_that_is_not_known_is_not_said),
		TEST(a_summary_is_that_of_the_database_as_wandb_writes_it),
		TEST(what_stays_out_of_the_rows_stays_out_of_the_summary),
		TEST(a_summary_that_is_none_is_refused_and_nothing_written),
		TEST(an_end_without_an_error_is_said_all_the_same),
		TEST(whatever_a_trainer_says_of_its_time_fits),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
