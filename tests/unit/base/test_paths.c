/* Where the daemon and its tools meet when nobody says where. */
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

#include "paths.h"

static int clean(void **state) {
	(void)state;

	unsetenv("XDG_STATE_HOME");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("SAE_METRICS_SOCKET");
	unsetenv("SAE_METRICSD_CONFIG");
	unsetenv("SAE_METRICSD_CONFIG_ROOT");
	unsetenv("XDG_CONFIG_DIRS");
	setenv("HOME", "/home/ada", 1);
	return 0;
}

static void the_hosts_paths_are_fixed(void **state) {
	(void)state;
	struct paths p;

	paths_system(&p);
	assert_string_equal(p.database, "/var/lib/sae-metricsd/metrics.db");
}

static void a_users_paths_follow_the_environment(void **state) {
	(void)state;
	struct paths p;

	paths_user(&p);
	assert_string_equal(p.database, "/home/ada/.local/state/sae-metricsd/metrics.db");

	setenv("XDG_STATE_HOME", "/state", 1);
	paths_user(&p);
	assert_string_equal(p.database, "/state/sae-metricsd/metrics.db");
}

static void a_database_on_a_disk_of_this_machine_is_its_users(void **state) {
	(void)state;
	char path[PATH_MAX], expected[PATH_MAX];

	paths_local_database(path);
	(void)snprintf(expected, sizeof expected, "/var/tmp/sae-metricsd-%u/metrics.db",
		(unsigned)geteuid());
	assert_string_equal(path, expected);
}

static void what_the_environment_does_not_tell_is_empty(void **state) {
	(void)state;
	struct paths p;

	unsetenv("HOME");
	paths_user(&p);
	assert_string_equal(p.database, "");
}

static void what_is_too_long_for_a_path_is_empty(void **state) {
	(void)state;
	struct paths p;
	char home[PATH_MAX + 1];

	memset(home, 'h', PATH_MAX);
	home[PATH_MAX] = '\0';
	setenv("HOME", home, 1);
	paths_user(&p);
	assert_string_equal(p.database, "");
}

static void assert_folders(bool is_system, const char *const *folders, size_t n) {
	struct paths_folders f;

	assert_int_equal(paths_config_folders(is_system, &f), 0);
	assert_int_equal(f.n, n);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(f.at[i], folders[i]);
	}
}

static void what_is_set_is_in_the_hosts_folders_or_the_users(void **state) {
	static const char *const system[] = {
		"/etc/sae-metricsd", "/run/sae-metricsd", "/usr/lib/sae-metricsd"};
	static const char *const user[] = {
		"/home/ada/.config/sae-metricsd", "/etc/xdg/sae-metricsd"};
	static const char *const moved[] = {
		"/config/sae-metricsd", "/a/sae-metricsd", "/b/sae-metricsd"};
	(void)state;

	assert_folders(true, system, 3);
	assert_folders(false, user, 2);
	setenv("XDG_CONFIG_HOME", "/config", 1);
	setenv("XDG_CONFIG_DIRS", "/a::relative:/b", 1);
	assert_folders(false, moved, 3);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("HOME");
	assert_folders(false, moved + 1, 2);
	setenv("XDG_CONFIG_DIRS", "/1:/2:/3:/4:/5:/6:/7:/8:/9", 1);
	struct paths_folders f;
	assert_int_equal(paths_config_folders(false, &f), 0);
	assert_int_equal(f.n, PATHS_FOLDERS_MAX);
}

static void another_root_has_all_but_the_users_own(void **state) {
	static const char *const system[] = {"/image/etc/sae-metricsd", "/image/run/sae-metricsd",
		"/image/usr/lib/sae-metricsd"};
	static const char *const user[] = {
		"/home/ada/.config/sae-metricsd", "/image/etc/xdg/sae-metricsd"};
	struct paths_folders f;
	(void)state;

	setenv("SAE_METRICSD_CONFIG_ROOT", "/image", 1);
	assert_folders(true, system, 3);
	assert_folders(false, user, 2);
	setenv("SAE_METRICSD_CONFIG_ROOT", "image", 1);
	assert_int_equal(paths_config_folders(true, &f), -EINVAL);
}

static void an_empty_override_is_none(void **state) {
	(void)state;

	assert_null(paths_socket_override());
	setenv("SAE_METRICS_SOCKET", "", 1);
	assert_null(paths_socket_override());
	setenv("SAE_METRICS_SOCKET", "/tmp/s", 1);
	assert_string_equal(paths_socket_override(), "/tmp/s");

	assert_null(paths_config_override());
	setenv("SAE_METRICSD_CONFIG", "", 1);
	assert_null(paths_config_override());
	setenv("SAE_METRICSD_CONFIG", "/tmp/c", 1);
	assert_string_equal(paths_config_override(), "/tmp/c");
}

static void folders_above_a_path_are_made(void **state) {
	(void)state;
	char base[] = "/tmp/sae-paths-XXXXXX", path[PATH_MAX], folder[PATH_MAX];
	struct stat st;

	assert_non_null(mkdtemp(base));
	(void)snprintf(path, sizeof path, "%s/a/b/file", base);
	assert_int_equal(paths_make_parent(path, 0700, folder), 0);
	assert_int_equal(paths_make_parent(path, 0700, folder), 0);
	for (int i = 0; i < 3; i++) {
		*strrchr(path, '/') = '\0';
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0700);
		assert_int_equal(rmdir(path), 0);
	}
}

static void a_folder_that_cannot_be_made_is_named(void **state) {
	(void)state;
	char folder[PATH_MAX];

	assert_true(paths_make_parent("/proc/none/here/file", 0700, folder) < 0);
	assert_string_equal(folder, "/proc/none/here");
	assert_int_equal(paths_make_parent("file", 0700, folder), 0);
	assert_int_equal(paths_make_parent("/file", 0700, folder), 0);
}

static void the_folder_of_a_path_is_synced(void **state) {
	(void)state;

	assert_int_equal(paths_sync_parent("/tmp/not-there"), 0);
	assert_int_equal(paths_sync_parent("not-there"), 0);
	assert_int_equal(paths_sync_parent("/tmp/no-such-folder/x"), -ENOENT);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_hosts_paths_are_fixed, clean),
		cmocka_unit_test_setup(a_users_paths_follow_the_environment, clean),
		cmocka_unit_test(a_database_on_a_disk_of_this_machine_is_its_users),
		cmocka_unit_test_setup(what_the_environment_does_not_tell_is_empty, clean),
		cmocka_unit_test_setup(what_is_too_long_for_a_path_is_empty, clean),
		cmocka_unit_test_setup(what_is_set_is_in_the_hosts_folders_or_the_users, clean),
		cmocka_unit_test_setup(another_root_has_all_but_the_users_own, clean),
		cmocka_unit_test_setup(an_empty_override_is_none, clean),
		cmocka_unit_test(folders_above_a_path_are_made),
		cmocka_unit_test(a_folder_that_cannot_be_made_is_named),
		cmocka_unit_test(the_folder_of_a_path_is_synced),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
