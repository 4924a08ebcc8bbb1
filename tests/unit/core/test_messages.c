/* What a message may say: every refusal, its words and that its seq is consumed all the same; and what
 * the kinds without a test file of their own leave behind. */
#include "rig.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct stream *open_two(struct rig *rig) {
	struct msg_open open = rig_msg_open(2);
	return rig_must_open(rig, &open);
}

static void set_seq(struct message *m, uint64_t seq) {
	m->event.seq = seq; /* every message begins with it */
}

static void refused(struct rig *rig, struct stream *s, struct message *m, enum error_code code,
	const char *words) {
	uint64_t seq = stream_received(s) + 1;
	set_seq(m, seq);
	assert_int_equal(rig_apply(rig, s, m), APPLY_REFUSED);
	assert_int_equal(rig->error.code, code);
	assert_int_equal(rig->error.seq, seq);
	assert_int_equal(stream_applied(s), seq);
	if (strstr(rig->error.words, words) == NULL) {
		fail_msg("\"%s\" is not in \"%s\"", words, rig->error.words);
	}
}

static void taken(struct rig *rig, struct stream *s, struct message *m) {
	set_seq(m, stream_received(s) + 1);
	if (rig_apply(rig, s, m) != APPLY_TAKEN) {
		fail_msg("%s", rig->error.words);
	}
}

/* ---- STEP ---- */

static void a_step_out_of_range_is_refused(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_two(rig);
	uint32_t counts[2] = {1, 1};
	struct message m = rig_msg_step(0, STEP_MAX + 1, 2, counts, 2);
	refused(rig, s, &m, ERROR_BAD_STEP, "2147483646");
	m.step.step = STEP_MAX;
	taken(rig, s, &m);
}

static void counts_that_are_not_what_they_say_are_refused(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_two(rig);
	uint32_t counts[4] = {1, 2, 3, 4};
	struct message m = rig_msg_step(0, 0, 0, counts, 2);
	refused(rig, s, &m, ERROR_BAD_COUNTS, "n_rows is 0");
	m = rig_msg_step(0, 0, 2, counts, 2);
	m.step.nonzero.len = 7;
	refused(rig, s, &m, ERROR_BAD_COUNTS, "counts of step 0");
	m = rig_msg_step(0, 0, 1, counts, 2); /* 2 on one row */
	refused(rig, s, &m, ERROR_BAD_COUNTS, "n_rows");
	m = rig_msg_step(0, 0, 2, counts, 2);
	m.step.positive = (struct counts){COUNTS_U32, 2, (const uint8_t *)&counts[2], 8};
	refused(rig, s, &m, ERROR_BAD_COUNTS, "n_rows");
	m = rig_msg_step(0, 0, 9, NULL, 0);
	m.step.positive = (struct counts){COUNTS_U32, 2, (const uint8_t *)counts, 8};
	refused(rig, s, &m, ERROR_BAD_COUNTS, "without nonzero");
	/* Pairs: out of range, and not ascending. */
	uint8_t pairs[12] = {0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0};
	m = rig_msg_step(0, 0, 2, NULL, 0);
	m.step.nonzero = (struct counts){COUNTS_PAIRS16, 2, pairs, 12};
	refused(rig, s, &m, ERROR_BAD_COUNTS, "counts of step 0");
	pairs[4] = 0;
	refused(rig, s, &m, ERROR_BAD_COUNTS, "counts of step 0");
	pairs[4] = 1;
	taken(rig, s, &m);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 1);
}

static void counts_of_a_run_without_features_are_refused(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(0);
	struct stream *s = rig_must_open(rig, &open);
	uint32_t counts[2] = {1, 1};
	struct message m = rig_msg_step(0, 0, 2, counts, 2);
	refused(rig, s, &m, ERROR_BAD_COUNTS, "without d_sae");
}

