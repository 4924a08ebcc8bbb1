#include "schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "near.h"

#define NEVER UINT32_MAX

static void one_batch_size_is_one_segment_whatever_the_length(void **state) {
	(void)state;
	struct schedule s = {0};

	for (uint32_t step = 0; step < 100000; step++) {
		schedule_append(&s, step, 4096);
	}
	assert_int_equal(s.n, 1);
	assert_true(schedule_total(&s) == 100000ull * 4096);
	assert_true(schedule_tokens_since(&s, NEVER, 99999) == 100000ull * 4096);
	assert_int_equal(schedule_tokens_since(&s, 99999, 99999), 0);
	assert_int_equal(schedule_tokens_since(&s, 99989, 99999), 10 * 4096);
}

static void short_batches_and_missing_steps_are_exact(void **state) {
	(void)state;
	struct schedule s = {0};
	static const uint32_t steps[] = {0, 1, 2, 5, 6, 7, 9};
	static const uint64_t rows[] = {10, 10, 3, 10, 10, 1, 10};

	for (size_t i = 0; i < 7; i++) {
		schedule_append(&s, steps[i], rows[i]);
	}
	assert_int_equal(schedule_total(&s), 54);
	assert_int_equal(schedule_tokens_since(&s, NEVER, 9), 54);
	assert_int_equal(schedule_tokens_since(&s, 0, 9), 44);
	assert_int_equal(schedule_tokens_since(&s, 2, 9), 31);
	assert_int_equal(schedule_tokens_since(&s, 4, 9), 31); /* steps 3 and 4 had none */
	assert_int_equal(schedule_tokens_since(&s, 5, 9), 21);
	assert_int_equal(schedule_tokens_since(&s, 8, 9), 10);
	assert_int_equal(schedule_tokens_since(&s, 1, 6), 23);
}

static void steps_need_not_begin_at_0(void **state) {
	(void)state;
	struct schedule s = {0};

	schedule_append(&s, 500, 8);
	schedule_append(&s, 501, 8);
	assert_int_equal(schedule_tokens_since(&s, 499, 501), 16);
	assert_int_equal(schedule_tokens_since(&s, NEVER, 501), 16);
	assert_int_equal(schedule_tokens_since(&s, 500, 501), 8);
}

static void going_back_forgets_what_came_after(void **state) {
	(void)state;
	struct schedule s = {0};

	for (uint32_t step = 0; step < 20; step++) {
		schedule_append(&s, step, step < 10 ? 4 : 6);
	}
	schedule_truncate(&s, 30);
	assert_int_equal(schedule_total(&s), 100);
	schedule_truncate(&s, 14);
	assert_int_equal(schedule_total(&s), 70);
	schedule_append(&s, 15, 6);
	assert_int_equal(s.n, 2);
	schedule_truncate(&s, 9);
	assert_int_equal(schedule_total(&s), 40);
	schedule_truncate(&s, 2);
	assert_int_equal(schedule_total(&s), 12);
	schedule_truncate(&s, NEVER);
	assert_int_equal(s.n, 0);
	assert_int_equal(schedule_total(&s), 0);
}

static void a_schedule_that_never_repeats_stays_bounded_and_close(void **state) {
	(void)state;
	struct schedule s = {0};
	uint64_t total = 0;
	uint64_t *through = calloc(5000, sizeof(*through));

	for (uint32_t step = 0; step < 5000; step++) {
		uint64_t rows = 4000 + step * 7919 % 193;
		schedule_append(&s, step, rows);
		total += rows;
		through[step] = total;
		assert_true(s.n <= SCHEDULE_SEGMENTS);
	}
	assert_true(schedule_total(&s) == total);
	for (uint32_t step = 0; step < 5000; step++) {
		double since = (double)schedule_tokens_since(&s, step, 4999);
		assert_true(fabs(since - (double)(total - through[step])) < 1000);
	}
	free(through);
}

