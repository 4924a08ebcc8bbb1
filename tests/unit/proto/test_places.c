/* Where a daemon is when nobody says where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "places.h"

static char in_tmp[64];

static int clean(void **state) {
	(void)state;
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("SAE_METRICS_SOCKET");
	snprintf(in_tmp, sizeof in_tmp, "/tmp/sae-metricsd-%u/socket", (unsigned)geteuid());
	return 0;
}

static void the_users_own_goes_before_the_hosts(void **state) {
	(void)state;
	struct places_sockets s;

	setenv("XDG_RUNTIME_DIR", "/run/user/1000", 1);
	places_find_sockets(&s);
	assert_int_equal(s.n, 3);
	assert_string_equal(s.path[0], "/run/user/1000/sae-metricsd/socket");
	assert_string_equal(s.path[1], in_tmp);
	assert_string_equal(s.path[2], "/run/sae-metricsd/socket");
}

static void without_a_login_there_is_a_place_in_tmp(void **state) {
	(void)state;
	struct places_sockets s;
	static const char *const none[] = {NULL, "", "relative/folder"};

	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		if (none[i] != NULL) {
			setenv("XDG_RUNTIME_DIR", none[i], 1);
		}
		places_find_sockets(&s);
		assert_int_equal(s.n, 2);
		assert_string_equal(s.path[0], in_tmp);
		assert_string_equal(s.path[1], "/run/sae-metricsd/socket");
	}
}

static void a_folder_too_long_for_a_socket_is_left_out(void **state) {
	(void)state;
	struct places_sockets s;
	char long_one[128] = "/";

	memset(long_one + 1, 'x', sizeof long_one - 2);
	setenv("XDG_RUNTIME_DIR", long_one, 1);
	places_find_sockets(&s);
	assert_int_equal(s.n, 2);
	assert_string_equal(s.path[0], in_tmp);
}

static void a_daemon_listens_in_the_first_place_that_there_is(void **state) {
	(void)state;
	char base[] = "/tmp/sae-places-XXXXXX", own[PLACES_SOCKET_SIZE],
	     expected[PLACES_SOCKET_SIZE];

	assert_non_null(mkdtemp(base));
	setenv("XDG_RUNTIME_DIR", base, 1);
	places_own_socket(own);
	(void)snprintf(expected, sizeof expected, "%s/sae-metricsd/socket", base);
	assert_string_equal(own, expected);

	/* A batch job has the variable of a login, and not its folder. */
	assert_int_equal(rmdir(base), 0);
	places_own_socket(own);
	assert_string_equal(own, in_tmp);
	setenv("XDG_RUNTIME_DIR", "/dev/null", 1);
	places_own_socket(own);
	assert_string_equal(own, in_tmp);
	unsetenv("XDG_RUNTIME_DIR");
	places_own_socket(own);
	assert_string_equal(own, in_tmp);
}

static void a_folder_that_others_made_or_may_enter_is_told(void **state) {
	(void)state;
	char base[] = "/tmp/sae-places-XXXXXX", link[64];

	assert_non_null(mkdtemp(base));
	assert_null(places_folder_flaw(base, geteuid()));
	assert_string_equal(places_folder_flaw(base, geteuid() + 1), "belongs to another user");
	assert_int_equal(chmod(base, 0750), 0);
	assert_string_equal(places_folder_flaw(base, geteuid()), "is open to other users");
	assert_int_equal(chmod(base, 0701), 0);
	assert_string_equal(places_folder_flaw(base, geteuid()), "is open to other users");

	/* A link of ours to somebody's folder is no folder, wherever it leads. */
	(void)snprintf(link, sizeof link, "%s-link", base);
	assert_int_equal(symlink(base, link), 0);
	assert_string_equal(places_folder_flaw(link, geteuid()), "is no folder");
	assert_int_equal(unlink(link), 0);
	assert_int_equal(rmdir(base), 0);

	/* Nor is one ours that anybody may make before we get to it. */
	assert_string_equal(places_folder_flaw(base, geteuid()), "is not there");
}

static void what_nobody_else_can_make_has_no_flaw(void **state) {
	(void)state;

	assert_null(places_flaw("/run/user/1000/sae-metricsd/socket"));
	assert_null(places_flaw("/tmp/sae-metricsd-elsewhere/socket"));
	assert_null(places_flaw("socket"));
}

/* As root somebody else's folder can be made; the name is that of a user nobody has. */
static void somebody_elses_folder_in_tmp_is_told_by_its_socket(void **state) {
	(void)state;
	const uid_t nobodys = 3999999999u;
	char folder[64], path[80];

	if (geteuid() != 0 || seteuid(nobodys) < 0) {
		skip();
	}
	(void)snprintf(folder, sizeof folder, "/tmp/sae-metricsd-%u", (unsigned)nobodys);
	(void)snprintf(path, sizeof path, "%s/socket", folder);
	assert_string_equal(places_flaw(path), "is not there");
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(seteuid(nobodys), 0);
	const char *flaw = places_flaw(path);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_string_equal(flaw, "belongs to another user");
}

static int listen_at(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void a_daemon_is_found_where_it_listens(void **state) {
	(void)state;
	char base[] = "/tmp/sae-places-XXXXXX", folder[64], path[96], found[PLACES_SOCKET_SIZE];

	assert_non_null(mkdtemp(base));
	setenv("XDG_RUNTIME_DIR", base, 1);
	(void)snprintf(folder, sizeof folder, "%s/sae-metricsd", base);
	(void)snprintf(path, sizeof path, "%s/socket", folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	int fd = listen_at(path);
	assert_true(places_find_daemon(found));
	assert_string_equal(found, path);

	/* It has no time: the door is full. */
	assert_true(places_answers(path));
	assert_true(places_answers(path));
	assert_true(places_answers(path));

	/* Who names one is not sent to another. */
	setenv("SAE_METRICS_SOCKET", "/nowhere/socket", 1);
	assert_false(places_find_daemon(found));
	setenv("SAE_METRICS_SOCKET", path, 1);
	assert_true(places_find_daemon(found));
	close(fd);
	assert_false(places_find_daemon(found));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(rmdir(base), 0);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_users_own_goes_before_the_hosts, clean),
		cmocka_unit_test_setup(without_a_login_there_is_a_place_in_tmp, clean),
		cmocka_unit_test_setup(a_folder_too_long_for_a_socket_is_left_out, clean),
		cmocka_unit_test_setup(a_daemon_listens_in_the_first_place_that_there_is, clean),
		cmocka_unit_test(a_folder_that_others_made_or_may_enter_is_told),
		cmocka_unit_test(what_nobody_else_can_make_has_no_flaw),
		cmocka_unit_test_setup(a_daemon_is_found_where_it_listens, clean),
		cmocka_unit_test(somebody_elses_folder_in_tmp_is_told_by_its_socket),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("places", tests, NULL, NULL);
}
