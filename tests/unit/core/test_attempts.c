/* Launches, laps, and the state a run starts from when it goes back. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crc32.h"
#include "le.h"
#include "state.h"

#define D_SAE 5u
#define W     4u

static struct msg_open open_of(uint8_t launch, uint32_t rank, uint32_t n) {
	static const char names[] = "ABCDEFGH";
	struct msg_open open = rig_msg_open(D_SAE);
	open.launch = text_of(&names[launch], 1);
	open.feature_sampling_window = W;
	open.dead_feature_window = 2;
	open.rank = rank;
	open.world_size = n;
	rig_stream_id(&open, (uint8_t)(launch * 16 + rank + 1));
	return open;
}

static struct stream *launch(struct rig *rig, uint8_t n) {
	struct msg_open open = open_of(n, 0, 1);
	return rig_must_open(rig, &open);
}

/* What the training does at a step, however often it comes by. */
static enum apply_result train(struct rig *rig, struct stream *s, uint32_t step) {
	uint32_t counts[D_SAE] = {2, step % 3 == 0, step % 5 == 0, step == 2, 0};
	struct message m = rig_msg_step(stream_received(s) + 1, step, 2, counts, D_SAE);
	return rig_apply(rig, s, &m);
}

static void trained(struct rig *rig, struct stream *s, uint32_t first, uint32_t last) {
	for (uint32_t step = first; step <= last; step++) {
		enum apply_result result = train(rig, s, step);
		if (result == APPLY_LATER) {
			rig_give_marks(rig);
			result = train(rig, s, step);
		}
		assert_int_equal(result, APPLY_TAKEN);
	}
}

static void finish(struct rig *rig, struct stream *s) {
	struct message m = rig_msg_finish(stream_received(s) + 1, 0);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
}

static void leave(struct rig *rig, struct stream *s) {
	registry_disconnected(rig->registry, s, rig->now);
}

static void mark(struct rig *rig, struct stream *s, uint32_t step) {
	struct message m = rig_msg_mark(stream_received(s) + 1, step);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
}

static const char *from(struct rig *rig, size_t attempt) {
	static char text[128];
	return rig_value(rig_find(rig, "attempt ", attempt), "from", text);
}

static void leave_out(char *row, const char *key) {
	char *from = strstr(row, key);
	if (from != NULL) {
		char *behind = from + strlen(key) + strcspn(from + strlen(key), " ");
		memmove(from, behind, strlen(behind) + 1);
	}
}

/* The values of all lines and windows of an attempt from a step on, without the attempt's number, the lines'
 * ordinals, and how long the training went on by then. */
static struct rig_text rows_from(const struct rig *rig, uint32_t attempt, uint32_t step) {
	struct rig_text rows = {0};
	for (size_t i = 0; i < rig->history.count; i++) {
		const char *line = rig->history.lines[i];
		bool is_line = strncmp(line, "line ", 5) == 0;
		bool is_window = strncmp(line, "window ", 7) == 0;
		if ((!is_line && !is_window) || (uint32_t)rig_number(line, "attempt") != attempt ||
			rig_number(line, is_line ? "step" : "close") < step) {
			continue;
		}
		int at = (int)rig_number(line, is_line ? "step" : "close");
		char *row = NULL;
		assert_true(asprintf(&row, "%d %s", at,
				    strstr(line, is_line ? " time=" : " window=")) > 0);
		leave_out(row, " elapsed=");
		rig_text_add(&rows, row);
	}
	return rows;
}

static void assert_same(struct rig_text *a, struct rig_text *b) {
	assert_int_equal(a->count, b->count);
	if (a->lines == NULL || b->lines == NULL) {
		fail_msg("there is nothing to compare");
		return;
	}
	for (size_t i = 0; i < a->count; i++) {
		assert_string_equal(a->lines[i], b->lines[i]);
	}
	rig_text_finish(a);
	rig_text_finish(b);
}

/* The rows from `step` on of a training that was never interrupted. */
static struct rig_text uninterrupted(uint32_t step, uint32_t last) {
	struct rig *rig = malloc(sizeof *rig);
	rig_start(rig);
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, last);
	finish(rig, s);
	rig_commit(rig);
	struct rig_text rows = rows_from(rig, 1, step);
	rig_finish(rig);
	free(rig);
	return rows;
}

/* ---- what begins an attempt ---- */

