/* How often runs are committed, with the time passed in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cadence.h"

#define MS     1000000ull
#define SECOND (1000 * MS)
#define MIB    (1u << 20)
#define START  (100 * SECOND)

static struct cadence cadence_at_start(void) {
	struct cadence c;
	cadence_init(&c, 0, 0);
	return c;
}

static void a_quiet_run_is_committed_at_once(void **state) {
	struct share share = {0};
	struct pace pace = {0};
	(void)state;
	assert_true(cadence_due_ns(&share, &pace, false, false) <= START);
}

static void a_small_run_is_committed_every_fifty_milliseconds(void **state) {
	struct cadence c = cadence_at_start();
	struct share share = {0};
	struct pace pace = {0};
	(void)state;
	cadence_cut(&c, &share, &pace, 1000, 1, START);
	assert_int_equal(cadence_due_ns(&share, &pace, false, false), START + 50 * MS);
}

static void a_larger_run_is_committed_at_its_rate(void **state) {
	struct cadence c = cadence_at_start();
	struct share share = {0};
	struct pace pace = {0};
	(void)state;
	cadence_cut(&c, &share, &pace, 128u << 10, 1, START);
	assert_int_equal(cadence_due_ns(&share, &pace, false, false), START + 500 * MS);
}

static void no_run_waits_longer_than_five_seconds_while_the_host_allows(void **state) {
	struct cadence c = cadence_at_start();
	struct share share = {0};
	struct pace pace = {0};
	(void)state;
	cadence_cut(&c, &share, &pace, 8 * MIB, 1, START);
	assert_int_equal(cadence_due_ns(&share, &pace, false, false), START + 5 * SECOND);
}

static void beyond_the_hosts_rate_runs_wait_until_it_is_paid(void **state) {
	struct cadence c = cadence_at_start();
	struct share share = {0};
	struct pace pace[4] = {0};
	(void)state;
	for (int i = 0; i < 4; i++) {
		cadence_cut(&c, &share, &pace[i], 8 * MIB, 1, START);
	}
	assert_int_equal(cadence_due_ns(&share, &pace[0], false, false), START + 8 * SECOND);
}

static void no_run_waits_longer_than_thirty_seconds(void **state) {
	struct cadence c = cadence_at_start();
	struct share share = {0};
	struct pace pace = {0};
	(void)state;
	cadence_cut(&c, &share, &pace, 1024 * (size_t)MIB, 1, START);
	assert_int_equal(cadence_due_ns(&share, &pace, false, false), START + 30 * SECOND);
}

static void a_small_run_hardly_waits_for_the_large_ones(void **state) {
	struct cadence c = cadence_at_start();
	struct share share = {0};
	struct pace large = {0}, small = {0};
	(void)state;
	cadence_cut(&c, &share, &large, 1024 * (size_t)MIB, 1, START);
	cadence_cut(&c, &share, &small, 1000, 1, START);
	assert_int_equal(cadence_due_ns(&share, &small, false, false), START + 300 * MS);
}

static void whoever_waits_is_committed_sooner_but_the_disk_rests(void **state) {
	struct cadence c = cadence_at_start();
	struct share share = {0};
	struct pace pace = {0};
	(void)state;
	cadence_cut(&c, &share, &pace, 8 * MIB, 1, START);
	cadence_committed(&share, START, START + 20 * MS, 1, COMMIT_SMALL);
	assert_int_equal(cadence_due_ns(&share, &pace, true, false), START + 80 * MS);
}

static void a_slow_disk_rests_whoever_asks(void **state) {
	struct cadence c = cadence_at_start();
	struct share share = {0};
	struct pace pace = {0};
	(void)state;
	cadence_cut(&c, &share, &pace, 1000, 1, START);
	cadence_committed(&share, START, START + 100 * MS, 1, COMMIT_SMALL);
	assert_int_equal(cadence_due_ns(&share, &pace, false, false), START + 400 * MS);
}

static void what_one_user_writes_puts_off_nobody_elses_commit(void **state) {
	struct cadence c = cadence_at_start();
	struct share hostile = {0}, honest = {0};
	struct pace large = {0}, small = {0};
	(void)state;
	for (int i = 0; i < 100; i++) {
		cadence_cut(&c, &hostile, &large, 64 * (size_t)MIB, 2, START);
	}
	cadence_committed(&hostile, START, START + SECOND, 1, COMMIT_OF_LARGE);
	cadence_cut(&c, &honest, &small, 1000, 2, START);
	assert_int_equal(cadence_due_ns(&honest, &small, false, false), START + 50 * MS);
	assert_true(cadence_due_ns(&honest, &small, true, false) <= START);
}

static void users_have_equal_parts_of_the_hosts_rate(void **state) {
	struct cadence c = cadence_at_start();
	struct share alone = {0}, shared = {0};
	struct pace a = {0}, b = {0};
	(void)state;
	cadence_cut(&c, &alone, &a, 8 * MIB, 1, START);
	cadence_cut(&c, &shared, &b, 8 * MIB, 4, START);
	assert_int_equal(alone.paid_ns, START + 2 * SECOND);
	assert_int_equal(shared.paid_ns, START + 8 * SECOND);
}

/* Whose acks would otherwise stand behind it one time in four. */
static void beside_others_who_writes_much_rests_longer(void **state) {
	struct share share = {0};
	struct pace pace = {0};
	(void)state;
	cadence_committed(&share, START, START + 5 * MS, 1, COMMIT_OF_LARGE);
	assert_int_equal(cadence_due_ns(&share, &pace, true, true), START + 500 * MS);
	cadence_committed(&share, START, START + 5 * MS, 0.2, COMMIT_OF_LARGE);
	assert_int_equal(cadence_due_ns(&share, &pace, true, true), START + 100 * MS);
	cadence_committed(&share, START, START + 100 * MS, 1, COMMIT_OF_LARGE);
	assert_int_equal(cadence_due_ns(&share, &pace, true, true), START + 5 * SECOND);
	cadence_committed(&share, START, START + SECOND, 1, COMMIT_OF_LARGE);
	assert_int_equal(cadence_due_ns(&share, &pace, true, true), START + 20 * SECOND);
}

