/* Offline runs for W&B: what happens to the folder when something is not as it should be. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "database.h"
#include "export_wandb.h"

#define RUN(id, more)                                                                              \
	"INSERT INTO runs_data (id, state, started, exit_code) VALUES ('" id                       \
	"', 'finished', 1700000000.5, 0);" more
#define ABOUT(column, text) "INSERT INTO runs_about (run, " column ") VALUES (1, '" text "');"
#define LINE(line, step)                                                                           \
	"INSERT INTO lines_data VALUES (1, " line ", 1, " step ", 1700000001.5, 1.0);"             \
	"INSERT OR IGNORE INTO keys_data VALUES (1, 'loss');"                                      \
	"INSERT INTO history_data VALUES (1, " step ", 1, " line ", 1, 0, 0, 0.5, NULL);"

static char folder[32], path[64], out[64], words[EXPORT_WORDS_MAX];
static sqlite3 *sql;
static atomic_bool stop;
static struct export_result result;

static int setup(void **state) {
	(void)state;
	strncpy(folder, "/tmp/sae-test-export-XXXXXX", sizeof(folder));
	if (!mkdtemp(folder)) {
		return -1;
	}
	snprintf(path, sizeof(path), "%s/metrics.db", folder);
	snprintf(out, sizeof(out), "%s/out", folder);
	atomic_store(&stop, false);
	result = (struct export_result){0};
	return 0;
}

static int teardown(void **state) {
	char command[64];
	(void)state;
	assert_int_equal(sqlite3_close(sql), SQLITE_OK);
	sql = NULL;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static int export(const char *rows) {
	const struct export_wandb options = {.folder = out, .with_ours = true, .stop = &stop};
	struct kept_run run = {0};

	database_make(path, rows);
	assert_int_equal(sqlite3_open_v2(path, &sql, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(kept_run_read(sql, 1, &run), 0);
	int err = export_wandb(sql, &run, &options, &result, words);
	kept_run_finish(&run);
	return err;
}

/* How many names there are where the folder was to be made. */
static int count_out(void) {
	DIR *dir = opendir(out);
	int n = 0;

	assert_non_null(dir);
	for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	}
	closedir(dir);
	return n;
}

static void a_run_is_one_folder_with_one_file(void **state) {
	(void)state;

	assert_int_equal(export(RUN("aaaa1111", ABOUT("config", "{}")) LINE("0", "3")), 0);
	assert_int_equal(result.n_rows, 1);
	assert_int_equal(access(result.path, R_OK), 0);
	assert_non_null(strstr(result.path, "-aaaa1111/run-aaaa1111.wandb"));
	assert_int_equal(count_out(), 1);
}

static void a_run_without_a_row_or_a_word_is_one_all_the_same(void **state) {
	(void)state;

	assert_int_equal(export(RUN("aaaa1111", "")), 0);
	assert_int_equal(result.n_rows, 0);
	assert_true(result.n_bytes > 0);
}

static void told_to_stop_it_leaves_nothing(void **state) {
	(void)state;

	atomic_store(&stop, true);
	assert_int_equal(export(RUN("aaaa1111", "") LINE("0", "3") LINE("1", "4")), -EINTR);
	assert_string_equal(words, "stopped: nothing was exported");
	assert_int_equal(count_out(), 0);
}

static void a_config_that_is_none_leaves_nothing(void **state) {
	(void)state;

	assert_int_equal(export(RUN("aaaa1111", ABOUT("config", "no object"))), -EINVAL);
	assert_string_equal(words, "the run's config, tags or summary cannot be understood");
	assert_int_equal(count_out(), 0);
}

static void a_damaged_row_is_told_from_a_full_disk_and_leaves_nothing(void **state) {
	(void)state;

	assert_int_equal(
		export(RUN("aaaa1111", "") LINE("0",
			"3") "INSERT INTO histograms_data VALUES (1, 3, 1, 0, 1, 0, 'x', 'y');"),
		-EBADMSG);
	assert_string_equal(words, "the database cannot be read: it is damaged");
	assert_int_equal(count_out(), 0);
}

static void an_id_that_leads_elsewhere_is_refused(void **state) {
	(void)state;

	assert_int_equal(export(RUN("../../elsewhere", "")), -EINVAL);
	assert_string_equal(words, "the run's id or its beginning is no name");
	assert_int_equal(access(out, F_OK), -1);
}

static void a_folder_that_is_there_is_told_before_anything_is_read(void **state) {
	(void)state;

	assert_int_equal(export(RUN("aaaa1111", "")), 0);
	char first[PATH_MAX];
	memcpy(first, result.path, sizeof(first));
	assert_int_equal(sqlite3_close(sql), SQLITE_OK);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(export(RUN("aaaa1111", "")), -EEXIST);
	assert_non_null(strstr(words, "is there already: remove it to export anew"));
	assert_int_equal(access(first, R_OK), 0);
	assert_int_equal(count_out(), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	static const struct CMUnitTest tests[] = {
		TEST(a_run_is_one_folder_with_one_file),
		TEST(a_run_without_a_row_or_a_word_is_one_all_the_same),
		TEST(told_to_stop_it_leaves_nothing),
		TEST(a_config_that_is_none_leaves_nothing),
		TEST(a_damaged_row_is_told_from_a_full_disk_and_leaves_nothing),
		TEST(an_id_that_leads_elsewhere_is_refused),
		TEST(a_folder_that_is_there_is_told_before_anything_is_read),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("export_wandb", tests, NULL, NULL);
}
