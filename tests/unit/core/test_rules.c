/* The rules of PROTOCOL.md §4, one or more tests each, by their names. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Rank `rank` of `n`, with 2 features. */
static struct stream *open_rank(struct rig *rig, uint32_t rank, uint32_t n) {
	struct msg_open open = rig_msg_open(2);
	open.rank = rank;
	open.world_size = n;
	rig_stream_id(&open, (uint8_t)(rank + 1));
	return rig_must_open(rig, &open);
}

static enum apply_result step(struct rig *rig, struct stream *s, uint32_t n) {
	uint32_t counts[2] = {1, 0};
	struct message m = rig_msg_step(stream_received(s) + 1, n, 2, counts, 2);
	return rig_apply(rig, s, &m);
}

static enum apply_result event(struct rig *rig, struct stream *s, const char *text) {
	struct message m = rig_msg_event(stream_received(s) + 1, "note", text);
	return rig_apply(rig, s, &m);
}

/* As a trainer that says so itself. */
static enum apply_result step_of_lap(struct rig *rig, struct stream *s, uint32_t lap, uint32_t n) {
	uint32_t counts[2] = {1, 0};
	struct message m = rig_msg_step(stream_received(s) + 1, n, 2, counts, 2);
	m.step.lap = lap;
	return rig_apply(rig, s, &m);
}

static enum apply_result drop_through(
	struct rig *rig, struct stream *s, uint64_t count, uint32_t lap, uint32_t n) {
	struct message m = rig_msg_dropped(stream_received(s) + 1, count, n);
	m.dropped.lap = lap;
	return rig_apply(rig, s, &m);
}

static const char *run_state_of(struct rig *rig, const struct stream *s) {
	struct run_live live;
	run_live(stream_run(s), rig->now, &live);
	return live.state;
}

static void taken(enum apply_result result) {
	assert_int_equal(result, APPLY_TAKEN);
}

/* ---- R1 ---- */

static void r1_what_comes_behind_a_waiting_step_waits(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);

	taken(step(rig, a, 0));
	taken(event(rig, a, "behind"));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "event"), 0);
	assert_int_equal(stream_applied(a), 0);
	assert_int_equal(stream_received(a), 2);

	taken(step(rig, b, 0));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "event"), 1);
	assert_int_equal(stream_applied(a), 2);
	assert_int_equal(stream_applied(b), 1);
}

static void r1_a_seq_that_jumps_is_out_of_order(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_rank(rig, 0, 1);
	struct message m = rig_msg_event(2, "note", "too early");

	assert_int_equal(rig_apply(rig, s, &m), APPLY_OUT_OF_ORDER);
	assert_int_equal(registry_apply_bad(rig->registry, s, 2, rig->now), APPLY_OUT_OF_ORDER);
	assert_int_equal(stream_received(s), 0);
}

/* ---- R2 ---- */

static void r2_durable_is_the_applied_prefix_and_not_what_was_received(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);

	taken(event(rig, a, "first"));
	taken(step(rig, a, 0));
	taken(event(rig, a, "behind"));
	rig_commit(rig);
	assert_int_equal(stream_durable(a), 1);
	taken(step(rig, b, 0));
	assert_int_equal(stream_durable(a), 1);
	rig_commit(rig);
	assert_int_equal(stream_durable(a), 3);
}

/* ---- R3 ---- */

static void r3_a_cut_is_not_touched_by_what_comes_after_it(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_rank(rig, 0, 1);
	rig_step(rig, s, 0, 2, 2, 1);

	struct run *run = stream_run(s);
	struct run_cut *cut = run_cut(rig->registry, run, rig->now);
	assert_non_null(cut);
	assert_true(cut->arrays_changed);
	assert_int_equal(cut->window[0], 2);
	assert_false(run_evictable(run));
	uint8_t *small = malloc(cut->small_len);
	memcpy(small, cut->small, cut->small_len);
	uint32_t n_changes = cut->changes.count;
	rig_step(rig, s, 1, 2, 2, 1);
	rig_step(rig, s, 2, 2, 2, 1);
	assert_int_equal(cut->window[0], 2);
	assert_int_equal(cut->changes.count, n_changes);
	assert_memory_equal(cut->small, small, cut->small_len);
	assert_int_equal(cut->streams[0].applied, 1);
	free(small);

	/* Committed, it speaks of what it held. */
	registry_committed(rig->registry, cut);
	assert_int_equal(stream_durable(s), 1);
	run_cut_destroy(cut);
}

static void r3_waiting_steps_are_no_part_of_a_cut_and_come_again(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	taken(step(rig, a, 0));
	taken(step(rig, b, 0));
	taken(step(rig, a, 1));
	rig_commit(rig);
	rig_crash(rig, false);

	a = open_rank(rig, 0, 2);
	assert_int_equal(rig->opened.wanted, 2);
	b = open_rank(rig, 1, 2);
	assert_int_equal(rig->opened.wanted, 2);
	taken(step(rig, a, 1));
	taken(step(rig, b, 1));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 2);
	assert_int_equal((int)rig_number(rig_find(rig, "step ", 1), "n_rows"), 4);
}

/* ---- R4 ---- */

