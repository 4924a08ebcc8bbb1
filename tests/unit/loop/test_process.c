/* The end of a process is told once, to everyone who asked, and to nobody else. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "process.h"

struct fixture {
	uv_loop_t loop;
	struct processes processes;
	struct closing closing;
	bool closed;
};

struct counted {
	struct process_watch watch;
	int n_ended;
};

static void on_ended(struct process_watch *w) {
	container_of(w, struct counted, watch)->n_ended++;
}

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof *f);
	assert_int_equal(uv_loop_init(&f->loop), 0);
	processes_init(&f->processes, &f->loop, 0);
	*state = f;
	return 0;
}

static void on_closed(void *user) {
	*(bool *)user = true;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	closing_init(&f->closing, on_closed, &f->closed);
	processes_close(&f->processes, &f->closing);
	closing_release(&f->closing);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_true(f->closed);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f);
	return 0;
}

static pid_t spawn(void) {
	pid_t pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	return pid;
}

static void end(pid_t pid) {
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void everyone_who_asked_is_told_once(void **state) {
	struct fixture *f = *state;
	struct counted a = {.watch.on_ended = on_ended}, b = a;
	pid_t pid = spawn();

	assert_int_equal(process_watch(&f->processes, pid, &a.watch), 0);
	assert_int_equal(process_watch(&f->processes, pid, &b.watch), 0);
	assert_int_equal(f->processes.n_open, 1);
	end(pid);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(a.n_ended, 1);
	assert_int_equal(b.n_ended, 1);
	assert_int_equal(f->processes.n_open, 0);
}

static void who_does_not_ask_any_more_is_not_told(void **state) {
	struct fixture *f = *state;
	struct counted a = {.watch.on_ended = on_ended}, b = a;
	pid_t pid = spawn();

	assert_int_equal(process_watch(&f->processes, pid, &a.watch), 0);
	assert_int_equal(process_watch(&f->processes, pid, &b.watch), 0);
	process_unwatch(&a.watch);
	process_unwatch(&a.watch);
	end(pid);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(a.n_ended, 0);
	assert_int_equal(b.n_ended, 1);
}

static void a_process_that_has_ended_is_not_watched(void **state) {
	struct fixture *f = *state;
	struct counted a = {.watch.on_ended = on_ended};
	pid_t pid = spawn();

	kill(pid, SIGKILL);
	siginfo_t info;
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	assert_int_equal(process_watch(&f->processes, pid, &a.watch), -ESRCH); /* a zombie */
	waitpid(pid, NULL, 0);
	assert_int_equal(process_watch(&f->processes, pid, &a.watch), -ESRCH);
	assert_int_equal(f->processes.n_open, 0);
}

static void a_process_began_when_it_was_forked(void **state) {
	(void)state;
	double before = clock_wall();
	pid_t pid = spawn();
	double after = clock_wall(), began = process_began(pid);

	end(pid);
	assert_true(began > before - 0.05 && began < after + 0.05);
	assert_true(process_began(pid) == 0);
	assert_true(process_began(0) == 0);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(everyone_who_asked_is_told_once),
		T(who_does_not_ask_any_more_is_not_told),
		T(a_process_that_has_ended_is_not_watched),
		T(a_process_began_when_it_was_forked),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
