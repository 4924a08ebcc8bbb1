#include "message_flaw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct text lit(const char *text) {
	return text_of(text, strlen(text));
}

static void assert_flaw(const char *flaw, const char *part) {
	assert_non_null(flaw);
	assert_non_null(strstr(flaw, part));
}

static struct counts dense(const uint32_t *counts, uint32_t n) {
	return (struct counts){COUNTS_U32, n, (const uint8_t *)counts, n * sizeof *counts};
}

static void counts_are_those_of_the_runs_features_and_of_rows(void **state) {
	const uint32_t counts[] = {2, 0, 1};
	struct msg_step step = {.n_rows = 2, .nonzero = dense(counts, 3)};
	(void)state;

	assert_null(step_counts_flaw(&step, 3));
	assert_non_null(step_counts_flaw(&step, 4));
	assert_flaw(step_counts_flaw(&step, 0), "without d_sae");
	step.positive = dense(counts, 2);
	assert_non_null(step_counts_flaw(&step, 3));
	step.nonzero = (struct counts){0};
	assert_flaw(step_counts_flaw(&step, 3), "without nonzero ones");
	step.positive = (struct counts){0};
	assert_null(step_counts_flaw(&step, 3));
	assert_null(step_counts_flaw(&step, 0));
	step.n_rows = 0;
	assert_flaw(step_counts_flaw(&step, 3), "n_rows is 0");
}

static void a_log_has_entries_with_keys_and_histograms_with_bins(void **state) {
	static char long_key[KEY_MAX_BYTES + 1];
	struct log_entry entry = {
		.key = text_of(long_key, KEY_MAX_BYTES), .value = {.kind = VALUE_FLOAT}};
	struct message m = {.type = MSG_LOG, .log = {.n_entries = 1, .entries = &entry}};
	(void)state;

	memset(long_key, 'k', sizeof long_key);
	assert_null(message_flaw(&m));
	entry.key.len = KEY_MAX_BYTES + 1;
	assert_flaw(message_flaw(&m), "too long");
	entry.key.len = 0;
	assert_flaw(message_flaw(&m), "empty");
	entry.key.len = 1;
	entry.value.kind = VALUE_HISTOGRAM;
	assert_flaw(message_flaw(&m), "no bins");
	entry.value.histogram.n_bins = HISTOGRAM_BINS_MAX;
	assert_null(message_flaw(&m));
	entry.value.histogram.n_bins++;
	assert_flaw(message_flaw(&m), "too many");
	m.log.n_entries = 0;
	assert_flaw(message_flaw(&m), "no entries");
	m.log = (struct msg_log){
		.n_entries = 1, .entries = &entry, .has_step = true, .step = STEP_MAX + 1u};
	assert_flaw(message_flaw(&m), "out of range");
}

static void an_update_is_of_objects(void **state) {
	struct message m = {
		.type = MSG_UPDATE, .update = {.config = lit("{}"), .summary = lit("{\"a\":1}")}};
	(void)state;

	assert_null(message_flaw(&m));
	m.update.summary = lit("[]");
	assert_flaw(message_flaw(&m), "summary");
	m.update.config = lit("{");
	assert_flaw(message_flaw(&m), "config");
}

static void what_was_dropped_ends_before_seqs_do(void **state) {
	struct message m = {.type = MSG_DROPPED, .dropped = {.seq = SEQ_MAX - 3, .count = 3}};
	(void)state;

	assert_null(message_flaw(&m));
	m.dropped.count = 4;
	assert_flaw(message_flaw(&m), "count");
	m.dropped.count = 0;
	assert_flaw(message_flaw(&m), "count");
	m.dropped =
		(struct msg_dropped){.seq = 1, .count = 1, .has_step = true, .lap = LAP_MAX + 1u};
	assert_flaw(message_flaw(&m), "lap");
}

static void a_run_ends_in_a_state_there_is_or_in_none(void **state) {
	struct message m = {.type = MSG_FINISH};
	(void)state;

	assert_null(message_flaw(&m));
	m.finish.state = lit("preempted");
	assert_null(message_flaw(&m));
	m.finish.state = lit("crashed"); /* that is ours to say */
	assert_flaw(message_flaw(&m), "no such state");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_those_of_the_runs_features_and_of_rows),
		cmocka_unit_test(a_log_has_entries_with_keys_and_histograms_with_bins),
		cmocka_unit_test(an_update_is_of_objects),
		cmocka_unit_test(what_was_dropped_ends_before_seqs_do),
		cmocka_unit_test(a_run_ends_in_a_state_there_is_or_in_none),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
