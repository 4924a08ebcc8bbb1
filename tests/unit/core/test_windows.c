/* Sparsity windows: when their row comes, and what is said of those that are not whole. */
#include "rig.h"
#include "window.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "near.h"

static struct stream *open_profile(struct rig *rig, const char *profile) {
	struct msg_open open = rig_msg_open(2); /* W 3 */
	open.profile = rig_lit(profile);
	return rig_must_open(rig, &open);
}

static void dropped(struct rig *rig, struct stream *s, uint32_t first, uint32_t last) {
	uint64_t n = last - first + 1;
	struct message m = rig_msg_dropped(stream_received(s) + 1, n, last);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
}

static void finish(struct rig *rig, struct stream *s) {
	struct message m = rig_msg_finish(stream_received(s) + 1, 0);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
}

static int flaws(struct rig *rig, size_t window) {
	const char *line = rig_find(rig, "window ", window);
	return line != NULL ? (int)rig_number(line, "flaws") : -1;
}

static int number(struct rig *rig, size_t window, const char *key) {
	return (int)rig_number(rig_find(rig, "window ", window), key);
}

static void the_first_window_of_the_references_has_one_step_less(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "prisma");
	for (uint32_t n = 0; n < 7; n++) {
		rig_step(rig, s, n, 2, 1, 0);
	}
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "window "), 2);
	assert_int_equal(number(rig, 0, "close"), 2);
	assert_int_equal(number(rig, 0, "last"), 1);
	assert_int_equal(number(rig, 0, "n_steps"), 2);
	assert_int_equal(number(rig, 0, "expected"), 2);
	assert_int_equal(number(rig, 1, "first"), 2);
	assert_int_equal(number(rig, 1, "n_steps"), 3);
	assert_int_equal(flaws(rig, 0) | flaws(rig, 1), 0);
}

static void native_windows_all_have_w_steps(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "native");
	for (uint32_t n = 0; n < 6; n++) {
		rig_step(rig, s, n, 2, 1, 0);
	}
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "window "), 2);
	assert_int_equal(number(rig, 0, "close"), 2);
	assert_int_equal(number(rig, 0, "last"), 2);
	assert_int_equal(number(rig, 0, "n_steps"), 3);
	assert_int_equal(flaws(rig, 0) | flaws(rig, 1), 0);
}

static void saelens_logs_a_window_at_the_step_behind_it(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "saelens");
	for (uint32_t n = 0; n < 5; n++) {
		rig_step(rig, s, n, 2, 1, 0);
	}
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "window "), 1);
	assert_int_equal(number(rig, 0, "last"), 2);
	assert_int_equal(number(rig, 0, "close"), 3);
	assert_int_equal(number(rig, 0, "n_steps"), 3);
	assert_int_equal(flaws(rig, 0), 0);
	const char *line = rig_find(rig, "line attempt=1 step=3 ", 0);
	const char *sparsity = strstr(line, "sparsity/below_1e-5="),
		   *l0 = strstr(line, "metrics/l0=");
	assert_true(sparsity != NULL && l0 != NULL && sparsity < l0);
	assert_null(strstr(rig_find(rig, "line attempt=1 step=1 ", 0), "sparsity/below_1e-5="));

	/* The last one has its row without a step behind it. */
	rig_step(rig, s, 5, 2, 1, 0);
	finish(rig, s);
	rig_commit(rig);
	assert_int_equal(number(rig, 1, "close"), 6);
	assert_non_null(strstr(rig_find(rig, "line attempt=1 step=6 ", 0), "sparsity/below_1e-5="));
}

static void a_window_whose_last_step_is_missing_is_logged_behind_it_all_the_same(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "saelens");
	rig_step(rig, s, 0, 2, 1, 0);
	rig_step(rig, s, 1, 2, 1, 0);
	dropped(rig, s, 2, 4);
	rig_step(rig, s, 5, 2, 1, 0);
	rig_step(rig, s, 6, 2, 1, 0);
	rig_commit(rig);
	assert_int_equal(number(rig, 0, "close"), 3);
	assert_int_equal(flaws(rig, 0), FLAW_STEPS_MISSING);
	assert_int_equal(number(rig, 1, "close"), 6);
	assert_non_null(strstr(rig_find(rig, "line attempt=1 step=3 ", 0), "sparsity/below_1e-5="));
}