static void a_short_batch_every_epoch_stays_exact_for_long(void **state) {
	(void)state;
	struct schedule s = {0};

	for (uint32_t step = 0; step < 12000; step++) {
		schedule_append(&s, step, step % 100 == 99 ? 17 : 4096);
	}
	assert_int_equal(s.n, 240);
	assert_int_equal(schedule_tokens_since(&s, 50, 11999), 11829 * 4096 + 120 * 17);
}

enum { N_FEATURES = 3001, NOW = 29999 };

static void check_mean(const struct schedule *s, const uint32_t *last) {
	double sum = 0;

	for (uint32_t i = 0; i < N_FEATURES; i++) {
		sum += (double)schedule_tokens_since(s, last[i], NOW);
	}
	assert_near(schedule_mean_tokens_since(s, last, N_FEATURES, NOW), sum / N_FEATURES, 1e-15);
}

/* Whether all batches are alike, or only the latest, or none lately; whatever was silent for how long. */
static void the_mean_over_features_is_the_mean_of_each(void **state) {
	(void)state;
	uint32_t *last = calloc(N_FEATURES, sizeof(*last));
	struct schedule even = {0}, lately = {0}, uneven = {0};

	for (uint32_t step = 0; step <= NOW; step++) {
		schedule_append(&even, step, 512);
		schedule_append(&lately, step, step < 10000 ? 64 : 512);
		schedule_append(&uneven, step, step % 1000 < 990 ? 512 : 64);
	}
	assert_int_equal(lately.n, 2);
	static const uint32_t silent_max[] = {1, 1000, 20000, NOW + 1};
	for (size_t round = 0; round < 4; round++) {
		for (uint32_t i = 0; i < N_FEATURES; i++) {
			last[i] = i % 5 == 0   ? NEVER
				  : i % 5 == 1 ? NOW
					       : NOW - (i * 2654435761u) % silent_max[round];
		}
		check_mean(&even, last);
		check_mean(&lately, last);
		check_mean(&uneven, last);
	}
	free(last);
}

/* The newest two are joined, being nearly alike: what lies between them is not even. */
static void the_mean_is_that_of_each_where_the_newest_were_joined(void **state) {
	(void)state;
	static const uint32_t last[] = {NOW - 1, NOW};
	struct schedule s = {0};

	for (uint32_t step = NOW - 600; step <= NOW - 2; step++) {
		schedule_append(&s, step, step % 2 == 0 ? 100 : 900000);
	}
	schedule_append(&s, NOW - 1, 512);
	schedule_append(&s, NOW, 513);
	assert_int_equal(s.segments[s.n - 1].first, NOW - 1);
	double sum = (double)(schedule_tokens_since(&s, NOW - 1, NOW));
	assert_near(schedule_mean_tokens_since(&s, last, 2, NOW), sum / 2, 1e-15);
}

static void without_steps_nothing_has_passed(void **state) {
	(void)state;
	struct schedule s = {0};
	uint32_t last[] = {NEVER, NEVER};

	assert_int_equal(schedule_total(&s), 0);
	assert_near(schedule_mean_tokens_since(&s, last, 2, NEVER), 0, 0);
	assert_near(schedule_mean_tokens_since(&s, last, 2, 10), 0, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_batch_size_is_one_segment_whatever_the_length),
		cmocka_unit_test(short_batches_and_missing_steps_are_exact),
		cmocka_unit_test(steps_need_not_begin_at_0),
		cmocka_unit_test(going_back_forgets_what_came_after),
		cmocka_unit_test(a_schedule_that_never_repeats_stays_bounded_and_close),
		cmocka_unit_test(a_short_batch_every_epoch_stays_exact_for_long),
		cmocka_unit_test(the_mean_over_features_is_the_mean_of_each),
		cmocka_unit_test(the_mean_is_that_of_each_where_the_newest_were_joined),
		cmocka_unit_test(without_steps_nothing_has_passed),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