static void r4_below_wanted_is_discarded(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_rank(rig, 0, 1);
	rig_step(rig, s, 0, 2, 1, 1);
	rig_step(rig, s, 1, 2, 1, 1);
	uint32_t counts[2] = {9, 9};
	struct message again = rig_msg_step(1, 0, 2, counts, 2);

	assert_int_equal(rig_apply(rig, s, &again), APPLY_DISCARDED);
	assert_int_equal(registry_apply_bad(rig->registry, s, 2, rig->now), APPLY_DISCARDED);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 2);
	assert_int_equal(rig->row.refused, 0);
}

/* ---- R5 ---- */

static void r5_every_seq_ends_somewhere_and_is_counted(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_rank(rig, 0, 1);
	rig_step(rig, s, 0, 2, 1, 0);                      /* 1: folded */
	struct message dropped = rig_msg_dropped(2, 3, 2); /* 2 … 4 */
	taken(rig_apply(rig, s, &dropped));
	assert_int_equal(registry_apply_bad(rig->registry, s, 5, rig->now), APPLY_REFUSED);
	uint32_t counts[2] = {3, 0};
	struct message bad = rig_msg_step(6, 3, 2, counts, 2); /* a count above n_rows */
	assert_int_equal(rig_apply(rig, s, &bad), APPLY_REFUSED);
	assert_int_equal(rig->error.code, ERROR_BAD_COUNTS);
	assert_int_equal(rig->error.seq, 6);
	registry_disconnected(rig->registry, s, rig->now);
	struct msg_open open = rig_msg_open(2);
	open.first_seq = 10; /* 7 … 9 are a gap */
	s = rig_must_open(rig, &open);
	rig_step(rig, s, 4, 2, 1, 0); /* 10 */
	rig_commit(rig);

	assert_int_equal(stream_applied(s), 10);
	assert_int_equal(rig->row.messages, 10);
	assert_int_equal(rig->row.dropped, 3);
	assert_int_equal(rig->row.refused, 2);
	assert_int_equal(rig->row.gap, 3);
	assert_int_equal(rig->row.late, 0);
	assert_int_equal(rig->row.missing_steps, 3);
	assert_int_equal(stream_durable(s), 10);
}

static void r5_a_poison_frame_is_consumed_in_its_turn(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	taken(step(rig, a, 0));
	assert_int_equal(registry_apply_bad(rig->registry, a, 2, rig->now), APPLY_REFUSED);
	assert_int_equal(stream_applied(a), 0);
	assert_int_equal(stream_received(a), 2);
	taken(step(rig, b, 0));
	assert_int_equal(stream_applied(a), 2);
	rig_commit(rig);
	assert_int_equal(rig->row.refused, 1);
}

/* ---- R6 ---- */

static void r6_what_this_database_lacks_is_a_gap_and_never_waited_for(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.first_seq = 101; /* unknown here: another database acked the first hundred */
	struct stream *s = rig_must_open(rig, &open);
	assert_int_equal(rig->opened.wanted, 101);
	assert_int_equal(rig->opened.durable, 0);
	rig_commit(rig);
	assert_int_equal(stream_durable(s), 100);
	assert_int_equal(rig->row.gap, 100);
	assert_non_null(strstr(rig_find(rig, "event", 0), "messages 1 to 100"));
	assert_non_null(strstr(rig_find(rig, "event", 0), "another database"));

	/* A database put back is told from another one by its id. */
	registry_disconnected(rig->registry, s, rig->now);
	open.first_seq = 151;
	open.has_db_id = true;
	memcpy(open.db_id, rig->db_id, sizeof open.db_id);
	(void)rig_must_open(rig, &open);
	rig_commit(rig);
	assert_non_null(
		strstr(rig_find(rig, "event", 1), "before it was put back or the run was removed"));
}

static void r6_a_gap_behind_a_waiting_step_has_its_turn(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	taken(step(rig, a, 0));
	registry_disconnected(rig->registry, a, rig->now);
	struct msg_open open = rig_msg_open(2);
	open.world_size = 2;
	open.first_seq = 5;
	a = rig_must_open(rig, &open);
	assert_int_equal(rig->opened.wanted, 5);
	assert_int_equal(stream_applied(a), 0);
	taken(step(rig, b, 0));
	assert_int_equal(stream_applied(a), 4);
}

/* ---- R7 ---- */

static void r7_a_rank_too_far_ahead_waits_and_goes_on(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	for (uint32_t n = 0; n < 4; n++) {
		taken(step(rig, a, n));
	}
	assert_int_equal(step(rig, a, 4), APPLY_LATER);
	assert_int_equal(stream_received(a), 4);
	assert_null(registry_next_unblocked(rig->registry));
	taken(step(rig, b, 0));
	assert_ptr_equal(registry_next_unblocked(rig->registry), a);
	assert_null(registry_next_unblocked(rig->registry));
	taken(step(rig, a, 4));
}

