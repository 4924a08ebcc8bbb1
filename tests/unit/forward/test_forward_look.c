/* What is said of forwarding: in the log, of a run, of all runs. The runs here are made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "forward_private.h"
#include "hash.h"
#include "log.h"
#include "log_messages.h"

#define NOW 1e9
#define S   1000000000ull

static struct forward f;
static struct forwarded runs[3];
static int log_file, stderr_kept;

static void begin_log(void) {
	stderr_kept = dup(STDERR_FILENO);
	log_file = memfd_create("log", 0);
	assert_true(stderr_kept >= 0 && log_file >= 0);
	assert_true(dup2(log_file, STDERR_FILENO) >= 0);
}

static void end_log(void) {
	assert_true(dup2(stderr_kept, STDERR_FILENO) >= 0);
	close(stderr_kept);
	close(log_file);
}

/* How long it took is the machine's matter: "after 3 s" → "after - s". */
static void mask_times(char *text) {
	for (char *at = text; (at = strstr(at, "after ")) != NULL;) {
		at += strlen("after ");
		size_t digits = strspn(at, "0123456789");
		if (digits > 0) {
			*at = '-';
			memmove(at + 1, at + digits, strlen(at + digits) + 1);
		}
	}
}

/* Exactly this was logged since the last time. */
static void expect_log(const char *expected) {
	char text[4096];
	ssize_t len = pread(log_file, text, sizeof text - 1, 0);
	assert_true(len >= 0);
	text[len] = '\0';
	assert_int_equal(ftruncate(log_file, 0), 0);
	assert_true(lseek(log_file, 0, SEEK_SET) == 0);
	mask_times(text);
	assert_string_equal(text, expected);
}

static int setup(void **state) {
	static const char *const ids[] = {"one", "two", "three"};
	(void)state;
	f = (struct forward){
		.options = {.key = "k", .key_source = "netrc", .policy = courier_default_policy}};
	list_init(&f.runs);
	for (size_t i = 0; i < 3; i++) {
		runs[i] = (struct forwarded){.forward = &f};
		courier_init(&runs[i].courier, ids[i], &f.options.policy);
		runs[i].courier.known = runs[i].courier.has_key = true;
		list_append(&f.runs, &runs[i].link);
		struct forwarded **bucket = &f.by_id[hash_text(ids[i]) % FORWARD_BUCKETS];
		runs[i].next_by_id = *bucket;
		*bucket = &runs[i];
	}
	begin_log();
	return 0;
}

static int teardown(void **state) {
	(void)state;
	end_log();
	for (size_t i = 0; i < 3; i++) {
		courier_finish(&runs[i].courier);
	}
	return 0;
}

/* ---- what happens to runs ---- */

static void wait_for(int run, double age_s, int64_t lines) {
	struct courier *c = &runs[run].courier;
	c->lines = c->cursor.accepted + lines;
	c->oldest_time = NOW - age_s;
}

static void answered(int run, enum courier_state state, const char *words) {
	struct courier *c = &runs[run].courier;
	c->state = state;
	c->host_trouble = state == COURIER_WAITING;
	c->n_failed = state == COURIER_WELL ? 0 : c->n_failed + 1;
	c->not_before_ns = state == COURIER_WELL ? 0 : clock_boot_ns() + 60 * S;
	snprintf(c->words, sizeof c->words, "%s", words);
	trouble_look(&f, &runs[run], state == COURIER_WELL ? FORWARD_LISTENED : FORWARD_FAILED);
}

static void fails(int run, const char *words) {
	answered(run, COURIER_WAITING, words);
}

static void gets_through(int run) {
	f.n_accepted++;
	answered(run, COURIER_WELL, "");
}

static void park(int run, const char *words) {
	runs[run].courier.cursor.parked = strdup(words);
	answered(run, COURIER_REFUSED, words);
}

static struct forward_view look(int run) {
	struct forward_view view;
	assert_true(forward_look(&f, runs[run].courier.run_id, NOW, &view));
	return view;
}

static struct forward_sum look_all(void) {
	struct forward_sum sum;
	forward_look_all(&f, NOW, NULL, &sum);
	return sum;
}

/* ---- a run ---- */

static void lines_on_their_ordinary_way_are_no_delay(void **state) {
	(void)state;
	wait_for(0, 34, 3);
	struct forward_view view = look(0);
	assert_int_equal(view.state, FORWARD_OK);
	assert_int_equal(view.pending, 3);
	assert_true(view.lag_s == 34 && view.retry_in_s < 0 && !view.own);
	assert_string_equal(view.words, "");
	wait_for(0, 36, 3);
	assert_int_equal(look(0).state, FORWARD_BEHIND);
}