static void a_run_without_features_logs_what_it_is_given(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(0);
	open.n_scalars = 2;
	open.scalars[0] = rig_lit("mse_loss");
	open.scalars[1] = rig_lit("temperature");
	struct stream *s = rig_must_open(rig, &open);
	for (uint32_t n = 0; n < 4; n++) {
		struct message m = rig_msg_step(0, n, 2, NULL, 0);
		rig_add_scalar(&m, 0.5);
		rig_add_scalar(&m, n);
		taken(rig, s, &m);
	}
	struct message finish = rig_msg_finish(0, 0);
	taken(rig, s, &finish);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 4);
	assert_int_equal(rig_count(rig, "window "), 0);
	assert_true(rig_number(rig_find(rig, "step ", 3), "x.temperature") == 3);
	const char *line = rig_find(rig, "line ", 1);
	assert_int_equal((int)rig_number(line, "details/n_training_tokens"), 6);
	assert_true(rig_number(line, "losses/mse_loss") == 0.5);
	assert_null(strstr(line, "dead_features"));
}

static void a_scalar_list_of_another_length_is_refused(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.n_scalars = 1;
	open.scalars[0] = rig_lit("mse_loss");
	struct stream *s = rig_must_open(rig, &open);
	uint32_t counts[2] = {1, 1};
	struct message m = rig_msg_step(0, 0, 2, counts, 2);
	refused(rig, s, &m, ERROR_BAD_VALUE, "0 scalars, OPEN named 1");
	rig_add_scalar(&m, 1);
	rig_add_scalar(&m, 1);
	refused(rig, s, &m, ERROR_BAD_VALUE, "2 scalars");
}

static void a_reconnect_may_name_its_scalars_in_another_order(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.n_scalars = 2;
	open.scalars[0] = rig_lit("l0");
	open.scalars[1] = rig_lit("mine");
	struct stream *s = rig_must_open(rig, &open);
	uint32_t counts[2] = {1, 1};
	struct message m = rig_msg_step(0, 0, 2, counts, 2);
	rig_add_scalar(&m, 1);
	rig_add_scalar(&m, 7);
	taken(rig, s, &m);
	registry_disconnected(rig->registry, s, rig->now);
	open.scalars[0] = rig_lit("mine");
	open.scalars[1] = rig_lit("l0");
	s = rig_must_open(rig, &open);
	m = rig_msg_step(0, 1, 2, counts, 2);
	rig_add_scalar(&m, 8);
	rig_skip_scalar(&m);
	taken(rig, s, &m);
	rig_commit(rig);
	assert_true(rig_number(rig_find(rig, "step ", 0), "x.mine") == 7);
	assert_true(rig_number(rig_find(rig, "step ", 0), "s.l0") == 1);
	assert_true(rig_number(rig_find(rig, "step ", 1), "x.mine") == 8);
	assert_null(strstr(rig_find(rig, "step ", 1), "s.l0"));
}

/* ---- the others ---- */

static void a_log_that_cannot_be_kept_is_refused(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_two(rig);
	static char long_key[KEY_MAX_BYTES + 2];
	memset(long_key, 'k', sizeof long_key - 1);
	struct log_entry entry;
	struct message m = rig_msg_log(0, 0, &entry, "", 1);
	refused(rig, s, &m, ERROR_BAD_VALUE, "a key is empty");
	m = rig_msg_log(0, 0, &entry, long_key, 1);
	refused(rig, s, &m, ERROR_BAD_VALUE, "a key is empty or too long");
	m = rig_msg_log(0, 0, &entry, "key", 1);
	m.log.n_entries = 0;
	refused(rig, s, &m, ERROR_BAD_VALUE, "no entries");
	m = rig_msg_log(0, 0, &entry, "key", 1);
	m.log.step = STEP_MAX + 1;
	refused(rig, s, &m, ERROR_BAD_VALUE, "out of range");
	double edges[1] = {0};
	entry.value = (struct value){.kind = VALUE_HISTOGRAM, .histogram = {0, NULL, edges}};
	m.log.step = 0;
	refused(rig, s, &m, ERROR_BAD_VALUE, "histogram has no bins");
}

static void an_update_that_is_no_json_object_is_refused(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_two(rig);
	struct message m = {.type = MSG_UPDATE};
	m.update.config = rig_lit("null");
	refused(rig, s, &m, ERROR_BAD_VALUE, "config is not a JSON object");
	m.update.config = (struct text){0};
	m.update.summary = rig_lit("{\"a\": 1");
	refused(rig, s, &m, ERROR_BAD_VALUE, "summary is not a JSON object");
}