static void r7_the_lowest_pending_step_is_admitted_from_every_rank(void **state) {
	struct rig *rig = *state;
	struct stream *s[3];
	for (uint32_t rank = 0; rank < 3; rank++) {
		s[rank] = open_rank(rig, rank, 3);
	}
	/* Rank 0 dropped step 0 and fills all four places; the others have it. */
	struct message dropped = rig_msg_dropped(1, 1, 0);
	taken(rig_apply(rig, s[0], &dropped));
	for (uint32_t n = 1; n <= 4; n++) {
		taken(step(rig, s[0], n));
	}
	taken(step(rig, s[1], 0));
	taken(step(rig, s[2], 0));
	for (uint32_t n = 1; n <= 4; n++) {
		taken(step(rig, s[1], n));
		taken(step(rig, s[2], n));
	}
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 5);
	const char *first = rig_find(rig, "step attempt=1 step=0 ", 0);
	assert_int_equal((int)rig_number(first, "ranks_missing"), 1);
	assert_int_equal((int)rig_number(first, "n_rows"), 4);
	for (uint32_t rank = 0; rank < 3; rank++) {
		assert_int_equal(stream_applied(s[rank]), 5);
	}
}

static void r7_even_ranks_that_dropped_different_steps_never_block_each_other(void **state) {
	struct rig *rig = *state;
	struct stream *s[4];
	for (uint32_t rank = 0; rank < 4; rank++) {
		s[rank] = open_rank(rig, rank, 4);
	}
	for (uint32_t n = 5; n < 9; n++) {
		taken(step(rig, s[0], n));
	}
	taken(step(rig, s[1], 4));
	taken(step(rig, s[2], 3)); /* no place is left, and rank 3 may bring it, too */
	assert_int_equal(step(rig, s[3], 3), APPLY_REFUSED);
	assert_int_equal(rig->error.code, ERROR_LATE);
	for (uint32_t rank = 1; rank < 4; rank++) {
		for (uint32_t n = 4; n < 9; n++) {
			if (rank > 1 || n > 4) {
				taken(step(rig, s[rank], n));
			}
		}
	}
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 6);
}

static void r7_the_queue_behind_a_waiting_step_is_bounded_but_admits_one(void **state) {
	struct rig *rig = *state;
	static char large[TEXT_MAX_BYTES];
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	memset(large, 'x', sizeof large);
	struct log_entry entries[4];
	for (int i = 0; i < 4; i++) {
		entries[i] = (struct log_entry){rig_lit("key"), {.kind = VALUE_TEXT}};
		entries[i].value.text = text_of(large, sizeof large);
	}
	struct message m = {.type = MSG_LOG};
	m.log = (struct msg_log){.seq = 2, .n_entries = 4, .entries = entries};

	taken(step(rig, a, 0));
	taken(rig_apply(rig, a, &m)); /* more than the queue's bytes, but the first */
	m.log.seq = 3;
	assert_int_equal(rig_apply(rig, a, &m), APPLY_LATER);
	taken(step(rig, b, 0));
	assert_ptr_equal(registry_next_unblocked(rig->registry), a);
	taken(rig_apply(rig, a, &m));

	/* Small ones are bounded by their number. */
	taken(step(rig, a, 1));
	enum apply_result result;
	uint32_t n = 0;
	while ((result = event(rig, a, "small")) == APPLY_TAKEN && n < 1000) {
		n++;
	}
	assert_int_equal(result, APPLY_LATER);
	assert_in_range(n, 16, 64);
	assert_int_equal(registry_apply_bad(rig->registry, a, stream_received(a) + 1, rig->now),
		APPLY_LATER);
	taken(step(rig, b, 1));
	assert_ptr_equal(registry_next_unblocked(rig->registry), a);
}

/* ---- R8 ---- */

static void r8_dropped_is_evidence(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	taken(step(rig, a, 0));
	taken(step(rig, a, 1));
	struct message dropped = rig_msg_dropped(1, 5, 1);
	taken(rig_apply(rig, b, &dropped));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 2);
	assert_int_equal((int)rig_number(rig_find(rig, "step ", 0), "ranks_missing"), 1);
	assert_int_equal(rig->row.dropped, 5);
	assert_int_equal(rig->row.missing_steps, 2);
}

static void r8_a_dropped_without_steps_is_no_evidence(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	taken(step(rig, a, 0));
	struct message dropped = rig_msg_dropped(1, 5, -1);
	taken(rig_apply(rig, b, &dropped));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 0);
}

static void r8_finish_is_evidence_even_behind_a_waiting_step(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 3), *b = open_rank(rig, 1, 3),
		      *c = open_rank(rig, 2, 3);
	taken(step(rig, b, 0));
	struct message finish = rig_msg_finish(2, 0);
	taken(rig_apply(rig, b, &finish));
	taken(step(rig, a, 0));
	taken(step(rig, a, 1));
	taken(step(rig, c, 0));
	taken(step(rig, c, 1));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 2);
	assert_int_equal((int)rig_number(rig_find(rig, "step ", 0), "ranks_missing"), 0);
	assert_int_equal((int)rig_number(rig_find(rig, "step ", 1), "ranks_missing"), 1);
}

static void r8_a_later_step_of_the_stream_is_evidence(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	taken(step(rig, a, 0));
	taken(step(rig, b, 1));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step attempt=1 step=0 "), 1);
	assert_int_equal(rig_count(rig, "step attempt=1 step=1 "), 0);
	taken(step(rig, a, 1));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 2);
}

