/* Which features died and came alive, as they are written when the counts of one window take the place of another's: against
 * what is found by looking at every step. */
#include "feature_counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "changes.h"
#include "rig.h"

#define STEPS 400
#define D_SAE 24
#define NEVER (-1)
#define OF_VIEW                                                                                    \
	"SELECT coalesce(group_concat(feature || ' ' || last_fired, ', '), '') FROM deaths WHERE "

/* A history: whether each feature fired at each step. */
struct history {
	bool fired[STEPS][D_SAE];
};

static uint32_t random_below(uint32_t n) {
	return (uint32_t)rand() % n;
}

/* Features that sleep and wake by themselves, so that some die and some of those come back. */
static void history_make(struct history *h) {
	for (uint32_t i = 0; i < D_SAE; i++) {
		bool awake = random_below(4) != 0;
		for (uint32_t step = 0; step < STEPS; step++) {
			awake = random_below(12) == 0 ? !awake : awake;
			h->fired[step][i] = awake && random_below(3) != 0;
		}
	}
}

static int64_t history_last(const struct history *h, int64_t step, uint32_t feature) {
	for (; step >= 0; step--) {
		if (h->fired[step][feature]) {
			return step;
		}
	}
	return NEVER;
}

/* By each step's own word. */
static bool history_dead(
	const struct history *h, int64_t step, uint32_t feature, uint32_t dead_window) {
	for (int64_t at = step - (int64_t)dead_window; at <= step; at++) {
		if (at <= NEVER || h->fired[at][feature]) {
			return false;
		}
	}
	return true;
}

static struct closed_window *closed_at(
	uint32_t d_sae, uint32_t window, uint32_t first, uint32_t last) {
	struct closed_window *c = closed_window_create(d_sae);
	c->attempt = 1;
	c->window = window;
	c->since = (int64_t)first - 1;
	c->step_last = last;
	c->n_rows = 64;
	memset(c->counts, 0, d_sae * sizeof *c->counts);
	return c;
}

static struct run_cut *cut_of(struct closed_window *c) {
	struct run_cut *cut = cut_create("r", c->window + 1);
	cut_set_hot(cut, c->d_sae, 0);
	cut_set_base(cut, c->d_sae, 0);
	cut->closed = c;
	return cut;
}

static void commit_window(const struct history *h, uint32_t window, uint32_t first, uint32_t last,
	uint32_t dead_window, uint32_t flaws) {
	struct closed_window *c = closed_at(D_SAE, window, first, last);
	c->dead_window = dead_window;
	c->flaws = flaws;
	for (uint32_t i = 0; i < D_SAE; i++) {
		c->last[i] = (uint32_t)history_last(h, last, i);
	}
	cut_commit(cut_of(c));
}

static void append(char *text, size_t size, uint32_t feature, int64_t last) {
	size_t len = strlen(text);
	(void)snprintf(
		text + len, size - len, "%s%u %lld", len > 0 ? ", " : "", feature, (long long)last);
}

static void check_window(const struct history *h, uint32_t window, int64_t since, int64_t until,
	uint32_t dead_window) {
	char died[1024] = "", revived[1024] = "", sql[256];

	for (uint32_t i = 0; i < D_SAE; i++) {
		bool was_dead = history_dead(h, since, i, dead_window);
		int64_t before = history_last(h, since, i), after = history_last(h, until, i);
		if (history_dead(h, until, i, dead_window) && (!was_dead || after > since)) {
			append(died, sizeof died, i, after);
		}
		if (was_dead && after > since) {
			append(revived, sizeof revived, i, before);
		}
	}
	(void)snprintf(sql, sizeof sql, OF_VIEW "window = %u AND what = 'died'", window);
	assert_string_equal(sql_text(path, sql), died);
	(void)snprintf(sql, sizeof sql, OF_VIEW "window = %u AND what = 'revived'", window);
	assert_string_equal(sql_text(path, sql), revived);
	(void)snprintf(sql, sizeof sql,
		"SELECT count(*) FROM deaths WHERE window = %u AND since <> %lld", window,
		(long long)since);
	assert_string_equal(sql_text(path, sql), "0");
}

/* Windows of any length, some shorter and some longer than the dead window, some with flaws: those are told of with the next. */
static void they_are_what_every_step_says(void **state) {
	(void)state;
	srand(7);
	for (int round = 0; round < 12; round++) {
		static struct history h;
		uint32_t dead_window = random_below(20), window = 0;
		int64_t since = -1;
		if (round > 0) {
			rig_teardown(NULL);
			rig_setup(NULL);
		}
		history_make(&h);
		for (uint32_t first = 0; first < STEPS; window++) {
			uint32_t last = first + random_below(40);
			last = last < STEPS ? last : STEPS - 1;
			bool is_kept = window == 0 || random_below(4) != 0;
			commit_window(
				&h, window, first, last, dead_window, is_kept ? 0 : FLAW_LATE);
			if (is_kept) {
				check_window(&h, window, since, last, dead_window);
				since = last;
			}
			first = last + 1;
		}
	}
}

