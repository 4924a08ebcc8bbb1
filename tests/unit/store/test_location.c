#include "location.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "cut.h"

static long pretended_type; /* 0: what there is */

/* In place of libc's, for this program. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
__attribute__((visibility("default"))) int statfs(const char *path, struct statfs *ret) {
	(void)path;
	memset(ret, 0, sizeof *ret);
	ret->f_type = pretended_type;
	return 0;
}

static int setup(void **state) {
	(void)state;
	pretended_type = 0;
	place_create();
	return 0;
}

static int teardown(void **state) {
	(void)state;
	place_remove();
	return 0;
}

static void a_network_file_system_is_refused_by_its_name(void **state) {
	(void)state;
	static const struct {
		long type;
		const char *name;
	} cases[] = {{0x6969, "NFS"}, {0x0bd00bd0, "Lustre"}, {0x47504653, "GPFS"},
		{(int32_t)0xff534d42, "CIFS"}, {0xfe534d42, "SMB"}, {0x01021997, "9p"},
		{0x19830326, "BeeGFS"}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char words[LOCATION_WORDS_MAX], name[32];
		pretended_type = cases[i].type;
		assert_int_equal(location_check(path_of("m.db"), words), -EREMOTE);
		snprintf(name, sizeof name, "(%s)", cases[i].name);
		assert_non_null(strstr(words, name));
		assert_non_null(strstr(words, "put the database on a disk of this machine"));
	}
}

static void a_disk_of_this_machine_is_not(void **state) {
	(void)state;
	static const long types[] = {
		0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x2fc12fc1, 0x65735546};
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		char words[LOCATION_WORDS_MAX];
		pretended_type = types[i];
		assert_int_equal(location_check(path_of("m.db"), words), 0);
	}
}

static void fuse_is_judged_by_what_it_serves(void **state) {
	(void)state;
	assert_string_equal(location_network_name(0x65735546, "fuse.sshfs"), "sshfs");
	assert_null(location_network_name(0x65735546, "fuse.ntfs-3g"));
	assert_null(location_network_name(0x65735546, "fuse.fuse-overlayfs"));
	assert_null(location_network_name(0x65735546, ""));
	assert_null(location_network_name(0x65735546, NULL));
	assert_null(location_network_name(0xef53, "fuse.sshfs"));
}

static void one_of_two_gets_the_lock(void **state) {
	(void)state;
	char words[LOCATION_WORDS_MAX], pid[32];
	int one = -1, two = -1;
	assert_int_equal(location_lock(path_of("m.db"), &one, words), 0);
	assert_int_equal(location_lock(path_of("m.db"), &two, words), -EBUSY);
	assert_int_equal(two, -1);
	snprintf(pid, sizeof pid, "(pid %ld)", (long)getpid());
	assert_non_null(strstr(words, pid));
	close(one);
	assert_int_equal(location_lock(path_of("m.db"), &two, words), 0);
	close(two);
	assert_true(exists(path_of("m.db.lock")));
}

static void write_text(const char *name, const char *text) {
	FILE *f = fopen(path_of(name), "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void a_link_is_followed_to_a_database_that_is_not_there_yet(void **state) {
	(void)state;
	char wanted[256];
	snprintf(wanted, sizeof wanted, "%s", path_of("far.db"));
	assert_int_equal(symlink("far.db", path_of("near.db")), 0);
	assert_int_equal(symlink(path_of("near.db"), path_of("nearer.db")), 0);
	char *resolved = location_resolve(path_of("nearer.db"));
	assert_string_equal(strrchr(resolved, '/'), "/far.db");
	free(resolved);
	write_text("far.db", "");
	resolved = location_resolve(path_of("nearer.db"));
	assert_string_equal(resolved, wanted);
	free(resolved);
	/* A link that leads to itself is left for whoever opens it to complain of. */
	assert_int_equal(symlink("loop.db", path_of("loop.db")), 0);
	free(location_resolve(path_of("loop.db")));
}

static void a_lock_that_cannot_be_made_is_named(void **state) {
	(void)state;
	char words[LOCATION_WORDS_MAX];
	int fd = -1;
	assert_int_equal(location_lock(path_of("nowhere/m.db"), &fd, words), -ENOENT);
	assert_non_null(strstr(words, "nowhere/m.db.lock: No such file"));
	/* A link somebody has put there is not followed. */
	assert_int_equal(symlink("elsewhere", path_of("m.db.lock")), 0);
	assert_int_equal(location_lock(path_of("m.db"), &fd, words), -ELOOP);
}

static void a_database_is_created_for_its_user_alone(void **state) {
	(void)state;
	struct stat st;
	assert_int_equal(location_create(path_of("m.db")), 0);
	assert_int_equal(stat(path_of("m.db"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(location_is_same(path_of("m.db"), &st));
	assert_int_equal(location_create(path_of("m.db")), 0);
	assert_int_equal(rename(path_of("m.db"), path_of("n.db")), 0);
	assert_false(location_is_same(path_of("m.db"), &st));
}

static void only_a_file_that_was_ours_is_ever_taken_for_a_damaged_one(void **state) {
	(void)state;
	write_text("notes.txt", "notes");
	assert_false(location_looks_ours(path_of("notes.txt"), 0x5341454d));
	write_text("m.db", "no longer a database");
	char command[512];
	snprintf(command, sizeof command, "mkdir %s", path_of("m.db-state"));
	assert_int_equal(system(command), 0);
	assert_true(location_looks_ours(path_of("m.db"), 0x5341454d));
	sql_run(path_of("ours.db"), "PRAGMA application_id = 0x5341454d; CREATE TABLE t (x)");
	assert_true(location_looks_ours(path_of("ours.db"), 0x5341454d));
	sql_run(path_of("other.db"), "PRAGMA application_id = 7; CREATE TABLE t (x)");
	assert_false(location_looks_ours(path_of("other.db"), 0x5341454d));
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
		T(a_network_file_system_is_refused_by_its_name),
		T(a_disk_of_this_machine_is_not),
		T(fuse_is_judged_by_what_it_serves),
		T(one_of_two_gets_the_lock),
		T(a_link_is_followed_to_a_database_that_is_not_there_yet),
		T(a_lock_that_cannot_be_made_is_named),
		T(a_database_is_created_for_its_user_alone),
		T(only_a_file_that_was_ours_is_ever_taken_for_a_damaged_one),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
