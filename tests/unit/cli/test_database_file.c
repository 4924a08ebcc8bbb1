/* Status documents from database files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "database.h"
#include "document.h"
#include "database_file.h"
#include "database_list.h"
#include "points.h"

#define RUN(id, name, seen)                                                                        \
	"INSERT INTO runs_data (id, name, state, started, last_seen) VALUES ('" id "', '" name     \
	"', 'finished', 1000, " seen ");"

static char folder[32];
static char path[64];
static char words[DATABASE_WORDS_MAX];

static int make_folder(void **state) {
	(void)state;

	strncpy(folder, "/tmp/sae-test-files-XXXXXX", sizeof(folder));
	if (!mkdtemp(folder)) {
		return -1;
	}
	snprintf(path, sizeof(path), "%s/metrics.db", folder);
	return 0;
}

static int remove_folder(void **state) {
	char command[64];
	(void)state;

	(void)chmod(folder, 0700);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static const char *in_folder(const char *name) {
	static char full[128];

	snprintf(full, sizeof(full), "%s/%s", folder, name);
	return full;
}

static const char *run_text(const json_t *document, size_t index, const char *member) {
	return document_text(json_array_get(document_at(document, "runs"), index), member);
}

static void a_database_is_read_without_a_daemon(void **state) {
	json_t *document = NULL;
	(void)state;

	database_make(path, RUN("aaaa1111", "first", "2000") RUN("bbbb2222", "second", "3000"));
	assert_int_equal(database_read(path, NULL, &document, words), DATABASE_OK);
	assert_string_equal(words, "");
	assert_string_equal(run_text(document, 0, "id"), "bbbb2222");
	assert_string_equal(run_text(document, 1, "name"), "first");
	json_decref(document);
}

static void one_run_of_it_is_found_by_a_part(void **state) {
	json_t *document = NULL;
	(void)state;

	database_make(path, RUN("aaaa1111", "first", "2000") RUN("bbbb2222", "second", "3000"));
	assert_int_equal(database_read(path, "1111", &document, words), DATABASE_OK);
	assert_string_equal(run_text(document, 0, "id"), "aaaa1111");
	json_decref(document);

	assert_int_equal(database_read(path, "cccc", &document, words), DATABASE_NO_SUCH_RUN);
	assert_string_equal(words, "no run fits 'cccc'");
}

static void a_part_of_several_runs_names_them(void **state) {
	json_t *document = NULL;
	(void)state;

	database_make(path, RUN("aaaa1111", "first", "2000") RUN("bbbb2111", "second", "3000"));
	assert_int_equal(database_read(path, "111", &document, words), DATABASE_NO_SUCH_RUN);
	assert_non_null(strstr(words, "aaaa1111"));
	assert_non_null(strstr(words, "bbbb2111"));
}

static void what_is_not_ours_is_told_from_what_is(void **state) {
	json_t *document = NULL;
	sqlite3 *sql;
	(void)state;

	FILE *f = fopen(path, "w");
	assert_true(fputs("not a database at all, but longer than SQLite's header is, which has a "
			  "hundred bytes in all",
			    f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(database_read(path, NULL, &document, words), DATABASE_UNREADABLE);
	assert_string_equal(words, "it is not a database of sae-metricsd");

	assert_int_equal(unlink(path), 0);
	assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
	assert_int_equal(sqlite3_exec(sql, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(sql), SQLITE_OK);
	assert_int_equal(database_read(path, NULL, &document, words), DATABASE_UNREADABLE);
	assert_string_equal(words, "it is not a database of sae-metricsd");
}

static void a_newer_schema_is_not_guessed_at(void **state) {
	json_t *document = NULL;
	(void)state;

	database_make(path, "PRAGMA user_version = 1000");
	assert_int_equal(database_read(path, NULL, &document, words), DATABASE_UNREADABLE);
	assert_string_equal(words, "it is of a newer sae-metricsd");
}

static void a_file_that_is_not_there_is_not_created(void **state) {
	json_t *document = NULL;
	(void)state;

	assert_int_equal(database_read(path, NULL, &document, words), DATABASE_UNREADABLE);
	assert_string_equal(words, "No such file or directory");
	assert_int_equal(access(path, F_OK), -1);
}

static void a_path_is_taken_literally(void **state) {
	json_t *document = NULL;
	const char *odd = in_folder("a%3fb?mode=rw#.db");
	(void)state;

	database_make(odd, RUN("aaaa1111", "first", "2000"));
	assert_int_equal(database_read(odd, NULL, &document, words), DATABASE_OK);
	json_decref(document);
}

static void a_database_is_read_while_it_is_written(void **state) {
	json_t *document = NULL;
	sqlite3 *writer;
	(void)state;

	database_make(path, "PRAGMA journal_mode = WAL;" RUN("aaaa1111", "first", "2000"));
	assert_int_equal(sqlite3_open(path, &writer), SQLITE_OK);
	assert_int_equal(sqlite3_exec(writer,
				 RUN("bbbb2222", "second", "3000") "BEGIN IMMEDIATE;" RUN(
					 "cccc3333", "third", "4000"),
				 NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(database_read(path, NULL, &document, words), DATABASE_OK);
	assert_int_equal(json_array_size(document_at(document, "runs")), 2);
	json_decref(document);
	assert_int_equal(sqlite3_close(writer), SQLITE_OK);
}

#define NOBODY 65534

static void a_folder_that_cannot_be_written_is_no_hindrance(void **state) {
	json_t *document = NULL;
	bool root = geteuid() == 0; /* who may write everywhere */
	(void)state;

	database_make(path, "PRAGMA journal_mode = WAL;" RUN("aaaa1111", "first", "2000"));
	assert_int_equal(chmod(folder, 0555), 0);
	assert_int_equal(chmod(path, 0444), 0);
	assert_int_equal(root ? seteuid(NOBODY) : 0, 0);
	enum database_result result = database_read(path, NULL, &document, words);
	assert_int_equal(root ? seteuid(0) : 0, 0);
	assert_int_equal(result, DATABASE_OK);
	assert_string_equal(words, "");
	assert_string_equal(run_text(document, 0, "id"), "aaaa1111");
	json_decref(document);
}