static void r8_a_later_step_is_evidence_even_where_it_has_no_place_yet(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	for (uint32_t n = 0; n < 4; n++) {
		taken(step(rig, a, n));
	}
	taken(step(rig, b, 9));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 4);
}

static void r8_a_rank_that_lives_is_waited_for_however_long(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	taken(step(rig, a, 0));
	rig->now.mono_ms += 1000u * 3600 * 24;
	registry_tick(rig->registry, rig->now);
	/* Nor is it gone for being disconnected: its process lives. */
	registry_disconnected(rig->registry, b, rig->now);
	rig->now.mono_ms += 1000u * 3600 * 24;
	registry_tick(rig->registry, rig->now);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 0);
	assert_non_null(strstr(rig->row_text.lines[0], "rank 1 at step 0 (not connected)"));
}

static void r8_a_rank_that_is_there_and_logs_nothing_is_gone_after_the_grace(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	for (uint32_t n = 0; n < 4; n++) {
		taken(step(rig, a, n));
	}
	assert_int_equal(step(rig, a, 4), APPLY_LATER);
	rig->now.mono_ms += 119999;
	registry_tick(rig->registry, rig->now);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 0);

	rig->now.mono_ms += 1;
	registry_tick(rig->registry, rig->now);
	taken(step(rig, a, 4));
	/* What comes now is not held up for it again. */
	for (uint32_t n = 5; n < 20; n++) {
		taken(step(rig, a, n));
		registry_tick(rig->registry, rig->now);
	}
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 20);
	assert_true(rig_count(rig, "event ") > 0);
	struct run_live live;
	run_live(stream_run(a), rig->now, &live);
	assert_string_equal(live.without, "rank 1 (process 4711 is there and logs no step)");

	/* It logs after all, and is waited for from then on. */
	assert_int_equal(step(rig, b, 19), APPLY_REFUSED);
	assert_int_equal(rig->error.code, ERROR_LATE);
	taken(step(rig, a, 20));
	rig->now.mono_ms += 1000u * 3600 * 24;
	registry_tick(rig->registry, rig->now);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 20);
	taken(step(rig, b, 20));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 21);
	run_live(stream_run(a), rig->now, &live);
	assert_string_equal(live.without, "");
}

static void r8_a_rank_that_logs_is_waited_for_where_it_begins_again(void **state) {
	struct rig *rig = *state;
	struct stream *ranks[] = {open_rank(rig, 0, 2), open_rank(rig, 1, 2)};
	for (uint32_t rank = 0; rank < 2; rank++) {
		struct log_entry entry;
		taken(step(rig, ranks[rank], 0));
		struct message m = rig_msg_log(2, 0, &entry, "loss", 1);
		m.log.lap = 1;
		taken(rig_apply(rig, ranks[rank], &m));
	}
	for (uint32_t n = 0; n < 4; n++) {
		taken(step_of_lap(rig, ranks[0], 1, n));
	}
	rig->now.mono_ms += 1000u * 3600 * 24;
	registry_tick(rig->registry, rig->now);
	taken(step_of_lap(rig, ranks[1], 1, 0));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 2);
	assert_int_equal((int)rig_number(rig_find(rig, "step ", 1), "n_rows"), 4);
}

static void r8_a_rank_that_logged_nothing_and_dies_is_not_waited_for_again(void **state) {
	struct rig *rig = *state;
	char words[256];
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	for (uint32_t n = 0; n < 4; n++) {
		taken(step(rig, a, n));
	}
	rig->now.mono_ms += 120000;
	registry_tick(rig->registry, rig->now);
	rig_commit(rig);
	size_t n_events = rig_count(rig, "event ");
	(void)run_tell_of_rank(stream_run(a), rig->now, words, sizeof words);

	registry_disconnected(rig->registry, b, rig->now);
	registry_process_dead(rig->registry, b, rig->now);
	assert_true(run_tell_of_rank(stream_run(a), rig->now, words, sizeof words));
	assert_string_equal(words, "rank 1 (its process 4711 is dead, for 0s): the others go on");
	for (uint32_t n = 4; n < 20; n++) {
		taken(step(rig, a, n));
		registry_tick(rig->registry, rig->now);
	}
	struct message finish = rig_msg_finish(stream_received(a) + 1, 0);
	taken(rig_apply(rig, a, &finish));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "event "), n_events);
	assert_int_equal(rig_count(rig, "step "), 20);
	assert_string_equal(run_state_of(rig, a), "crashed");
}

static void r8_a_rank_that_never_logs_ends_the_run_with_its_own_finish(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	for (uint32_t n = 0; n < 4; n++) {
		taken(step(rig, a, n));
	}
	rig->now.mono_ms += 120000;
	registry_tick(rig->registry, rig->now);
	struct message finish = rig_msg_finish(stream_received(a) + 1, 0);
	taken(rig_apply(rig, a, &finish));
	assert_string_equal(run_state_of(rig, a), "running");
	finish = rig_msg_finish(1, 0);
	taken(rig_apply(rig, b, &finish));
	assert_string_equal(run_state_of(rig, a), "finished");
}