static void a_first_launch_starts(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "attempt "), 0); /* OPEN alone begins none */
	trained(rig, s, 0, 2);
	rig_commit(rig);
	assert_string_equal(rig_find(rig, "attempt ", 0),
		"attempt attempt=1 launch=A lap=0 first=0 time=0x1.dcd65p+29 from=start");
}

static void a_launch_that_goes_on_where_the_run_stands_is_exact(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 8);
	leave(rig, s);
	s = launch(rig, 1);
	assert_int_equal(rig->opened.attempt, 2);
	assert_true(rig->opened.resumed);
	trained(rig, s, 9, 20);
	finish(rig, s);
	rig_commit(rig);
	assert_string_equal(from(rig, 1), "continued");
	struct rig_text have = rows_from(rig, 2, 9), want = uninterrupted(9, 20);
	assert_same(&have, &want);
	assert_int_equal(rig_count(rig, "window attempt=2 "), 4); /* the last one partial */
	/* The lines of both attempts have one numbering. */
	for (size_t i = 0; i < rig_count(rig, "line "); i++) {
		assert_int_equal((int)rig_number(rig_find(rig, "line ", i), "ordinal"), i);
	}
}

static void what_a_run_has_taken_so_far_goes_on_with_each_launch(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 4); /* 2 s */
	leave(rig, s);
	s = launch(rig, 1);
	trained(rig, s, 5, 7); /* a clock of its own: 2.5 to 3.5 s */
	rig_commit(rig);
	rig_crash(rig, false);
	s = launch(rig, 1);
	trained(rig, s, 8, 9);
	leave(rig, s);
	s = launch(rig, 2);
	trained(rig, s, 10, 10);
	finish(rig, s);
	rig_commit(rig);
	static const double expected[] = {0, 0.5, 1, 1.5, 2, 4.5, 5, 5.5, 6, 6.5, 11.5};
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
		assert_true(rig_number(rig_find(rig, "step ", i), "elapsed") == expected[i]);
	}
}

static void steps_lost_between_launches_are_missing(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 4);
	leave(rig, s);
	s = launch(rig, 1);
	trained(rig, s, 6, 8);
	rig_commit(rig);
	assert_string_equal(from(rig, 1), "continued");
	assert_int_equal(rig->row.missing_steps, 1);
	assert_int_equal((int)rig_number(rig_find(rig, "window attempt=2 ", 0), "flaws"),
		FLAW_STEPS_MISSING);
}

static void a_launch_from_step_0_starts_afresh(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 9);
	leave(rig, s);
	s = launch(rig, 1);
	trained(rig, s, 0, 12);
	finish(rig, s);
	rig_commit(rig);
	assert_string_equal(from(rig, 1), "start");
	struct rig_text have = rows_from(rig, 2, 0), want = uninterrupted(0, 12);
	assert_same(&have, &want);
}

static void going_back_without_a_state_is_marked_until_exact(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 10);
	leave(rig, s);
	s = launch(rig, 1);
	trained(rig, s, 9, 10);
	rig_commit(rig);
	assert_true(rig->row.resumed);
	trained(rig, s, 11, 20);
	finish(rig, s);
	rig_commit(rig);
	assert_false(rig->row.resumed); /* exact again */
	assert_string_equal(from(rig, 1), "none");
	/* The window of steps 7 to 10 began without 7 and 8; dead counts are exact from step 11 on. */
	const char *first = rig_find(rig, "window attempt=2 ", 0);
	assert_int_equal((int)rig_number(first, "close"), 11);
	assert_int_equal((int)rig_number(first, "n_steps"), 2);
	assert_int_equal((int)rig_number(first, "flaws"), FLAW_RESUMED);
	assert_int_equal((int)rig_number(rig_find(rig, "window attempt=2 ", 1), "flaws"), 0);
	/* Its tokens go on from where it went back to. */
	const char *line = rig_find(rig, "line attempt=2 step=9 ", 0);
	assert_int_equal((int)rig_number(line, "details/n_training_tokens"), 18);
	assert_int_equal((int)rig_number(line, "details/n_tokens_folded"), 20);
	/* Windows that began after it are as if nothing had been. */
	struct rig_text have = rows_from(rig, 2, 15), want = uninterrupted(15, 20);
	assert_same(&have, &want);
	/* The rows of the first attempt stay. */
	assert_int_equal(rig_count(rig, "step attempt=1 "), 11);
}

