/* Questions are answered once each with what was found, while the loop is also woken by other threads; users in turns. */
#include "asking.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rig.h"

#define N_QUESTIONS 500

static uv_loop_t loop;
static struct asking asking;
static int n_idle, n_damage, n_closed;

struct question {
	struct request request; /* first */
	int will_be, n_served, n_answered, status, place;
};

static int n_places;

static int on_thread(struct request *r, struct db *reading) {
	struct question *q = (struct question *)r;
	assert_non_null(reading->sql);
	q->n_served++;
	return q->will_be;
}

static void on_answer(struct request *r, int status) {
	struct question *q = (struct question *)r;
	q->n_answered++;
	q->status = status;
	q->place = n_places++;
}

static void on_idle(void *user) {
	(void)user;
	n_idle++;
}

static void on_damage(void *user) {
	(void)user;
	n_damage++;
}

static void on_early(void *user, struct request *request) {
	(void)user;
	(void)request;
	fail();
}

static void on_closed(void *user) {
	(void)user;
	n_closed++;
}

static int setup(void **state) {
	const struct asking_callbacks callbacks = {on_idle, on_damage, on_early};
	n_idle = n_damage = n_closed = n_places = 0;
	assert_int_equal(rig_setup(state), 0);
	assert_int_equal(uv_loop_init(&loop), 0);
	asking_init(&asking, &loop, path, &callbacks, NULL);
	return 0;
}

static int teardown(void **state) {
	asking_close(&asking, on_closed);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(n_closed, 1);
	assert_int_equal(uv_loop_close(&loop), 0);
	return rig_teardown(state);
}

static struct question question(uint32_t uid, int will_be) {
	return (struct question){
		.request = {.uid = uid, .serve = on_thread, .answer = on_answer},
		.will_be = will_be,
	};
}

static void run_until_idle(void) {
	while (asking_busy(&asking)) {
		(void)uv_run(&loop, UV_RUN_ONCE);
	}
}

/* ---- the loop's other work ---- */

static uv_work_t noise[2];
static bool noise_ends;

static void do_nothing(uv_work_t *work) {
	(void)work;
}

static void on_done(uv_work_t *work, int status) {
	assert_int_equal(status, 0);
	if (!noise_ends) {
		assert_int_equal(uv_queue_work(&loop, work, do_nothing, on_done), 0);
	}
}

/* All of a loop's wakers share one descriptor: what woke it is often not who is then heard. */
static void each_is_answered_once_with_what_it_left(void **state) {
	static const int left[] = {0, -EIO, -ENOMEM, 7};
	(void)state;
	noise_ends = false;
	on_done(&noise[0], 0);
	on_done(&noise[1], 0);
	for (int i = 0; i < N_QUESTIONS; i++) {
		struct question q = question(1000, left[i % 4]);
		asking_add(&asking, &q.request);
		run_until_idle();
		assert_int_equal(q.n_served, 1);
		assert_int_equal(q.n_answered, 1);
		assert_int_equal(q.status, left[i % 4]);
	}
	noise_ends = true;
	assert_int_equal(n_idle, N_QUESTIONS);
	assert_int_equal(n_damage, 0);
}

static void users_take_turns(void **state) {
	struct question mine[3], theirs = question(2000, 0);
	(void)state;
	for (int i = 0; i < 3; i++) {
		mine[i] = question(1000, 0);
		asking_add(&asking, &mine[i].request);
	}
	asking_add(&asking, &theirs.request);
	run_until_idle();
	assert_int_equal(mine[0].place, 0);
	assert_int_equal(theirs.place, 1);
	assert_int_equal(mine[1].place, 2);
	assert_int_equal(mine[2].place, 3);
	assert_int_equal(n_idle, 1);
}

static void damage_is_told_after_who_met_it(void **state) {
	struct question q = question(1000, -EBADMSG);
	(void)state;
	asking_add(&asking, &q.request);
	run_until_idle();
	assert_int_equal(q.status, -EBADMSG);
	assert_int_equal(n_damage, 1);
}

static void what_cannot_be_opened_is_answered(void **state) {
	struct question q = question(1000, 0);
	(void)state;
	asking.path = path_of("nowhere/m.db");
	asking_add(&asking, &q.request);
	run_until_idle();
	assert_int_equal(q.n_served, 0);
	assert_int_equal(q.n_answered, 1);
	assert_true(q.status < 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			each_is_answered_once_with_what_it_left, setup, teardown),
		cmocka_unit_test_setup_teardown(users_take_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_told_after_who_met_it, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_answered, setup, teardown),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