static void a_dropped_that_counts_nothing_or_too_much_is_refused(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_two(rig);
	struct message m = rig_msg_dropped(0, 0, -1);
	refused(rig, s, &m, ERROR_BAD_VALUE, "count is out of range");
	m = rig_msg_dropped(0, UINT64_MAX, -1);
	refused(rig, s, &m, ERROR_BAD_VALUE, "count is out of range");
	m = rig_msg_dropped(0, 1, UINT32_MAX);
	refused(rig, s, &m, ERROR_BAD_VALUE, "step or lap is out of range");
}

static void a_finish_with_a_state_nobody_knows_is_refused(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_two(rig);
	struct message m = rig_msg_finish(0, 0);
	m.finish.state = rig_lit("exploded");
	refused(rig, s, &m, ERROR_BAD_VALUE, "no such state");
}

static void nothing_comes_after_finish(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_two(rig);
	struct message m = rig_msg_finish(0, 0);
	taken(rig, s, &m);
	struct message event = rig_msg_event(0, "note", "more");
	refused(rig, s, &event, ERROR_BAD_MESSAGE, "FINISH");
}

static void a_dropped_that_grew_counts_from_where_it_is_new(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_two(rig);
	rig_step(rig, s, 0, 2, 1, 1);
	struct message m = rig_msg_dropped(2, 2, 2);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	m = rig_msg_dropped(2, 5, 4);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_DISCARDED);
	assert_int_equal(stream_applied(s), 6);
	rig_step(rig, s, 5, 2, 1, 1);
	rig_commit(rig);
	assert_int_equal(rig->row.dropped, 5);
	assert_int_equal(rig_count(rig, "attempt "), 1); /* it did not go back */
}

static void an_event_is_kept_as_it_is(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_two(rig);
	struct message m = rig_msg_event(0, "resample", "12 features");
	taken(rig, s, &m);
	rig_step(rig, s, 0, 2, 1, 1);
	m.event.has_step = true;
	m.event.step = 0;
	taken(rig, s, &m);
	rig_commit(rig);
	/* Before the first step it belongs to the attempt that begins with it. */
	assert_string_equal(rig_find(rig, "event", 0),
		"event attempt=1 step=-1 time=0x1.dcd65p+29 kind=resample text=12 features");
	assert_string_equal(rig_find(rig, "event", 1),
		"event attempt=1 step=0 time=0x1.dcd65p+29 kind=resample text=12 features");
}

static void an_update_changes_what_the_run_is_called(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.config = rig_lit("{\"lr\": 1}");
	open.notes = rig_lit("first");
	struct stream *s = rig_must_open(rig, &open);
	rig_commit(rig);
	assert_non_null(strstr(rig->row_text.lines[0], "config={\"lr\": 1} notes=first tags=-"));
	struct message m = {.type = MSG_UPDATE};
	m.update = (struct msg_update){
		.name = rig_lit("new"), .notes = rig_lit("second"), .has_tags = true};
	m.update.tags = (struct text_list){2, {rig_lit("a"), rig_lit("b\"c")}};
	taken(rig, s, &m);
	rig_commit(rig);
	/* The config is as it was, and that is what "-" says. */
	assert_non_null(
		strstr(rig->row_text.lines[0], "name=new state=running launch=launch "
					       "profile=prisma waiting=- thresholds=[] config=- "
					       "notes=second tags=[\"a\",\"b\\\"c\"]"));
	rig_step(rig, s, 0, 2, 1, 1);
	rig_commit(rig);
	assert_non_null(strstr(rig->row_text.lines[0], "config=- notes=- tags=-"));
}

/* ---- what does not agree ---- */

static void what_disagrees_is_an_event_once_in_a_thousand_steps(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.n_scalars = 1;
	open.scalars[0] = rig_lit("l0");
	struct stream *s = rig_must_open(rig, &open);
	uint32_t counts[2] = {2, 1};
	for (uint32_t n = 0; n < 1500; n++) {
		struct message m = rig_msg_step(0, n, 2, counts, 2);
		rig_add_scalar(&m, 9);
		taken(rig, s, &m);
	}
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "event"), 2);
	assert_non_null(strstr(rig_find(rig, "event attempt=1 step=0 ", 0),
		"l0 is 9 as the trainer gave it, and 1.5 by its counts and sums"));
	assert_non_null(rig_find(rig, "event attempt=1 step=1000 ", 0));
}