static void a_missing_boundary_leaves_its_row_when_the_next_step_comes(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "prisma");
	rig_step(rig, s, 0, 2, 1, 0);
	rig_step(rig, s, 1, 2, 1, 0);
	dropped(rig, s, 2, 3);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "window "), 0);
	rig_step(rig, s, 4, 2, 1, 0);
	rig_step(rig, s, 5, 2, 1, 0);
	rig_step(rig, s, 6, 2, 1, 0);
	rig_commit(rig);
	/* The first is whole: its steps were 0 and 1. The row stands at its boundary. */
	assert_int_equal(flaws(rig, 0), 0);
	assert_non_null(rig_find(rig, "line attempt=1 step=2 ordinal=1", 0));
	assert_int_equal(flaws(rig, 1), FLAW_STEPS_MISSING);
	assert_int_equal(number(rig, 1, "n_steps"), 1);
	assert_int_equal((int)rig->row.missing_steps, 2);
	assert_int_equal(rig->row.dropped, 2);
	/* Lines stay in order. */
	int last = -1;
	for (size_t i = 0; i < rig_count(rig, "line "); i++) {
		int step = (int)rig_number(rig_find(rig, "line ", i), "step");
		assert_true(step > last);
		last = step;
	}
}

static void a_log_at_a_missing_boundary_joins_the_windows_row(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "prisma");
	struct log_entry entry;
	rig_step(rig, s, 0, 2, 1, 0);
	rig_step(rig, s, 1, 2, 1, 0);
	dropped(rig, s, 2, 2);
	struct message m = rig_msg_log(stream_received(s) + 1, 2, &entry, "mine", 1);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	rig_step(rig, s, 3, 2, 1, 0);
	rig_commit(rig);
	const char *line = rig_find(rig, "line attempt=1 step=2 ", 0);
	assert_non_null(strstr(line, "3:mine="));
	assert_non_null(strstr(line, "1:sparsity/below_1e-5="));
}

static void windows_without_a_step_are_a_word_and_no_row(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "prisma");
	rig_step(rig, s, 0, 2, 1, 0);
	rig_step(rig, s, 20, 2, 1, 0); /* a boundary itself */
	rig_step(rig, s, 21, 2, 1, 0);
	rig_step(rig, s, 26, 2, 1, 0);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "window "), 2);
	assert_int_equal(number(rig, 0, "window"), 0);
	assert_int_equal(flaws(rig, 0), FLAW_STEPS_MISSING);
	assert_int_equal(number(rig, 1, "window"), 7);
	assert_int_equal(number(rig, 1, "close"), 23);
	assert_non_null(strstr(rig_find(rig, "event", 0), "windows 1 to 6 held no step"));
	assert_non_null(strstr(rig_find(rig, "event", 1), "window 8 held no step"));
}

static void native_skips_windows_without_a_step_too(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "native");
	rig_step(rig, s, 0, 2, 1, 0);
	rig_step(rig, s, 8, 2, 1, 0);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "window "), 2);
	assert_int_equal(number(rig, 1, "window"), 2);
	assert_int_equal(number(rig, 1, "n_steps"), 1);
	assert_non_null(strstr(rig_find(rig, "event", 0), "window 1 held no step"));
}

static void a_run_that_ends_inside_a_window_shows_it_and_loses_nothing(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "prisma");
	for (uint32_t n = 0; n < 4; n++) {
		rig_step(rig, s, n, 2, 1, 0);
	}
	finish(rig, s);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "window "), 2);
	assert_int_equal(flaws(rig, 1), FLAW_PARTIAL);
	assert_int_equal(number(rig, 1, "n_steps"), 2);
	assert_int_equal(number(rig, 1, "expected"), 3);
	assert_int_equal(rig_count(rig, "line attempt=1 step=5 "), 0);

	/* It goes on after all: the window's row comes as if nothing had been. */
	registry_disconnected(rig->registry, s, rig->now);
	struct msg_open open = rig_msg_open(2);
	rig_stream_id(&open, 2);
	s = rig_must_open(rig, &open);
	rig_commit(rig);
	assert_string_equal(rig->row.state, "running");
	rig_step(rig, s, 4, 2, 1, 0);
	rig_step(rig, s, 5, 2, 1, 0);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "window "), 3);
	assert_int_equal(number(rig, 2, "window"), number(rig, 1, "window"));
	assert_int_equal(flaws(rig, 2), 0);
	assert_int_equal(number(rig, 2, "n_steps"), 3);
}

