/* A program that is asked something: what it says, and that its end is seen whatever it does. */
#include "child.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static uv_loop_t loop;
static struct child *child;
static struct child_result ended; /* without what it said … */
static char said[256];            /* … which is here */
static bool has_ended;

static int setup(void **state) {
	(void)state;
	has_ended = false;
	return uv_loop_init(&loop);
}

static int teardown(void **state) {
	(void)state;
	return uv_loop_close(&loop);
}

static void on_ended(void *user, struct child_result *result) {
	(void)user;
	ended = *result;
	snprintf(said, sizeof said, "%.*s", (int)result->said.len, (const char *)result->said.data);
	has_ended = true;
}

static void begin(const char *script, uint32_t timeout_ms) {
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};
	const struct child_options options = {
		.argv = argv,
		.text = "asked",
		.len = 5,
		.said_max = 200,
		.timeout_ms = timeout_ms,
		.on_ended = on_ended,
	};
	assert_int_equal(child_begin(&loop, &options, &child), 0);
	assert_false(has_ended);
}

static void run(void) {
	(void)uv_run(&loop, UV_RUN_DEFAULT);
}

static void it_is_given_a_text_and_what_it_says_is_told(void **state) {
	(void)state;
	begin("cat; echo , answered; exit 3", 60000);
	run();
	assert_true(has_ended);
	assert_string_equal(said, "asked, answered\n");
	assert_int_equal(ended.exit_status, 3);
	assert_false(ended.is_late);
}

static void one_that_says_too_much_or_takes_too_long_is_killed(void **state) {
	(void)state;
	begin("exec yes", 60000);
	run();
	assert_true(ended.is_too_long);
	assert_int_equal(ended.signal, SIGKILL);
	has_ended = false;
	begin("exec sleep 1000", 50);
	run();
	assert_true(ended.is_late);
	assert_int_equal(ended.signal, SIGKILL);
}

/* What the script leaves behind has its stdout, and is there until somebody opens the pipe. */
static void run_one_that_leaves_another(const char *script, uint32_t timeout_ms) {
	char folder[] = "/tmp/child.XXXXXX", pipe[64], whole[128];
	assert_non_null(mkdtemp(folder));
	snprintf(pipe, sizeof pipe, "%s/pipe", folder);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	snprintf(whole, sizeof whole, "cat < %s & %s", pipe, script);
	begin(whole, timeout_ms);
	run();
	int fd = open(pipe, O_RDWR | O_CLOEXEC); /* and ends with it */
	assert_true(fd >= 0);
	assert_int_equal(
		unlink(pipe), 0); /* first: who comes to it later finds nobody, and no pipe */
	(void)close(fd);
	assert_int_equal(rmdir(folder), 0);
}

static void what_it_leaves_behind_is_waited_for_no_longer_than_itself(void **state) {
	(void)state;
	run_one_that_leaves_another("echo said", 2000); /* by then it has ended */
	assert_true(has_ended);
	assert_string_equal(said, "said\n");
	assert_true(ended.is_late);
}

static void once_it_is_killed_what_it_leaves_behind_is_not_waited_for(void **state) {
	(void)state;
	run_one_that_leaves_another("exec yes", 60000);
	assert_true(has_ended);
	assert_true(ended.is_too_long);
	assert_false(ended.is_late);
}

static void on_closed(void *user) {
	*(bool *)user = true;
}

static void one_that_is_closed_is_killed_and_tells_nobody(void **state) {
	(void)state;
	struct closing closing;
	bool closed = false;
	begin("exec sleep 1000", 60000);
	closing_init(&closing, on_closed, &closed);
	child_close(child, &closing);
	closing_release(&closing);
	run();
	assert_true(closed);
	assert_false(has_ended);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
		T(it_is_given_a_text_and_what_it_says_is_told),
		T(one_that_says_too_much_or_takes_too_long_is_killed),
		T(what_it_leaves_behind_is_waited_for_no_longer_than_itself),
		T(once_it_is_killed_what_it_leaves_behind_is_not_waited_for),
		T(one_that_is_closed_is_killed_and_tells_nobody),
	};
	(void)signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