/* Else a trainer of few features would wait for seconds for that of many beside it. */
static void his_small_runs_go_on_while_his_large_ones_rest(void **state) {
	struct share share = {0};
	struct pace pace = {0};
	(void)state;
	cadence_committed(&share, START, START + 30 * MS, 1, COMMIT_OF_LARGE);
	assert_int_equal(cadence_due_ns(&share, &pace, true, true), START + 3 * SECOND);
	assert_int_equal(cadence_due_ns(&share, &pace, true, false), START + 120 * MS);
	cadence_committed(&share, START + 120 * MS, START + 121 * MS, 1, COMMIT_SMALL);
	assert_int_equal(cadence_due_ns(&share, &pace, true, true), START + 3 * SECOND);
}

static void many_small_runs_are_as_bad_as_a_large_one(void **state) {
	struct share share = {0};
	struct pace pace = {0};
	(void)state;
	cadence_committed(&share, START, START + 30 * MS, 1, COMMIT_OF_MANY_SMALL);
	assert_int_equal(cadence_due_ns(&share, &pace, true, false), START + 3 * SECOND);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quiet_run_is_committed_at_once),
		cmocka_unit_test(a_small_run_is_committed_every_fifty_milliseconds),
		cmocka_unit_test(a_larger_run_is_committed_at_its_rate),
		cmocka_unit_test(no_run_waits_longer_than_five_seconds_while_the_host_allows),
		cmocka_unit_test(beyond_the_hosts_rate_runs_wait_until_it_is_paid),
		cmocka_unit_test(no_run_waits_longer_than_thirty_seconds),
		cmocka_unit_test(a_small_run_hardly_waits_for_the_large_ones),
		cmocka_unit_test(whoever_waits_is_committed_sooner_but_the_disk_rests),
		cmocka_unit_test(a_slow_disk_rests_whoever_asks),
		cmocka_unit_test(what_one_user_writes_puts_off_nobody_elses_commit),
		cmocka_unit_test(users_have_equal_parts_of_the_hosts_rate),
		cmocka_unit_test(beside_others_who_writes_much_rests_longer),
		cmocka_unit_test(his_small_runs_go_on_while_his_large_ones_rest),
		cmocka_unit_test(many_small_runs_are_as_bad_as_a_large_one),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("cadence", tests, NULL, NULL);
}
