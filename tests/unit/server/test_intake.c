/* What frames cost their user, and who may begin one when memory is short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "intake.h"

#define MIB (1u << 20)

struct world {
	struct holdings limits;
	struct ledger ledger;
	struct account account;
};

static void begin(struct world *w, uint64_t queued_max) {
	const struct ledger_limits all = {
		.host_memory = LEDGER_NO_LIMIT, .of_user = ledger_same_for_all, .user = &w->limits};
	w->limits = (struct holdings){{[HOLDING_QUEUED] = queued_max}};
	ledger_init(&w->ledger, &all);
	account_init(&w->account, ledger_holder(&w->ledger, 1000));
}

static void end(struct world *w) {
	holder_release(w->account.holder);
	ledger_finish(&w->ledger);
}

static uint64_t queued(const struct world *w) {
	return ledger_held(&w->ledger, 1000, HOLDING_QUEUED);
}

static void keep(struct intake *in, size_t len) {
	uint8_t bytes[1024] = {0};
	assert_int_equal(intake_keep(in, bytes, len), 0);
}

static void an_announced_frame_is_charged_but_not_allocated(void **state) {
	struct world w;
	struct account *a = &w.account;
	struct intake in;
	(void)state;

	begin(&w, 10 * MIB);
	intake_init(&in, a);
	keep(&in, 100);
	assert_true(intake_admit(&in, 4 * MIB));
	assert_int_equal(queued(&w), 4 * MIB);
	assert_int_equal(intake_grow(&in), 0);
	assert_true(in.cap <= 100 + STAGING_SIZE);
	intake_finish(&in);
	assert_int_equal(queued(&w), 0);
	assert_int_equal(a->n_filling, 0);
	end(&w);
}

static void a_buffer_grows_to_the_frame_and_not_beyond(void **state) {
	struct world w;
	struct account *a = &w.account;
	struct intake in;
	(void)state;

	begin(&w, 10 * MIB);
	intake_init(&in, a);
	keep(&in, 100);
	assert_true(intake_admit(&in, 3 * MIB));
	while (in.len < 3 * MIB) {
		size_t before = in.len;
		assert_int_equal(intake_grow(&in), 0);
		assert_true(in.cap <= 2 * before + STAGING_SIZE);
		in.len = in.cap;
	}
	assert_int_equal(in.cap, 3 * MIB);
	intake_finish(&in);
	end(&w);
}

static void a_large_buffer_is_kept_for_the_next_frame(void **state) {
	struct world w;
	struct account *a = &w.account;
	struct intake in;
	(void)state;

	begin(&w, 10 * MIB);
	intake_init(&in, a);
	keep(&in, 100);
	assert_true(intake_admit(&in, MIB));
	while (in.len < MIB) {
		assert_int_equal(intake_grow(&in), 0);
		in.len = in.cap;
	}
	intake_complete(&in);
	intake_consume(&in, MIB);
	assert_int_equal(in.cap, MIB);
	assert_int_equal(queued(&w), MIB);
	intake_trim(&in);
	assert_int_equal(queued(&w), 0);
	intake_finish(&in);
	end(&w);
}

static void one_frame_is_always_let_in(void **state) {
	struct world w;
	struct account *a = &w.account;
	struct intake in;
	(void)state;

	begin(&w, MIB);
	intake_init(&in, a);
	keep(&in, 100);
	assert_true(intake_admit(&in, 100 * MIB));
	intake_finish(&in);
	end(&w);
}

static void who_waited_first_comes_first(void **state) {
	struct world w;
	struct account *a = &w.account;
	struct intake in[4];
	(void)state;

	begin(&w, 2 * MIB);
	for (int i = 0; i < 4; i++) {
		intake_init(&in[i], a);
		keep(&in[i], 100);
	}
	assert_true(intake_admit(&in[0], 2 * MIB));
	assert_false(intake_admit(&in[1], 2 * MIB));
	assert_false(intake_admit(&in[2], MIB));
	assert_null(account_admit_next(a));

	/* It would fit, but it is not its turn. */
	intake_finish(&in[0]);
	assert_false(intake_admit(&in[3], MIB / 2));
	assert_ptr_equal(account_admit_next(a), &in[1]);
	assert_null(account_admit_next(a));
	intake_finish(&in[1]);
	assert_ptr_equal(account_admit_next(a), &in[2]);
	assert_ptr_equal(account_admit_next(a), &in[3]);
	intake_finish(&in[2]);
	intake_finish(&in[3]);
	assert_int_equal(queued(&w), 0);
	end(&w);
}

static void held_frames_do_not_keep_the_last_one_out(void **state) {
	struct world w;
	struct account *a = &w.account;
	struct intake held, next;
	(void)state;

	begin(&w, MIB);
	intake_init(&held, a);
	intake_init(&next, a);
	keep(&held, 100);
	assert_true(intake_admit(&held, 4 * MIB));
	intake_complete(&held); /* and it stays: its message waits for a rank */
	keep(&next, 100);
	assert_true(intake_admit(&next, 4 * MIB));
	intake_finish(&held);
	intake_finish(&next);
	end(&w);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_announced_frame_is_charged_but_not_allocated),
		cmocka_unit_test(a_buffer_grows_to_the_frame_and_not_beyond),
		cmocka_unit_test(a_large_buffer_is_kept_for_the_next_frame),
		cmocka_unit_test(one_frame_is_always_let_in),
		cmocka_unit_test(who_waited_first_comes_first),
		cmocka_unit_test(held_frames_do_not_keep_the_last_one_out),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
