/* Dead by tokens, against every step's own word: over random histories of steps that are missing, batches of any size, and
 * states that are lost. */
#include "dead_tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEPS   1200u
#define D_SAE   40u
#define NEVER   UINT32_MAX
#define HISTORY 2000 /* that are tried */

/* Every step that was folded, its rows, and which features fired at it. */
struct history {
	uint32_t n, steps[STEPS];
	uint64_t rows[STEPS];
	bool fired[STEPS][D_SAE];
};

struct world {
	struct history history;
	struct schedule schedule;
	struct firing firing;
	uint64_t known_from;
};

static uint32_t below(uint32_t n) {
	return (uint32_t)rand() % n;
}

static void world_begin(struct world *w, uint32_t first) {
	memset(&w->schedule, 0, sizeof w->schedule);
	w->history.n = 0;
	w->known_from = first;
	assert_int_equal(firing_init(&w->firing, D_SAE, first - 1), 0);
}

static void world_fold(struct world *w, uint32_t step, uint64_t rows, uint32_t asleep) {
	struct history *h = &w->history;
	h->steps[h->n] = step;
	h->rows[h->n] = rows;
	for (uint32_t i = 0; i < D_SAE; i++) {
		h->fired[h->n][i] = i >= asleep && below(i + 2) == 0;
		w->firing.last[i] = h->fired[h->n][i] ? step : w->firing.last[i];
	}
	h->n++;
	schedule_append(&w->schedule, step, rows);
}

/* As many rows went by at the steps behind the one it last fired at. */
static uint32_t count_dead(const struct history *h, uint64_t tokens) {
	uint32_t dead = 0;

	for (uint32_t i = 0; i < D_SAE; i++) {
		uint64_t silent = 0;
		uint32_t at = h->n;
		while (at > 0 && !h->fired[at - 1][i]) {
			silent += h->rows[--at];
		}
		dead += silent >= tokens;
	}
	return dead;
}

static uint64_t total(const struct history *h) {
	uint64_t rows = 0;
	for (uint32_t k = 0; k < h->n; k++) {
		rows += h->rows[k];
	}
	return rows;
}

static int64_t ask(const struct world *w, uint64_t tokens) {
	return dead_by_tokens(&w->firing, &w->schedule, w->known_from, tokens);
}

enum batches { ALIKE, SHORT_NOW_AND_THEN, IN_STRETCHES, ANY };

static uint64_t rows_at(enum batches kind, uint32_t k) {
	switch (kind) {
	case ALIKE:
		return 64;
	case SHORT_NOW_AND_THEN:
		return k % 97 == 96 ? below(64) : 64;
	case IN_STRETCHES:
		return 32u << k / 100 % 4;
	case ANY:
		break;
	}
	return below(100);
}

/* Of the two kinds that a schedule holds exactly it is always known; whatever the batches are, it is never wrong. */
static void it_is_what_every_step_says_or_not_known(void **state) {
	(void)state;
	static struct world w;
	uint32_t n_known = 0, n_joined = 0;
	srand(11);
	for (int round = 0; round < HISTORY; round++) {
		enum batches kind = (enum batches)below(4);
		bool has_gaps = below(3) == 0;
		uint32_t steps = 1 + below(round % 20 == 0 ? STEPS : 200), step = 0;
		world_begin(&w, 0);
		for (uint32_t k = 0; k < steps; k++) {
			step += has_gaps && k > 0 && below(8) == 0 ? below(5) : 0;
			world_fold(&w, step++, rows_at(kind, k), 1 + k / 40);
		}
		for (int i = 0; i < 20; i++) {
			uint64_t tokens = 1 + below((uint32_t)total(&w.history) + 40);
			int64_t dead = ask(&w, tokens);
			if (dead >= 0) {
				assert_int_equal(dead, count_dead(&w.history, tokens));
				n_known++;
			} else {
				assert_int_equal(w.schedule.n, SCHEDULE_SEGMENTS);
				n_joined++;
			}
		}
		firing_finish(&w.firing);
	}
	assert_true(n_known > 30000);
	assert_true(n_joined > 0); /* else it was not tried */
}