static void a_step_that_goes_back_within_a_stream_is_a_lap(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 5);
	trained(rig, s, 3, 7);
	trained(rig, s, 7, 8); /* the same step again is going back, too */
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "attempt "), 3);
	assert_non_null(strstr(rig_find(rig, "attempt ", 1), "attempt=2 launch=A lap=1 first=3"));
	assert_non_null(strstr(rig_find(rig, "attempt ", 2), "attempt=3 launch=A lap=2 first=7"));
}

static struct stream *take_over(struct rig *rig, struct stream *s, uint8_t launch, uint8_t id) {
	struct msg_open open = open_of(launch, 0, 1);
	leave(rig, s);
	rig_stream_id(&open, id);
	return rig_must_open(rig, &open);
}

static void a_process_that_takes_a_rank_over_begins_an_attempt(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	s = take_over(rig, s, 0, 98); /* the one before had said nothing */
	trained(rig, s, 0, 9);
	s = take_over(rig, s, 0, 99);
	trained(rig, s, 10, 16);
	finish(rig, s);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "attempt "), 2);
	assert_non_null(strstr(rig_find(rig, "attempt ", 0), "attempt=1 launch=A lap=0 first=0"));
	assert_non_null(strstr(rig_find(rig, "attempt ", 1), "attempt=2 launch=A lap=1 first=10"));
	assert_string_equal(from(rig, 1), "continued");
	struct rig_text have = rows_from(rig, 2, 10), want = uninterrupted(10, 16);
	assert_same(&have, &want);
	assert_true(rig_number(rig_find(rig, "step ", 9), "elapsed") == 4.5);
	assert_true(rig_number(rig_find(rig, "step ", 10), "elapsed") == 4.5 + 5);
	leave(rig, s);
	s = launch(rig, 1);
	trained(rig, s, 17, 17);
	rig_commit(rig);
	assert_non_null(strstr(rig_find(rig, "attempt ", 2), "attempt=3 launch=B lap=0 first=17"));
}

static void the_lines_of_a_launch_close_before_the_next_begins(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 1); /* a row at step 1 */
	leave(rig, s);
	s = launch(rig, 1);
	struct log_entry entry;
	struct message m = rig_msg_log(1, 1, &entry, "of the second", 1);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	trained(rig, s, 2, 3);
	rig_commit(rig);
	assert_null(strstr(rig_find(rig, "line attempt=1 step=1 ", 0), "of the second"));
	assert_non_null(strstr(rig_find(rig, "line attempt=2 step=1 ", 0), "of the second"));
}

/* ---- a state handed over ---- */

struct state_copy {
	uint8_t *data;
	size_t len;
	uint32_t step;
};

static struct state_copy export_state(struct stream *s) {
	struct state_copy copy;
	assert_int_equal(run_export(stream_run(s), &copy.data, &copy.len, &copy.step), 0);
	return copy;
}

static void a_state_handed_over_is_exact_on_any_host(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 9);
	struct state_copy copy = export_state(s);
	assert_int_equal(copy.step, 9);
	assert_true(copy.len <= PAYLOAD_LEN_MAX(D_SAE));
	trained(rig, s, 10, 13);
	rig_finish(rig);
	rig_start(rig); /* another host */

	s = launch(rig, 1);
	struct message m = rig_msg_restore(1, 9, copy.data, copy.len);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	trained(rig, s, 10, 21);
	finish(rig, s);
	rig_commit(rig);
	assert_string_equal(from(rig, 0), "state");
	assert_int_equal((int)rig_number(rig_find(rig, "attempt ", 0), "first"), 10);
	struct rig_text have = rows_from(rig, 1, 10), want = uninterrupted(10, 21);
	assert_same(&have, &want);
	free(copy.data);
}

static void a_state_begins_a_lap_within_a_launch(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 6);
	struct state_copy copy = export_state(s);
	trained(rig, s, 7, 9);
	struct message m = rig_msg_restore(stream_received(s) + 1, 6, copy.data, copy.len);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	trained(rig, s, 7, 16);
	finish(rig, s);
	rig_commit(rig);
	assert_non_null(strstr(rig_find(rig, "attempt ", 1), "lap=1 first=7"));
	struct rig_text have = rows_from(rig, 2, 7), want = uninterrupted(7, 16);
	assert_same(&have, &want);
	free(copy.data);
}