static void steps_dropped_at_the_end_are_missing_from_the_partial_window(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "prisma");
	rig_step(rig, s, 0, 2, 1, 0);
	dropped(rig, s, 1, 1);
	finish(rig, s);
	rig_commit(rig);
	assert_int_equal(flaws(rig, 0), FLAW_PARTIAL | FLAW_STEPS_MISSING);
}

static void a_step_without_counts_marks_its_window(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "prisma");
	rig_step(rig, s, 0, 2, 1, 0);
	struct message m = rig_msg_step(2, 1, 2, NULL, 0);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	rig_step(rig, s, 2, 2, 1, 0);
	rig_commit(rig);
	assert_int_equal(flaws(rig, 0), FLAW_COUNTS_MISSING);
	assert_int_equal(number(rig, 0, "n_rows"), 2); /* its rows divide nothing */
	assert_int_equal(number(rig, 0, "n_steps"), 2);
}

static void a_window_of_which_no_counts_came_has_no_densities(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "prisma");
	for (uint32_t n = 0; n < 3; n++) {
		struct message m = rig_msg_step(n + 1, n, 2, NULL, 0);
		assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	}
	rig_step(rig, s, 3, 2, 1, 0);
	rig_commit(rig);
	assert_int_equal(flaws(rig, 0), FLAW_COUNTS_MISSING);
	assert_true(isnan(rig_number(rig_find(rig, "window ", 0), "mean_log10")));
	const char *line = rig_find(rig, "line attempt=1 step=2 ", 0);
	assert_non_null(strstr(line, "1:metrics/mean_log10_feature_sparsity=nan"));
	assert_null(strstr(line, "log_feature_density_histogram"));
}

static void a_refused_step_marks_the_window_it_would_have_been_in(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "prisma");
	uint32_t counts[2] = {3, 0};
	rig_step(rig, s, 0, 2, 1, 0);
	struct message m = rig_msg_step(2, 1, 2, counts, 2); /* 3 of 2 rows */
	assert_int_equal(rig_apply(rig, s, &m), APPLY_REFUSED);
	m = rig_msg_step(3, 2, 2, counts, 2); /* a boundary: of the window behind it */
	assert_int_equal(rig_apply(rig, s, &m), APPLY_REFUSED);
	for (uint32_t n = 3; n < 9; n++) {
		rig_step(rig, s, n, 2, 1, 0);
	}
	rig_commit(rig);
	assert_int_equal(flaws(rig, 0), FLAW_REFUSED | FLAW_STEPS_MISSING);
	assert_int_equal(flaws(rig, 1), FLAW_REFUSED | FLAW_STEPS_MISSING);
	assert_int_equal(flaws(rig, 2), 0);
}

static void a_refused_step_behind_windows_that_are_skipped_marks_its_own(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "prisma"); /* 0 and 1, 2 to 4, 5 to 7, … */
	uint32_t counts[2] = {3, 0};
	rig_step(rig, s, 0, 2, 1, 0);
	struct message m = rig_msg_step(2, 6, 2, counts, 2); /* 3 of 2 rows */
	assert_int_equal(rig_apply(rig, s, &m), APPLY_REFUSED);
	rig_step(rig, s, 7, 2, 1, 0);
	rig_step(rig, s, 8, 2, 1, 0);
	rig_commit(rig);
	assert_int_equal(flaws(rig, 0), FLAW_STEPS_MISSING);
	assert_int_equal(flaws(rig, 1), FLAW_REFUSED | FLAW_STEPS_MISSING);
	assert_int_equal(number(rig, 1, "first"), 7);
}

static void such_a_step_marks_it_also_where_windows_close_after_the_fold(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "native"); /* 0 to 2, 3 to 5, 6 to 8, … */
	uint32_t counts[2] = {3, 0};
	rig_step(rig, s, 0, 2, 1, 0);
	struct message m = rig_msg_step(2, 7, 2, counts, 2);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_REFUSED);
	rig_step(rig, s, 8, 2, 1, 0);
	rig_commit(rig);
	assert_int_equal(flaws(rig, 0), FLAW_STEPS_MISSING);
	assert_int_equal(flaws(rig, 1), FLAW_REFUSED | FLAW_STEPS_MISSING);
}

