/* Who joined and who left the front of a project: as its definition has it, once, and named to nobody who may not see it. */
#include "front_watch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define NEWS_SIZE 4096u

/* Of the last commit: "JOINED id; LEFT id; ", sorted by what the database numbered first. */
static char news[NEWS_SIZE];

static int setup(void **state) {
	int err = rig_setup(state);

	committer.front = (struct front_rules){.is_on = true};
	return err;
}

/* A run's window of two steps with these means; NaN: no step has it. */
static struct run_cut *cut_closing(const char *id, uint32_t window, double l0, double fvu) {
	struct run_cut *cut = cut_create(id, window + 1);

	for (uint32_t step = window * 100; step < window * 100 + 2; step++) {
		struct change_step *s = cut_step(cut, step);
		double shift = step % 2 == 0 ? 0.25 : -0.25;
		if (!isnan(l0)) {
			step_measure(s, METRIC_L0, l0 + shift, true);
		}
		if (!isnan(fvu)) {
			step_measure(s, METRIC_FVU, fvu, true);
		}
	}
	(void)cut_window(cut, window, 0);
	return cut;
}

static void note(const struct run_cut *cut) {
	news[0] = '\0';
	for (const struct front_news *n = cut->front_news; n != NULL; n = n->next) {
		size_t len = strlen(news);
		snprintf(news + len, sizeof news - len, "%s %s; ", n->joined ? "JOINED" : "LEFT",
			n->run_id);
		assert_non_null(strstr(n->words, n->joined ? "joined the front of its project: l0 "
							   : "left the front of its project: "));
	}
}

static void commit_noting(struct run_cut *cut) {
	struct batch batch;

	batch_init(&batch);
	batch_put(&batch, cut);
	assert_int_equal(commit_batch(&committer, &batch), 0);
	assert_null(batch.rejected);
	note(batch.first);
	batch_clear(&batch);
}

static void close_window(const char *id, uint32_t window, double l0, double fvu) {
	commit_noting(cut_closing(id, window, l0, fvu));
}

static void who_joins_and_who_leaves_for_it_is_told_and_written(void **state) {
	(void)state;
	close_window("a", 0, 10, 0.3);
	assert_string_equal(news, ""); /* alone in its project */
	close_window("b", 0, 20, 0.2);
	assert_string_equal(news, "JOINED b; ");
	close_window("c", 0, 30, 0.25);
	assert_string_equal(news, "");
	close_window("c", 1, 9, 0.25);
	assert_string_equal(news, "LEFT a; JOINED c; ");
	assert_string_equal(
		sql_text(path, "SELECT text FROM events WHERE run = 'a' AND kind = 'front'"),
		"left the front of its project: l0 10, fvu 0.3; worse than c (l0 9, fvu 0.25)");
	assert_string_equal(
		sql_text(path, "SELECT text FROM events WHERE run = 'c' AND kind = 'front'"),
		"joined the front of its project: l0 9, fvu 0.25");
	/* Somebody who gets worse lets others in. */
	close_window("c", 2, 40, 0.5);
	assert_string_equal(news, "JOINED a; LEFT c; ");
	close_window("a", 1, NAN, 0.1);
	assert_string_equal(news, "LEFT a; ");
	assert_string_equal(
		sql_text(path, "SELECT text FROM events WHERE run = 'a' AND text LIKE '%no l0'"),
		"left the front of its project: its window has no l0");
	assert_string_equal(
		sql_text(path, "SELECT count(*) FROM events WHERE kind = 'front'"), "6");
	assert_string_equal(sql_text(path, "SELECT count(*) FROM alerts"), "0");
}

static void where_it_is_not_asked_for_nothing_is_told(void **state) {
	(void)state;
	committer.front.is_on = false;
	close_window("a", 0, 10, 0.3);
	close_window("b", 0, 20, 0.2);
	assert_string_equal(news, "");
	assert_string_equal(sql_text(path, "SELECT count(*) FROM events"), "0");
	/* From now on; what was is no news. */
	committer.front.is_on = true;
	close_window("a", 1, 10, 0.3);
	assert_string_equal(news, "");
	close_window("c", 0, 15, 0.25);
	assert_string_equal(news, "JOINED c; ");
}

static void windows_with_a_flaw_and_other_projects_are_no_matter(void **state) {
	(void)state;
	close_window("a", 0, 10, 0.3);
	struct run_cut *cut = cut_closing("b", 0, 5, 0.1);
	cut->row.project = "others";
	commit_noting(cut);
	assert_string_equal(news, "");
	cut = cut_closing("c", 0, 5, 0.1);
	container_of(cut->changes.tail, struct change, next)->window.flaws = FLAW_STEPS_MISSING;
	commit_noting(cut);
	assert_string_equal(news, "");
	cut = cut_closing("d", 0, 5, 0.1);
	cut->row.project = NULL;
	commit_noting(cut);
	assert_string_equal(news, "");
}

static void commit_of(const char *id, uint32_t uid, bool is_private, double l0, double fvu) {
	struct run_cut *cut = cut_closing(id, 0, l0, fvu);

	cut->row.uid = uid;
	cut->row.is_private = is_private;
	commit_noting(cut);
}