/* A trainer that loads one checkpoint, changes its mind and loads another. */
static void of_two_states_the_later_counts(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 3);
	struct state_copy older = export_state(s);
	trained(rig, s, 4, 6);
	struct state_copy newer = export_state(s);
	leave(rig, s);

	s = launch(rig, 1);
	struct message m = rig_msg_restore(1, 6, newer.data, newer.len);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	m = rig_msg_restore(2, 3, older.data, older.len);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	s = take_over(rig, s, 1, 99); /* and again, by another process of the launch */
	m = rig_msg_restore(1, 3, older.data, older.len);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	trained(rig, s, 4, 16);
	finish(rig, s);
	rig_commit(rig);
	assert_int_equal(rig->row.refused, 0);
	uint32_t last = (uint32_t)rig_count(rig, "attempt ");
	assert_string_equal(from(rig, last - 1), "state");
	struct rig_text have = rows_from(rig, last, 4), want = uninterrupted(4, 16);
	assert_same(&have, &want);
	free(older.data);
	free(newer.data);
}

static void a_state_behind_a_step_of_its_lap_is_refused(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 6);
	struct state_copy copy = export_state(s);
	struct message m = rig_msg_restore(stream_received(s) + 1, 6, copy.data, copy.len);
	m.restore.lap = 0;
	assert_int_equal(rig_apply(rig, s, &m), APPLY_REFUSED);
	assert_int_equal(rig->error.code, ERROR_BAD_STATE);
	assert_non_null(strstr(rig->error.words, "begins the next lap"));
	trained(rig, s, 7, 8);
	free(copy.data);
}

static void one_ranks_state_is_enough_and_several_may_give_the_same(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 6);
	struct state_copy copy = export_state(s);
	leave(rig, s);

	struct stream *ranks[3];
	for (uint32_t rank = 0; rank < 3; rank++) {
		struct msg_open open = open_of(1, rank, 3);
		ranks[rank] = rig_must_open(rig, &open);
	}
	/* Rank 2's step is there before the state is. */
	assert_int_equal(train(rig, ranks[2], 7), APPLY_TAKEN);
	struct message m = rig_msg_restore(1, 6, copy.data, copy.len);
	assert_int_equal(rig_apply(rig, ranks[0], &m), APPLY_TAKEN);
	assert_int_equal(rig_apply(rig, ranks[1], &m), APPLY_TAKEN);
	for (uint32_t step = 7; step <= 9; step++) {
		for (uint32_t rank = 0; rank < 3; rank++) {
			if (rank < 2 || step > 7) {
				assert_int_equal(train(rig, ranks[rank], step), APPLY_TAKEN);
			}
		}
	}
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "attempt attempt=2 "), 1);
	assert_int_equal(rig_count(rig, "step attempt=2 "), 3);
	assert_int_equal((int)rig_number(rig_find(rig, "step attempt=2 ", 0), "ranks_missing"), 0);
	free(copy.data);
}

static void bad_state(struct rig *rig, struct stream *s, uint32_t step, const uint8_t *data,
	size_t len, const char *words) {
	struct message m = rig_msg_restore(stream_received(s) + 1, step, data, len);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_REFUSED);
	assert_int_equal(rig->error.code, ERROR_BAD_STATE);
	assert_int_equal(rig->error.seq, m.restore.seq);
	assert_int_equal(stream_applied(s), m.restore.seq);
	if (strstr(rig->error.words, words) == NULL) {
		fail_msg("\"%s\" is not in \"%s\"", words, rig->error.words);
	}
}

static void a_state_that_is_damaged_is_refused_and_touches_nothing(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 6);
	struct state_copy copy = export_state(s);
	leave(rig, s);
	s = launch(rig, 1);

	bad_state(rig, s, 6, copy.data, 0, "not a state");
	bad_state(rig, s, 6, copy.data, 10, "not a state");
	bad_state(rig, s, 6, copy.data, copy.len - 1, "length");
	bad_state(rig, s, 7, copy.data, copy.len, "not the state of that step");
	bad_state(rig, s, STEP_MAX + 1, copy.data, copy.len, "out of range");
	for (size_t i = 0; i < copy.len; i++) {
		copy.data[i] ^= 0x10;
		struct message m = rig_msg_restore(stream_received(s) + 1, 6, copy.data, copy.len);
		assert_int_equal(rig_apply(rig, s, &m), APPLY_REFUSED);
		assert_int_equal(rig->error.code, ERROR_BAD_STATE);
		copy.data[i] ^= 0x10;
	}
	/* The run still stands where it stood. */
	struct state_copy now = export_state(s);
	assert_int_equal(now.len, copy.len);
	assert_memory_equal(now.data, copy.data, copy.len);
	free(now.data);
	free(copy.data);
}

