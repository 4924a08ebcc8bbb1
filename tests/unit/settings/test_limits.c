/* What one host's many users may do: who may come in, how much each may take, what is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define LONG "user abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"

#define USER_KEYS "connections, runs, keys, memory, queued, database"

static struct user_limits limits_of(const struct rig *r, uint32_t uid) {
	struct user_limits limits;

	settings_user_limits(&r->settings, uid, &limits);
	return limits;
}

static void nothing_set_keeps_everything_and_trusts_nobody(void **state) {
	struct rig *r = *state;
	const struct settings *s = &r->settings;

	rig_load_as(r, (struct settings_options){.file = "/dev/null", .is_system = true});
	rig_assert_good(r);
	assert_null(s->access.socket_group);
	assert_int_equal(s->access.socket_mode, 0660);
	assert_string_equal(s->access.admin_group, "sae-metrics-admin");
	assert_false(s->access.trust_root);
	assert_false(s->access.private_runs);
	assert_true(s->retention.steps_s == RETENTION_FOREVER);
	assert_true(s->retention.windows_s == RETENTION_FOREVER);
	assert_true(s->retention.runs_s == RETENTION_FOREVER);
	assert_true(s->retention.max_db_bytes == RETENTION_NO_MAX);
	assert_int_equal(s->disk.keep_free_bytes, 256 << 20);
	assert_int_equal(s->limits.user.database_bytes, 0);
	assert_true(s->limits.user.connections <= s->limits.host_connections);
	assert_true(s->limits.user.memory_bytes <= s->limits.host_memory_bytes);
}

static void a_users_own_socket_is_his_alone(void **state) {
	struct rig *r = *state;

	rig_load_as(r, (struct settings_options){.file = "/dev/null"});
	assert_int_equal(r->settings.access.socket_mode, 0600);
}

static void who_may_come_in_is_set_as_chmod_and_chgrp_say_it(void **state) {
	static const char *const modes[] = {"socket_mode = 0777", "socket_mode = 0640",
		"socket_mode = 438", "socket_mode = rw-rw----", "socket_mode ="};
	static const char *const groups[] = {"socket_group =", "socket_group = a b",
		"socket_group = a:b", "socket_group = -a", "socket_group = a,b"};
	struct rig *r = *state;

	rig_load_in(r, "access", "socket_mode = 0666");
	rig_assert_good(r);
	assert_int_equal(r->settings.access.socket_mode, 0666);
	rig_load_in(r, "access", "socket_mode = 660");
	assert_int_equal(r->settings.access.socket_mode, 0660);
	rig_load(r, "[access]\nsocket_group = sae-metrics\nadmin_group = none\nprivate = yes\n");
	rig_assert_good(r);
	assert_string_equal(r->settings.access.socket_group, "sae-metrics");
	assert_null(r->settings.access.admin_group);
	assert_true(r->settings.access.private_runs);
	for (size_t i = 0; i < COUNT(modes); i++) {
		rig_load_in(r, "access", modes[i]);
		rig_assert_told(r, "2: socket_mode: expected 0600, 0660 or 0666\n");
	}
	for (size_t i = 0; i < COUNT(groups); i++) {
		rig_load_in(r, "access", groups[i]);
		rig_assert_told(r, "2: socket_group: expected a group's name, or none\n");
	}
}

static void what_is_kept_is_a_time_or_forever(void **state) {
	static const char *const bad[] = {"steps = 90", "steps = never", "steps = 0d",
		"steps = 59s", "steps = 3651d", "steps = -1d", "steps =", "steps = 90500ms",
		"steps = Forever"};
	struct rig *r = *state;

	rig_load(r, "[retention]\nsteps = 90d\nwindows = 3650d\nruns = forever\n");
	rig_assert_good(r);
	assert_int_equal(r->settings.retention.steps_s, 90 * 86400);
	assert_int_equal(r->settings.retention.windows_s, 3650 * 86400);
	assert_true(r->settings.retention.runs_s == RETENTION_FOREVER);
	for (size_t i = 0; i < COUNT(bad); i++) {
		rig_load_in(r, "retention", bad[i]);
		rig_assert_told(r,
			"2: steps: expected a time from 1m to 3650d, as 12h or 90d, or forever\n");
	}
}

static void a_size_has_a_binary_unit(void **state) {
	static const char *const bad[] = {"max_db = 20GB", "max_db = 15M", "max_db = 1.5G",
		"max_db = -1G", "max_db = 2000T", "max_db =", "max_db = forever", "max_db = 0"};
	struct rig *r = *state;

	rig_load_in(r, "retention", "max_db = 20G");
	rig_assert_good(r);
	assert_int_equal(r->settings.retention.max_db_bytes, 20ull << 30);
	rig_load_in(r, "retention", "max_db = none");
	assert_true(r->settings.retention.max_db_bytes == RETENTION_NO_MAX);
	rig_load_in(r, "disk", "keep_free = 0");
	rig_assert_good(r);
	assert_int_equal(r->settings.disk.keep_free_bytes, 0);
	for (size_t i = 0; i < COUNT(bad); i++) {
		rig_load_in(r, "retention", bad[i]);
		rig_assert_told(r,
			"2: max_db: expected a size from 16M to 1024T, as 512M or 20G, or none\n");
	}
	rig_load_in(r, "disk", "keep_free = none");
	rig_assert_told(r, "2: keep_free: expected a size from 0 to 1024T, as 512M or 20G\n");
}

static void a_user_has_the_limits_of_all_but_where_he_has_his_own(void **state) {
	struct rig *r = *state;

	rig_load(r, "[limits]\nruns = 7\nmemory = 1G\ndatabase = 5G\n"
		    "[user root]\nruns = 9\n"
		    "[user 4711]\nmemory = 3G\ndatabase = none\nconnections = 2\n");
	rig_assert_good(r);
	assert_int_equal(limits_of(r, 1234).runs, 7);
	assert_int_equal(limits_of(r, 1234).memory_bytes, 1 << 30);
	assert_int_equal(limits_of(r, 1234).database_bytes, 5ull << 30);
	assert_int_equal(limits_of(r, 0).runs, 9);
	assert_int_equal(limits_of(r, 0).memory_bytes, 1 << 30);
	assert_int_equal(limits_of(r, 4711).runs, 7);
	assert_int_equal(limits_of(r, 4711).memory_bytes, 3ull << 30);
	assert_int_equal(limits_of(r, 4711).database_bytes, 0);
	assert_int_equal(limits_of(r, 4711).connections, 2);
	assert_int_equal(limits_of(r, 4711).queued_bytes, limits_of(r, 1234).queued_bytes);
}

static void a_name_and_its_number_are_one_user(void **state) {
	struct rig *r = *state;

	rig_load(r, "[user root]\nruns = 9\n[user 0]\nkeys = 3\n");
	rig_assert_good(r);
	assert_int_equal(r->settings.n_users, 1);
	assert_int_equal(limits_of(r, 0).runs, 9);
	assert_int_equal(limits_of(r, 0).keys, 3);
	rig_load(r, "[user root]\nruns = 9\n[ user  0 ]\nruns = 3\n");
	rig_assert_told(r, "4: runs: was given in line 2 already\n");
}

static void a_user_who_is_not_here_takes_nothing_from_nobody(void **state) {
	struct rig *r = *state;

	rig_load(r, "[limits]\nruns = 7\n[user no-such-user-here]\nruns = 9\n");
	rig_assert_good(r);
	assert_int_equal(r->settings.users[0].uid, SETTINGS_NO_UID);
	assert_int_equal(limits_of(r, SETTINGS_NO_UID).runs, 7);
	assert_int_equal(limits_of(r, 0).runs, 7);
}

static void a_section_of_a_user_names_one(void **state) {
	static const char *const bad[] = {"user", "user ", "user a b", "user 4294967295",
		"user 99999999999", "user \"joe\"", LONG};
	struct rig *r = *state;
	char text[256];

	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof text, "[%s]\nruns = x\n", bad[i]);
		rig_load(r, text);
		rig_assert_told(r, "1: expected [user NAME], or a uid in place of the name\n");
	}
	rig_load_in(r, "users", "runs = 1");
	rig_assert_told(r, "1: there is no section [users], but " SECTIONS "\n");
	rig_load_in(r, "user someone.with-a-long-name-of-sixty-three-characters@example.org",
		"runs = 1");
	rig_assert_good(r);
}

static void a_user_has_only_what_is_his(void **state) {
	struct rig *r = *state;

	rig_load(r, "[user 7]\nhost_connections = 1\nruns = 0\nmode = off\n");
	rig_assert_told(r, "2: there is no \"host_connections\" in [user 7], but " USER_KEYS "\n"
			   "3: runs: expected a number from 1 to 1000000\n"
			   "4: there is no \"mode\" in [user 7], but " USER_KEYS "\n");
	rig_load(r, "[user\t7]\nmode = off\n");
	rig_assert_told(r, "2: there is no \"mode\" in [user?7], but " USER_KEYS "\n");
}

static void there_are_only_so_many_users(void **state) {
	static char text[32 * (SETTINGS_USERS_MAX + 1)];
	struct rig *r = *state;
	size_t len = 0;

	for (unsigned i = 0; i < SETTINGS_USERS_MAX; i++) {
		len += (size_t)snprintf(
			text + len, sizeof text - len, "[user %u]\nruns = %u\n", i + 100, i + 1);
	}
	rig_load(r, text);
	rig_assert_good(r);
	assert_int_equal(limits_of(r, 100).runs, 1);
	assert_int_equal(limits_of(r, 100 + SETTINGS_USERS_MAX - 1).runs, SETTINGS_USERS_MAX);
	snprintf(text + len, sizeof text - len, "[user 7]\nruns = 1\n");
	rig_load(r, text);
	rig_assert_told(r, "2001: there are more than 1000 users with a section of their own\n");
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(nothing_set_keeps_everything_and_trusts_nobody),
		T(a_users_own_socket_is_his_alone),
		T(who_may_come_in_is_set_as_chmod_and_chgrp_say_it),
		T(what_is_kept_is_a_time_or_forever),
		T(a_size_has_a_binary_unit),
		T(a_user_has_the_limits_of_all_but_where_he_has_his_own),
		T(a_name_and_its_number_are_one_user),
		T(a_user_who_is_not_here_takes_nothing_from_nobody),
		T(a_section_of_a_user_names_one),
		T(a_user_has_only_what_is_his),
		T(there_are_only_so_many_users),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