static void ranks_that_disagree_are_an_event(void **state) {
	struct rig *rig = *state;
	struct stream *s[2];
	for (uint32_t rank = 0; rank < 2; rank++) {
		struct msg_open open = rig_msg_open(2);
		open.rank = rank;
		open.world_size = 2;
		open.n_scalars = 1;
		open.scalars[0] = rig_lit("current_learning_rate");
		rig_stream_id(&open, (uint8_t)(rank + 1));
		s[rank] = rig_must_open(rig, &open);
	}
	uint32_t counts[2] = {2, 1};
	for (uint32_t rank = 0; rank < 2; rank++) {
		struct message m = rig_msg_step(0, 0, 2, counts, 2);
		rig_add_scalar(&m, rank);
		taken(rig, s[rank], &m);
	}
	rig_commit(rig);
	assert_non_null(
		strstr(rig_find(rig, "event", 0), "kind=ranks_disagree text=the ranks gave "
						  "different values of current_learning_rate"));
}

static void names_a_later_rank_brings_are_merged_too(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.world_size = 2;
	open.n_scalars = 1;
	open.scalars[0] = rig_lit("a");
	struct stream *first = rig_must_open(rig, &open);
	uint32_t counts[2] = {2, 1};
	struct message m = rig_msg_step(0, 0, 2, counts, 2);
	rig_add_scalar(&m, 1);
	taken(rig, first, &m);
	open.rank = 1;
	open.scalars[0] = rig_lit("b");
	rig_stream_id(&open, 2);
	struct stream *second = rig_must_open(rig, &open);
	taken(rig, second, &m);
	rig_commit(rig);
	assert_true(rig_number(rig_find(rig, "step ", 0), "x.a") == 1);
	assert_true(rig_number(rig_find(rig, "step ", 0), "x.b") == 1);
}

static void a_loss_that_is_no_number_is_an_event_and_kept(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.n_scalars = 1;
	open.scalars[0] = rig_lit("mse_loss");
	struct stream *s = rig_must_open(rig, &open);
	uint32_t counts[2] = {2, 1};
	for (uint32_t n = 0; n < 4; n++) {
		struct message m = rig_msg_step(0, n, 2, counts, 2);
		rig_add_scalar(&m, n < 2 ? (double)NAN : (double)INFINITY);
		taken(rig, s, &m);
	}
	rig_commit(rig);
	assert_non_null(strstr(rig_find(rig, "event attempt=1 step=0 ", 0), "mse_loss is NaN"));
	assert_true(isnan(rig_number(rig_find(rig, "step ", 0), "mse_loss")));
	assert_true(isinf(rig_number(rig_find(rig, "step ", 3), "mse_loss")));
}

static size_t count_nan(const struct rig *rig) {
	const char *line;
	size_t n = 0;
	for (size_t i = 0; (line = rig_find(rig, "event ", i)) != NULL; i++) {
		n += strstr(line, "mse_loss is NaN") != NULL;
	}
	return n;
}

static void loss_at(struct rig *rig, struct stream *s, uint32_t step, double loss) {
	static const uint32_t counts[2] = {2, 1};
	struct message m = rig_msg_step(0, step, 2, counts, 2);
	rig_add_scalar(&m, loss);
	taken(rig, s, &m);
	rig_commit(rig);
}

static void a_loss_that_stays_no_number_is_one_event_and_one_that_comes_and_goes_few(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.n_scalars = 1;
	open.scalars[0] = rig_lit("mse_loss");
	struct stream *s = rig_must_open(rig, &open);
	loss_at(rig, s, 0, (double)NAN);
	rig_crash(rig, false);
	s = rig_must_open(rig, &open);
	for (uint32_t n = 1; n < 5; n++) {
		loss_at(rig, s, n * 900, (double)NAN);
	}
	assert_int_equal(count_nan(rig), 1);
	loss_at(rig, s, 4000, 0.5);
	loss_at(rig, s, 4001, (double)NAN);
	loss_at(rig, s, 4002, 0.5);
	loss_at(rig, s, 4999, (double)NAN);
	assert_int_equal(count_nan(rig), 1);
	loss_at(rig, s, 5000, (double)NAN);
	loss_at(rig, s, 6500, (double)NAN);
	assert_int_equal(count_nan(rig), 2);
}