static void a_log_that_cannot_be_read_with_its_database_is_remarked_upon(void **state) {
	json_t *document = NULL;
	bool root = geteuid() == 0;
	(void)state;

	database_make(path, "PRAGMA journal_mode = WAL;" RUN("aaaa1111", "first", "2000"));
	FILE *log = fopen(in_folder("metrics.db-wal"), "w");
	assert_true(fputs("what the daemon wrote last", log) >= 0);
	assert_int_equal(fclose(log), 0);
	assert_int_equal(chmod(folder, 0555), 0);
	assert_int_equal(root ? seteuid(NOBODY) : 0, 0);
	enum database_result result = database_read(path, NULL, &document, words);
	assert_int_equal(root ? seteuid(0) : 0, 0);
	assert_int_equal(result, DATABASE_OK);
	assert_non_null(strstr(words, "-wal is not shown"));
	json_decref(document);
}

/* One file is a copy of the other, from before the last window. */
static void of_a_run_in_two_files_its_points_are_those_of_the_newer_one(void **state) {
	static const char window[] =
		"INSERT INTO windows_data VALUES (1, 1, 0, 0, 9, 9, 100, 10, 10, 0, 40, 8, 0, 0, "
		"0, -3, 0, 0, 0, 0, 0, '[]', 8, -5, -4, -3, -2, -1, NULL, NULL, '[]', NULL);"
		"INSERT INTO window_means_data (run, attempt, window, n_steps, n_tokens_folded, l0)"
		" VALUES (1, 1, 0, 10, 40, 2.5);";
	char rows[1024], copy[128];
	const struct points_query query = {0};
	json_t *all = json_pack("{s:[]}", "runs"), *one = NULL, *two = NULL;
	(void)state;

	snprintf(copy, sizeof(copy), "%s", in_folder("copy.db"));
	snprintf(rows, sizeof(rows), "%s%s", RUN("aaaa1111", "first", "3000"), window);
	database_make(path, rows);
	database_make(copy, RUN("aaaa1111", "first", "2000") RUN("bbbb2222", "second", "2500"));
	assert_int_equal(database_read_points(copy, &query, &one, words), DATABASE_OK);
	assert_int_equal(database_read_points(path, &query, &two, words), DATABASE_OK);
	assert_int_equal(database_merge(all, one, copy), 0);
	assert_int_equal(database_merge(all, two, path), 0);
	assert_int_equal(json_array_size(document_at(all, "runs")), 2);
	assert_string_equal(run_text(all, 0, "id"), "aaaa1111");
	assert_string_equal(run_text(all, 0, "database"), path);
	double l0 = 0;
	assert_true(document_number(
		json_array_get(document_at(all, "runs"), 0), "point.metrics.l0", &l0));
	assert_true(l0 == 2.5);
	json_decref(all);
	json_decref(one);
	json_decref(two);
}

static void of_points_a_file_that_is_not_ours_is_told(void **state) {
	const struct points_query query = {0};
	json_t *document = NULL;
	(void)state;

	assert_int_equal(database_read_points(path, &query, &document, words), DATABASE_UNREADABLE);
	assert_string_equal(words, "No such file or directory");
	assert_null(document);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
	static const struct CMUnitTest tests[] = {
		TEST(a_database_is_read_without_a_daemon),
		TEST(one_run_of_it_is_found_by_a_part),
		TEST(a_part_of_several_runs_names_them),
		TEST(what_is_not_ours_is_told_from_what_is),
		TEST(a_newer_schema_is_not_guessed_at),
		TEST(a_file_that_is_not_there_is_not_created),
		TEST(a_path_is_taken_literally),
		TEST(a_database_is_read_while_it_is_written),
		TEST(a_folder_that_cannot_be_written_is_no_hindrance),
		TEST(a_log_that_cannot_be_read_with_its_database_is_remarked_upon),
		TEST(of_a_run_in_two_files_its_points_are_those_of_the_newer_one),
		TEST(of_points_a_file_that_is_not_ours_is_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("database_file", tests, NULL, NULL);
}