static void a_private_run_is_news_among_its_users_private_runs_alone(void **state) {
	(void)state;
	commit_of("public1", 1000, false, 10, 0.3);
	commit_of("secret1", 1001, true, 5, 0.1); /* better than all */
	assert_string_equal(news, "");
	commit_of("public2", 1002, false, 20, 0.2); /* worse than the secret one alone */
	assert_string_equal(news, "JOINED public2; ");
	commit_of("secret2", 1002, true, 4, 0.05);
	assert_string_equal(news, "");
	commit_of("secret3", 1001, true, 4, 0.2);
	assert_string_equal(news, "JOINED secret3; ");
	commit_of("public3", 1001, false, 9, 0.25);
	assert_string_equal(news, "LEFT public1; JOINED public3; ");
	assert_string_equal(
		sql_text(path, "SELECT count(*) FROM events WHERE text LIKE '%secret%' AND run NOT "
			       "LIKE 'secret%'"),
		"0");
}

static void where_all_runs_are_private_users_hear_of_their_own(void **state) {
	(void)state;
	committer.front.all_private = true;
	commit_of("joes1", 1000, false, 10, 0.3);
	commit_of("anas1", 1001, false, 5, 0.1);
	assert_string_equal(news, "");
	commit_of("joes2", 1000, true, 8, 0.2);
	assert_string_equal(news, "LEFT joes1; JOINED joes2; ");
}

static void a_commit_that_fails_has_told_nothing(void **state) {
	(void)state;
	close_window("a", 0, 10, 0.3);
	struct run_cut *cut = cut_closing("b", 0, 5, 0.1);
	struct batch batch;
	batch_init(&batch);
	batch_put(&batch, cut);
	sql_run(path, "CREATE TRIGGER full BEFORE INSERT ON run_state BEGIN SELECT RAISE(FAIL, "
		      "'no'); END");
	int err = commit_batch(&committer, &batch);
	sql_run(path, "DROP TRIGGER full");
	assert_int_equal(err, 0);
	assert_non_null(batch.rejected); /* it was blamed on the run */
	assert_null(batch.rejected->front_news);
	assert_string_equal(
		sql_text(path, "SELECT count(*) FROM events WHERE kind = 'front'"), "0");
	batch_clear(&batch);
}

/* ---- against the definition ---- */

#define RUNS  8
#define USERS 2

struct truth {
	bool is_private[RUNS], has_place[RUNS];
	uint32_t n_windows[RUNS];
	double l0[RUNS], fvu[RUNS];
};

static uint32_t uid_of(int run) {
	return 1000 + (uint32_t)run % USERS;
}

static bool sees(const struct truth *t, int a, int b) {
	return t->is_private[a] == t->is_private[b] &&
	       (!t->is_private[a] || uid_of(a) == uid_of(b));
}

static bool on_front(const struct truth *t, int run) {
	for (int i = 0; i < RUNS && t->has_place[run]; i++) {
		if (t->has_place[i] && sees(t, i, run) && t->l0[i] <= t->l0[run] &&
			t->fvu[i] <= t->fvu[run] &&
			(t->l0[i] < t->l0[run] || t->fvu[i] < t->fvu[run])) {
			return false;
		}
	}
	return t->has_place[run];
}

static bool any_placed_beside(const struct truth *t, int run) {
	for (int i = 0; i < RUNS; i++) {
		if (t->has_place[i] && sees(t, i, run)) {
			return true;
		}
	}
	return false;
}

static void move(struct truth *t, int run) {
	double l0 = rand() % 10 == 0 ? (double)NAN : 1 + rand() % 6, fvu = 1 + rand() % 6;
	char id[16];

	snprintf(id, sizeof id, "run%d", run);
	struct run_cut *cut = cut_closing(id, t->n_windows[run]++, l0, fvu);
	cut->row.uid = uid_of(run);
	cut->row.is_private = t->is_private[run];
	commit_noting(cut);
	t->l0[run] = l0;
	t->fvu[run] = fvu;
	t->has_place[run] = !isnan(l0);
}

static void expect(const char *verb, int run, bool wanted) {
	char words[32];

	snprintf(words, sizeof words, "%s run%d; ", verb, run);
	assert_true((strstr(news, words) != NULL) == wanted);
}

static void news_are_what_the_definition_says_of_before_and_after(void **state) {
	struct truth t = {0};
	int told = 0;
	(void)state;

	srand(5);
	for (int i = 0; i < RUNS; i++) {
		t.is_private[i] = i >= RUNS / 2;
	}
	for (int round = 0; round < 600; round++) {
		int mover = rand() % RUNS;
		bool before[RUNS], is_news = any_placed_beside(&t, mover);
		for (int i = 0; i < RUNS; i++) {
			before[i] = on_front(&t, i);
		}
		move(&t, mover);
		for (int i = 0; i < RUNS; i++) {
			bool now = on_front(&t, i);
			expect("JOINED", i, is_news && now && !before[i]);
			expect("LEFT", i, is_news && !now && before[i]);
			told += is_news && now != before[i];
		}
	}
	char count[16];
	snprintf(count, sizeof count, "%d", told);
	assert_string_equal(
		sql_text(path, "SELECT count(*) FROM events WHERE kind = 'front'"), count);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, rig_teardown)
		T(who_joins_and_who_leaves_for_it_is_told_and_written),
		T(where_it_is_not_asked_for_nothing_is_told),
		T(windows_with_a_flaw_and_other_projects_are_no_matter),
		T(a_private_run_is_news_among_its_users_private_runs_alone),
		T(where_all_runs_are_private_users_hear_of_their_own),
		T(a_commit_that_fails_has_told_nothing),
		T(news_are_what_the_definition_says_of_before_and_after),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("front watch", tests, NULL, NULL);
}
