/* `sae-metricsd status` as it is called: its words, its output, its exit status. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "database.h"
#include "subcommand.h"

#define RUN(id, name, state_)                                                                      \
	"INSERT INTO runs_data (id, name, state, started, last_seen, step) VALUES ('" id           \
	"', '" name "', '" state_ "', 1000, 2000, 41);"

static char folder[32], path[64], other[64], out[65536], err[8192];

static int make_folder(void **state) {
	(void)state;

	strncpy(folder, "/tmp/sae-test-status-XXXXXX", sizeof(folder));
	if (!mkdtemp(folder)) {
		return -1;
	}
	snprintf(path, sizeof(path), "%s/metrics.db", folder);
	snprintf(other, sizeof(other), "%s/other.db", folder);
	unsetenv("SAE_METRICS_SOCKET");
	unsetenv("XDG_STATE_HOME");
	setenv("XDG_RUNTIME_DIR", folder, 1);
	setenv("HOME", folder, 1);
	return 0;
}

static int remove_folder(void **state) {
	char command[64];
	(void)state;

	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void read_back(int fd, char *text, size_t size) {
	ssize_t n = pread(fd, text, size - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	(void)close(fd);
}

/* Runs it in a child, into pipes of files: `out`, `err` and its exit status. */
static int status(const char *const *arguments) {
	int out_fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int err_fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char *argv[16] = {strdup("status")};
	int argc = 1, result;

	for (; arguments[argc - 1]; argc++) {
		argv[argc] = strdup(arguments[argc - 1]);
	}
	pid_t child = fork();
	if (child == 0) {
		(void)dup2(out_fd, STDOUT_FILENO);
		(void)dup2(err_fd, STDERR_FILENO);
		int code = subcommand_status.run(argc, argv);
		(void)fflush(NULL);
		_exit(code);
	}
	while (argc > 0) {
		free(argv[--argc]);
	}
	assert_int_equal(waitpid(child, &result, 0), child);
	assert_true(WIFEXITED(result));
	read_back(out_fd, out, sizeof(out));
	read_back(err_fd, err, sizeof(err));
	return WEXITSTATUS(result);
}

#define STATUS(...) status((const char *const[]){__VA_ARGS__, NULL})

static void help_is_data_and_no_error(void **state) {
	(void)state;

	assert_int_equal(STATUS("--help"), EXIT_OK);
	assert_string_equal(out, subcommand_status.usage);
	assert_string_equal(err, "");
}

static void wrong_usage_says_what_was_wrong(void **state) {
	(void)state;

	assert_int_equal(STATUS("--jason"), EXIT_USAGE);
	assert_non_null(strstr(err, "--jason"));
	assert_int_equal(STATUS("--color", "blue"), EXIT_USAGE);
	assert_non_null(strstr(err, "blue"));
	assert_int_equal(STATUS("-o", "RUN,LOSS"), EXIT_USAGE);
	assert_non_null(strstr(err, "no column 'LOSS'; there are RUN ID"));
	assert_non_null(strstr(err, " config.KEY "));
	assert_int_equal(STATUS("-o", ","), EXIT_USAGE);
	assert_int_equal(STATUS("--sort", "-LOSS"), EXIT_USAGE);
	assert_non_null(strstr(err, "no column 'LOSS'; there are RUN ID"));
	assert_int_equal(STATUS("--limit", "0"), EXIT_USAGE);
	assert_int_equal(STATUS("--limit", "-3"), EXIT_USAGE);
	assert_int_equal(STATUS("--limit", "3x"), EXIT_USAGE);
	assert_non_null(strstr(err, "--limit is how many runs, 1 or more, not 3x"));
	assert_int_equal(STATUS("--socket"), EXIT_USAGE);
	assert_non_null(strstr(err, "a value is missing behind --socket"));
	assert_int_equal(STATUS("8f3a", "c0e1"), EXIT_USAGE);
	assert_non_null(strstr(err, "c0e1"));
	assert_string_equal(out, "");
}

static void no_daemon_and_no_database_is_no_answer(void **state) {
	(void)state;

	if (access("/var/lib/sae-metricsd/metrics.db", R_OK) == 0) {
		skip();
	}
	assert_int_equal(STATUS("--json"), EXIT_NO_ANSWER);
	assert_non_null(strstr(err, "no answer from"));
	assert_non_null(strstr(err, "is `sae-metricsd serve` running?"));
	assert_string_equal(out, "");
}

static void a_daemon_that_is_down_leaves_its_database(void **state) {
	char deep[128];
	(void)state;

	snprintf(deep, sizeof(deep), "mkdir -p %s/.local/state/sae-metricsd", folder);
	assert_int_equal(system(deep), 0);
	snprintf(deep, sizeof(deep), "%s/.local/state/sae-metricsd/metrics.db", folder);
	database_make(deep, RUN("aaaa1111", "first", "finished"));
	assert_int_equal(STATUS("--no-headings", "-o", "run,state"), EXIT_OK);
	assert_string_equal(out, "first  finished\n");
	assert_non_null(strstr(err, "no answer from"));
	assert_non_null(strstr(err, deep));
}

static void a_socket_somebody_named_is_not_replaced_by_a_database(void **state) {
	char socket[128];
	(void)state;

	a_daemon_that_is_down_leaves_its_database(state);
	snprintf(socket, sizeof(socket), "%s/nobody", folder);
	assert_int_equal(STATUS("--socket", socket), EXIT_NO_ANSWER);
	assert_non_null(strstr(err, socket));
	setenv("SAE_METRICS_SOCKET", socket, 1);
	assert_int_equal(STATUS("--json"), EXIT_NO_ANSWER);
	assert_non_null(strstr(err, socket));
}

