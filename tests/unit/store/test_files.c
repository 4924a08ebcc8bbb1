/* What a store has on disk, opened together: what is set aside, once, and what is never deleted. */
#include "files.h"

#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cut.h"
#include "fault.h"

static struct files files;
static char path[256], words[DB_WORDS_MAX];

static int setup(void **state) {
	(void)state;
	place_create();
	snprintf(path, sizeof path, "%s", path_of("m.db"));
	return files_open(&files, path, "0.1.0", words);
}

static int teardown(void **state) {
	(void)state;
	fault_writes(0);
	files_close(&files);
	place_remove();
	return 0;
}

/* How many files have names that end so. */
static size_t count_aside(const char *suffix) {
	char pattern[300];
	glob_t found;
	snprintf(pattern, sizeof pattern, "%s.damaged-*Z%s", path, suffix);
	size_t n = glob(pattern, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
	globfree(&found);
	return n;
}

static void until_a_new_database_can_be_begun_the_damaged_one_alone_is_set_aside(void **state) {
	(void)state;
	fault_writes(ENOSPC);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(files_reopen(&files, DOUBT_CERTAIN, words), -ENOSPC);
	}
	fault_writes(0);
	assert_int_equal(files_reopen(&files, DOUBT_CERTAIN, words), 0);
	assert_true(files.replaced);
	assert_non_null(strstr(files.news, "was damaged and is now"));
	assert_int_equal(count_aside("*"), 3); /* it, its -wal and -shm */
	assert_int_equal(count_aside(""), 1);
}

/* A run in the log alone, as a kill leaves it: what the log has. */
static long leave_a_log(void) {
	char log[300];
	FILE *f;
	assert_int_equal(writer_put_event(&files.db.writer, 0, 0, "kind", "words"), SQLITE_OK);
	snprintf(log, sizeof log, "%s-wal", path);
	f = fopen(log, "r");
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	long size = ftell(f);
	(void)fclose(f);
	return size;
}

static long size_aside(void) {
	char pattern[300];
	glob_t found;
	snprintf(pattern, sizeof pattern, "%s.damaged-*-wal", path);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_int_equal(found.gl_pathc, 1);
	FILE *f = fopen(found.gl_pathv[0], "r");
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	long size = ftell(f);
	(void)fclose(f);
	globfree(&found);
	return size;
}

static void check_log_aside(long size) {
	assert_int_equal(size_aside(), size);
	assert_non_null(strstr(files.news, "had no database any more and is kept as *.damaged-"));
	assert_non_null(strstr(files.news, "-wal; a new one was begun"));
	assert_string_equal(
		sql_text(path, "SELECT count(*) FROM events WHERE kind = 'replaced'"), "1");
}

static void a_log_whose_database_is_gone_is_set_aside_and_not_deleted(void **state) {
	(void)state;
	long size = leave_a_log();
	assert_true(size > 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(files_reopen(&files, DOUBT_NONE, words), 0);
	check_log_aside(size);
}

static void a_log_whose_database_is_empty_is_set_aside_at_the_start(void **state) {
	(void)state;
	char kept[300], log[300], command[700];
	long size = leave_a_log();
	snprintf(log, sizeof log, "%s-wal", path);
	snprintf(kept, sizeof kept, "%s", path_of("kept"));
	snprintf(command, sizeof command, "cp %s %s", log, kept);
	assert_int_equal(system(command), 0);
	files_close(&files);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(rename(kept, log), 0);
	assert_int_equal(files_open(&files, path, "0.1.0", words), 0);
	check_log_aside(size);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
		T(until_a_new_database_can_be_begun_the_damaged_one_alone_is_set_aside),
		T(a_log_whose_database_is_gone_is_set_aside_and_not_deleted),
		T(a_log_whose_database_is_empty_is_set_aside_at_the_start),
#undef T
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
