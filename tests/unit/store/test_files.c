/* What a store has on disk, opened together: what is set aside, once, and what is never deleted. */
#include "files.h"

#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
		T(until_a_new_database_can_be_begun_the_damaged_one_alone_is_set_aside),
#undef T
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