static void a_state_of_another_d_sae_is_refused(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 6);
	struct state_copy copy = export_state(s);
	struct msg_open open = rig_msg_open(D_SAE + 1);
	open.run = rig_lit("other");
	rig_stream_id(&open, 50);
	s = rig_must_open(rig, &open);
	bad_state(rig, s, 6, copy.data, copy.len, "another d_sae");
	free(copy.data);
}

static void a_state_after_a_folded_step_is_refused(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 6);
	struct state_copy copy = export_state(s);
	leave(rig, s);
	struct msg_open a = open_of(1, 0, 2), b = open_of(1, 1, 2);
	struct stream *first = rig_must_open(rig, &a);
	assert_int_equal(train(rig, first, 7), APPLY_TAKEN);
	rig->now.mono_ms += rig->options.rank_grace_ms;
	registry_tick(rig->registry, rig->now);
	assert_int_equal(stream_applied(first), 1);
	/* Rank 1 comes too late with it. */
	struct stream *second = rig_must_open(rig, &b);
	bad_state(rig, second, 6, copy.data, copy.len, "before it came");
	free(copy.data);
}

static void a_state_of_another_window_keeps_the_rest(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 9);
	struct state_copy copy = export_state(s);
	leave(rig, s);
	struct msg_open open = open_of(1, 0, 1);
	open.feature_sampling_window = 6;
	s = rig_must_open(rig, &open);
	struct message m = rig_msg_restore(1, 9, copy.data, copy.len);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	trained(rig, s, 10, 18);
	rig_commit(rig);
	const char *window = rig_find(rig, "window attempt=2 ", 0);
	assert_int_equal((int)rig_number(window, "close"), 11);
	assert_int_equal((int)rig_number(window, "n_steps"), 1);
	assert_int_equal((int)rig_number(window, "flaws"), FLAW_RESUMED);
	assert_int_equal((int)rig_number(rig_find(rig, "window attempt=2 ", 1), "flaws"), 0);
	free(copy.data);
}

/* ---- restore points ---- */

static void a_run_goes_back_to_the_mark_it_resumes_from(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 6);
	mark(rig, s, 6);
	trained(rig, s, 7, 12);
	leave(rig, s);
	rig_commit(rig);
	rig_crash(rig, false);

	s = launch(rig, 1);
	assert_int_equal(train(rig, s, 7), APPLY_LATER);
	assert_int_equal(train(rig, s, 7), APPLY_LATER); /* asked for once */
	struct wanted_mark wanted, none;
	assert_true(registry_next_wanted_mark(rig->registry, &wanted));
	assert_int_equal(wanted.attempt, 1);
	assert_int_equal(wanted.step, 6);
	assert_false(registry_next_wanted_mark(rig->registry, &none));
	rig_commit(rig);
	assert_non_null(strstr(rig->row_text.lines[0], "waiting=the restore point of step 6"));
	registry_give_mark(rig->registry, wanted.run, rig->marks->state, rig->marks->len, rig->now);
	assert_ptr_equal(registry_next_unblocked(rig->registry), s);
	trained(rig, s, 7, 17);
	finish(rig, s);
	rig_commit(rig);
	assert_string_equal(from(rig, 1), "mark");
	struct rig_text have = rows_from(rig, 2, 7), want = uninterrupted(7, 17);
	assert_same(&have, &want);
}

static void a_lap_goes_back_to_its_mark_too(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 6);
	mark(rig, s, 6);
	trained(rig, s, 7, 9);
	trained(rig, s, 7, 17);
	finish(rig, s);
	rig_commit(rig);
	assert_string_equal(from(rig, 1), "mark");
	struct rig_text have = rows_from(rig, 2, 7), want = uninterrupted(7, 17);
	assert_same(&have, &want);
}

