#include "copy_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cut.h"

#define NOW 1795622401 /* 2026-11-25T16:00:01Z */

static char folder[256];

static int setup(void **state) {
	(void)state;
	place_create();
	snprintf(folder, sizeof folder, "%s", path_of(""));
	return 0;
}

static int teardown(void **state) {
	(void)state;
	place_remove();
	return 0;
}

static void make(const char *name) {
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
}

static void make_old(const char *name, time_t when) {
	const struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};

	make(name);
	assert_int_equal(utimensat(AT_FDCWD, path_of(name), times, 0), 0);
}

static void the_newest_by_its_name_is_the_newest(void **state) {
	time_t when = 0;
	(void)state;

	assert_false(copy_folder_newest(folder, &when));
	make("metrics-20261125T160001Z.db");
	make("metrics-20251125T160001Z.db");
	make("metrics-30000101T000000Z.db.partial-7");
	make("zzz.db");
	assert_true(copy_folder_newest(folder, &when));
	assert_int_equal(when, NOW);
	assert_false(copy_folder_newest(path_of("none"), &when));
}

static void older_copies_go_and_all_else_stays(void **state) {
	static const char *const others[] = {"metrics.db", "metrics-20251125T160001Z.db-wal",
		"my-metrics-20251125T160001Z.db", "notes.txt", "metrics-2025.db"};
	(void)state;

	make("metrics-20261125T160001Z.db");
	make("metrics-20261124T160001Z.db");
	make("metrics-20261123T160001Z.db");
	make("metrics-20261122T160001Z.db");
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		make_old(others[i], 0);
	}
	assert_int_equal(copy_folder_prune(folder, 2, NOW), 0);
	assert_true(exists(path_of("metrics-20261125T160001Z.db")));
	assert_true(exists(path_of("metrics-20261124T160001Z.db")));
	assert_false(exists(path_of("metrics-20261123T160001Z.db")));
	assert_false(exists(path_of("metrics-20261122T160001Z.db")));
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		assert_true(exists(path_of(others[i])));
	}
}

static void fewer_than_are_kept_stay(void **state) {
	(void)state;

	make("metrics-20261125T160001Z.db");
	assert_int_equal(copy_folder_prune(folder, 7, NOW), 0);
	assert_true(exists(path_of("metrics-20261125T160001Z.db")));
}

static void what_was_abandoned_a_day_ago_goes(void **state) {
	(void)state;

	make_old("metrics-20261124T000000Z.db.partial-7", NOW - 90000);
	make_old("metrics-20261124T000000Z.db.partial-7-journal", NOW - 90000);
	make_old("metrics-20261125T000000Z.db.partial-8", NOW - 80000);
	make_old("other.db.partial-7", NOW - 90000);
	assert_int_equal(copy_folder_prune(folder, 7, NOW), 0);
	assert_false(exists(path_of("metrics-20261124T000000Z.db.partial-7")));
	assert_false(exists(path_of("metrics-20261124T000000Z.db.partial-7-journal")));
	assert_true(exists(path_of("metrics-20261125T000000Z.db.partial-8")));
	assert_true(exists(path_of("other.db.partial-7")));
}

static void what_cannot_be_removed_is_said(void **state) {
	(void)state;

	make("metrics-20261125T160001Z.db");
	assert_int_equal(mkdir(path_of("metrics-20251125T160001Z.db"), 0700), 0);
	make("metrics-20241125T160001Z.db");
	assert_int_equal(copy_folder_prune(folder, 1, NOW), -EISDIR);
	assert_false(
		exists(path_of("metrics-20241125T160001Z.db"))); /* the others go all the same */
	assert_int_equal(copy_folder_prune(path_of("none"), 1, NOW), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(the_newest_by_its_name_is_the_newest),
		TEST(older_copies_go_and_all_else_stays),
		TEST(fewer_than_are_kept_stay),
		TEST(what_was_abandoned_a_day_ago_goes),
		TEST(what_cannot_be_removed_is_said),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