/* ---- states ---- */

static void end_with(struct rig *rig, int32_t exit_code, const char *state, const char *wanted) {
	static uint8_t id = 100;
	static char names[256][4];
	struct msg_open open = rig_msg_open(2);
	(void)snprintf(names[id], sizeof names[id], "%u", id);
	open.run = rig_lit(names[id]);
	rig_stream_id(&open, id++);
	struct stream *s = rig_must_open(rig, &open);
	struct message m = rig_msg_finish(1, exit_code);
	m.finish.state = state != NULL ? rig_lit(state) : (struct text){0};
	taken(rig, s, &m);
	rig_commit(rig);
	assert_string_equal(rig->row.state, wanted);
	assert_true(rig->row.has_exit_code);
	assert_int_equal(rig->row.exit_code, exit_code);
	assert_true(rig->row.ended == 2e9);
}

static void a_run_ends_as_its_trainer_says(void **state) {
	struct rig *rig = *state;
	end_with(rig, 0, NULL, "finished");
	end_with(rig, 3, NULL, "failed");
	end_with(rig, 0, "preempted", "preempted");
	end_with(rig, 1, "stopped", "stopped");
	end_with(rig, 0, "failed", "failed");
}

static void a_run_ends_when_every_rank_has_and_as_the_worst_of_them(void **state) {
	struct rig *rig = *state;
	struct stream *s[3];
	for (uint32_t rank = 0; rank < 3; rank++) {
		struct msg_open open = rig_msg_open(2);
		open.rank = rank;
		open.world_size = 3;
		rig_stream_id(&open, (uint8_t)(rank + 1));
		s[rank] = rig_must_open(rig, &open);
	}
	for (uint32_t rank = 0; rank < 3; rank++) {
		struct message m = rig_msg_finish(0, rank == 1 ? 2 : 0);
		taken(rig, s[rank], &m);
		rig_commit(rig);
		assert_string_equal(rig->row.state, rank < 2 ? "running" : "failed");
	}
	assert_int_equal(rig->row.exit_code, 2);
}

static void end_rank(
	struct rig *rig, uint32_t rank, int32_t exit_code, const char *state, const char *words) {
	struct msg_open open = rig_msg_open(2);
	open.rank = rank;
	open.world_size = 3;
	rig_stream_id(&open, (uint8_t)(rank + 1));
	struct stream *s = rig_must_open(rig, &open);
	struct message m = rig_msg_finish(0, exit_code);
	m.finish.state = state != NULL ? rig_lit(state) : (struct text){0};
	m.finish.words = words != NULL ? rig_lit(words) : (struct text){0};
	taken(rig, s, &m);
	rig_commit(rig);
}

static void open_ranks(struct rig *rig) {
	for (uint32_t rank = 0; rank < 3; rank++) {
		struct msg_open open = rig_msg_open(2);
		open.rank = rank;
		open.world_size = 3;
		rig_stream_id(&open, (uint8_t)(rank + 1));
		rig_must_open(rig, &open);
	}
}

static void assert_row(const struct rig *rig, const char *state, const char *end) {
	assert_string_equal(rig->row.state, state);
	assert_non_null(strstr(rig->row_text.lines[0], end));
}

static void why_a_run_ended_is_in_the_words_and_the_code_of_the_rank_that_failed(void **state) {
	struct rig *rig = *state;
	open_ranks(rig);
	end_rank(rig, 0, 143, "preempted", "SIGTERM");
	assert_row(rig, "running", "end=- id=");
	end_rank(rig, 2, 1, NULL, "ValueError: the loss is NaN");
	rig_crash(rig, false); /* what they said is not lost with the daemon */
	end_rank(rig, 1, 143, "preempted", "SIGTERM, too");

	assert_row(rig, "failed", "end=ValueError: the loss is NaN id=");
	assert_int_equal(rig->row.exit_code, 1);
}