static void ranks_wait_for_a_mark_in_memory(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 6);
	mark(rig, s, 6);
	trained(rig, s, 7, 9);
	leave(rig, s);
	struct msg_open a = open_of(1, 0, 2), b = open_of(1, 1, 2);
	struct stream *first = rig_must_open(rig, &a), *second = rig_must_open(rig, &b);
	for (uint32_t step = 7; step <= 9; step++) {
		assert_int_equal(train(rig, first, step), APPLY_TAKEN);
		assert_int_equal(train(rig, second, step), APPLY_TAKEN);
	}
	assert_int_equal(stream_applied(first), 0);
	rig_give_marks(rig);
	assert_int_equal(stream_applied(first), 3);
	assert_int_equal(stream_applied(second), 3);
	rig_commit(rig);
	assert_string_equal(from(rig, 1), "mark");
}

static void a_mark_that_cannot_be_read_is_done_without(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 6);
	mark(rig, s, 6);
	trained(rig, s, 7, 9);
	leave(rig, s);
	s = launch(rig, 1);
	assert_int_equal(train(rig, s, 7), APPLY_LATER);
	struct wanted_mark wanted;
	assert_true(registry_next_wanted_mark(rig->registry, &wanted));
	static const uint8_t garbage[40] = "SAEstate and no more";
	registry_give_mark(rig->registry, wanted.run, garbage, sizeof garbage, rig->now);
	trained(rig, s, 7, 9);
	rig_commit(rig);
	assert_string_equal(from(rig, 1), "none");
	/* Given once more, when nobody waits, it does nothing. */
	registry_give_mark(rig->registry, wanted.run, garbage, sizeof garbage, rig->now);
	assert_false(registry_next_wanted_mark(rig->registry, &wanted));
}

/* As version 1 would have written it: without what ends the position since. Its array follows behind. */
static size_t make_version_1(uint8_t *blob, size_t len) {
	enum { VERSION_AT = 8, SMALL_LEN_AT = 16, CRC_AT = 20, HEADER = 24, SINCE = 8 + 1 };
	uint32_t small_len = le32_load(blob + SMALL_LEN_AT) - SINCE;
	uint8_t *end = blob + HEADER + small_len;

	memmove(end, end + SINCE, (size_t)(blob + len - end) - SINCE);
	len -= SINCE;
	le32_store(blob + VERSION_AT, 1);
	le32_store(blob + SMALL_LEN_AT, small_len);
	uint32_t crc = crc32_add(0, blob + VERSION_AT, CRC_AT - VERSION_AT);
	le32_store(blob + CRC_AT, crc32_add(crc, blob + HEADER, len - HEADER));
	return len;
}

static void a_state_of_the_version_before_is_read(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	struct state_view view;
	uint8_t *blob;
	size_t len;
	uint32_t step;
	trained(rig, s, 0, 6);
	assert_int_equal(run_export(stream_run(s), &blob, &len, &step), 0);
	assert_null(state_read(blob, len, stream_run(s)->d_sae, &view));
	len = make_version_1(blob, len);
	assert_null(state_read(blob, len, stream_run(s)->d_sae, &view));
	assert_int_equal(view.position.step, 6);
	assert_int_equal(view.position.known_from, 0);
	le32_store(blob + 8, 3);
	assert_string_equal(state_read(blob, len, stream_run(s)->d_sae, &view),
		"it is of a version this daemon does not read");
	free(blob);
}

/* Whether batches were joined, or the run went back, it has not said. */
static void of_an_older_state_nothing_is_known_that_may_be_wrong(void **state) {
	(void)state;
	static struct position whole = {.has_step = true, .step = 99},
			       back = {.has_step = true, .step = 99, .exact_from = 80},
			       full = {.has_step = true, .step = 99},
			       late = {.has_step = true, .step = 99};
	whole.schedule.n = late.schedule.n = 1;
	late.schedule.segments[0].first = 50;
	full.schedule.n = SCHEDULE_SEGMENTS;
	position_guess_known(&whole);
	position_guess_known(&back);
	position_guess_known(&full);
	position_guess_known(&late);
	assert_int_equal(whole.known_from, 0);
	assert_int_equal(back.known_from, 100);
	assert_int_equal(full.known_from, 100);
	assert_int_equal(late.known_from, 50);
}

static void the_last_three_marks_are_kept(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	for (uint32_t step = 0; step < 5; step++) {
		trained(rig, s, step, step);
		mark(rig, s, step);
	}
	leave(rig, s);
	s = launch(rig, 1);
	trained(rig, s, 2, 2); /* of step 1's mark nobody knows any more */
	leave(rig, s);
	s = launch(rig, 2);
	trained(rig, s, 2, 2);
	rig_commit(rig);
	assert_string_equal(from(rig, 1), "none");
	leave(rig, s);
	s = launch(rig, 3);
	trained(rig, s, 3, 6);
	leave(rig, s);
	s = launch(rig, 4);
	trained(rig, s, 3, 6);
	rig_commit(rig);
	assert_string_equal(from(rig, 4), "mark");
}

