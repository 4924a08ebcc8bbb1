/* Names and groups are asked for without waiting for a directory that does not answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lookup.h"

#define PATIENT_MS 60000u /* it answers long before */

/* A directory that answers once it is let: a byte in the pipe a question. */
static int door[2];

static void find_when_let(struct lookup_answer *a) {
	char let;

	if (read(door[0], &let, 1) != 1) {
		a->found = false;
		return;
	}
	a->found = a->kind == LOOKUP_GROUP || a->id == 1000;
	if (a->kind == LOOKUP_USER && a->found) {
		snprintf(a->name, sizeof a->name, "ana");
	} else if (a->kind == LOOKUP_GROUP) {
		a->id = 950;
	}
}

struct fixture {
	uv_loop_t loop;
	struct lookup *lookup;
	struct closing closing;
	int n_answers;
	struct lookup_answer newest;
	bool closed;
};

static void on_answer(void *user, const struct lookup_answer *answer) {
	struct fixture *f = user;
	f->n_answers++;
	f->newest = *answer;
}

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof *f);
	assert_int_equal(pipe(door), 0);
	assert_int_equal(uv_loop_init(&f->loop), 0);
	assert_int_equal(lookup_open(&f->loop, find_when_let, on_answer, f, &f->lookup), 0);
	*state = f;
	return 0;
}

static void on_closed(void *user) {
	*(bool *)user = true;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	closing_init(&f->closing, on_closed, &f->closed);
	lookup_close(f->lookup, &f->closing);
	closing_release(&f->closing);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_true(f->closed);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	close(door[1]); /* whoever still reads there comes back */
	free(f);
	return 0;
}

static void let(unsigned n) {
	for (; n > 0; n--) {
		assert_int_equal(write(door[1], "", 1), 1);
	}
}

static bool ask_user(
	struct fixture *f, uint32_t uid, unsigned patience_ms, struct lookup_answer *ret) {
	*ret = (struct lookup_answer){.kind = LOOKUP_USER, .id = uid};
	return lookup_ask(f->lookup, ret, patience_ms);
}

static void until_answers(struct fixture *f, int n) {
	while (f->n_answers < n) {
		uv_run(&f->loop, UV_RUN_ONCE);
	}
}

static void what_is_found_at_once_is_the_answer(void **state) {
	struct fixture *f = *state;
	struct lookup_answer answer, group = {.kind = LOOKUP_GROUP, .name = "wheel"};

	let(3);
	assert_true(ask_user(f, 1000, PATIENT_MS, &answer));
	assert_true(answer.found);
	assert_string_equal(answer.name, "ana");
	assert_true(ask_user(f, 1001, PATIENT_MS, &answer));
	assert_false(answer.found);
	assert_true(lookup_ask(f->lookup, &group, PATIENT_MS));
	assert_int_equal(group.id, 950);
	assert_int_equal(f->n_answers, 0);
}

static void what_comes_later_comes_on_the_loop(void **state) {
	struct fixture *f = *state;
	struct lookup_answer answer;

	assert_false(ask_user(f, 1000, 1, &answer));
	assert_int_equal(f->n_answers, 0);
	let(1);
	until_answers(f, 1);
	assert_int_equal(f->newest.id, 1000);
	assert_string_equal(f->newest.name, "ana");
}

static void behind_a_question_that_is_not_answered_nobody_waits(void **state) {
	struct fixture *f = *state;
	struct lookup_answer answer;

	assert_false(ask_user(f, 1001, 0, &answer));
	assert_false(ask_user(f, 1000, PATIENT_MS, &answer)); /* or the test takes a minute */
	let(2);
	until_answers(f, 2);
	assert_string_equal(f->newest.name, "ana");
	let(1);
	assert_true(ask_user(f, 1000, PATIENT_MS, &answer));
}

static void closing_does_not_wait_for_the_directory(void **state) {
	struct fixture *f = *state;
	struct lookup_answer answer;

	assert_false(ask_user(f, 1000, 1, &answer)); /* and teardown comes to its end */
	assert_false(ask_user(f, 1001, 1, &answer));
}

static void the_systems_directory_knows_root(void **state) {
	struct lookup_answer user = {.kind = LOOKUP_USER},
			     group = {.kind = LOOKUP_GROUP, .name = "root"},
			     none = {.kind = LOOKUP_GROUP, .name = "no-such-group-here"};
	(void)state;

	lookup_find(&user);
	assert_true(user.found);
	assert_string_equal(user.name, "root");
	lookup_find(&group);
	assert_true(group.found);
	assert_int_equal(group.id, 0);
	lookup_find(&none);
	assert_false(none.found);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_is_found_at_once_is_the_answer),
		T(what_comes_later_comes_on_the_loop),
		T(behind_a_question_that_is_not_answered_nobody_waits),
		T(closing_does_not_wait_for_the_directory),
		cmocka_unit_test(the_systems_directory_knows_root),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("lookup", tests, NULL, NULL);
}