static void a_run_that_waits_says_for_what_and_until_when(void **state) {
	(void)state;
	wait_for(0, 41, 212);
	fails(0, "could not resolve host");
	struct forward_view view = look(0);
	assert_int_equal(view.state, FORWARD_WAITING);
	assert_false(view.own);
	assert_string_equal(view.words, "could not resolve host");
	assert_true(view.retry_in_s > 55 && view.retry_in_s <= 60);
}

static void a_run_without_a_key_says_how_to_give_it_one(void **state) {
	(void)state;
	wait_for(0, 41, 212);
	runs[0].courier.has_key = false;
	struct forward_view view = look(0);
	assert_int_equal(view.state, FORWARD_WAITING);
	assert_true(view.own);
	assert_string_equal(view.words, "for a W&B key (`sae-metricsd sync one` hands yours over)");
	trouble_look(&f, &runs[0], FORWARD_VISITED);
	trouble_look(&f, &runs[0], FORWARD_VISITED);
	expect_log(
		"run one: its lines for W&B are kept until there is a key (`sae-metricsd sync one` "
		"by its owner hands one over)\n");
}

static void a_run_that_is_parked_is_not_tried_again_by_itself(void **state) {
	(void)state;
	park(0, "deleted");
	struct forward_view view = look(0);
	assert_int_equal(view.state, FORWARD_REFUSED);
	assert_true(view.own && view.parked && view.retry_in_s < 0);
	assert_string_equal(view.words, "deleted");
}

static void a_refused_key_is_of_the_run_only_if_it_is_its_own(void **state) {
	(void)state;
	answered(0, COURIER_REFUSED, "no");
	assert_false(look(0).own);
	runs[1].key = (char[]){"x"};
	answered(1, COURIER_REFUSED, "no");
	assert_true(look(1).own);
	assert_false(look(1).parked);
	assert_true(look(1).retry_in_s > 0);
}

static void a_run_is_synced_when_it_is_over_and_all_there(void **state) {
	(void)state;
	struct courier *c = &runs[0].courier;
	c->ended = true;
	assert_int_equal(look(0).state, FORWARD_OK);
	c->cursor.completed = true;
	assert_int_equal(look(0).state, FORWARD_SYNCED);
	c->has_key = false;
	assert_int_equal(look(0).state, FORWARD_SYNCED);
	wait_for(0, 1, 1);
	assert_int_equal(look(0).state, FORWARD_WAITING);

	runs[1].courier.silent = true; /* nobody says the end of a run that crashed */
	assert_int_equal(look(1).state, FORWARD_SYNCED);
}

static void a_run_nobody_has_looked_up_yet_is_not_seen(void **state) {
	struct forward_view view;
	(void)state;
	runs[0].courier.known = false;
	assert_false(forward_look(&f, "one", NOW, &view));
	assert_false(forward_look(&f, "none", NOW, &view));
	assert_int_equal(look_all().runs, 2);
}

/* ---- all of them ---- */

static void the_worst_of_all_and_the_longest_wait_are_told(void **state) {
	(void)state;
	wait_for(0, 41, 212);
	wait_for(1, 12, 3);
	fails(1, "HTTP 503");
	runs[1].courier.not_before_ns = clock_boot_ns() + 30 * S;
	fails(2, "HTTP 502");
	struct forward_sum sum = look_all();
	assert_int_equal(sum.runs, 3);
	assert_int_equal(sum.held, 0);
	assert_int_equal(sum.pending, 215);
	assert_int_equal(sum.worst.state, FORWARD_WAITING);
	assert_string_equal(sum.worst.words, "HTTP 503");
	assert_true(sum.worst.lag_s == 41);
	assert_true(sum.worst.retry_in_s > 25 && sum.worst.retry_in_s <= 30);
}

static void what_keeps_one_run_alone_is_not_told_of_all(void **state) {
	(void)state;
	park(0, "deleted");
	wait_for(0, 1e6, 7);
	runs[1].courier.has_key = false;
	wait_for(2, 4, 2);
	struct forward_sum sum = look_all();
	assert_int_equal(sum.runs, 3);
	assert_int_equal(sum.held, 2);
	assert_int_equal(sum.pending, 9);
	assert_int_equal(sum.held_pending, 7);
	assert_int_equal(sum.worst.state, FORWARD_OK);
	assert_true(sum.worst.lag_s == 4);
	assert_string_equal(sum.worst.words, "");
}