static void r8_a_rank_that_is_slow_to_begin_is_waited_for(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	for (uint32_t n = 0; n < 3; n++) {
		taken(step(rig, a, n));
	}
	rig->now.mono_ms += 1000u * 3600 * 24;
	registry_tick(rig->registry, rig->now);
	taken(step(rig, b, 0));
	rig_commit(rig);
	assert_int_equal((int)rig_number(rig_find(rig, "step ", 0), "n_rows"), 4);
}

static void what_became_of_a_rank_is_told_once_when_it_dies_and_once_when_it_is_given_up(
	void **state) {
	struct rig *rig = *state;
	char words[256];
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	struct run *run = stream_run(a);
	taken(step(rig, a, 0));
	assert_false(run_tell_of_rank(run, rig->now, words, sizeof words));
	registry_disconnected(rig->registry, b, rig->now);
	registry_process_dead(rig->registry, b, rig->now);
	assert_true(run_tell_of_rank(run, rig->now, words, sizeof words));
	assert_string_equal(words, "rank 1 (its process 4711 is dead, for 0s)");
	assert_false(run_tell_of_rank(run, rig->now, words, sizeof words));

	rig->now.mono_ms += 120000;
	registry_tick(rig->registry, rig->now);
	assert_true(run_tell_of_rank(run, rig->now, words, sizeof words));
	assert_string_equal(words, "rank 1 (its process 4711 is dead, for 2m): the others go on");
	assert_false(run_tell_of_rank(run, rig->now, words, sizeof words));
	struct run_live live;
	run_live(run, rig->now, &live);
	assert_string_equal(live.without, "rank 1 (its process 4711 is dead, for 2m)");
	rig_commit(rig);
	assert_non_null(rig_find(rig, "event ", 0));
}

static void a_rank_that_has_finished_is_not_told_of(void **state) {
	struct rig *rig = *state;
	char words[256];
	struct stream *s = open_rank(rig, 0, 1);
	struct message finish = rig_msg_finish(1, 0);
	taken(rig_apply(rig, s, &finish));
	registry_process_dead(rig->registry, s, rig->now);
	assert_false(run_tell_of_rank(stream_run(s), rig->now, words, sizeof words));
}

static void a_rank_whose_note_says_that_it_finished_is_not_told_of_either(void **state) {
	struct rig *rig = *state;
	char words[256];
	struct stream *s = open_rank(rig, 0, 1);
	registry_disconnected(rig->registry, s, rig->now);
	registry_process_dead(rig->registry, s, rig->now);
	struct message finish = rig_msg_finish(1, 0);
	taken(rig_apply(rig, s, &finish));
	assert_false(run_tell_of_rank(stream_run(s), rig->now, words, sizeof words));
}

static void r8_a_dead_rank_is_gone_after_the_grace_and_not_before(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	taken(step(rig, a, 0));
	registry_process_dead(rig->registry, b, rig->now); /* its socket is not drained yet */
	rig->now.mono_ms += 600000;
	registry_tick(rig->registry, rig->now);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 0);

	registry_disconnected(rig->registry, b, rig->now);
	rig->now.mono_ms += 119999;
	registry_tick(rig->registry, rig->now);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 0);
	rig->now.mono_ms += 1;
	registry_tick(rig->registry, rig->now);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 1);
	/* From here on its absence is known. */
	taken(step(rig, a, 1));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 2);
}

static void r8_a_rank_that_never_connected_is_gone_after_the_grace(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2);
	taken(step(rig, a, 0));
	rig_commit(rig);
	assert_non_null(strstr(rig->row_text.lines[0], "rank 1 at step 0 (never connected)"));
	struct run_live live;
	run_live(stream_run(a), rig->now, &live);
	assert_string_equal(live.waiting_for, "rank 1 at step 0 (never connected)");
	rig->now.mono_ms += 120000;
	registry_tick(rig->registry, rig->now);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 1);

	/* It comes after all, and is waited for again. */
	struct stream *b = open_rank(rig, 1, 2);
	assert_int_equal(step(rig, b, 0), APPLY_REFUSED);
	assert_int_equal(rig->error.code, ERROR_LATE);
	taken(step(rig, a, 1));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 1);
	taken(step(rig, b, 1));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 2);
}

static void r8_the_grace_begins_anew_with_the_daemon(void **state) {
	struct rig *rig = *state;
	(void)open_rank(rig, 0, 2);
	rig_commit(rig);
	rig->now.mono_ms += 119000;
	rig_crash(rig, false);
	struct stream *a = open_rank(rig, 0, 2);
	taken(step(rig, a, 0));
	rig->now.mono_ms += 2000;
	registry_tick(rig->registry, rig->now);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 0);
	rig->now.mono_ms += 118000;
	registry_tick(rig->registry, rig->now);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 1);
}

