/* What `sync` waits for, from one status document to the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync_show.h"
#include "sync_watch.h"

struct fake {
	const char *id, *state, *forward;
	int accepted, pending;
	bool unanswered, others;
};

static json_t *document_of(const struct fake *fakes, size_t n) {
	json_t *runs = json_array();
	for (size_t i = 0; i < n; i++) {
		const struct fake *r = &fakes[i];
		json_array_append_new(
			runs, json_pack("{s:s, s:s, s:b, s:{s:s, s:s, s:i, s:i, s:b}}", "id", r->id,
				      "state", r->state, "own", !r->others, "forward", "target",
				      "wandb", "state", r->forward, "accepted_rows", r->accepted,
				      "pending_rows", r->pending, "unanswered", r->unanswered));
	}
	return json_pack("{s:o}", "runs", runs);
}

static struct sync_watch w;

static void look_at(const struct fake *fakes, size_t n) {
	json_t *document = document_of(fakes, n);
	sync_watch_look(&w, document);
	json_decref(document);
}

static void begin_with(const struct fake *fakes, size_t n, bool was_named) {
	json_t *document = document_of(fakes, n);
	assert_int_equal(sync_watch_begin(&w, document, was_named), 0);
	json_decref(document);
	look_at(fakes, n);
}

static void begin(struct fake one) {
	begin_with(&one, 1, true);
}

static void look(struct fake one) {
	look_at(&one, 1);
}

static int finish(void **state) {
	(void)state;
	sync_watch_finish(&w);
	return 0;
}

static bool all_synced(void) {
	json_t *document = sync_watch_document(&w);
	bool synced = true;
	size_t i;
	json_t *run;
	json_array_foreach(json_object_get(document, "runs"), i, run) {
		synced = synced && sync_is_synced(run);
	}
	json_decref(document);
	return synced;
}

static void a_run_that_never_stands_still_is_done_when_what_it_had_has_arrived(void **state) {
	(void)state;
	begin((struct fake){"r", "running", "behind", 10, 5, false, false});
	assert_false(w.all_settled);
	assert_int_equal(w.pending, 5);
	look((struct fake){"r", "running", "behind", 14, 30, false, false});
	assert_false(w.all_settled);
	assert_int_equal(w.pending, 1);
	look((struct fake){"r", "running", "ok", 15, 40, false, false});
	assert_true(w.all_settled && all_synced());
}

static void what_it_logs_meanwhile_is_no_progress(void **state) {
	(void)state;
	begin((struct fake){"r", "running", "waiting", 10, 5, false, false});
	look((struct fake){"r", "running", "waiting", 10, 50, false, false});
	assert_false(w.moved);
	look((struct fake){"r", "running", "behind", 11, 60, false, false});
	assert_true(w.moved);
	look((struct fake){"r", "running", "behind", 11, 70, false, false});
	assert_false(w.moved);
}

static void what_is_over_needs_its_end_there(void **state) {
	(void)state;
	begin((struct fake){"r", "finished", "ok", 15, 0, false, false});
	assert_false(w.all_settled);
	assert_false(all_synced());
	look((struct fake){"r", "finished", "synced", 15, 0, false, false});
	assert_true(w.all_settled && w.moved && all_synced());
}

static void a_run_that_ends_meanwhile_is_waited_for_to_its_end(void **state) {
	(void)state;
	begin((struct fake){"r", "running", "behind", 10, 5, false, false});
	look((struct fake){"r", "finished", "behind", 15, 4, false, false});
	assert_false(w.all_settled);
	assert_int_equal(w.pending, 4);
	look((struct fake){"r", "finished", "synced", 19, 0, false, false});
	assert_true(w.all_settled && all_synced());
}

static void nothing_is_settled_before_wandb_has_answered(void **state) {
	(void)state;
	begin((struct fake){"r", "running", "ok", 15, 0, true, false});
	assert_false(w.all_settled || all_synced());
	look((struct fake){"r", "running", "refused", 15, 0, true, false});
	assert_false(w.all_settled);
	look((struct fake){"r", "running", "refused", 15, 0, false, false});
	assert_true(w.all_settled);
	assert_false(all_synced());
}

static void other_peoples_runs_are_not_waited_for(void **state) {
	(void)state;
	static const struct fake both[] = {{"his", "running", "waiting", 0, 9, false, true},
		{"hers", "running", "ok", 3, 0, false, false}};
	begin_with(both, 2, false);
	assert_int_equal(w.n, 1);
	assert_true(w.all_settled && all_synced());
}

static void what_was_done_once_need_not_be_at_the_same_time_as_the_rest(void **state) {
	(void)state;
	static const struct fake first[] = {{"a", "running", "ok", 3, 0, false, false},
		{"b", "running", "behind", 3, 2, false, false}};
	static const struct fake then[] = {{"a", "running", "ok", 3, 8, true, false},
		{"b", "running", "ok", 5, 0, false, false}};
	begin_with(first, 2, false);
	assert_false(w.all_settled);
	look_at(then, 2);
	assert_true(w.all_settled && all_synced());
}

static void what_is_begun_meanwhile_is_nobodys_question(void **state) {
	(void)state;
	static const struct fake then[] = {{"new", "running", "behind", 0, 8, false, false},
		{"r", "running", "ok", 5, 0, false, false}};
	static const struct fake first = {"r", "running", "behind", 3, 2, false, false};
	begin_with(&first, 1, false);
	look_at(then, 2);
	assert_true(w.all_settled && all_synced());
}

#define TEST(test) cmocka_unit_test_teardown(test, finish)

int main(void) {
	static const struct CMUnitTest tests[] = {
		TEST(a_run_that_never_stands_still_is_done_when_what_it_had_has_arrived),
		TEST(what_it_logs_meanwhile_is_no_progress),
		TEST(what_is_over_needs_its_end_there),
		TEST(a_run_that_ends_meanwhile_is_waited_for_to_its_end),
		TEST(nothing_is_settled_before_wandb_has_answered),
		TEST(other_peoples_runs_are_not_waited_for),
		TEST(what_was_done_once_need_not_be_at_the_same_time_as_the_rest),
		TEST(what_is_begun_meanwhile_is_nobodys_question),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
