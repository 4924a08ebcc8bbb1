/* The program that is told of things: what it gets, how long it may take, and what becomes of what it is not told. */
#include "hook.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"

static uv_loop_t loop;
static struct hook hook;
static char folder[64], program[80], heard[80];

static void on_closed(void *user) {
	*(bool *)user = true;
}

static int setup(void **state) {
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/hook.XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(program, sizeof program, "%s/program", folder);
	snprintf(heard, sizeof heard, "%s/heard", folder);
	assert_int_equal(uv_loop_init(&loop), 0);
	hook_init(&hook, &loop);
	return 0;
}

static void close_hook(void) {
	struct closing closing;
	bool closed = false;
	closing_init(&closing, on_closed, &closed);
	hook_close(&hook, &closing);
	closing_release(&closing);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_true(closed);
}

static int teardown(void **state) {
	(void)state;
	close_hook();
	assert_int_equal(uv_loop_close(&loop), 0);
	(void)unlink(program);
	(void)unlink(heard);
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

/* A script; $HEARD is what it may write to. */
static void write_program(const char *script) {
	FILE *file = fopen(program, "w");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\nHEARD=%s\n%s\n", heard, script);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(program, 0700), 0);
}

static struct hook_call *call(const char *variable, const char *input) {
	char **environment = calloc(2, sizeof *environment);
	assert_non_null(environment);
	environment[0] = strdup(variable);
	return hook_call_create(environment, strdup(input));
}

static const char *read_heard(void) {
	static char text[4096];
	FILE *file = fopen(heard, "r");
	size_t n = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
	if (file != NULL) {
		(void)fclose(file);
	}
	text[n] = '\0';
	return text;
}

static char logged[256];

static bool on_logged(
	enum log_level level, const struct log_about *about, const char *line, size_t len) {
	(void)level;
	(void)about;
	snprintf(logged, sizeof logged, "%.*s", (int)len, line);
	return true;
}

/* Until nothing is left to be done. */
static void run(void) {
	(void)uv_run(&loop, UV_RUN_DEFAULT);
}

static void it_gets_the_environment_and_the_input_and_nothing_else(void **state) {
	(void)state;
	setenv("SECRET", "key", 1);
	write_program("{ echo \"$SAE_RUN|$SECRET|$#|$(pwd)\"; cat; } > $HEARD");
	assert_int_equal(hook_set(&hook, program, 10000), 0);
	hook_tell(&hook, call("SAE_RUN=a b; $(touch /tmp/x) 'c", "{\"run\": 1}\n"));
	run();
	assert_string_equal(read_heard(), "a b; $(touch /tmp/x) 'c||0|/\n{\"run\": 1}\n");
	assert_int_equal(hook.counts.run, 1);
	assert_int_equal(hook.counts.failed, 0);
}

/* Whoever opened it did not say that it is ours alone: the multi interface of libcurl does so. */
static void what_else_is_open_is_not_the_programs(void **state) {
	(void)state;
	int fd = fcntl(STDERR_FILENO, F_DUPFD, 100);
	assert_int_equal(fd, 100);
	write_program("[ -e /proc/$$/fd/100 ] && echo open > $HEARD || echo closed > $HEARD");
	assert_int_equal(hook_set(&hook, program, 10000), 0);
	hook_tell(&hook, call("N=1", ""));
	run();
	assert_string_equal(read_heard(), "closed\n");
	(void)close(fd);
}

static void calls_come_one_after_the_other_in_their_order(void **state) {
	(void)state;
	write_program("echo \"begin $N\" >> $HEARD; cat > /dev/null; echo \"end $N\" >> $HEARD");
	assert_int_equal(hook_set(&hook, program, 10000), 0);
	hook_tell(&hook, call("N=1", ""));
	hook_tell(&hook, call("N=2", ""));
	hook_tell(&hook, call("N=3", ""));
	run();
	assert_string_equal(read_heard(), "begin 1\nend 1\nbegin 2\nend 2\nbegin 3\nend 3\n");
}

/* With what it has started: both hold the fifo open, until they are dead. */
static void one_that_is_too_slow_is_killed_with_its_children(void **state) {
	(void)state;
	char byte;
	assert_int_equal(mkfifo(heard, 0600), 0);
	int fd = open(heard, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	write_program("exec 9> $HEARD; sleep 1000 & sleep 1000");
	assert_int_equal(hook_set(&hook, program, 1000), 0);
	hook_tell(&hook, call("N=1", "not read"));
	run();
	assert_int_equal(hook.counts.failed, 1);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(read(fd, &byte, 1), 0);
	(void)close(fd);
}

static void one_that_is_not_there_or_fails_is_counted_and_the_next_is_told(void **state) {
	(void)state;
	assert_int_equal(hook_set(&hook, program, 10000), 0);
	hook_tell(&hook, call("N=1", ""));
	hook_tell(&hook, call("N=2", ""));
	run();
	assert_int_equal(hook.counts.failed, 2);
	assert_int_equal(hook.counts.run, 0);
	write_program("exit 3");
	hook_tell(&hook, call("N=3", ""));
	run();
	write_program("kill -9 $$");
	hook_tell(&hook, call("N=4", ""));
	run();
	assert_int_equal(hook.counts.failed, 4);
	assert_int_equal(hook.counts.run, 2);
}

static void what_does_not_fit_is_dropped_and_counted(void **state) {
	(void)state;
	write_program("cat >> $HEARD");
	assert_int_equal(hook_set(&hook, program, 10000), 0);
	log_set_sink(on_logged);
	for (unsigned i = 0; i < HOOK_WAITING_MAX + 11; i++) {
		hook_tell(&hook, call("N=1", "."));
	}
	assert_int_equal(hook.counts.dropped, 10); /* one runs, the others wait */
	assert_non_null(strstr(logged, "is not told of an alert: as many wait for it as may"));
	log_set_sink(NULL);
	run();
	assert_int_equal(strlen(read_heard()), HOOK_WAITING_MAX + 1);
	assert_int_equal(hook.counts.run, HOOK_WAITING_MAX + 1);
}

static void without_a_program_nothing_is_told(void **state) {
	(void)state;
	hook_tell(&hook, call("N=1", ""));
	write_program("cat >> $HEARD");
	assert_int_equal(hook_set(&hook, program, 10000), 0);
	hook_tell(&hook, call("N=1", "one"));
	hook_tell(&hook, call("N=2", "two"));
	assert_int_equal(hook_set(&hook, NULL, 10000), 0);
	run();
	assert_string_equal(read_heard(), "one"); /* which was on its way */
	assert_int_equal(hook.counts.dropped, 0);
}

static void what_memory_was_too_short_for_is_dropped(void **state) {
	(void)state;
	write_program("");
	assert_int_equal(hook_set(&hook, program, 10000), 0);
	assert_null(hook_call_create(NULL, strdup("")));
	hook_tell(&hook, NULL);
	assert_int_equal(hook.counts.dropped, 1);
}

static void whom_the_end_leaves_untold_is_said(void **state) {
	(void)state;
	write_program("sleep 1000");
	assert_int_equal(hook_set(&hook, program, 600000), 0);
	hook_tell(&hook, call("N=1", ""));
	hook_tell(&hook, call("N=2", ""));
	log_set_sink(on_logged);
	close_hook();
	log_set_sink(NULL);
	assert_non_null(strstr(logged, "program is not told of 2 alerts: the daemon ends"));
}

static void nothing_is_said_of_one_that_is_no_longer_set(void **state) {
	(void)state;
	write_program("sleep 1000");
	assert_int_equal(hook_set(&hook, program, 600000), 0);
	hook_tell(&hook, call("N=1", ""));
	assert_int_equal(hook_set(&hook, NULL, 600000), 0);
	logged[0] = '\0';
	log_set_sink(on_logged);
	close_hook();
	log_set_sink(NULL);
	assert_string_equal(logged, "");
}

/* teardown waits for it. */
static void the_end_waits_for_nobody(void **state) {
	(void)state;
	write_program("sleep 1000");
	assert_int_equal(hook_set(&hook, program, 600000), 0);
	hook_tell(&hook, call("N=1", ""));
	hook_tell(&hook, call("N=2", ""));
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
		T(it_gets_the_environment_and_the_input_and_nothing_else),
		T(what_else_is_open_is_not_the_programs),
		T(calls_come_one_after_the_other_in_their_order),
		T(one_that_is_too_slow_is_killed_with_its_children),
		T(one_that_is_not_there_or_fails_is_counted_and_the_next_is_told),
		T(what_does_not_fit_is_dropped_and_counted),
		T(without_a_program_nothing_is_told),
		T(what_memory_was_too_short_for_is_dropped),
		T(whom_the_end_leaves_untold_is_said),
		T(nothing_is_said_of_one_that_is_no_longer_set),
		T(the_end_waits_for_nobody),
	};
	(void)signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hook", tests, NULL, NULL);
}