static void words_of_ranks_that_ended_better_are_not_those_of_the_run(void **state) {
	struct rig *rig = *state;
	open_ranks(rig);
	end_rank(rig, 0, 143, "preempted", "SIGTERM");
	end_rank(rig, 1, 2, NULL, NULL);
	end_rank(rig, 2, 143, "preempted", "SIGTERM");
	assert_row(rig, "failed", "end=- id=");
	assert_int_equal(rig->row.exit_code, 2);
}

static void what_a_process_said_that_was_replaced_is_not_why_the_run_ended(void **state) {
	struct rig *rig = *state;
	open_ranks(rig);
	end_rank(rig, 0, 1, NULL, "OutOfMemoryError");
	end_rank(rig, 1, 1, NULL, "ValueError: a rank is gone");
	struct msg_open open = rig_msg_open(2);
	open.world_size = 3;
	rig_stream_id(&open, 1);
	registry_disconnected(rig->registry, rig_must_open(rig, &open), rig->now);
	rig_crash(rig, false);

	rig_stream_id(&open, 9);
	struct message m = rig_msg_finish(0, 1);
	m.finish.words = rig_lit("KeyError: 'lr'");
	taken(rig, rig_must_open(rig, &open), &m);
	end_rank(rig, 2, 0, NULL, NULL);
	assert_row(rig, "failed", "end=KeyError: 'lr' id=");
}

static void a_run_that_goes_on_has_not_ended_for_any_reason(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	struct message m = rig_msg_finish(0, 1);
	m.finish.words = rig_lit("KeyError: 'lr'");
	struct stream *s = rig_must_open(rig, &open);
	taken(rig, s, &m);
	rig_commit(rig);
	assert_row(rig, "failed", "end=KeyError: 'lr' id=");
	registry_disconnected(rig->registry, s, rig->now);

	rig_stream_id(&open, 9);
	open.launch = rig_lit("second");
	s = rig_must_open(rig, &open);
	rig_commit(rig);
	assert_row(rig, "running", "end=- id=");
	m = rig_msg_finish(0, 2);
	taken(rig, s, &m);
	rig_commit(rig);
	assert_row(rig, "failed", "end=- id=");
}

#define KNOWN_LEN  9u   /* of one segment of the schedule */
#define ALERTS_LEN 144u /* what is kept of a run's alerts */

static void states_of_the_versions_before_are_read(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	rig_step(rig, rig_must_open(rig, &open), 0, 2, 1, 1);
	rig_commit(rig);
	/* Since then it ends with why the run ended (5), whose words these are and what was logged for (6), alerts (7), and how far
	 * it is known when features last fired (8). */
	uint8_t none[20];
	memset(none, 0xff, sizeof none);
	memset(none + 8, 0, 4);
	size_t len = sizeof none;
	rig->saved->small_len -= KNOWN_LEN;
	rig->saved->small[0] = 8;
	rig_crash(rig, false);
	assert_non_null(registry_find(rig->registry, "r"));
	rig->saved->small_len -= ALERTS_LEN;
	rig->saved->small[0] = 7;
	rig_crash(rig, false);
	assert_non_null(registry_find(rig->registry, "r"));
	for (uint8_t version = 6; version >= 5; version--) {
		struct rig_saved *saved = rig->saved;
		size_t since = version == 6 ? 12 : 8;
		saved->small_len -= since;
		len -= since;
		assert_memory_equal(saved->small + saved->small_len, none + len, since);
		saved->small[0] = version;
		rig_crash(rig, false);
		assert_non_null(registry_find(rig->registry, "r"));
	}
}

static void a_crashed_run_is_so_only_until_it_comes_back(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	struct stream *s = rig_must_open(rig, &open);
	rig_step(rig, s, 0, 2, 1, 1);
	registry_process_dead(rig->registry, s, rig->now);
	struct run_live live;
	run_live(stream_run(s), rig->now, &live);
	assert_string_equal(live.state, "running"); /* there may be bytes in its socket */
	registry_disconnected(rig->registry, s, rig->now);
	run_live(stream_run(s), rig->now, &live);
	assert_string_equal(live.state, "crashed");
	registry_tick(rig->registry, rig->now);
	rig_commit(rig);
	assert_string_equal(rig->row.state, "crashed");
	(void)rig_must_open(rig, &open);
	rig_commit(rig);
	assert_string_equal(rig->row.state, "running");
	assert_int_equal(rig_count(rig, "window "), 0); /* it changed nothing in the sums */
}