static void more_rows_than_32_bits_hold_are_left_out_and_said(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "prisma");
	rig_step(rig, s, 0, UINT32_MAX - 1, UINT32_MAX - 1, 0);
	rig_step(rig, s, 1, 2, 2, 1);
	rig_step(rig, s, 2, 2, 2, 1);
	rig_commit(rig);
	assert_int_equal(flaws(rig, 0), FLAW_COUNTS_MISSING);
	assert_true(rig_number(rig_find(rig, "window ", 0), "n_rows") == UINT32_MAX - 1);
	assert_non_null(strstr(rig_find(rig, "event", 0), "kind=window_overflow"));
	assert_int_equal(rig_count(rig, "event"), 1);
}

static void counts_beyond_2_to_the_24_are_exact(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.n_thresholds = 1;
	open.thresholds[0] = 0.5;
	struct stream *s = rig_must_open(rig, &open);
	/* 16,777,216 + 1 of 33,554,434 rows is one half; lost in a 32-bit float it would be below it. */
	rig_step(rig, s, 0, 1u << 24, 1u << 24, 1);
	rig_step(rig, s, 1, (1u << 24) + 2, 1, 0);
	rig_step(rig, s, 2, 2, 2, 1);
	rig_commit(rig);
	assert_int_equal(number(rig, 0, "below[0]"), 1);
}

static void revived_and_newly_dead_features_are_counted_per_window(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "prisma"); /* dead after more than 1 silent pass */
	/* Feature 1 is silent for steps 1 to 3 and dead after step 2; at 4 it revives. */
	for (uint32_t n = 0; n < 9; n++) {
		rig_step(rig, s, n, 2, 1, n == 0 || n == 4);
	}
	rig_commit(rig);
	assert_int_equal(number(rig, 0, "dead"), 0);
	assert_int_equal(number(rig, 1, "revived"), 1);
	assert_int_equal(number(rig, 1, "newly_dead"), 1);
	assert_int_equal(number(rig, 1, "dead"), 0);
	assert_int_equal(number(rig, 2, "newly_dead"), 1);
	assert_int_equal(number(rig, 2, "dead"), 1);
}

static void arrays_that_are_lost_mark_the_run_resumed_until_exact(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "prisma");
	for (uint32_t n = 0; n < 4; n++) {
		rig_step(rig, s, n, 2, 1, n == 0);
	}
	rig_commit(rig);
	rig_crash(rig, true);
	s = open_profile(rig, "prisma");
	for (uint32_t n = 4; n < 9; n++) {
		rig_step(rig, s, n, 2, 1, 0);
	}
	rig_commit(rig);
	assert_int_equal(flaws(rig, 1), FLAW_RESUMED);
	assert_int_equal(number(rig, 1, "n_steps"), 1);
	assert_int_equal(flaws(rig, 2), 0);
	assert_int_equal(number(rig, 2, "dead"), 1);
	assert_int_equal(rig_count(rig, "attempt "), 1);
}

/* ---- the numbers alone ---- */

static void every_step_is_in_one_window_that_ends_behind_it(void **state) {
	(void)state;
	for (uint32_t length = 2; length < 7; length++) {
		for (int before = 0; before < 2; before++) {
			for (uint32_t step = 0; step < 40; step++) {
				struct window w;
				window_open(&w, length, before, step);
				assert_int_equal((w.boundary + 1) % length, 0);
				assert_true(window_begin(&w) <= step);
				assert_false(window_ends_before(&w, step));
				assert_int_equal(window_count_skipped(&w, step), 0);
				uint64_t last = window_begin(&w) + window_steps_expected(&w) - 1;
				assert_true(last >= step);
				assert_true(window_ends_before(&w, (uint32_t)last + 1));
				assert_int_equal(window_count_skipped(&w, (uint32_t)last + 1), 1);
				struct window next = w;
				window_open_next(&next);
				assert_int_equal(window_begin(&next), last + 1);
				assert_int_equal(window_ordinal(&next), window_ordinal(&w) + 1);
				assert_true(before || !window_ends_after(&w, (uint32_t)last) ||
					    last == w.boundary);
			}
		}
	}
}