static void r8_a_late_frame_is_counted_acked_and_marks_its_window(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	taken(step(rig, a, 0));
	struct message dropped = rig_msg_dropped(1, 1, 0);
	taken(rig_apply(rig, b, &dropped));
	registry_disconnected(rig->registry, b, rig->now);

	/* Another process of that rank has it after all: that is a lap, not late. The same rank's stream
	 * that was thought gone is late. */
	taken(step(rig, a, 1));
	registry_process_dead(rig->registry, b, rig->now);
	rig->now.mono_ms += 120000;
	registry_tick(rig->registry, rig->now);
	b = open_rank(rig, 1, 2);
	assert_int_equal(step(rig, b, 1), APPLY_REFUSED);
	assert_int_equal(rig->error.code, ERROR_LATE);
	assert_int_equal(stream_applied(b), 2);
	for (uint32_t n = 2; n < 4; n++) {
		taken(step(rig, a, n));
		taken(step(rig, b, n));
	}
	rig_commit(rig);
	assert_int_equal(rig->row.late, 1);
	assert_int_equal((int)rig_number(rig_find(rig, "window ", 0), "flaws"),
		FLAW_LATE | FLAW_RANKS_MISSING);
}

static void r8_a_late_step_of_an_earlier_lap_marks_no_window_of_this_one(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	taken(step(rig, a, 0));
	taken(step(rig, b, 0));
	registry_disconnected(rig->registry, b, rig->now);
	registry_process_dead(rig->registry, b, rig->now);
	rig->now.mono_ms += 120000;
	registry_tick(rig->registry, rig->now);
	taken(step(rig, a, 1));
	taken(step_of_lap(rig, a, 1, 0)); /* without rank 1, which is back only now */
	b = open_rank(rig, 1, 2);
	assert_int_equal(step_of_lap(rig, b, 0, 1), APPLY_REFUSED);
	assert_int_equal(rig->error.code, ERROR_LATE);
	taken(drop_through(rig, b, 1, 1, 0));
	for (uint32_t n = 1; n < 3; n++) {
		taken(step_of_lap(rig, a, 1, n));
		taken(step_of_lap(rig, b, 1, n));
	}
	rig_commit(rig);
	assert_int_equal(rig->row.late, 1);
	assert_int_equal((int)rig_number(rig_find(rig, "window attempt=2 ", 0), "flaws"),
		FLAW_RANKS_MISSING);
}

/* ---- R9 ---- */

static void r9_two_launches_never_mix(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2);
	taken(step(rig, a, 0)); /* waits for rank 1, which dies with its launch */
	registry_disconnected(rig->registry, a, rig->now);

	struct msg_open open = rig_msg_open(2);
	open.launch = rig_lit("second");
	open.world_size = 2;
	rig_stream_id(&open, 3);
	struct stream *c = rig_must_open(rig, &open);
	open.rank = 1;
	rig_stream_id(&open, 4);
	struct stream *d = rig_must_open(rig, &open);
	taken(step(rig, d, 0));
	taken(step(rig, c, 0));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "attempt "), 2);
	const char *first = rig_find(rig, "step attempt=1 ", 0);
	assert_int_equal((int)rig_number(first, "ranks_missing"), 1);
	assert_int_equal((int)rig_number(first, "n_rows"), 2);
	const char *second = rig_find(rig, "step attempt=2 ", 0);
	assert_int_equal((int)rig_number(second, "ranks_missing"), 0);
	assert_int_equal((int)rig_number(second, "n_rows"), 4);
}

static void r9_two_laps_never_mix(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	for (uint32_t n = 0; n < 3; n++) {
		taken(step(rig, a, n));
		if (n < 2) {
			taken(step(rig, b, n));
		}
	}
	/* Both go back to step 1, rank 0 before rank 1 has brought step 2. */
	taken(step(rig, a, 1));
	taken(step(rig, b, 2));
	taken(step(rig, b, 1));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "attempt "), 2);
	assert_int_equal(rig_count(rig, "step attempt=1 "), 3);
	assert_int_equal(rig_count(rig, "step attempt=2 step=1 lap=1 "), 1);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal((int)rig_number(rig_find(rig, "step ", i), "ranks_missing"), 0);
	}
}

/* Whose steps back were dropped, or lost with another database: its later steps are still of that lap. */
static void r9_a_lap_that_began_unseen_is_the_lap_of_the_others(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	for (uint32_t n = 0; n < 4; n++) {
		taken(step(rig, a, n));
		taken(step(rig, b, n));
	}
	/* Both say steps 4 and 5, go back to 2, and say 2 to 7; of b, all to the second 5 is dropped, in two
	 * pieces that do not end where it went back. */
	for (uint32_t n = 4; n < 6; n++) {
		taken(step_of_lap(rig, a, 0, n));
	}
	taken(drop_through(rig, b, 3, 1, 2));
	taken(drop_through(rig, b, 3, 1, 5));
	for (uint32_t n = 2; n < 8; n++) {
		taken(step_of_lap(rig, a, 1, n));
	}
	taken(step_of_lap(rig, b, 1, 6));
	taken(step_of_lap(rig, b, 1, 7));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "attempt "), 2);
	assert_int_equal(rig_count(rig, "step attempt=1 "), 6);
	assert_int_equal(rig_count(rig, "step attempt=2 "), 6);
	assert_int_equal(
		rig_number(rig_find(rig, "step attempt=2 step=5 ", 0), "ranks_missing"), 1);
	assert_int_equal(
		rig_number(rig_find(rig, "step attempt=2 step=6 ", 0), "ranks_missing"), 0);
	assert_int_equal(
		rig_number(rig_find(rig, "step attempt=2 step=7 ", 0), "ranks_missing"), 0);
	assert_int_equal(rig->row.late, 0);
}

