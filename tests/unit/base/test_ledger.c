/* What users hold, what they may, and what they are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger.h"

#define MIB (1ull << 20)

struct world {
	struct holdings of_users;
	struct ledger ledger;
};

static struct ledger_limits limits_of(struct world *w) {
	return (struct ledger_limits){
		.host_connections = 5,
		.host_memory = 400 * MIB,
		.of_user = ledger_same_for_all,
		.user = &w->of_users,
	};
}

static int setup(void **state) {
	struct world *w = calloc(1, sizeof *w);
	w->of_users = (struct holdings){{
		[HOLDING_CONNECTIONS] = 3,
		[HOLDING_RUNS] = 2,
		[HOLDING_MEMORY] = 200 * MIB,
		[HOLDING_QUEUED] = 150 * MIB,
		[HOLDING_DATABASE] = LEDGER_NO_LIMIT,
	}};
	const struct ledger_limits limits = limits_of(w);
	ledger_init(&w->ledger, &limits);
	*state = w;
	return 0;
}

static int teardown(void **state) {
	struct world *w = *state;
	list_for_each(link, &w->ledger.holders) {
		struct holder *h = container_of(link, struct holder, link);
		while (h->n_references > 0) {
			holder_release(h);
		}
	}
	ledger_finish(&w->ledger);
	free(w);
	return 0;
}

static void what_is_given_back_may_be_taken_again(void **state) {
	struct world *w = *state;
	struct holder *h = ledger_holder(&w->ledger, 1000);

	assert_int_equal(ledger_take(h, HOLDING_RUNS, 2), LEDGER_TAKEN);
	assert_int_equal(ledger_take(h, HOLDING_RUNS, 1), LEDGER_USER_FULL);
	ledger_give(h, HOLDING_RUNS, 1);
	assert_int_equal(ledger_take(h, HOLDING_RUNS, 1), LEDGER_TAKEN);
	assert_int_equal(h->refused.of[HOLDING_RUNS], 1);
	assert_int_equal(ledger_held(&w->ledger, 1000, HOLDING_RUNS), 2);
	assert_int_equal(ledger_held(&w->ledger, 1001, HOLDING_RUNS), 0);
}

static void root_is_charged_like_any_other_user(void **state) {
	struct world *w = *state;
	struct holder *root = ledger_holder(&w->ledger, 0);

	assert_int_equal(ledger_take(root, HOLDING_CONNECTIONS, 3), LEDGER_TAKEN);
	assert_int_equal(ledger_take(root, HOLDING_CONNECTIONS, 1), LEDGER_USER_FULL);
}

static void one_user_does_not_take_anothers_part_but_all_share_the_host(void **state) {
	struct world *w = *state;
	struct holder *a = ledger_holder(&w->ledger, 1), *b = ledger_holder(&w->ledger, 2);
	char words[LEDGER_WORDS_MAX];

	assert_int_equal(ledger_take(a, HOLDING_CONNECTIONS, 3), LEDGER_TAKEN);
	assert_int_equal(ledger_take(b, HOLDING_CONNECTIONS, 2), LEDGER_TAKEN);
	assert_int_equal(ledger_take(b, HOLDING_CONNECTIONS, 1), LEDGER_HOST_FULL);
	assert_int_equal(ledger_say(b, HOLDING_CONNECTIONS, LEDGER_HOST_FULL, words), 5);
	assert_string_equal(words,
		"all users together hold 5 connections; limit host_connections = "
		"5 ([limits] in sae-metricsd.conf)");
}

static void runs_leave_a_quarter_of_the_hosts_memory_to_what_is_queued(void **state) {
	struct world *w = *state;
	struct holder *a = ledger_holder(&w->ledger, 1), *b = ledger_holder(&w->ledger, 2);

	assert_int_equal(ledger_take(a, HOLDING_MEMORY, 200 * MIB), LEDGER_TAKEN);
	assert_int_equal(ledger_take(b, HOLDING_MEMORY, 101 * MIB), LEDGER_HOST_FULL);
	assert_int_equal(ledger_take(b, HOLDING_MEMORY, 100 * MIB), LEDGER_TAKEN);
	assert_int_equal(ledger_take(a, HOLDING_QUEUED, 50 * MIB), LEDGER_TAKEN);
}

static void who_fills_the_queue_leaves_half_of_it_to_the_next(void **state) {
	struct world *w = *state;
	struct holder *a = ledger_holder(&w->ledger, 1), *b = ledger_holder(&w->ledger, 2);
	uint64_t taken = 0;

	ledger_add(a, HOLDING_MEMORY, 300 * MIB);
	while (ledger_take(a, HOLDING_QUEUED, 10 * MIB) == LEDGER_TAKEN) {
		taken += 10 * MIB;
	}
	assert_true(taken >= 50 * MIB);
	assert_int_equal(ledger_take(b, HOLDING_QUEUED, 5 * MIB), LEDGER_TAKEN);
}

static void the_words_name_the_limit_its_value_and_its_key(void **state) {
	struct world *w = *state;
	struct holder *h = ledger_holder(&w->ledger, 1000);
	char words[LEDGER_WORDS_MAX];

	ledger_add(h, HOLDING_MEMORY, 190 * MIB);
	assert_int_equal(ledger_say(h, HOLDING_MEMORY, LEDGER_USER_FULL, words), 200 * MIB);
	assert_string_equal(words, "user 1000 holds 190 MiB of memory; limit memory = 200 MiB "
				   "([limits] in sae-metricsd.conf)");
	ledger_add(h, HOLDING_RUNS, 2);
	ledger_note_name(&w->ledger, 1000, "joe");
	assert_int_equal(ledger_say(h, HOLDING_RUNS, LEDGER_USER_FULL, words), 2);
	assert_string_equal(
		words, "user joe holds 2 runs; limit runs = 2 ([limits] in sae-metricsd.conf)");
}

static void a_lower_limit_takes_nothing_away(void **state) {
	struct world *w = *state;
	struct holder *h = ledger_holder(&w->ledger, 1000);

	assert_int_equal(ledger_take(h, HOLDING_RUNS, 2), LEDGER_TAKEN);
	w->of_users.of[HOLDING_RUNS] = 1;
	const struct ledger_limits limits = limits_of(w);
	ledger_reload(&w->ledger, &limits);
	assert_int_equal(h->held.of[HOLDING_RUNS], 2);
	ledger_give(h, HOLDING_RUNS, 1);
	assert_int_equal(ledger_take(h, HOLDING_RUNS, 1), LEDGER_USER_FULL);
	ledger_give(h, HOLDING_RUNS, 1);
	assert_int_equal(ledger_take(h, HOLDING_RUNS, 1), LEDGER_TAKEN);
}

/* The uids of containers are many; the memory for them is not. */
static void those_who_hold_nothing_are_forgotten_when_they_are_many(void **state) {
	struct world *w = *state;
	struct holder *kept = ledger_holder(&w->ledger, 7);

	ledger_add(kept, HOLDING_RUNS, 1);
	holder_release(kept);
	for (uint32_t uid = 100000; uid < 165536; uid++) {
		struct holder *h = ledger_holder(&w->ledger, uid);
		ledger_count_refusal(h, HOLDING_CONNECTIONS);
		holder_release(h);
	}
	assert_true(w->ledger.n_holders <= 1024);
	assert_int_equal(ledger_held(&w->ledger, 7, HOLDING_RUNS), 1);
	assert_int_equal(
		w->ledger.refused.of[HOLDING_CONNECTIONS] + w->ledger.n_holders - 1, 65536);
}

static void what_never_fits_is_known(void **state) {
	struct world *w = *state;
	struct holder *h = ledger_holder(&w->ledger, 1);

	assert_true(ledger_ever_fits(h, HOLDING_MEMORY, 200 * MIB));
	assert_false(ledger_ever_fits(h, HOLDING_MEMORY, 201 * MIB));
	w->ledger.limits.host_memory = 100 * MIB;
	assert_false(ledger_ever_fits(h, HOLDING_MEMORY, 80 * MIB));
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_is_given_back_may_be_taken_again),
		T(root_is_charged_like_any_other_user),
		T(one_user_does_not_take_anothers_part_but_all_share_the_host),
		T(runs_leave_a_quarter_of_the_hosts_memory_to_what_is_queued),
		T(who_fills_the_queue_leaves_half_of_it_to_the_next),
		T(the_words_name_the_limit_its_value_and_its_key),
		T(a_lower_limit_takes_nothing_away),
		T(those_who_hold_nothing_are_forgotten_when_they_are_many),
		T(what_never_fits_is_known),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
