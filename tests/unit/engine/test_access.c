/* Who may do what, by numbers alone: also for those who cannot be two users. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine_private.h"

#define DAEMON 990u
#define ANA    1000u
#define JOE    1001u

static const struct access_rules systems = {
	.own_uid = DAEMON, .has_admin_gid = true, .admin_gid = 950};

static void a_run_is_its_own_users(void **state) {
	struct asker ana = access_asker(&systems, ANA, false),
		     joe = access_asker(&systems, JOE, false);
	(void)state;

	assert_true(access_owns(&ana, ANA));
	assert_false(access_owns(&joe, ANA));
	assert_false(ana.is_admin);
}

static void members_of_the_group_are_administrators_while_there_is_one(void **state) {
	struct access_rules without = systems;
	(void)state;

	struct asker joe = access_asker(&systems, JOE, true);
	assert_true(joe.is_admin);
	assert_true(access_owns(&joe, ANA));
	without.has_admin_gid = false;
	assert_false(access_asker(&without, JOE, true).is_admin);
}

static void root_is_an_administrator_only_where_that_was_agreed_to(void **state) {
	struct access_rules trusting = systems,
			    roots = {.own_uid = UID_ROOT, .has_admin_gid = true};
	(void)state;

	assert_false(access_asker(&systems, UID_ROOT, false).is_admin);
	assert_false(access_asker(&systems, UID_ROOT, true).is_admin);
	assert_false(access_asker(&roots, UID_ROOT, true).is_admin);
	trusting.trust_root = true;
	assert_true(access_asker(&trusting, UID_ROOT, false).is_admin);
	assert_false(access_asker(&trusting, ANA, false).is_admin);
}

static void whoever_runs_the_daemon_administers_it(void **state) {
	struct access_rules anas = {.own_uid = ANA};
	(void)state;

	assert_true(access_asker(&anas, ANA, false).is_admin);
	assert_true(access_asker(&systems, DAEMON, false).is_admin);
	assert_false(access_asker(&anas, JOE, false).is_admin);
}

static void nobody_is_let_in_only_where_that_was_agreed_to_and_administers_nothing(void **state) {
	struct access_rules trusting = systems, nobodys = {.own_uid = UID_NOBODY};
	(void)state;

	assert_false(access_admits(&systems, UID_NOBODY));
	assert_true(access_admits(&systems, ANA));
	assert_true(access_admits(&systems, UID_ROOT));
	assert_true(access_admits(&nobodys, UID_NOBODY)); /* his own daemon */
	trusting.trust_nobody = true;
	assert_true(access_admits(&trusting, UID_NOBODY));
	assert_false(access_asker(&trusting, UID_NOBODY, true).is_admin);
	assert_false(access_asker(&nobodys, UID_NOBODY, false).is_admin);
}

static void a_refusal_names_whose_run_it_is_and_who_may(void **state) {
	const struct target t = {.id = "clip8f3a", .state = "running", .user = "ana", .uid = ANA};
	struct asker ana = {.uid = ANA}, joe = {.uid = JOE}, admin = {.uid = JOE, .is_admin = true};
	char words[512] = "";
	(void)state;

	assert_true(target_permits(&t, &ana, "stop", words));
	assert_true(target_permits(&t, &admin, "stop", words));
	assert_string_equal(words, "");
	assert_false(target_permits(&t, &joe, "sync", words));
	assert_string_equal(
		words, "run clip8f3a is ana's; its own user and administrators may sync it");
}

static void who_asked_is_said_without_looking_names_up(void **state) {
	const struct target t = {.id = "clip8f3a", .state = "running", .user = "ana", .uid = ANA};
	struct asker ana = {.uid = ANA}, joe = {.uid = JOE, .is_admin = true},
		     root = {.is_admin = true};
	char name[TARGET_ASKER_MAX];
	(void)state;

	assert_string_equal(target_asker_name(&t, &ana, name), "ana");
	assert_string_equal(target_asker_name(&t, &joe, name), "an administrator (user 1001)");
	assert_string_equal(target_asker_name(&t, &root, name), "root");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_is_its_own_users),
		cmocka_unit_test(members_of_the_group_are_administrators_while_there_is_one),
		cmocka_unit_test(root_is_an_administrator_only_where_that_was_agreed_to),
		cmocka_unit_test(whoever_runs_the_daemon_administers_it),
		cmocka_unit_test(
			nobody_is_let_in_only_where_that_was_agreed_to_and_administers_nothing),
		cmocka_unit_test(a_refusal_names_whose_run_it_is_and_who_may),
		cmocka_unit_test(who_asked_is_said_without_looking_names_up),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
