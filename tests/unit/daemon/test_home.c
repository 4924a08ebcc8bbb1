/* Where a daemon lives when nobody says where. Run by root, all but the last speak for a user that nobody has. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "home.h"

#define NOBODYS 3999999998u

static uid_t own;
static char folder[64], in_tmp[64], in_var_tmp[64], words[HOME_WORDS_MAX];
static struct home home;

static int become_user(void **state) {
	(void)state;
	own = geteuid();
	if (own == 0 && seteuid(NOBODYS) < 0) {
		return -1;
	}
	snprintf(folder, sizeof folder, "/tmp/sae-home-XXXXXX");
	if (mkdtemp(folder) == NULL) {
		return -1;
	}
	snprintf(in_tmp, sizeof in_tmp, "/tmp/sae-metricsd-%u", (unsigned)geteuid());
	snprintf(in_var_tmp, sizeof in_var_tmp, "/var/tmp/sae-metricsd-%u", (unsigned)geteuid());
	setenv("HOME", folder, 1);
	setenv("XDG_RUNTIME_DIR", folder, 1);
	unsetenv("XDG_STATE_HOME");
	unsetenv("SAE_METRICS_SOCKET");
	return 0;
}

static int be_oneself(void **state) {
	char command[2 * sizeof folder + 64];
	(void)state;

	snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -r %s", folder, folder);
	int status = seteuid(own);
	return status < 0 ? status : system(command);
}

/* Only where the folders are of a user that nobody has. */
static void need_nobodys_folders(void) {
	if (own != 0) {
		skip();
	}
}

static mode_t mode_of(const char *path) {
	struct stat st;
	return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void a_user_with_a_login_has_all_in_his_own_folders(void **state) {
	(void)state;
	char expected[128];

	assert_int_equal(home_find(NULL, NULL, false, &home, words), 0);
	assert_false(home.is_system);
	(void)snprintf(expected, sizeof expected, "%s/sae-metricsd/socket", folder);
	assert_string_equal(home.socket, expected);
	(void)snprintf(
		expected, sizeof expected, "%s/.local/state/sae-metricsd/metrics.db", folder);
	assert_string_equal(home.database, expected);
	assert_string_equal(home.remark, "");
	*strrchr(expected, '/') = '\0';
	assert_int_equal(mode_of(expected), 0700);
}

static void what_is_named_is_taken_and_its_folder_made(void **state) {
	(void)state;
	char database[128], socket[128];

	(void)snprintf(database, sizeof database, "%s/deep/down/m.db", folder);
	(void)snprintf(socket, sizeof socket, "%s/s/socket", folder);
	setenv("SAE_METRICS_SOCKET", "/nowhere/at/all", 1);
	assert_int_equal(home_find(socket, database, false, &home, words), 0);
	assert_string_equal(home.socket, socket);
	assert_string_equal(home.database, database);
	*strrchr(database, '/') = '\0';
	assert_int_equal(mode_of(database), 0700);

	setenv("SAE_METRICS_SOCKET", socket, 1);
	assert_int_equal(home_find(NULL, NULL, false, &home, words), 0);
	assert_string_equal(home.socket, socket);
}

static void a_home_that_cannot_be_written_is_replaced_by_a_disk_of_this_machine(void **state) {
	(void)state;
	char expected[128];

	need_nobodys_folders();
	(void)snprintf(expected, sizeof expected, "%s/metrics.db", in_var_tmp);
	setenv("XDG_STATE_HOME", "/proc/none", 1);
	assert_int_equal(home_find(NULL, NULL, false, &home, words), 0);
	assert_string_equal(home.database, expected);
	assert_non_null(strstr(home.remark, expected));
	assert_non_null(strstr(home.remark, "/proc/none"));
	assert_int_equal(mode_of(in_var_tmp), 0700);

	/* It is there, but somebody else's. */
	setenv("XDG_RUNTIME_DIR", folder, 1);
	(void)snprintf(expected, sizeof expected, "%s/.local", folder);
	assert_int_equal(mkdir(expected, 0500), 0);
	setenv("XDG_STATE_HOME", expected, 1);
	assert_int_equal(home_find(NULL, NULL, false, &home, words), 0);
	assert_non_null(strstr(home.remark, strerror(EACCES)));

	unsetenv("XDG_STATE_HOME");
	unsetenv("HOME");
	assert_int_equal(home_find(NULL, NULL, false, &home, words), 0);
	assert_non_null(strstr(home.remark, "HOME"));
	assert_int_equal(rmdir(in_var_tmp), 0);
}

static void without_a_login_the_socket_is_in_tmp(void **state) {
	(void)state;
	char expected[128];

	need_nobodys_folders();
	setenv("XDG_RUNTIME_DIR", "/run/user/none", 1);
	assert_int_equal(home_find(NULL, NULL, false, &home, words), 0);
	(void)snprintf(expected, sizeof expected, "%s/socket", in_tmp);
	assert_string_equal(home.socket, expected);
	assert_int_equal(mode_of(in_tmp), 0700);
	assert_int_equal(rmdir(in_tmp), 0);
}

static void a_folder_that_somebody_made_before_us_is_not_used(void **state) {
	(void)state;

	need_nobodys_folders();
	unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(mkdir(in_tmp, 0777), 0);
	assert_int_equal(chmod(in_tmp, 0777), 0);
	assert_int_equal(seteuid(NOBODYS), 0);
	int err = home_find(NULL, NULL, false, &home, words);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(rmdir(in_tmp), 0);
	assert_int_equal(err, -EPERM);
	assert_non_null(strstr(words, in_tmp));
	assert_non_null(strstr(words, "belongs to another user, and is not used"));
}

static void a_folder_that_cannot_be_made_is_named(void **state) {
	(void)state;

	assert_true(home_find("/proc/none/socket", NULL, false, &home, words) < 0);
	assert_non_null(strstr(words, "cannot make the directory /proc/none"));
}

static void roots_is_the_hosts(void **state) {
	(void)state;
	char database[128];

	if (geteuid() != 0) {
		skip();
	}
	/* The socket's default would make a folder of the host's. */
	(void)snprintf(database, sizeof database, "/tmp/sae-home-root-%d/m.db", (int)getpid());
	assert_int_equal(home_find(database, database, false, &home, words), 0);
	assert_true(home.is_system);
	*strrchr(database, '/') = '\0';
	assert_int_equal(mode_of(database), 0755);
	assert_int_equal(rmdir(database), 0);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_user_with_a_login_has_all_in_his_own_folders, become_user, be_oneself),
		cmocka_unit_test_setup_teardown(
			what_is_named_is_taken_and_its_folder_made, become_user, be_oneself),
		cmocka_unit_test_setup_teardown(
			a_home_that_cannot_be_written_is_replaced_by_a_disk_of_this_machine,
			become_user, be_oneself),
		cmocka_unit_test_setup_teardown(
			without_a_login_the_socket_is_in_tmp, become_user, be_oneself),
		cmocka_unit_test_setup_teardown(
			a_folder_that_somebody_made_before_us_is_not_used, become_user, be_oneself),
		cmocka_unit_test_setup_teardown(
			a_folder_that_cannot_be_made_is_named, become_user, be_oneself),
		cmocka_unit_test(roots_is_the_hosts),
	};

	umask(022);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("home", tests, NULL, NULL);
}