static void the_longest_window_overflows_nothing(void **state) {
	struct window w;
	(void)state;
	window_open(&w, UINT32_MAX, true, STEP_MAX);
	assert_int_equal(window_begin(&w), 0);
	assert_int_equal(window_steps_expected(&w), UINT32_MAX - 1);
	assert_false(window_ends_before(&w, STEP_MAX));
	window_open(&w, 2, true, STEP_MAX);
	assert_true(window_begin(&w) <= STEP_MAX);
}

/* Nobody knows who fired in it: whoever fired at none of the steps since may have fired there. */
static void who_is_dead_by_tokens_is_not_known_behind_a_step_without_counts(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2); /* W 3 */
	open.profile = rig_lit("native");
	open.train_batch_size = 0;
	struct stream *s = rig_must_open(rig, &open);
	for (uint32_t n = 0; n < 9; n++) {
		uint32_t counts[2] = {1, n == 0};
		struct message m = rig_msg_step(n + 1, n, 2000000, n == 1 ? NULL : counts, 2);
		assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	}
	rig_commit(rig);
	assert_int_equal(number(rig, 0, "dead_10m_tokens"), 0); /* there were no more */
	assert_int_equal(number(rig, 1, "dead_10m_tokens"), -1);
	assert_int_equal(number(rig, 2, "dead_10m_tokens"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

/* ---- the counts of the last one that closed ---- */

static struct run_cut *cut_of(struct rig *rig, struct stream *s) {
	struct run_cut *cut = run_cut(rig->registry, stream_run(s), rig->now);
	assert_non_null(cut);
	return cut;
}

static void check_closed(const struct run_cut *cut, uint32_t window, uint32_t c0, uint32_t c1,
	uint64_t total0, uint64_t total1) {
	const struct closed_window *c = cut->closed;
	assert_non_null(c);
	assert_int_equal(c->window, window);
	assert_int_equal(c->counts[0], c0);
	assert_int_equal(c->counts[1], c1);
	const uint64_t *totals = c->totals != NULL ? c->totals : cut->base;
	assert_non_null(totals);
	assert_int_equal(totals[0], total0);
	assert_int_equal(totals[1], total1);
}

static void end_cut(struct rig *rig, struct run_cut *cut) {
	registry_committed(rig->registry, cut);
	run_cut_destroy(cut);
}

static void the_counts_of_a_window_go_with_the_cut_that_closes_it(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "native");
	rig_step(rig, s, 0, 2, 2, 0);
	rig_step(rig, s, 1, 2, 1, 1);
	struct run_cut *cut = cut_of(rig, s);
	assert_null(cut->closed);
	end_cut(rig, cut);
	rig_step(rig, s, 2, 2, 1, 0); /* closes it … */
	rig_step(rig, s, 3, 2, 0, 2); /* … and what comes behind is none of it */
	cut = cut_of(rig, s);
	check_closed(cut, 0, 4, 1, 4, 1);
	assert_int_equal(cut->closed->last[0], 2);
	assert_int_equal(cut->closed->last[1], 1);
	assert_int_equal(cut->closed->step_last, 2);
	assert_int_equal(cut->closed->n_rows, 6);
	end_cut(rig, cut);
	cut = cut_of(rig, s);
	assert_null(cut->closed);
	end_cut(rig, cut);
}

static void of_several_windows_in_one_cut_the_newest_is_kept(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "native");
	for (uint32_t n = 0; n < 9; n++) {
		rig_step(rig, s, n, 2, n < 6 ? 1 : 2, 0);
	}
	struct run_cut *cut = cut_of(rig, s);
	check_closed(cut, 2, 6, 0, 12, 0);
	end_cut(rig, cut);
}

static void a_window_with_a_flaw_does_not_take_the_place_of_a_complete_one(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "native");
	for (uint32_t n = 0; n < 3; n++) {
		rig_step(rig, s, n, 2, 1, 0);
	}
	dropped(rig, s, 3, 3);
	for (uint32_t n = 4; n < 6; n++) {
		rig_step(rig, s, n, 2, 2, 2);
	}
	struct run_cut *cut = cut_of(rig, s);
	check_closed(cut, 0, 3, 0, 3, 0);
	assert_int_equal(cut->base[0], 7);
	end_cut(rig, cut);
}

