/* `sae-metricsd stop` as it is called, where no daemon is. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "bounds.h"
#include "subcommand.h"

static char out[8192], err[8192];

static void read_back(int fd, char *text, size_t size) {
	ssize_t n = pread(fd, text, size - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	(void)close(fd);
}

/* Runs it in a child: `out`, `err` and its exit status. */
static int stop(const char *const *arguments) {
	int out_fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int err_fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int result;
	pid_t child = fork();

	if (child == 0) {
		char *argv[16] = {strdup("stop")};
		int argc = 1;
		for (; arguments[argc - 1]; argc++) {
			argv[argc] = strdup(arguments[argc - 1]);
		}
		(void)dup2(out_fd, STDOUT_FILENO);
		(void)dup2(err_fd, STDERR_FILENO);
		int code = subcommand_stop.run(argc, argv);
		while (argc > 0) {
			free(argv[--argc]);
		}
		(void)fflush(NULL);
		_exit(code);
	}
	assert_int_equal(waitpid(child, &result, 0), child);
	assert_true(WIFEXITED(result));
	read_back(out_fd, out, sizeof(out));
	read_back(err_fd, err, sizeof(err));
	return WEXITSTATUS(result);
}

#define STOP(...) stop((const char *const[]){__VA_ARGS__, NULL})

static void help_is_data_and_no_error(void **state) {
	(void)state;

	assert_int_equal(STOP("--help"), EXIT_OK);
	assert_string_equal(out, subcommand_stop.usage);
	assert_string_equal(err, "");
	assert_int_equal(STOP("a", "b", "-h"), EXIT_OK);
	assert_string_equal(out, subcommand_stop.usage);
}

static void wrong_usage_says_what_was_wrong(void **state) {
	char longest[QUERY_REASON_MAX + 2];
	(void)state;

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(stop((const char *const[]){NULL}), EXIT_USAGE);
	assert_non_null(strstr(err, "one RUN is needed"));
	assert_int_equal(STOP(""), EXIT_USAGE);
	assert_int_equal(STOP("a", "b"), EXIT_USAGE);
	assert_non_null(strstr(err, "one RUN is needed"));
	assert_int_equal(STOP("--force", "a"), EXIT_USAGE);
	assert_non_null(strstr(err, "there is no option --force"));
	assert_int_equal(STOP("--reason", "over", "-vwx"), EXIT_USAGE);
	assert_non_null(strstr(err, "there is no option -v;"));
	assert_int_equal(STOP("a", "-v"), EXIT_USAGE);
	assert_non_null(strstr(err, "there is no option -v;"));
	assert_int_equal(STOP("--help=over", "-h"), EXIT_USAGE);
	assert_non_null(strstr(err, "there is no option --help=over;"));
	assert_int_equal(STOP("a", "--reason"), EXIT_USAGE);
	assert_non_null(strstr(err, "a value is missing behind --reason"));
	assert_int_equal(STOP("--reason", "a\x1b[2J", "a"), EXIT_USAGE);
	assert_non_null(strstr(err, "--reason holds a control character"));
	assert_int_equal(STOP("--reason", longest, "a"), EXIT_USAGE);
	assert_non_null(strstr(err, "--reason is longer than 256 bytes"));
	assert_string_equal(out, "");
}

static void without_a_daemon_nothing_is_stopped(void **state) {
	(void)state;

	assert_int_equal(STOP("--socket", "/nonexistent/socket", "a"), EXIT_NO_ANSWER);
	assert_string_equal(err, "sae-metricsd stop: no answer from /nonexistent/socket: there is "
				 "no such socket; is `sae-metricsd serve` running?\n");
	setenv("SAE_METRICS_SOCKET", "/nonexistent/other", 1);
	assert_int_equal(STOP("a"), EXIT_NO_ANSWER);
	assert_non_null(strstr(err, "no answer from /nonexistent/other: "));
	assert_string_equal(out, "");

	/* The user's own is the first to be missed. */
	unsetenv("SAE_METRICS_SOCKET");
	setenv("XDG_RUNTIME_DIR", "/nonexistent/run", 1);
	if (access("/run/sae-metricsd/socket", F_OK) < 0) {
		assert_int_equal(STOP("a"), EXIT_NO_ANSWER);
		assert_non_null(strstr(err, "no answer from /nonexistent/run/sae-metricsd/socket"));
	}
}

/* What is compared before it has seen as much as others is stopped for nothing. */
static void dominated_runs_are_not_chosen_without_equal_tokens(void **state) {
	(void)state;

	assert_int_equal(STOP("--dominated"), EXIT_USAGE);
	assert_non_null(strstr(err, "--dominated needs --at-tokens N"));
	assert_int_equal(STOP("--dominated", "--at-tokens", "many"), EXIT_USAGE);
	assert_non_null(strstr(err, "--at-tokens: expected a count like 168M"));
	assert_int_equal(STOP("--dominated", "--at-tokens", "0"), EXIT_USAGE);
	assert_int_equal(STOP("--dry-run", "a"), EXIT_USAGE);
	assert_non_null(strstr(err, "there is no option --dry-run"));
	assert_string_equal(out, "");
}

static void what_dominated_runs_are_not_chosen_by_is_refused(void **state) {
	(void)state;

	assert_int_equal(STOP("--dominated", "--at-tokens", "1M", "a"), EXIT_USAGE);
	assert_non_null(strstr(err, "it goes without a;"));
	assert_int_equal(
		STOP("--dominated", "--at-tokens", "1M", "--state", "running"), EXIT_USAGE);
	assert_non_null(strstr(err, "--state is not for it"));
	assert_int_equal(STOP("--dominated", "--at-tokens", "1M", "--y", "l0"), EXIT_USAGE);
	assert_non_null(strstr(err, "--x and --y are both l0"));
	assert_int_equal(STOP("--dominated", "--at-tokens", "1M", "--y", "mine"), EXIT_USAGE);
	assert_non_null(strstr(err, "Say --y-better lower or higher"));
	assert_int_equal(STOP("--dominated", "--at-tokens", "1M", "--db", "x.db"), EXIT_USAGE);
	assert_non_null(strstr(err, "there is no option --db"));
	assert_int_equal(STOP("--dominated", "--at-tokens", "1M", "--reason", "a\x01"), EXIT_USAGE);
	assert_non_null(strstr(err, "--reason "));
	assert_int_equal(STOP("--dominated", "--help"), EXIT_OK);
	assert_string_equal(out, subcommand_stop.usage);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(help_is_data_and_no_error),
		cmocka_unit_test(wrong_usage_says_what_was_wrong),
		cmocka_unit_test(dominated_runs_are_not_chosen_without_equal_tokens),
		cmocka_unit_test(what_dominated_runs_are_not_chosen_by_is_refused),
		cmocka_unit_test(without_a_daemon_nothing_is_stopped),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