/* What has been silent for just as many rows is dead, one that fired at the step before that is. */
static void so_many_rows_or_more_are_dead(void **state) {
	(void)state;
	static struct world w;
	world_begin(&w, 0);
	for (uint32_t step = 0; step < 10; step++) {
		schedule_append(&w.schedule, step, 1000000);
	}
	w.firing.last[0] = 0;
	w.firing.last[1] = 9;
	assert_int_equal(
		ask(&w, DEAD_TOKENS), D_SAE - 2); /* of 10M rows all before the first were silent */
	schedule_append(&w.schedule, 10, 1000000);
	assert_int_equal(ask(&w, DEAD_TOKENS), D_SAE - 1);
	assert_int_equal(ask(&w, DEAD_TOKENS + 1), D_SAE - 2);
	assert_int_equal(ask(&w, 11000001), 0);
	firing_finish(&w.firing);
}

/* Where it went on without its state, all that was before is taken to have fired right before. */
static void without_the_state_of_before_it_is_not_known_until_as_many_rows_came_again(
	void **state) {
	(void)state;
	static struct world w;
	srand(5);
	for (int round = 0; round < 300; round++) {
		uint32_t lost_at = 1 + below(100), step = 0;
		uint64_t since = 0, tokens = 1 + below(6000);
		world_begin(&w, 0);
		for (; step < lost_at; step++) {
			world_fold(&w, step, 20 + below(3), 5);
		}
		firing_clamp_last(&w.firing, step - 1);
		for (uint32_t i = 0; i < D_SAE; i++) {
			w.firing.last[i] = step - 1; /* worse than the truth */
		}
		w.known_from = step;
		assert_int_equal(ask(&w, tokens), total(&w.history) < tokens ? 0 : -1);
		for (; step < lost_at + 400; step++) {
			world_fold(&w, step, 20 + below(3), 5);
			since += w.history.rows[w.history.n - 1];
			int64_t dead = ask(&w, tokens);
			if (total(&w.history) < tokens) {
				assert_int_equal(dead, 0); /* there were no more rows */
			} else if (since < tokens) {
				assert_int_equal(dead, -1);
			} else if (dead >= 0) {
				assert_int_equal(dead, count_dead(&w.history, tokens));
			}
		}
		firing_finish(&w.firing);
	}
}

static void a_run_that_begins_later_is_known_as_soon_as_so_many_rows_came(void **state) {
	(void)state;
	static struct world w;
	world_begin(&w, 500);
	for (uint32_t step = 500; step < 510; step++) {
		assert_int_equal(ask(&w, 10), -1);
		world_fold(&w, step, 1, D_SAE);
	}
	assert_int_equal(ask(&w, 10), D_SAE);
	assert_int_equal(ask(&w, 11), -1);
	firing_finish(&w.firing);
}

/* A feature that last fired among batches that were joined makes it unknown; others do not. */
static void among_joined_batches_it_depends_on_whether_one_fired_there(void **state) {
	(void)state;
	static struct world w;
	world_begin(&w, 0);
	for (uint32_t step = 0; step < 2000; step++) {
		schedule_append(&w.schedule, step, 100 + step % 2);
	}
	uint32_t joined = 0;
	while (!w.schedule.segments[joined].joined) {
		joined++;
	}
	const struct schedule_segment *segment = &w.schedule.segments[joined];
	uint64_t tokens = schedule_total(&w.schedule) - segment->through + 1;
	assert_true(segment->last > segment->first);
	assert_int_equal(ask(&w, tokens), D_SAE);
	w.firing.last[7] = segment->last - 1;
	assert_int_equal(ask(&w, tokens), -1);
	w.firing.last[7] = segment->last;
	assert_int_equal(ask(&w, tokens), D_SAE - 1);
	firing_finish(&w.firing);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_what_every_step_says_or_not_known),
		cmocka_unit_test(so_many_rows_or_more_are_dead),
		cmocka_unit_test(
			without_the_state_of_before_it_is_not_known_until_as_many_rows_came_again),
		cmocka_unit_test(a_run_that_begins_later_is_known_as_soon_as_so_many_rows_came),
		cmocka_unit_test(among_joined_batches_it_depends_on_whether_one_fired_there),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