/* The state that comes back has other totals than the window had. */
static void a_restore_before_the_cut_leaves_the_closed_windows_totals(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "native");
	uint8_t *blob = NULL;
	size_t len = 0;
	uint32_t at = 0;
	rig_step(rig, s, 0, 2, 1, 0);
	assert_int_equal(run_export(stream_run(s), &blob, &len, &at), 0);
	for (uint32_t n = 1; n < 4; n++) {
		rig_step(rig, s, n, 2, 1, 0);
	}
	rig_commit(rig);
	for (uint32_t n = 4; n < 6; n++) {
		rig_step(rig, s, n, 2, 2, 1);
	}
	struct message restore = rig_msg_restore(stream_received(s) + 1, 0, blob, len);
	assert_int_equal(rig_apply(rig, s, &restore), APPLY_TAKEN);
	rig_step(rig, s, 1, 2, 1, 0);
	struct run_cut *cut = cut_of(rig, s);
	assert_int_equal(cut->base[0], 0);
	check_closed(cut, 1, 5, 2, 8, 2);
	end_cut(rig, cut);
	free(blob);
}

/* Feature 1 fires in a window that is open when the run goes back without its state. */
static void what_fired_before_a_run_went_back_is_in_its_totals(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "native");
	for (uint32_t n = 0; n < 3; n++) {
		rig_step(rig, s, n, 2, 1, 0);
	}
	rig_step(rig, s, 3, 2, 1, 1);
	rig_step(rig, s, 3, 2, 1, 0);
	struct run_cut *cut = cut_of(rig, s);
	check_closed(cut, 0, 3, 0, 3, 0); /* as it was by the window's end */
	end_cut(rig, cut);
	for (uint32_t n = 4; n < 6; n++) {
		rig_step(rig, s, n, 2, 1, 0);
	}
	cut = cut_of(rig, s);
	check_closed(cut, 1, 3, 0, 7, 1);
	end_cut(rig, cut);
}

static void a_run_that_ends_inside_its_first_window_has_none(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_profile(rig, "native");
	rig_step(rig, s, 0, 2, 1, 0);
	finish(rig, s);
	struct run_cut *cut = cut_of(rig, s);
	assert_null(cut->closed);
	end_cut(rig, cut);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(the_first_window_of_the_references_has_one_step_less),
		TEST(native_windows_all_have_w_steps),
		TEST(saelens_logs_a_window_at_the_step_behind_it),
		TEST(a_window_whose_last_step_is_missing_is_logged_behind_it_all_the_same),
		TEST(a_missing_boundary_leaves_its_row_when_the_next_step_comes),
		TEST(a_log_at_a_missing_boundary_joins_the_windows_row),
		TEST(windows_without_a_step_are_a_word_and_no_row),
		TEST(native_skips_windows_without_a_step_too),
		TEST(a_run_that_ends_inside_a_window_shows_it_and_loses_nothing),
		TEST(steps_dropped_at_the_end_are_missing_from_the_partial_window),
		TEST(a_step_without_counts_marks_its_window),
		TEST(a_window_of_which_no_counts_came_has_no_densities),
		TEST(a_refused_step_marks_the_window_it_would_have_been_in),
		TEST(a_refused_step_behind_windows_that_are_skipped_marks_its_own),
		TEST(such_a_step_marks_it_also_where_windows_close_after_the_fold),
		TEST(more_rows_than_32_bits_hold_are_left_out_and_said),
		TEST(counts_beyond_2_to_the_24_are_exact),
		TEST(revived_and_newly_dead_features_are_counted_per_window),
		TEST(the_counts_of_a_window_go_with_the_cut_that_closes_it),
		TEST(of_several_windows_in_one_cut_the_newest_is_kept),
		TEST(a_window_with_a_flaw_does_not_take_the_place_of_a_complete_one),
		TEST(a_restore_before_the_cut_leaves_the_closed_windows_totals),
		TEST(what_fired_before_a_run_went_back_is_in_its_totals),
		TEST(a_run_that_ends_inside_its_first_window_has_none),
		TEST(arrays_that_are_lost_mark_the_run_resumed_until_exact),
		TEST(who_is_dead_by_tokens_is_not_known_behind_a_step_without_counts),
		cmocka_unit_test(every_step_is_in_one_window_that_ends_behind_it),
		cmocka_unit_test(the_longest_window_overflows_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
