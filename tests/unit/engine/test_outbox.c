#include "outbox_fill.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#define SIZE 64000000u

/* Sends so much a second for ten seconds, acked at once. */
static struct outbox_fill flowing(uint64_t bytes_per_s) {
	struct outbox_fill o = {0};
	for (uint64_t s = 0; s <= 10; s++) {
		outbox_look(&o, s * bytes_per_s, 1000 + s * 1000);
		outbox_acked(&o, s * bytes_per_s);
	}
	return o;
}

static void a_trainer_that_is_acked_has_an_empty_outbox(void **state) {
	(void)state;
	struct outbox_fill o = flowing(200000);
	struct outbox_estimate e = outbox_estimate(&o, SIZE, 2000000, 11000);
	assert_int_equal(e.filled_bytes, 0);
	assert_true(e.full_in_s == 320);
	assert_true(e.paused_s == 0);
}

static void while_it_is_not_read_from_it_fills_at_the_rate_it_had(void **state) {
	(void)state;
	struct outbox_fill o = flowing(200000);
	outbox_note(&o, true, 11000);
	struct outbox_estimate e = outbox_estimate(&o, SIZE, 2000000, 81000);
	assert_int_equal(e.filled_bytes, 14000000);
	assert_true(e.full_in_s == 250);
	assert_true(e.paused_s == 70);
	outbox_note(&o, true, 60000); /* the pause began when it began */
	assert_true(outbox_estimate(&o, SIZE, 2000000, 81000).full_in_s == 250);
}

/* Commits fail, and it is read from all the same. */
static void what_is_not_acked_is_in_it_also_while_it_is_read_from(void **state) {
	(void)state;
	struct outbox_fill o = flowing(200000);
	struct outbox_estimate e = outbox_estimate(&o, SIZE, 2000000 + 4000000, 31000);
	assert_int_equal(e.filled_bytes, 4000000);
	assert_true(e.full_in_s == 300);
}

static void one_that_is_full_is_full_now(void **state) {
	(void)state;
	struct outbox_fill o = flowing(200000);
	outbox_note(&o, true, 11000);
	struct outbox_estimate e = outbox_estimate(&o, SIZE, 2000000, 11000 + 400000);
	assert_int_equal(e.filled_bytes, SIZE);
	assert_true(e.full_in_s == 0);
}

static void of_who_has_sent_nothing_nobody_knows(void **state) {
	(void)state;
	struct outbox_fill o = {0};
	outbox_note(&o, true, 1000);
	assert_true(outbox_estimate(&o, SIZE, 0, 100000).full_in_s < 0);
	o = flowing(0);
	assert_true(outbox_estimate(&o, SIZE, 0, 100000).full_in_s < 0);
}

static void a_moment_is_no_pause(void **state) {
	(void)state;
	struct outbox_fill o = flowing(200000);
	outbox_note(&o, true, 11000);
	assert_true(outbox_estimate(&o, SIZE, 2000000, 13999).paused_s == 0);
	assert_true(outbox_estimate(&o, SIZE, 2000000, 14000).paused_s == 3);
	outbox_note(&o, false, 14500);
	assert_true(outbox_estimate(&o, SIZE, 2000000, 20000).paused_s == 0);
}

/* Neither the silence nor the flood behind it is the trainer's pace. */
static void a_pause_does_not_change_the_rate(void **state) {
	(void)state;
	struct outbox_fill o = flowing(200000);
	outbox_note(&o, true, 11000);
	outbox_look(&o, 2000000, 12000);
	outbox_look(&o, 2000000, 13000);
	outbox_note(&o, false, 13500);
	outbox_look(&o, 9000000, 14000);
	assert_true(o.bytes_per_s == 200000);
	outbox_look(&o, 9700000, 15000);
	assert_true(o.bytes_per_s == 300000);
}

static void it_is_said_in_words(void **state) {
	(void)state;
	char out[OUTBOX_WORDS_MAX];
	struct outbox_estimate e = {.full_in_s = 250};
	assert_string_equal(outbox_words(out, &e, 64u << 20, "the first trainer's"),
		"at this rate the first trainer's outbox (64 MiB) is full in 4m10s");
	e.full_in_s = 0;
	assert_string_equal(outbox_words(out, &e, 64u << 20, "its"),
		"its outbox (64 MiB) is full by now: it drops, or waits, as it was told to");
	e.full_in_s = -1;
	assert_string_equal(outbox_words(out, &e, 64u << 20, "its"),
		"how fast its outbox (64 MiB) fills is not known yet");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trainer_that_is_acked_has_an_empty_outbox),
		cmocka_unit_test(while_it_is_not_read_from_it_fills_at_the_rate_it_had),
		cmocka_unit_test(what_is_not_acked_is_in_it_also_while_it_is_read_from),
		cmocka_unit_test(one_that_is_full_is_full_now),
		cmocka_unit_test(of_who_has_sent_nothing_nobody_knows),
		cmocka_unit_test(a_moment_is_no_pause),
		cmocka_unit_test(a_pause_does_not_change_the_rate),
		cmocka_unit_test(it_is_said_in_words),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
