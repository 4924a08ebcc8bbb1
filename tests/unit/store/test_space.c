#include "space.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static void a_disk_is_short_below_what_is_kept_free(void **state) {
	struct space s = {.keep_free_bytes = SPACE_KEEP_FREE_BYTES};
	(void)state;
	assert_false(space_judge(&s, 256 * MIB, 100 * GIB));
	assert_false(s.is_short);
	assert_true(space_judge(&s, 256 * MIB - 1, 100 * GIB));
	assert_true(s.is_short);
}

static void it_has_room_again_only_with_an_eighth_more(void **state) {
	struct space s = {.keep_free_bytes = SPACE_KEEP_FREE_BYTES};
	(void)state;
	assert_true(space_judge(&s, 10 * MIB, 100 * GIB));
	assert_false(space_judge(&s, 287 * MIB, 100 * GIB));
	assert_true(space_judge(&s, 288 * MIB, 100 * GIB));
	assert_false(s.is_short);
	assert_false(space_judge(&s, 257 * MIB, 100 * GIB));
}

static void of_a_small_file_system_a_twentieth_is_kept_free(void **state) {
	struct space s = {.keep_free_bytes = SPACE_KEEP_FREE_BYTES};
	(void)state;
	assert_false(space_judge(&s, 60 * MIB, GIB));
	assert_int_equal(space_kept_bytes(&s), GIB / 20);
	assert_true(space_judge(&s, 50 * MIB, GIB));
}

static void what_somebody_has_set_is_kept_free_whatever_the_size(void **state) {
	struct space s = {.keep_free_bytes = 20 * GIB};
	(void)state;
	assert_true(space_judge(&s, 15 * GIB, 100 * GIB));
	assert_int_equal(space_kept_bytes(&s), 20 * GIB);
	s = (struct space){.keep_free_bytes = 0};
	assert_false(space_judge(&s, 0, 100 * GIB));
}

static void a_folder_that_is_not_there_changes_nothing(void **state) {
	struct space s = {.keep_free_bytes = UINT64_MAX, .is_short = true};
	(void)state;
	assert_false(space_look(&s, "/nowhere/at/all/metrics.db"));
	assert_true(s.is_short);
	assert_int_equal(space_for(&s, "/nowhere/at/all/copy.db", 1), 0);
}

static void a_disk_of_this_machine_is_asked(void **state) {
	struct space s = {.keep_free_bytes = UINT64_MAX};
	(void)state;
	assert_true(space_look(&s, "/tmp/metrics.db"));
	assert_true(s.is_short);
	assert_true(s.total_bytes > 0);
	s.keep_free_bytes = 0;
	assert_true(space_look(&s, "/tmp/metrics.db"));
	assert_false(s.is_short);
	assert_int_equal(space_for(&s, "/tmp/copy.db", 0), 0);
	assert_int_equal(space_for(&s, "/tmp/copy.db", UINT64_MAX / 2), -ENOSPC);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_is_short_below_what_is_kept_free),
		cmocka_unit_test(it_has_room_again_only_with_an_eighth_more),
		cmocka_unit_test(of_a_small_file_system_a_twentieth_is_kept_free),
		cmocka_unit_test(what_somebody_has_set_is_kept_free_whatever_the_size),
		cmocka_unit_test(a_folder_that_is_not_there_changes_nothing),
		cmocka_unit_test(a_disk_of_this_machine_is_asked),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("space", tests, NULL, NULL);
}