/* ---- the log ---- */

#define BROKEN "W&B cannot be reached: refused; lines are kept and sent later, trying again\n"
#define HEALED "W&B answers again, after - s: lines that waited are sent\n"

static void one_failure_is_no_news(void **state) {
	(void)state;
	fails(0, "refused");
	gets_through(0);
	fails(0, "refused");
	gets_through(0);
	expect_log("");
}

static void an_outage_is_two_lines_however_long_it_is(void **state) {
	(void)state;
	for (int i = 0; i < 100; i++) {
		fails(i % 3, "refused");
	}
	expect_log(BROKEN);
	gets_through(1);
	expect_log(HEALED);
	assert_false(f.broken);
	gets_through(0);
	gets_through(2);
	expect_log("");
}

static void who_waited_for_the_end_of_an_outage_goes_on_at_once(void **state) {
	(void)state;
	fails(0, "refused");
	fails(1, "refused");
	expect_log(BROKEN);
	gets_through(0);
	assert_int_equal(runs[1].courier.not_before_ns, 0);
	expect_log(HEALED);
}

static void what_is_wrong_with_one_run_is_no_outage(void **state) {
	(void)state;
	fails(0, "HTTP 500"); /* whose fault it is nobody can know yet */
	gets_through(1);
	for (int i = 0; i < 50; i++) {
		fails(0, "HTTP 500");
		gets_through(1);
		gets_through(2);
	}
	expect_log("run one: W&B does not take it: HTTP 500; its lines are "
		   "kept, trying again\n");
	assert_false(f.broken);
	assert_true(runs[0].courier.not_before_ns > 0); /* others do not hurry it */
	assert_true(look(0).own);
	assert_int_equal(look_all().worst.state, FORWARD_OK);
	gets_through(0);
	expect_log("run one: W&B takes it again\n");
}

static void a_question_that_is_answered_is_neither_a_failure_nor_the_end_of_one(void **state) {
	(void)state;
	fails(0, "HTTP 500");
	trouble_look(
		&f, &runs[0], FORWARD_LISTENED); /* W&B says who the run is; its lines fail still */
	expect_log("");
	fails(0, "HTTP 500");
	expect_log(
		"W&B cannot be reached: HTTP 500; lines are kept and sent later, trying again\n");
	for (int i = 0; i < 5; i++) {
		trouble_look(&f, &runs[0], FORWARD_LISTENED);
		fails(0, "HTTP 500");
	}
	expect_log("");
	assert_true(f.broken);
}

static void what_a_run_is_told_alone_is_its_own_from_the_second_time_on(void **state) {
	(void)state;
	for (int i = 0; i < 9; i++) {
		struct courier *c = &runs[0].courier;
		c->state = COURIER_WAITING;
		c->n_failed++;
		snprintf(c->words, sizeof c->words, "HTTP 409");
		trouble_look(&f, &runs[0], FORWARD_FAILED);
		assert_true(look(0).own);
		if (i == 0) {
			expect_log("");
		}
	}
	expect_log("run one: W&B does not take it: HTTP 409; its lines are kept, trying again\n");
	assert_false(f.broken);
}

static void a_run_alone_cannot_know_that_it_is_to_blame(void **state) {
	(void)state;
	for (int i = 0; i < 50; i++) {
		fails(0, "refused");
	}
	expect_log(BROKEN);
	assert_false(look(0).own);
}

static void a_refused_key_is_said_once_for_all_its_runs(void **state) {
	(void)state;
	for (int i = 0; i < 30; i++) {
		answered(i % 3, COURIER_REFUSED, "HTTP 401");
	}
	expect_log("W&B refuses the key from netrc: HTTP 401; lines are kept, it is tried now and "
		   "then\n");
	gets_through(1);
	expect_log("W&B takes the key again\n");
	assert_int_equal(runs[0].courier.not_before_ns, 0);
	assert_int_equal(runs[2].courier.not_before_ns, 0);
	gets_through(0);
	gets_through(2);
	expect_log("");
	answered(0, COURIER_REFUSED, "HTTP 401");
	expect_log("W&B refuses the key from netrc: HTTP 401; lines are kept, it is tried now and "
		   "then\n");
}

