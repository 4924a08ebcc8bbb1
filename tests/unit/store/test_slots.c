#include "slots.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "checksum.h"
#include "cut.h"

#define D_SAE 1000u

static struct slots slots;
static uint32_t window[D_SAE], last[D_SAE];

static const struct slot_arrays hot = {
	.parts = {{window, sizeof window}, {last, sizeof last}},
	.count = 2,
};

static int setup(void **state) {
	(void)state;
	place_create();
	assert_int_equal(slots_open(&slots, path_of("m.db")), 0);
	return 0;
}

static int teardown(void **state) {
	(void)state;
	slots_close(&slots);
	place_remove();
	return 0;
}

static void fill(uint32_t seed) {
	for (uint32_t i = 0; i < D_SAE; i++) {
		window[i] = seed + i;
		last[i] = seed ^ i;
	}
}

static struct slot_ref write_hot(const struct slot_ref *named, uint32_t seed) {
	struct slot_ref ref;
	fill(seed);
	assert_int_equal(slots_write(&slots, "run1", SLOT_HOT, named, D_SAE, &hot, &ref), 0);
	return ref;
}

static int read_hot(const struct slot_ref *named) {
	fill(0);
	return slots_read(&slots, "run1", SLOT_HOT, named, D_SAE, &hot);
}

static void what_is_written_reads_back_and_the_two_slots_take_turns(void **state) {
	(void)state;
	struct slot_ref ref = {0};
	for (uint32_t i = 0; i < 5; i++) {
		ref = write_hot(&ref, i);
		assert_int_equal(ref.slot, i % 2);
		assert_int_equal(ref.generation, i + 1);
		assert_int_equal(read_hot(&ref), 0);
		assert_int_equal(window[7], i + 7);
		assert_int_equal(last[7], i ^ 7);
	}
}

static void the_named_slot_survives_a_write_that_is_never_committed(void **state) {
	(void)state;
	struct slot_ref named = write_hot(&(struct slot_ref){0}, 1);
	(void)write_hot(&named, 2);
	(void)write_hot(&named, 3);
	assert_int_equal(read_hot(&named), 0);
	assert_int_equal(window[0], 1);
}

static void a_torn_or_spoiled_file_is_not_believed(void **state) {
	(void)state;
	struct slot_ref ref = write_hot(&(struct slot_ref){0}, 9);
	const char *path = path_of("m.db-state/run1.hot.0");
	spoil(path, -1);
	assert_int_equal(read_hot(&ref), -ENOENT);
	spoil(path, -1);
	assert_int_equal(read_hot(&ref), 0);
	spoil(path, 4096);
	assert_int_equal(read_hot(&ref), -ENOENT);
	spoil(path, 4096);
	assert_int_equal(truncate(path, 5000), 0);
	assert_int_equal(read_hot(&ref), -ENOENT);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(read_hot(&ref), -ENOENT);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(read_hot(&ref), -ENOENT);
}

static void a_file_of_another_generation_run_kind_or_size_is_not_believed(void **state) {
	(void)state;
	struct slot_ref ref = write_hot(&(struct slot_ref){0}, 9);
	struct slot_ref other = ref;
	other.generation++;
	assert_int_equal(read_hot(&other), -ENOENT);
	other = ref;
	other.checksum++;
	assert_int_equal(read_hot(&other), -ENOENT);
	other = ref;
	other.slot = 1;
	assert_int_equal(read_hot(&other), -ENOENT);

	struct slot_arrays half = {.parts = {{window, sizeof window}}, .count = 1};
	assert_int_equal(slots_read(&slots, "run1", SLOT_HOT, &ref, D_SAE / 2, &half), -ENOENT);
	assert_int_equal(
		rename(path_of("m.db-state/run1.hot.0"), path_of("m.db-state/run2.hot.0")), 0);
	assert_int_equal(slots_read(&slots, "run2", SLOT_HOT, &ref, D_SAE, &hot), -ENOENT);
	assert_int_equal(
		rename(path_of("m.db-state/run2.hot.0"), path_of("m.db-state/run1.base.0")), 0);
	assert_int_equal(slots_read(&slots, "run1", SLOT_BASE, &ref, D_SAE, &hot), -ENOENT);
}

static void a_full_disk_is_found_out_before_anything_is_overwritten(void **state) {
	(void)state;
	struct slot_ref named = write_hot(&(struct slot_ref){0}, 1);
	struct rlimit before, small = {4096, 4096};
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	struct slot_ref ref = {.slot = 77};
	int err = slots_write(&slots, "run1", SLOT_HOT, &named, D_SAE, &hot, &ref);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);

	assert_int_equal(err, -EFBIG);
	assert_int_equal(ref.slot, 77);
	assert_int_equal(read_hot(&named), 0);
	assert_int_equal(window[0], 1);
}

