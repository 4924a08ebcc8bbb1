/* Where a line goes, and what goes with it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "log_messages.h"

static char sunk[4096], sunk_run[64];
static unsigned n_sunk;
static bool takes;

static bool sink(
	enum log_level level, const struct log_about *about, const char *line, size_t len) {
	(void)level;
	if (!takes) {
		return false;
	}
	n_sunk++;
	assert_int_equal(len, strlen(line));
	snprintf(sunk, sizeof sunk, "%s", line);
	snprintf(sunk_run, sizeof sunk_run, "%s",
		about != NULL && about->run != NULL ? about->run : "");
	return true;
}

/* What comes on stderr while `say` runs. */
static const char *on_stderr(void (*say)(void)) {
	static char got[4096];
	int ends[2], kept = dup(STDERR_FILENO);

	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	say();
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	close(kept);
	close(ends[1]);
	ssize_t n = read(ends[0], got, sizeof got - 1);
	got[n > 0 ? n : 0] = '\0';
	close(ends[0]);
	return got;
}

static void say_hello(void) {
	log_info("hello %d", 1);
}

static void say_of_a_run(void) {
	log_about(LOG_LEVEL_WARNING, &(struct log_about){.kind = LOG_RUN_STATE, .run = "r1"},
		"run r1: crashed");
}

static void say_into_the_journal(void) {
	struct stat st;
	char stream[64];

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
		(unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	assert_true(log_goes_to_journal());
	log_error("help");
	unsetenv("JOURNAL_STREAM");
}

static void only_the_journals_own_stderr_gets_priorities(void **state) {
	(void)state;

	unsetenv("JOURNAL_STREAM");
	assert_string_equal(on_stderr(say_hello), "hello 1\n");
	/* Of a service whose child writes into a file of its own. */
	setenv("JOURNAL_STREAM", "1:1", 1);
	assert_false(log_goes_to_journal());
	assert_string_equal(on_stderr(say_hello), "hello 1\n");
	assert_string_equal(on_stderr(say_into_the_journal), "<3>help\n");
}

static void a_sink_gets_what_a_message_is_about_and_stderr_what_it_does_not_take(void **state) {
	(void)state;

	log_set_sink(sink);
	takes = true;
	assert_string_equal(on_stderr(say_of_a_run), "");
	assert_string_equal(sunk, "run r1: crashed");
	assert_string_equal(sunk_run, "r1");
	assert_string_equal(on_stderr(say_hello), "");
	assert_string_equal(sunk_run, "");
	takes = false;
	assert_string_equal(on_stderr(say_of_a_run), "run r1: crashed\n");
	log_set_sink(NULL);
}

static void what_a_user_floods_with_is_left_out(void **state) {
	(void)state;
	struct log_about about = {.kind = LOG_REFUSED, .is_of_user = true, .uid = 4711};

	log_set_sink(sink);
	takes = true;
	n_sunk = 0;
	for (int i = 0; i < 10000; i++) {
		log_about(LOG_LEVEL_INFO, &about, "refused");
	}
	assert_in_range(n_sunk, 1, 200);
	about.uid = 4712;
	unsigned before = n_sunk;
	log_about(LOG_LEVEL_INFO, &about, "refused");
	assert_int_equal(n_sunk, before + 1);
	log_set_sink(NULL);
}

static void a_line_that_is_too_long_is_cut(void **state) {
	(void)state;
	char text[3000];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	log_set_sink(sink);
	takes = true;
	log_info("%s", text);
	assert_in_range(strlen(sunk), 1000, 1024);
	log_set_sink(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_journals_own_stderr_gets_priorities),
		cmocka_unit_test(
			a_sink_gets_what_a_message_is_about_and_stderr_what_it_does_not_take),
		cmocka_unit_test(what_a_user_floods_with_is_left_out),
		cmocka_unit_test(a_line_that_is_too_long_is_cut),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