static void a_runs_own_key_that_is_refused_is_said_of_the_run(void **state) {
	(void)state;
	runs[0].key = (char[]){"x"};
	for (int i = 0; i < 30; i++) {
		answered(0, COURIER_REFUSED, "HTTP 401");
	}
	expect_log(
		"run one: W&B refuses its own key; lines are kept, it is tried now and then: HTTP "
		"401\n");
	gets_through(1);
	expect_log("");
	gets_through(0);
	expect_log("run one: W&B takes it again\n");
}

static void that_a_run_is_parked_is_said_once(void **state) {
	(void)state;
	park(0, "deleted");
	trouble_look(&f, &runs[0], FORWARD_VISITED);
	expect_log("run one: nothing more is sent to W&B: deleted\n");
}

static void a_no_is_an_answer(void **state) {
	(void)state;
	fails(0, "refused");
	fails(1, "refused");
	expect_log(BROKEN);
	answered(0, COURIER_REFUSED, "HTTP 401");
	assert_false(f.broken);
	expect_log(
		HEALED "W&B refuses the key from netrc: HTTP 401; lines are kept, it is tried now "
		       "and then\n");
}

/* ---- of which kind it is ---- */

static const char *kind_of_last, *run_of_last;

static bool on_line(
	enum log_level level, const struct log_about *about, const char *line, size_t len) {
	(void)level;
	(void)line;
	(void)len;
	kind_of_last = about != NULL && about->kind != NULL ? about->kind : "";
	run_of_last = about != NULL && about->run != NULL ? about->run : "";
	return true;
}

static void expect_kind(const char *kind, const char *run) {
	assert_string_equal(kind_of_last, kind);
	assert_string_equal(run_of_last, run);
	kind_of_last = run_of_last = "none";
}

/* By which an alert is raised, and taken back. */
static void each_message_is_of_a_kind_of_its_own(void **state) {
	(void)state;
	log_set_sink(on_line);
	fails(0, "refused");
	fails(1, "refused");
	expect_kind(LOG_WANDB_AWAY, "");
	gets_through(0);
	expect_kind(LOG_WANDB_BACK, "");
	answered(0, COURIER_REFUSED, "HTTP 401");
	expect_kind(LOG_WANDB_KEY_REFUSED, "");
	gets_through(0);
	expect_kind(LOG_WANDB_KEY_TAKEN, "");
	runs[1].key = (char[]){"x"};
	answered(1, COURIER_REFUSED, "HTTP 401");
	expect_kind(LOG_WANDB_RUN_REFUSED, "two");
	gets_through(1);
	expect_kind(LOG_WANDB_RUN_TAKEN, "two");
	park(1, "deleted");
	expect_kind(LOG_WANDB_RUN_REFUSED, "two");
	runs[2].courier.has_key = false;
	trouble_look(&f, &runs[2], FORWARD_VISITED);
	expect_kind(LOG_WANDB_NO_KEY, "three");
	log_set_sink(NULL);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(lines_on_their_ordinary_way_are_no_delay),
		TEST(a_run_that_waits_says_for_what_and_until_when),
		TEST(a_run_without_a_key_says_how_to_give_it_one),
		TEST(a_run_that_is_parked_is_not_tried_again_by_itself),
		TEST(a_refused_key_is_of_the_run_only_if_it_is_its_own),
		TEST(a_run_is_synced_when_it_is_over_and_all_there),
		TEST(a_run_nobody_has_looked_up_yet_is_not_seen),
		TEST(the_worst_of_all_and_the_longest_wait_are_told),
		TEST(what_keeps_one_run_alone_is_not_told_of_all),
		TEST(one_failure_is_no_news),
		TEST(an_outage_is_two_lines_however_long_it_is),
		TEST(who_waited_for_the_end_of_an_outage_goes_on_at_once),
		TEST(what_is_wrong_with_one_run_is_no_outage),
		TEST(a_question_that_is_answered_is_neither_a_failure_nor_the_end_of_one),
		TEST(what_a_run_is_told_alone_is_its_own_from_the_second_time_on),
		TEST(a_run_alone_cannot_know_that_it_is_to_blame),
		TEST(a_refused_key_is_said_once_for_all_its_runs),
		TEST(a_runs_own_key_that_is_refused_is_said_of_the_run),
		TEST(that_a_run_is_parked_is_said_once),
		TEST(a_no_is_an_answer),
		TEST(each_message_is_of_a_kind_of_its_own),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("forward_look", tests, NULL, NULL);
}