static void only_this_user_can_look_into_the_directory(void **state) {
	(void)state;
	struct stat st;
	(void)write_hot(&(struct slot_ref){0}, 1);
	assert_int_equal(stat(path_of("m.db-state"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(path_of("m.db-state/run1.hot.0"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void what_stands_in_a_files_place_is_moved_aside(void **state) {
	(void)state;
	assert_int_equal(symlink(path_of("elsewhere"), path_of("m.db-state/run1.hot.0")), 0);
	assert_int_equal(mkdir(path_of("m.db-state/run1.hot.1"), 0700), 0);
	struct slot_ref ref = write_hot(&(struct slot_ref){0}, 1);
	assert_int_equal(read_hot(&ref), 0);
	assert_false(exists(path_of("elsewhere"))); /* the link was not followed */
	ref = write_hot(&ref, 2);
	assert_int_equal(read_hot(&ref), 0);
	struct stat st;
	assert_int_equal(lstat(path_of("m.db-state/run1.hot.0.strange-1"), &st), 0);
	assert_true(exists(path_of("m.db-state/run1.hot.1.strange-1")));
	assert_int_equal(unlink(path_of("m.db-state/run1.hot.0")), 0);
	assert_int_equal(mkfifo(path_of("m.db-state/run1.hot.0"), 0600), 0);
	ref = write_hot(&ref, 3);
	assert_int_equal(read_hot(&ref), 0);
}

static void a_folder_that_somebody_removed_is_made_anew(void **state) {
	(void)state;
	struct slot_ref ref = write_hot(&(struct slot_ref){0}, 1);
	assert_int_equal(unlink(path_of("m.db-state/run1.hot.0")), 0);
	assert_int_equal(rmdir(path_of("m.db-state")), 0);
	ref = write_hot(&ref, 2);
	assert_int_equal(read_hot(&ref), 0);
	assert_true(exists(path_of("m.db-state/run1.hot.1")));
}

static int only_two(void *user, const char *run_id, int64_t n) {
	(void)user;
	return strcmp(run_id, "run1") == 0 && n == 2;
}

static void marks_read_back_and_unnamed_ones_are_swept(void **state) {
	(void)state;
	const uint8_t text[] = "a state";
	uint64_t sum = checksum(text, sizeof text, 0);
	for (int64_t n = 1; n <= 3; n++) {
		assert_int_equal(slots_write_mark(&slots, "run1", n, text, sizeof text), 0);
	}
	(void)write_hot(&(struct slot_ref){0}, 1);
	slots_sweep_marks(&slots, only_two, NULL);
	uint8_t *read = NULL;
	assert_int_equal(slots_read_mark(&slots, "run1", 2, sizeof text, sum, &read), 0);
	assert_memory_equal(read, text, sizeof text);
	free(read);
	assert_int_equal(slots_read_mark(&slots, "run1", 1, sizeof text, sum, &read), -ENOENT);
	assert_int_equal(slots_read_mark(&slots, "run1", 2, sizeof text, sum + 1, &read), -ENOENT);
	assert_int_equal(slots_read_mark(&slots, "run1", 2, sizeof text + 1, sum, &read), -ENOENT);
	assert_true(exists(path_of("m.db-state/run1.hot.0")));
	slots_remove_mark(&slots, "run1", 2);
	assert_false(exists(path_of("m.db-state/run1.mark.2")));
}

static void an_older_epoch_of_the_same_database_is_noticed(void **state) {
	(void)state;
	uint8_t one[DB_ID_SIZE] = {1}, two[DB_ID_SIZE] = {2};
	bool behind = true;
	assert_int_equal(slots_note_epoch(&slots, one, 5, &behind), 0);
	assert_false(behind);
	assert_int_equal(slots_note_epoch(&slots, one, 6, &behind), 0);
	assert_false(behind);
	assert_int_equal(slots_note_epoch(&slots, one, 6, &behind), 0);
	assert_true(behind);
	assert_int_equal(slots_note_epoch(&slots, one, 3, &behind), 0);
	assert_true(behind);
	assert_int_equal(slots_note_epoch(&slots, two, 1, &behind), 0);
	assert_false(behind);
}

static void a_checksum_sees_a_bit_a_place_and_a_length(void **state) {
	(void)state;
	uint8_t data[4096 + 5];
	for (size_t i = 0; i < sizeof data; i++) {
		data[i] = (uint8_t)(i * 7);
	}
	uint64_t sum = checksum(data, sizeof data, 0);
	assert_true(checksum(data, sizeof data, 1) != sum);
	assert_true(checksum(data, sizeof data - 1, 0) != sum);
	for (size_t i = 0; i < sizeof data; i += 61) {
		data[i] ^= 1;
		assert_true(checksum(data, sizeof data, 0) != sum);
		data[i] ^= 1;
	}
	uint8_t half[2048];
	memset(data, 1, 2048);
	memset(data + 2048, 2, 2048);
	sum = checksum(data, 4096, 0);
	memcpy(half, data, 2048);
	memmove(data, data + 2048, 2048);
	memcpy(data + 2048, half, 2048);
	assert_true(checksum(data, 4096, 0) != sum);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
		T(what_is_written_reads_back_and_the_two_slots_take_turns),
		T(the_named_slot_survives_a_write_that_is_never_committed),
		T(a_torn_or_spoiled_file_is_not_believed),
		T(a_file_of_another_generation_run_kind_or_size_is_not_believed),
		T(a_full_disk_is_found_out_before_anything_is_overwritten),
		T(only_this_user_can_look_into_the_directory),
		T(what_stands_in_a_files_place_is_moved_aside),
		T(a_folder_that_somebody_removed_is_made_anew),
		T(marks_read_back_and_unnamed_ones_are_swept),
		T(an_older_epoch_of_the_same_database_is_noticed),
		T(a_checksum_sees_a_bit_a_place_and_a_length),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