static void every_part_has_its_own_and_one_without_has_no_row(void **state) {
	(void)state;
	uint32_t d_sae = 3 * FEATURES_PART + 5;
	struct closed_window *c = closed_at(d_sae, 0, 0, 9);
	c->dead_window = 5;
	for (uint32_t i = 0; i < d_sae; i++) {
		c->last[i] = 9;
	}
	cut_commit(cut_of(c));
	assert_string_equal(sql_text(path, "SELECT count(*) FROM deaths_data"), "0");

	c = closed_at(d_sae, 1, 10, 19);
	c->dead_window = 5;
	for (uint32_t i = 0; i < d_sae; i++) {
		bool is_in_second = i / FEATURES_PART == 1;
		c->last[i] = is_in_second || i % 3 == 0 ? 19 : 13;
	}
	cut_commit(cut_of(c));
	assert_string_equal(sql_text(path, "SELECT group_concat(part) FROM deaths_data"), "0,2,3");
	assert_string_equal(
		sql_text(path, "SELECT count(*) || ' ' || sum(feature) || ' ' || min(last_fired) "
			       "|| ' ' || "
			       "max(last_fired) FROM deaths WHERE what = 'died' AND run = 'r'"),
		"5464 33591303 13 13");
}

static void of_very_many_the_first_are_told_of(void **state) {
	(void)state;
	uint32_t d_sae = DEATHS_MAX + FEATURES_PART + 7;
	struct closed_window *c = closed_at(d_sae, 0, 0, 99);
	c->dead_window = 20;
	for (uint32_t i = 0; i < d_sae; i++) {
		c->last[i] = i % 2 == 0 ? 99 : 10;
	}
	cut_commit(cut_of(c));
	assert_string_equal(
		sql_text(path, "SELECT count(*) FROM deaths"), "133123"); /* all of them */

	c = closed_at(d_sae, 1, 100, 199);
	c->dead_window = 20;
	for (uint32_t i = 0; i < d_sae; i++) {
		c->last[i] = i % 2 == 0 ? 150 : 199;
	}
	cut_commit(cut_of(c));
	assert_string_equal(
		sql_text(path,
			"SELECT count(*) || ' ' || max(feature) FROM deaths WHERE window = 1"),
		"262144 262143");
	c = closed_at(d_sae, 2, 200, 299);
	c->dead_window = 20;
	for (uint32_t i = 0; i < d_sae; i++) {
		c->last[i] = i % 2 == 0 ? 150 : i == d_sae - 2 ? 210 : 299;
	}
	cut_commit(cut_of(c)); /* each window has its own */
	assert_string_equal(sql_text(path, OF_VIEW "window = 2"), "266245 210");
}

static void of_a_window_that_was_gone_back_behind_nothing_is_told(void **state) {
	(void)state;
	static const uint32_t before[] = {2, 99, 99}, after[] = {70, 52, 79};
	struct closed_window *c = closed_at(3, 0, 0, 99);
	c->dead_window = 20;
	memcpy(c->last, before, sizeof before);
	cut_commit(cut_of(c));
	assert_string_equal(sql_text(path, OF_VIEW "what = 'died'"), "0 2");

	c = closed_at(3, 1, 60, 79);
	c->attempt = 2;
	c->dead_window = 20;
	memcpy(c->last, after, sizeof after);
	struct run_cut *cut = cut_of(c);
	cut_attempt(cut, 2, 60);
	cut_commit(cut);
	assert_string_equal(sql_text(path, OF_VIEW "attempt = 2"), "1 52");
	assert_string_equal(sql_text(path, "SELECT since || ' ' || (revived IS NULL) FROM "
					   "deaths_data WHERE attempt = 2"),
		"59 1");

	/* The one after it has one before it again. */
	c = closed_at(3, 2, 80, 99);
	c->attempt = 2;
	c->dead_window = 20;
	memcpy(c->last, (uint32_t[]){99, 95, 79}, 12);
	cut_commit(cut_of(c));
	assert_string_equal(sql_text(path, OF_VIEW "attempt = 2 AND window = 2"), "1 52");
	assert_string_equal(
		sql_text(path, "SELECT what FROM deaths WHERE attempt = 2 AND window = 2"),
		"revived");
}

/* A launch that goes on behind the window, and one that goes back behind it in the same commit. */
static void an_attempt_that_goes_on_has_the_window_before_it(void **state) {
	(void)state;
	struct closed_window *c = closed_at(2, 0, 0, 99);
	c->dead_window = 20;
	memcpy(c->last, (uint32_t[]){2, 99}, 8);
	cut_commit(cut_of(c));

	c = closed_at(2, 1, 100, 199);
	c->attempt = 2;
	c->dead_window = 20;
	memcpy(c->last, (uint32_t[]){150, 199}, 8);
	struct run_cut *cut = cut_of(c);
	cut_attempt(cut, 2, 100);
	cut_attempt(cut, 3, 50);
	cut_commit(cut);
	assert_string_equal(
		sql_text(path, "SELECT group_concat(what || ' ' || feature || ' ' || last_fired) "
			       "FROM deaths WHERE attempt = 2 AND since = 99"),
		"died 0 150,revived 0 2");
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
		T(they_are_what_every_step_says),
		T(every_part_has_its_own_and_one_without_has_no_row),
		T(of_very_many_the_first_are_told_of),
		T(of_a_window_that_was_gone_back_behind_nothing_is_told),
		T(an_attempt_that_goes_on_has_the_window_before_it),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("deaths", tests, NULL, NULL);
}