static void a_mark_of_a_step_the_run_does_not_stand_at_is_only_a_word(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	mark(rig, s, 0);
	trained(rig, s, 0, 6);
	mark(rig, s, 5);
	mark(rig, s, 6);
	mark(rig, s, 6); /* said twice */
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "mark "), 1);
	assert_int_equal(rig_count(rig, "event "), 2);
	assert_non_null(strstr(rig_find(rig, "event ", 1), "makes no restore point"));
}

static void a_later_launch_does_not_wait_for_the_mark_of_the_one_before(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 6);
	mark(rig, s, 4);
	mark(rig, s, 6);
	trained(rig, s, 7, 9);
	leave(rig, s);
	s = launch(rig, 1);
	assert_int_equal(train(rig, s, 7), APPLY_LATER);
	leave(rig, s);
	s = launch(rig, 2);
	struct wanted_mark wanted;
	assert_false(registry_next_wanted_mark(rig->registry, &wanted));
	trained(rig, s, 7, 8);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step attempt=3 "), 2);
}

static void drop_steps(struct rig *rig, struct stream *s, uint32_t first, uint32_t last) {
	uint64_t n = last - first + 1;
	struct message m = rig_msg_dropped(stream_received(s) + 1, n, last);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
}

static void log_at(struct rig *rig, struct stream *s, int64_t step) {
	struct log_entry entry;
	struct message m = rig_msg_log(stream_received(s) + 1, step, &entry, "mine", 1);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
}

static bool is_of_attempt(const char *line, int attempt) {
	return line != NULL && (int)rig_number(line, "attempt") == attempt;
}

/* Whose first steps were dropped. A LOG of one of them is of the lap to come, and does not begin it. */
static void a_log_before_the_first_step_of_a_lap_leaves_the_one_before_as_it_is(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 9);
	log_at(rig, s, 9);
	drop_steps(rig, s, 5, 7);
	log_at(rig, s, 6);
	trained(rig, s, 8, 9);
	finish(rig, s);
	rig_commit(rig);
	assert_true(is_of_attempt(rig_find(rig, "line attempt=1 step=9 ", 0), 1));
	assert_null(rig_find(rig, "line attempt=2 step=9 ordinal=1", 0));
	assert_int_equal(rig_count(rig, "attempt "), 2);
	assert_int_equal(rig_count(rig, "step attempt=1 "), 10);
	assert_int_equal(rig_count(rig, "step attempt=2 "), 2);
	assert_int_equal((int)rig->row.late, 0);
}

static void a_run_that_ends_before_its_lap_began_keeps_its_last_window(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	trained(rig, s, 0, 9);
	rig_commit(rig);
	size_t closed = rig_count(rig, "window ");
	drop_steps(rig, s, 5, 7);
	log_at(rig, s, 6);
	finish(rig, s);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "window "), closed + 1);
	assert_int_equal((int)rig_number(rig_find(rig, "window ", closed), "attempt"), 1);
}

/* It is told behind which step to go on, also when its trainer was killed, and by a daemon that was started anew. */
static void a_run_that_only_logs_goes_on_behind_its_newest_step(void **state) {
	struct rig *rig = *state;
	struct stream *s = launch(rig, 0);
	assert_false(rig->opened.has_last_step);
	log_at(rig, s, 3);
	log_at(rig, s, 9);
	leave(rig, s);

	s = launch(rig, 1);
	assert_true(rig->opened.has_last_step);
	assert_int_equal(rig->opened.last_step, 9);
	log_at(rig, s, 4);
	finish(rig, s);
	leave(rig, s);
	rig_commit(rig);
	s = launch(rig, 2); /* logs nothing */
	assert_int_equal(rig->opened.last_step, 9);
	finish(rig, s);
	leave(rig, s);

	s = launch(rig, 3);
	assert_int_equal(rig->opened.last_step, 9);
	log_at(rig, s, 10);
	finish(rig, s);
	rig_commit(rig);
	rig_crash(rig, false);
	s = launch(rig, 4);
	assert_int_equal(rig->opened.last_step, 10);
	trained(rig, s, 0, 2);
	finish(rig, s);
	leave(rig, s);
	(void)launch(rig, 5);
	assert_int_equal(rig->opened.last_step, 2); /* steps go before what was logged */
}