static void files_are_listed_together(void **state) {
	(void)state;

	database_make(path, RUN("aaaa1111", "first", "finished"));
	database_make(other, RUN("bbbb2222", "second", "running"));
	assert_int_equal(STATUS("--db", path, other, "--jsonl"), EXIT_OK);
	assert_non_null(strstr(out, "aaaa1111"));
	assert_non_null(strstr(out, "bbbb2222"));
	assert_int_equal(STATUS("--db", folder, "bbbb", "--json"), EXIT_OK);
	json_t *run = json_loads(out, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(run, "id")), "bbbb2222");
	json_decref(run);
}

static void runs_are_chosen_put_in_order_and_counted(void **state) {
	(void)state;

	database_make(path, RUN("aaaa1111", "first", "finished") RUN(
				    "bbbb2222", "second", "crashed") RUN("cccc3333", "third",
				    "finished") "INSERT INTO runs_about (run, config) VALUES (1, "
						"'{\"lr\": 0.5}'), (3, '{\"lr\": 0.25}')");
	assert_int_equal(
		STATUS("--db", path, "-o", "RUN,config.lr", "--sort", "config.lr"), EXIT_OK);
	assert_string_equal(out, "RUN     config.lr\n"
				 "third        0.25\n"
				 "first         0.5\n"
				 "second          -\n");
	assert_int_equal(STATUS("--db", path, "-o", "id", "--no-headings", "--sort", "-config.lr",
				 "--limit", "1"),
		EXIT_OK);
	assert_string_equal(out, "aaaa1111\n");
	assert_int_equal(
		STATUS("--db", path, "--jsonl", "--sort", "-run", "--limit", "1"), EXIT_OK);
	assert_non_null(strstr(out, "\"name\":\"third\""));
	assert_null(strstr(out, "first"));
	assert_int_equal(STATUS("--db", path, "-o", "config.learning_rate"), EXIT_USAGE);
	assert_string_equal(err, "sae-metricsd status: no run here has config.learning_rate\n");
	assert_int_equal(STATUS("--db", path, "--sort", "-summary.x"), EXIT_USAGE);
	assert_string_equal(err, "sae-metricsd status: no run here has summary.x\n");
}

static void one_unreadable_file_does_not_stop_the_others(void **state) {
	(void)state;

	database_make(path, RUN("aaaa1111", "first", "finished"));
	assert_int_equal(STATUS("--db", path, "--db", other, "-o", "ID"), EXIT_FAILED);
	assert_string_equal(out, "ID\naaaa1111\n");
	assert_non_null(strstr(err, other));
	assert_int_equal(STATUS("--db", other), EXIT_NO_ANSWER);
}

static void a_run_that_is_not_one_is_no_such_run(void **state) {
	(void)state;

	database_make(path, RUN("aaaa1111", "first", "finished"));
	database_make(other, RUN("aaaa2222", "second", "running"));
	assert_int_equal(STATUS("--db", path, "zzzz"), EXIT_NO_SUCH_RUN);
	assert_non_null(strstr(err, "no run fits 'zzzz'"));
	assert_int_equal(STATUS("--db", folder, "aaaa"), EXIT_NO_SUCH_RUN);
	assert_non_null(strstr(err, "several databases"));
	assert_string_equal(out, "");
}

static void check_tells_by_its_exit_status(void **state) {
	(void)state;

	database_make(path, RUN("aaaa1111", "first", "finished"));
	assert_int_equal(STATUS("--db", path, "--check"), EXIT_OK);
	database_make(other, RUN("bbbb2222", "second", "crashed"));
	assert_int_equal(STATUS("--db", folder, "--check"), EXIT_NEEDS_ATTENTION);
	assert_int_equal(STATUS("--db", folder, "--check", "aaaa"), EXIT_OK);
}

static void json_is_strict_and_whole(void **state) {
	(void)state;

	database_make(path, RUN("aaaa1111", "first", "finished"));
	assert_int_equal(STATUS("--db", path, "--json"), EXIT_OK);
	json_t *document = json_loads(out, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(document);
	assert_int_equal(json_integer_value(json_object_get(document, "schema")), 1);
	assert_int_equal(json_array_size(json_object_get(document, "runs")), 1);
	json_decref(document);
}

static void a_full_disk_behind_stdout_is_a_failure(void **state) {
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int result;
	(void)state;

	database_make(path, RUN("aaaa1111", "first", "finished"));
	pid_t child = fork();
	if (child == 0) {
		char *argv[] = {strdup("status"), strdup("--db"), path, NULL};
		(void)dup2(full, STDOUT_FILENO);
		(void)freopen("/dev/null", "w", stderr);
		_exit(subcommand_status.run(3, argv));
	}
	assert_int_equal(waitpid(child, &result, 0), child);
	assert_int_equal(WEXITSTATUS(result), EXIT_FAILED);
	(void)close(full);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
	static const struct CMUnitTest tests[] = {
		TEST(help_is_data_and_no_error),
		TEST(wrong_usage_says_what_was_wrong),
		TEST(no_daemon_and_no_database_is_no_answer),
		TEST(runs_are_chosen_put_in_order_and_counted),
		TEST(a_daemon_that_is_down_leaves_its_database),
		TEST(a_socket_somebody_named_is_not_replaced_by_a_database),
		TEST(files_are_listed_together),
		TEST(one_unreadable_file_does_not_stop_the_others),
		TEST(a_run_that_is_not_one_is_no_such_run),
		TEST(check_tells_by_its_exit_status),
		TEST(json_is_strict_and_whole),
		TEST(a_full_disk_behind_stdout_is_a_failure),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