static void r9_ranks_meet_in_a_database_that_saw_only_one_of_them_go_back(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.world_size = 2;
	struct stream *a = rig_must_open(rig, &open);
	open.rank = 1;
	open.first_seq = 8; /* its step back was acked elsewhere */
	rig_stream_id(&open, 2);
	struct stream *b = rig_must_open(rig, &open);
	taken(step_of_lap(rig, a, 0, 5));
	taken(step_of_lap(rig, a, 1, 2));
	taken(step_of_lap(rig, b, 1, 2));
	taken(step_of_lap(rig, a, 1, 3));
	taken(step_of_lap(rig, b, 1, 3));
	rig_commit(rig);
	assert_int_equal(
		rig_number(rig_find(rig, "step attempt=1 step=5 ", 0), "ranks_missing"), 1);
	assert_int_equal(
		rig_number(rig_find(rig, "step attempt=2 step=2 ", 0), "ranks_missing"), 0);
	assert_int_equal(
		rig_number(rig_find(rig, "step attempt=2 step=3 ", 0), "ranks_missing"), 0);
}

static struct stream *take_over(
	struct rig *rig, struct stream *s, uint32_t rank, uint32_t n, uint8_t id) {
	struct msg_open open = rig_msg_open(2);
	if (s != NULL) {
		registry_disconnected(rig->registry, s, rig->now);
	}
	open.rank = rank;
	open.world_size = n;
	rig_stream_id(&open, id);
	return rig_must_open(rig, &open);
}

/* Wherever the ones before them stood, and whatever becomes of their first steps. */
static void r9_processes_that_take_over_meet_in_a_lap_of_theirs(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	for (uint32_t n = 0; n < 6; n++) {
		taken(step(rig, a, n));
		taken(step(rig, b, n));
	}
	taken(step_of_lap(rig, a, 1, 3)); /* rank 1 died before it said so */
	(void)take_over(rig, b, 1, 2, 12);
	rig_commit(rig);
	rig_crash(rig, false);
	a = take_over(rig, NULL, 0, 2, 11);
	b = take_over(rig, NULL, 1, 2, 12);
	taken(drop_through(rig, b, 8, 0, 7)); /* its steps from 0 on */
	for (uint32_t n = 0; n < 10; n++) {
		taken(step_of_lap(rig, a, 0, n));
	}
	taken(step_of_lap(rig, b, 0, 8));
	taken(step_of_lap(rig, b, 0, 9));
	rig_commit(rig);
	const char *eighth = rig_find(rig, "step attempt=2 step=8 ", 0);
	assert_int_equal(rig_number(eighth, "ranks_missing"), 0);
	assert_int_equal(
		rig_number(rig_find(rig, "step attempt=2 step=9 ", 0), "ranks_missing"), 0);
	assert_int_equal(rig_count(rig, "attempt "), 2);
	assert_int_equal(rig->row.late, 0);
}

static void r9_their_lap_comes_after_that_of_any_rank_before(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	taken(step(rig, a, 5));
	taken(step(rig, b, 5));
	taken(step_of_lap(rig, a, 1, 3));
	b = take_over(rig, b, 1, 2, 12);
	a = take_over(rig, a, 0, 2, 11);
	for (uint32_t n = 0; n < 4; n++) {
		taken(step_of_lap(rig, a, 0, n));
		taken(step_of_lap(rig, b, 0, n));
	}
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "attempt "), 3);
	assert_int_equal(rig_count(rig, "step attempt=3 "), 4);
	assert_int_equal(
		rig_number(rig_find(rig, "step attempt=3 step=3 ", 0), "ranks_missing"), 0);
	assert_int_equal(rig->row.late, 0);
}

static void r9_a_process_that_takes_over_from_one_that_said_nothing_joins_the_others(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_rank(rig, 0, 2), *b = open_rank(rig, 1, 2);
	taken(step(rig, a, 0));
	b = take_over(rig, b, 1, 2, 12);
	taken(step(rig, b, 0));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "attempt "), 1);
	assert_int_equal(rig_number(rig_find(rig, "step ", 0), "ranks_missing"), 0);
}

static void r9_a_rank_that_changes_hands_twice_leaves_each_process_its_laps(void **state) {
	struct rig *rig = *state;
	struct stream *before = open_rank(rig, 0, 1);
	taken(step(rig, before, 5));
	struct stream *s = take_over(rig, before, 0, 1, 7);
	taken(step_of_lap(rig, s, 0, 3));
	taken(step_of_lap(rig, s, 1, 2)); /* goes back itself */
	registry_disconnected(rig->registry, s, rig->now);
	rig_commit(rig);
	rig_crash(rig, false);
	before = open_rank(rig, 0, 1); /* what it left, a note perhaps */
	s = take_over(rig, before, 0, 1, 7);
	taken(step_of_lap(rig, s, 1, 3));
	s = take_over(rig, s, 0, 1, 8);
	taken(step_of_lap(rig, s, 0, 1));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "attempt "), 4);
	assert_int_equal(rig_count(rig, "step attempt=4 step=1 lap=3 "), 1);
	assert_int_equal(rig_count(rig, "step attempt=2 step=3 lap=1 "), 1);
	assert_int_equal(rig_count(rig, "step attempt=3 step=2 lap=2 "), 1);
	assert_int_equal(rig_count(rig, "step attempt=3 step=3 lap=2 "), 1);
}

