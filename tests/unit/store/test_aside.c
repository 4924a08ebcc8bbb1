#include "aside.h"

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

static char words[ASIDE_WORDS_MAX], database[256], path[PATH_MAX];

static int setup(void **state) {
	(void)state;
	place_create();
	snprintf(database, sizeof database, "%s", path_of("m.db"));
	return 0;
}

static int teardown(void **state) {
	(void)state;
	place_remove();
	return 0;
}

static void write_text(const char *name, const char *text) {
	FILE *f = fopen(path_of(name), "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int count_matches(const char *pattern) {
	char command[512];
	int n = 0;
	snprintf(command, sizeof command, "ls -d %s 2>/dev/null | wc -l", path_of(pattern));
	FILE *f = popen(command, "r");
	assert_int_equal(fscanf(f, "%d", &n), 1);
	pclose(f);
	return n;
}

static void a_damaged_database_takes_its_log_along_and_overwrites_no_earlier_one(void **state) {
	(void)state;
	for (int i = 0; i < 3; i++) {
		write_text("m.db", "damaged");
		write_text("m.db-wal", "log");
		assert_int_equal(aside_move(database, words), 0);
		assert_non_null(strstr(words, "was damaged and is now"));
		assert_int_not_equal(access(path_of("m.db"), F_OK), 0);
		assert_int_not_equal(access(path_of("m.db-wal"), F_OK), 0);
	}
	assert_int_equal(count_matches("m.db.damaged-*"), 6);
	assert_int_equal(count_matches("m.db.damaged-*-wal"), 3);
}

static void a_log_that_was_set_aside_is_not_overwritten_when_its_database_was_moved_away(
	void **state) {
	(void)state;
	for (int i = 0; i < 3; i++) {
		char pattern[PATH_MAX];
		write_text("m.db", "damaged");
		write_text("m.db-wal", "log");
		assert_int_equal(aside_move(database, words), 0);
		assert_true(aside_newest(database, pattern));
		assert_int_equal(unlink(pattern), 0);
	}
	assert_int_equal(count_matches("m.db.damaged-*-wal"), 3);
}

static void only_a_log_without_a_database_is_moved_alone(void **state) {
	(void)state;
	assert_int_equal(aside_move_log(database, words), ASIDE_NO_LOG);
	write_text("m.db-wal", "");
	assert_int_equal(aside_move_log(database, words), ASIDE_NO_LOG);
	write_text("m.db", "a database");
	write_text("m.db-wal", "its log");
	assert_int_equal(aside_move_log(database, words), ASIDE_NO_LOG);
	assert_int_equal(unlink(database), 0);
	assert_int_equal(aside_move_log(database, words), ASIDE_LOG_MOVED);
	assert_int_equal(count_matches("m.db.damaged-*-wal"), 1);
	assert_int_equal(access(path_of("m.db-wal"), F_OK), -1);
	assert_non_null(strstr(words, "had no database any more"));
}

static void what_was_set_aside_is_found_until_somebody_moves_it(void **state) {
	(void)state;
	assert_false(aside_newest(database, path));
	write_text("m.db", "damaged");
	write_text("m.db-wal", "log");
	assert_int_equal(aside_move(database, words), 0);
	assert_true(aside_newest(database, path));
	assert_non_null(strstr(words, path));
	assert_int_equal(unlink(path), 0);
	assert_false(aside_newest(database, path)); /* its log alone is not it */
}

static void the_newest_counts_and_only_what_has_such_a_name(void **state) {
	(void)state;
	write_text("m.db.damaged-20260101T000000Z", "");
	write_text("m.db.damaged-20261126T000000Z", "");
	write_text("m.db.damaged-20261126T000000Z-wal", "");
	write_text("m.db.damaged-looked-at", "");
	write_text("other.db.damaged-20271126T000000Z", "");
	assert_true(aside_newest(database, path));
	assert_string_equal(path, path_of("m.db.damaged-20261126T000000Z"));
}

static void a_name_with_a_patterns_letters_is_taken_as_it_is(void **state) {
	(void)state;
	write_text("[m]*.db.damaged-20260101T000000Z", "");
	snprintf(database, sizeof database, "%s", path_of("[m]*.db"));
	assert_true(aside_newest(database, path));
	snprintf(database, sizeof database, "%s", path_of("[m]*.d?"));
	assert_false(aside_newest(database, path));
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_damaged_database_takes_its_log_along_and_overwrites_no_earlier_one),
		T(a_log_that_was_set_aside_is_not_overwritten_when_its_database_was_moved_away),
		T(only_a_log_without_a_database_is_moved_alone),
		T(what_was_set_aside_is_found_until_somebody_moves_it),
		T(the_newest_counts_and_only_what_has_such_a_name),
		T(a_name_with_a_patterns_letters_is_taken_as_it_is),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("aside", tests, NULL, NULL);
}