static void a_run_is_stalled_after_long_silence_and_a_row_says_so(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	struct stream *s = rig_must_open(rig, &open);
	struct run_live live;
	run_live(stream_run(s), rig->now, &live);
	assert_true(live.last_step_age_s < 0);
	assert_int_equal(live.step, STEP_NONE);
	for (uint32_t n = 0; n < 3; n++) {
		rig_step(rig, s, n, 2, 1, 1); /* half a second each, by the trainer's clock */
	}
	rig_commit(rig);
	rig->now.mono_ms += 60000;
	registry_tick(rig->registry, rig->now);
	assert_null(registry_next_dirty(rig->registry, NULL));
	rig->now.mono_ms += 1;
	registry_tick(rig->registry, rig->now);
	rig_commit(rig);
	assert_string_equal(rig->row.state, "stalled");
	run_live(stream_run(s), rig->now, &live);
	assert_string_equal(live.state, "stalled");
	assert_true(live.last_step_age_s > 60);
	assert_true(live.steps_per_s == 2);
	assert_true(live.rows_per_s == 4);
	assert_int_equal(live.step, 2);
	assert_int_equal(live.streams_connected, 1);
	assert_true(live.window_fill > 0.3 && live.window_fill < 0.4);
	assert_true(live.bytes > 32);
}

static void a_stop_reaches_every_rank_and_those_that_come_later(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.world_size = 2;
	struct stream *s = rig_must_open(rig, &open);
	assert_null(run_stop_reason(stream_run(s)));
	assert_int_equal(run_ask_to_stop(stream_run(s), "somebody asked", rig->now), STOP_ASKED);
	rig_notices(rig);
	assert_int_equal(rig->n_stops, 1);
	assert_ptr_equal(rig->notice.stream, s);
	assert_string_equal(rig->notice.words, "somebody asked");
	open.rank = 1;
	rig_stream_id(&open, 2);
	struct stream *other = rig_must_open(rig, &open);
	rig_notices(rig);
	assert_int_equal(rig->n_stops, 2);
	assert_ptr_equal(rig->notice.stream, other);
	struct message m = rig_msg_finish(0, 0);
	taken(rig, s, &m);
	taken(rig, other, &m);
	rig_commit(rig);
	assert_string_equal(rig->row.state, "stopped");
}

static void who_asks_again_to_stop_changes_nothing(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	struct stream *s = rig_must_open(rig, &open);
	struct run *run = stream_run(s);

	assert_int_equal(run_ask_to_stop(run, "the first", rig->now), STOP_ASKED);
	rig_notices(rig);
	rig_commit(rig);
	assert_int_equal(run_ask_to_stop(run, "the second", rig->now), STOP_ASKED_BEFORE);
	assert_string_equal(run_stop_reason(run), "the first");
	rig_notices(rig);
	assert_int_equal(rig->n_stops, 1);
	assert_false(run_dirty(run));
}

static void a_stop_is_for_the_launch_that_it_was_said_to(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	struct stream *s = rig_must_open(rig, &open);
	assert_int_equal(run_ask_to_stop(stream_run(s), "enough", rig->now), STOP_ASKED);
	struct message m = rig_msg_finish(0, 0);
	taken(rig, s, &m);
	assert_int_equal(run_ask_to_stop(stream_run(s), "again", rig->now), STOP_ENDED);
	registry_disconnected(rig->registry, s, rig->now);
	rig_notices(rig);

	open.launch = rig_lit("the next");
	rig_stream_id(&open, 2);
	s = rig_must_open(rig, &open);
	rig_notices(rig);
	assert_int_equal(rig->n_stops, 1);
	assert_null(run_stop_reason(stream_run(s)));
	assert_int_equal(run_ask_to_stop(stream_run(s), "again", rig->now), STOP_ASKED);
}

