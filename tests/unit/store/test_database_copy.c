#include "database_copy.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "commit.h"
#include "copy_name.h"
#include "cut.h"
#include "fault.h"

static struct db db;
static sqlite3 *from;
static char path[256], to[256], words[DATABASE_COPY_WORDS_MAX];
static atomic_bool stop;
static struct database_copied copied;

static int setup(void **state) {
	(void)state;
	fault_writes(0);
	place_create();
	snprintf(path, sizeof path, "%s", path_of("metrics.db"));
	snprintf(to, sizeof to, "%s", path_of("copy.db"));
	assert_int_equal(db_open(&db, path, "0.1.0", words), 0);
	sql_run(path, "INSERT INTO runs_data (id) VALUES ('run1'), ('run2');"
		      "INSERT INTO steps_data (run, step, attempt, lap, time, n_rows, "
		      "ranks_missing, computed) VALUES (1, 7, 1, 0, 1700000007.5, 1, 0, 0), "
		      "(1, 6, 1, 0, 1700000006.5, 1, 0, 0)");
	assert_int_equal(sqlite3_open_v2(path, &from, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	atomic_store(&stop, false);
	copied = (struct database_copied){0};
	return 0;
}

static int teardown(void **state) {
	(void)state;
	fault_writes(0);
	assert_int_equal(sqlite3_close(from), SQLITE_OK);
	db_close(&db);
	place_remove();
	return 0;
}

static uint64_t keep_free_bytes;

static int copy_to(const char *target, bool replace) {
	const struct database_copy copy = {.to = target,
		.replace = replace,
		.stop = &stop,
		.keep_free_bytes = keep_free_bytes};
	int err = database_copy(from, &copy, &copied, words);

	/* No transaction is left open that would keep the log from shrinking. */
	assert_int_equal(sqlite3_get_autocommit(from), 1);
	return err;
}

/* How many names begin so. */
static int count_names(const char *beginning) {
	char folder[256];
	int n = 0;

	snprintf(folder, sizeof folder, "%s", path_of(""));
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
		n += strncmp(e->d_name, beginning, strlen(beginning)) == 0;
	}
	closedir(dir);
	return n;
}

static void assert_nothing_left(void) {
	assert_int_equal(count_names("copy"), 0);
}

static void write_file(const char *name, const char *text) {
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void a_copy_is_one_closed_file_with_everything(void **state) {
	uint8_t versions[2] = {0};
	struct stat st;
	(void)state;

	assert_int_equal(copy_to(to, false), 0);
	assert_int_equal(copied.n_runs, 2);
	assert_true(copied.newest_step == 1700000007.5);
	assert_int_equal(count_names("copy"), 1);
	assert_int_equal(stat(to, &st), 0);
	assert_int_equal(copied.n_bytes, st.st_size);
	assert_int_equal(st.st_mode & 07777, 0600);

	/* What the header says of the journal, before anybody opens it. */
	FILE *f = fopen(to, "r");
	assert_non_null(f);
	assert_int_equal(fseek(f, 18, SEEK_SET), 0);
	assert_int_equal(fread(versions, 1, 2, f), 2);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(versions[0], 1);
	assert_int_equal(versions[1], 1);
	assert_string_equal(sql_text(to, "PRAGMA integrity_check"), "ok");
	assert_string_equal(sql_text(to, "SELECT group_concat(id) FROM runs"), "run1,run2");
	assert_string_equal(sql_text(to, "SELECT count(*) FROM steps"), "2");
	assert_string_equal(sql_text(to, "PRAGMA journal_mode"), "delete");
	assert_int_equal(count_names("copy"), 1);
}

static void what_is_in_the_log_only_is_copied_too(void **state) {
	struct stat st;
	(void)state;

	assert_int_equal(stat(path_of("metrics.db-wal"), &st), 0);
	assert_true(st.st_size > 0);
	sql_run(path, "INSERT INTO runs_data (id) VALUES ('run3')");
	assert_int_equal(copy_to(to, false), 0);
	assert_int_equal(copied.n_runs, 3);
}

static void what_is_not_committed_is_not_copied(void **state) {
	(void)state;

	assert_int_equal(db_begin(&db), 0);
	assert_int_equal(sqlite3_exec(db.sql, "INSERT INTO runs_data (id) VALUES ('run3')", NULL,
				 NULL, NULL),
		SQLITE_OK);
	assert_int_equal(copy_to(to, false), 0);
	assert_int_equal(copied.n_runs, 2);
	db_rollback(&db);
}

static void a_database_without_a_step_says_so(void **state) {
	(void)state;

	sql_run(path, "DELETE FROM steps_data");
	assert_int_equal(copy_to(to, false), 0);
	assert_true(copied.newest_step == 0);
}

static void a_file_that_is_there_is_replaced_only_when_told(void **state) {
	(void)state;

	write_file("copy.db", "somebody's");
	assert_int_equal(copy_to(to, false), -EEXIST);
	struct stat st;
	assert_int_equal(stat(to, &st), 0);
	assert_int_equal(st.st_size, 10);
	assert_int_equal(count_names("copy"), 1);

	assert_int_equal(copy_to(to, true), 0);
	assert_string_equal(sql_text(to, "SELECT count(*) FROM runs"), "2");
	assert_int_equal(count_names("copy"), 1);
}

static void a_link_is_followed(void **state) {
	(void)state;

	write_file("copy-target.db", "old");
	assert_int_equal(symlink("copy-target.db", to), 0);
	assert_int_equal(copy_to(to, true), 0);
	char target[16] = "";
	assert_int_equal(readlink(to, target, sizeof target - 1), 14);
	assert_string_equal(sql_text(path_of("copy-target.db"), "SELECT count(*) FROM runs"), "2");

	assert_int_equal(unlink(path_of("copy-target.db")), 0);
	assert_int_equal(copy_to(to, false), 0); /* to where it shall be */
	assert_true(exists(path_of("copy-target.db")));
}

static void the_database_itself_is_never_written_whatever_it_is_called(void **state) {
	(void)state;

	assert_int_equal(symlink(path, path_of("soft.db")), 0);
	assert_int_equal(symlink("soft.db", path_of("softer.db")), 0);
	assert_int_equal(link(path, path_of("hard.db")), 0);
	assert_int_equal(mkdir(path_of("folder"), 0700), 0);
	const char *const names[] = {"metrics.db", "metrics.db-wal", "metrics.db-shm",
		"metrics.db-journal", "metrics.db.lock", "soft.db", "softer.db", "hard.db",
		"folder/../metrics.db"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		assert_int_equal(copy_to(path_of(names[i]), true), -EINVAL);
		assert_non_null(strstr(words, "is the database itself, or belongs to it"));
	}
	assert_string_equal(sql_text(path, "PRAGMA integrity_check"), "ok");
}

static void a_copy_is_not_put_beside_a_log_that_would_be_played_into_it(void **state) {
	(void)state;

	write_file("copy.db-wal", "of another");
	assert_int_equal(copy_to(to, true), -EINVAL);
	assert_non_null(strstr(words, "has a log beside it"));
	assert_int_equal(unlink(path_of("copy.db-wal")), 0);
	write_file("copy.db-journal", "of another");
	assert_int_equal(copy_to(to, true), -EINVAL);
	assert_false(exists(to));
}

static void what_is_no_file_is_not_replaced(void **state) {
	(void)state;

	assert_int_equal(mkdir(to, 0700), 0);
	assert_int_equal(copy_to(to, true), -EISDIR);
	assert_int_equal(rmdir(to), 0);
	assert_int_equal(mkfifo(to, 0600), 0);
	assert_int_equal(copy_to(to, true), -EINVAL);
	assert_int_equal(unlink(to), 0);
}

static void a_folder_that_is_not_there_is_said(void **state) {
	(void)state;

	assert_int_equal(copy_to(path_of("none/copy.db"), false), -ENOENT);
	assert_non_null(strstr(words, "none/copy.db: No such file or directory"));
}

static void told_to_stop_it_leaves_nothing(void **state) {
	(void)state;

	atomic_store(&stop, true);
	assert_int_equal(copy_to(to, false), -EINTR);
	assert_string_equal(words, "stopped: nothing was copied");
	assert_nothing_left();
}

static void a_full_disk_is_said_and_leaves_nothing(void **state) {
	static const int reasons[] = {ENOSPC, EDQUOT, EFBIG, EIO};
	(void)state;

	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
		fault_writes(reasons[i]);
		assert_int_equal(copy_to(to, false), -reasons[i]);
		fault_writes(0);
		assert_non_null(strstr(words, "cannot write"));
		assert_non_null(strstr(words, strerror(reasons[i])));
		assert_nothing_left();
	}
}

static void names_of_copies_are_told_from_others(void **state) {
	char name[COPY_NAME_SIZE];
	time_t when = 0;
	(void)state;

	assert_string_equal(copy_name_write(name, 1795622401), "metrics-20261125T160001Z.db");
	assert_true(copy_name_read("metrics-20261125T160001Z.db", &when));
	assert_int_equal(when, 1795622401);
	static const char *const others[] = {"metrics.db", "metrics-20261125T160001Z.db-wal",
		"metrics-20261125T160001Z.db.partial-7", "metrics-2026112T160001Z.db",
		"metrics-20261125T160001.db", "metrics-20261399T160001Z.db",
		"metrics-20261125T 60001Z.db", "my-metrics-20261125T160001Z.db", ""};
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		assert_false(copy_name_read(others[i], &when));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void a_copy_that_would_fill_the_disk_is_not_begun(void **state) {
	(void)state;
	keep_free_bytes = UINT64_MAX;
	assert_int_equal(copy_to(to, false), -ENOSPC);
	keep_free_bytes = 0;
	assert_non_null(strstr(words, "too little room for a copy of"));
	assert_nothing_left();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_copy_is_one_closed_file_with_everything),
		TEST(what_is_in_the_log_only_is_copied_too),
		TEST(what_is_not_committed_is_not_copied),
		TEST(a_database_without_a_step_says_so),
		TEST(a_file_that_is_there_is_replaced_only_when_told),
		TEST(a_link_is_followed),
		TEST(the_database_itself_is_never_written_whatever_it_is_called),
		TEST(a_copy_is_not_put_beside_a_log_that_would_be_played_into_it),
		TEST(what_is_no_file_is_not_replaced),
		TEST(a_folder_that_is_not_there_is_said),
		TEST(told_to_stop_it_leaves_nothing),
		TEST(a_full_disk_is_said_and_leaves_nothing),
		TEST(a_copy_that_would_fill_the_disk_is_not_begun),
		cmocka_unit_test(names_of_copies_are_told_from_others),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