/* The others are still in the lap that one has left: their steps are none too late. */
static void a_log_ahead_of_the_other_ranks_lap_makes_nobody_late(void **state) {
	struct rig *rig = *state;
	struct msg_open a = open_of(0, 0, 2), b = open_of(0, 1, 2);
	struct stream *first = rig_must_open(rig, &a), *second = rig_must_open(rig, &b);
	for (uint32_t step = 0; step < 6; step++) {
		assert_int_equal(train(rig, first, step), APPLY_TAKEN);
		assert_int_equal(train(rig, second, step), APPLY_TAKEN);
	}
	drop_steps(rig, first, 6, 9);
	drop_steps(rig, first, 5, 7);
	log_at(rig, first, 6);
	for (uint32_t step = 6; step < 10; step++) {
		assert_int_equal(train(rig, second, step), APPLY_TAKEN);
	}
	for (uint32_t step = 8; step < 10; step++) {
		assert_int_equal(train(rig, first, step), APPLY_TAKEN);
	}
	rig_commit(rig);
	assert_int_equal((int)rig->row.late, 0);
	assert_int_equal(rig_count(rig, "step attempt=1 "), 10);
}

/* Whose first step was a later one than it goes back to. */
static void a_run_without_features_that_goes_back_behind_its_beginning_is_read_again(void **state) {
	struct rig *rig = *state;
	for (uint8_t n = 0; n < 2; n++) {
		struct msg_open open = open_of(n, 0, 1);
		open.d_sae = 0;
		struct stream *s = rig_must_open(rig, &open);
		struct message m = rig_msg_step(1, n == 0 ? 500 : 100, 2, NULL, 0);
		assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
		finish(rig, s);
		leave(rig, s);
	}
	rig_commit(rig);
	rig_crash(rig, false);
	assert_non_null(registry_find(rig->registry, "r"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_first_launch_starts),
		TEST(a_launch_that_goes_on_where_the_run_stands_is_exact),
		TEST(what_a_run_has_taken_so_far_goes_on_with_each_launch),
		TEST(steps_lost_between_launches_are_missing),
		TEST(a_launch_from_step_0_starts_afresh),
		TEST(going_back_without_a_state_is_marked_until_exact),
		TEST(a_step_that_goes_back_within_a_stream_is_a_lap),
		TEST(a_process_that_takes_a_rank_over_begins_an_attempt),
		TEST(the_lines_of_a_launch_close_before_the_next_begins),
		TEST(a_state_handed_over_is_exact_on_any_host),
		TEST(a_state_begins_a_lap_within_a_launch),
		TEST(of_two_states_the_later_counts),
		TEST(a_state_behind_a_step_of_its_lap_is_refused),
		TEST(one_ranks_state_is_enough_and_several_may_give_the_same),
		TEST(a_state_that_is_damaged_is_refused_and_touches_nothing),
		TEST(a_state_of_another_d_sae_is_refused),
		TEST(a_state_after_a_folded_step_is_refused),
		TEST(a_state_of_another_window_keeps_the_rest),
		TEST(a_run_goes_back_to_the_mark_it_resumes_from),
		TEST(a_lap_goes_back_to_its_mark_too),
		TEST(ranks_wait_for_a_mark_in_memory),
		TEST(a_mark_that_cannot_be_read_is_done_without),
		TEST(a_state_of_the_version_before_is_read),
		TEST(of_an_older_state_nothing_is_known_that_may_be_wrong),
		TEST(the_last_three_marks_are_kept),
		TEST(a_mark_of_a_step_the_run_does_not_stand_at_is_only_a_word),
		TEST(a_later_launch_does_not_wait_for_the_mark_of_the_one_before),
		TEST(a_log_before_the_first_step_of_a_lap_leaves_the_one_before_as_it_is),
		TEST(a_run_that_ends_before_its_lap_began_keeps_its_last_window),
		TEST(a_log_ahead_of_the_other_ranks_lap_makes_nobody_late),
		TEST(a_run_that_only_logs_goes_on_behind_its_newest_step),
		TEST(a_run_without_features_that_goes_back_behind_its_beginning_is_read_again),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