/* A DROPPED that begins below wanted may name a step that has come. */
static void r9_what_was_dropped_before_takes_nobody_back(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_rank(rig, 0, 1);
	taken(step_of_lap(rig, s, 0, 5));
	taken(step_of_lap(rig, s, 1, 3));
	struct message m = rig_msg_dropped(1, 3, 5);
	m.dropped.lap = 0;
	taken(rig_apply(rig, s, &m));
	assert_int_equal(step_of_lap(rig, s, 1, 3), APPLY_REFUSED);
	assert_int_equal(rig->error.code, ERROR_BAD_STEP);
	taken(step_of_lap(rig, s, 1, 4));
}

static void r9_a_step_that_does_not_come_after_the_one_before_is_refused(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_rank(rig, 0, 1);
	taken(step_of_lap(rig, s, 1, 5));
	static const struct { uint32_t lap, step; } wrong[] = {{1, 5}, {1, 4}, {0, 6}, {0, 0}};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_int_equal(step_of_lap(rig, s, wrong[i].lap, wrong[i].step), APPLY_REFUSED);
		assert_int_equal(rig->error.code, ERROR_BAD_STEP);
		assert_non_null(strstr(rig->error.words, "does not come after step 5, lap 1"));
	}
	taken(step_of_lap(rig, s, 1, 6));
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "step "), 2);
	assert_int_equal(rig->row.refused, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(r1_what_comes_behind_a_waiting_step_waits),
		TEST(r1_a_seq_that_jumps_is_out_of_order),
		TEST(r2_durable_is_the_applied_prefix_and_not_what_was_received),
		TEST(r3_a_cut_is_not_touched_by_what_comes_after_it),
		TEST(r3_waiting_steps_are_no_part_of_a_cut_and_come_again),
		TEST(r4_below_wanted_is_discarded),
		TEST(r5_every_seq_ends_somewhere_and_is_counted),
		TEST(r5_a_poison_frame_is_consumed_in_its_turn),
		TEST(r6_what_this_database_lacks_is_a_gap_and_never_waited_for),
		TEST(r6_a_gap_behind_a_waiting_step_has_its_turn),
		TEST(r7_a_rank_too_far_ahead_waits_and_goes_on),
		TEST(r7_the_lowest_pending_step_is_admitted_from_every_rank),
		TEST(r7_even_ranks_that_dropped_different_steps_never_block_each_other),
		TEST(r7_the_queue_behind_a_waiting_step_is_bounded_but_admits_one),
		TEST(r8_dropped_is_evidence),
		TEST(r8_a_dropped_without_steps_is_no_evidence),
		TEST(r8_finish_is_evidence_even_behind_a_waiting_step),
		TEST(r8_a_later_step_of_the_stream_is_evidence),
		TEST(r8_a_later_step_is_evidence_even_where_it_has_no_place_yet),
		TEST(r8_a_rank_that_lives_is_waited_for_however_long),
		TEST(r8_a_rank_that_is_there_and_logs_nothing_is_gone_after_the_grace),
		TEST(r8_a_rank_that_logs_is_waited_for_where_it_begins_again),
		TEST(r8_a_rank_that_logged_nothing_and_dies_is_not_waited_for_again),
		TEST(r8_a_rank_that_never_logs_ends_the_run_with_its_own_finish),
		TEST(r8_a_rank_that_is_slow_to_begin_is_waited_for),
		TEST(what_became_of_a_rank_is_told_once_when_it_dies_and_once_when_it_is_given_up),
		TEST(a_rank_that_has_finished_is_not_told_of),
		TEST(a_rank_whose_note_says_that_it_finished_is_not_told_of_either),
		TEST(r8_a_dead_rank_is_gone_after_the_grace_and_not_before),
		TEST(r8_a_rank_that_never_connected_is_gone_after_the_grace),
		TEST(r8_the_grace_begins_anew_with_the_daemon),
		TEST(r8_a_late_frame_is_counted_acked_and_marks_its_window),
		TEST(r8_a_late_step_of_an_earlier_lap_marks_no_window_of_this_one),
		TEST(r9_two_launches_never_mix),
		TEST(r9_two_laps_never_mix),
		TEST(r9_a_lap_that_began_unseen_is_the_lap_of_the_others),
		TEST(r9_ranks_meet_in_a_database_that_saw_only_one_of_them_go_back),
		TEST(r9_processes_that_take_over_meet_in_a_lap_of_theirs),
		TEST(r9_their_lap_comes_after_that_of_any_rank_before),
		TEST(r9_a_process_that_takes_over_from_one_that_said_nothing_joins_the_others),
		TEST(r9_a_rank_that_changes_hands_twice_leaves_each_process_its_laps),
		TEST(r9_what_was_dropped_before_takes_nobody_back),
		TEST(r9_a_step_that_does_not_come_after_the_one_before_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