static void nobody_is_left_to_stop_in_a_run_whose_processes_are_dead(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	struct stream *s = rig_must_open(rig, &open);

	registry_disconnected(rig->registry, s, rig->now); /* it may come back */
	registry_process_dead(rig->registry, s, rig->now);
	assert_int_equal(run_ask_to_stop(stream_run(s), "enough", rig->now), STOP_ENDED);
	assert_null(run_stop_reason(stream_run(s)));
}

static void the_total_of_steps_is_that_of_the_tracking_document(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.num_images = 1000;
	open.num_epochs = 3;
	open.tokens_per_image = 50;
	open.train_batch_size = 4096;
	(void)rig_must_open(rig, &open);
	rig_commit(rig);
	assert_int_equal(rig->row.total_training_tokens, 150000);
	assert_int_equal(rig->row.total_training_steps, 36); /* whole batches */

	open = rig_msg_open(2);
	open.run = rig_lit("other");
	open.total_training_steps = 10;
	rig_stream_id(&open, 2);
	(void)rig_must_open(rig, &open);
	rig_commit(rig);
	assert_int_equal(rig->row.total_training_steps, 10);
	assert_int_equal(rig->row.total_training_tokens, 20);
}

static void a_batch_nobody_gave_is_the_first_steps(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.train_batch_size = 0;
	open.context_size = 0;
	struct stream *s = rig_must_open(rig, &open);
	rig_step(rig, s, 0, 7, 1, 1);
	rig_step(rig, s, 1, 3, 1, 1);
	rig_step(rig, s, 2, 3, 1, 1);
	rig_commit(rig);
	assert_int_equal(
		(int)rig_number(rig_find(rig, "line ", 0), "details/n_training_tokens"), 7);
	assert_int_equal(
		(int)rig_number(rig_find(rig, "line ", 0), "details/n_training_images"), 7);
	assert_int_equal(rig->row.train_batch_size, 7);
	assert_int_equal(rig->row.n_tokens_folded, 13);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_step_out_of_range_is_refused),
		TEST(counts_that_are_not_what_they_say_are_refused),
		TEST(counts_of_a_run_without_features_are_refused),
		TEST(a_run_without_features_logs_what_it_is_given),
		TEST(a_scalar_list_of_another_length_is_refused),
		TEST(a_reconnect_may_name_its_scalars_in_another_order),
		TEST(a_log_that_cannot_be_kept_is_refused),
		TEST(an_update_that_is_no_json_object_is_refused),
		TEST(a_dropped_that_counts_nothing_or_too_much_is_refused),
		TEST(a_finish_with_a_state_nobody_knows_is_refused),
		TEST(nothing_comes_after_finish),
		TEST(a_dropped_that_grew_counts_from_where_it_is_new),
		TEST(an_event_is_kept_as_it_is),
		TEST(an_update_changes_what_the_run_is_called),
		TEST(what_disagrees_is_an_event_once_in_a_thousand_steps),
		TEST(ranks_that_disagree_are_an_event),
		TEST(names_a_later_rank_brings_are_merged_too),
		TEST(a_loss_that_is_no_number_is_an_event_and_kept),
		TEST(a_loss_that_stays_no_number_is_one_event_and_one_that_comes_and_goes_few),
		TEST(a_run_ends_as_its_trainer_says),
		TEST(a_run_ends_when_every_rank_has_and_as_the_worst_of_them),
		TEST(why_a_run_ended_is_in_the_words_and_the_code_of_the_rank_that_failed),
		TEST(words_of_ranks_that_ended_better_are_not_those_of_the_run),
		TEST(what_a_process_said_that_was_replaced_is_not_why_the_run_ended),
		TEST(a_run_that_goes_on_has_not_ended_for_any_reason),
		TEST(states_of_the_versions_before_are_read),
		TEST(a_crashed_run_is_so_only_until_it_comes_back),
		TEST(a_run_is_stalled_after_long_silence_and_a_row_says_so),
		TEST(a_stop_reaches_every_rank_and_those_that_come_later),
		TEST(who_asks_again_to_stop_changes_nothing),
		TEST(a_stop_is_for_the_launch_that_it_was_said_to),
		TEST(nobody_is_left_to_stop_in_a_run_whose_processes_are_dead),
		TEST(the_total_of_steps_is_that_of_the_tracking_document),
		TEST(a_batch_nobody_gave_is_the_first_steps),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
