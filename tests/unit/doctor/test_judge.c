/* What the doctor makes of what it sees: of a daemon that says it is in trouble, of clocks, limits and units. */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "doctor_clock.h"
#include "doctor_limits.h"
#include "doctor_systemd.h"

static struct doctor d;

static int begin(void **state) {
	(void)state;
	d = (struct doctor){.findings = json_array(), .topic = "it"};
	return 0;
}

static int end(void **state) {
	(void)state;
	json_decref(d.findings);
	json_decref(d.status);
	return 0;
}

static void forget(void) {
	json_array_clear(d.findings);
}

static const char *member(size_t i, const char *name) {
	const char *text = json_string_value(json_object_get(json_array_get(d.findings, i), name));
	return text != NULL ? text : "";
}

/* The finding of this level that says so, and what advice it has; fails when there is none. */
static const char *found(const char *level, const char *words) {
	for (size_t i = 0; i < json_array_size(d.findings); i++) {
		if (strcmp(member(i, "level"), level) == 0 &&
			strstr(member(i, "found"), words) != NULL) {
			return member(i, "advice");
		}
	}
	fail_msg("no %s says \"%s\", first is %s \"%s\"", level, words, member(0, "level"),
		member(0, "found"));
	return NULL;
}

static void all_is(const char *level) {
	assert_true(json_array_size(d.findings) > 0);
	for (size_t i = 0; i < json_array_size(d.findings); i++) {
		assert_string_equal(member(i, "level"), level);
	}
}

/* ---- the daemon ---- */

static void look_at_daemon(const char *members) {
	char text[1024];

	forget();
	json_decref(d.status);
	snprintf(text, sizeof text,
		"{\"daemon\": {\"version\": \"" SAE_METRICSD_VERSION
		"\", \"pid\": 7, \"uptime_s\": 60, \"trouble\": null, \"cadence\": null, "
		"\"commit_lag_s\": 0.1%s}}",
		members);
	d.status = json_loads(text, 0, NULL);
	assert_non_null(d.status);
	doctor_look_at_daemon(&d);
}

static void a_daemon_that_is_well_is_ok(void **state) {
	(void)state;
	d.answer_s = 0.01;
	look_at_daemon("");
	all_is("ok");
	found("ok", "answered in 10 ms");
}

static void a_daemon_of_another_version_is_to_be_restarted(void **state) {
	(void)state;
	look_at_daemon(", \"version\": \"0.0.9\"");
	assert_non_null(strstr(found("warn", "it is version 0.0.9"), "restart it"));
}

static void what_the_daemon_is_troubled_by_is_a_failure(void **state) {
	(void)state;
	look_at_daemon(", \"trouble\": \"commits fail: database or disk is full\"");
	assert_true(found("fail", "database or disk is full")[0] != '\0');
	look_at_daemon(", \"commit_lag_s\": 61");
	found("fail", "not on disk is 1m");
	look_at_daemon(", \"cadence\": \"commits are further apart\"");
	found("warn", "further apart");
}

static void a_daemon_that_is_slow_to_answer_is_a_warning(void **state) {
	(void)state;
	d.answer_s = 1.5;
	look_at_daemon("");
	found("warn", "took 1.5 s to answer");
}

static void a_daemon_that_is_silent_is_a_failure(void **state) {
	(void)state;
	d.answer = ASK_FAILED;
	snprintf(d.answer_words, sizeof d.answer_words, "it does not answer in time");
	doctor_look_at_daemon(&d);
	assert_non_null(strstr(found("fail", "does not answer in time"), "log"));
	forget();
	d.answer = ASK_NO_DAEMON;
	doctor_look_at_daemon(&d);
	found("fail", "none answers");
}

/* ---- the disk ---- */

static void look_at_disk(const char *keeper) {
	json_t *facts = json_loads(keeper, 0, NULL);

	forget();
	assert_non_null(facts);
	snprintf(d.database, sizeof d.database, "/nowhere/metrics.db");
	d.keeper = facts;
	doctor_look_at_disk(&d);
	d.keeper = NULL;
	json_decref(facts);
}

static void a_disk_is_ok_until_its_end_is_near(void **state) {
	(void)state;
	look_at_disk("{\"free_bytes\": 549755813888, \"growth_bytes_per_s\": 1000}");
	all_is("ok");
	found("ok", "512 GiB free, full in 6");
	look_at_disk("{\"free_bytes\": 54975581388, \"growth_bytes_per_s\": 100000}");
	assert_non_null(strstr(found("warn", "full in 6d"), "retention"));
	look_at_disk("{\"free_bytes\": 549755813888, \"growth_bytes_per_s\": null}");
	all_is("ok");
}

static void a_disk_that_is_nearly_full_is_a_warning_and_then_a_failure(void **state) {
	(void)state;
	look_at_disk("{\"free_bytes\": 300000000, \"keep_free_bytes\": 268435456}");
	found("warn", "with less than 256 MiB nothing more is taken");
	look_at_disk("{\"free_bytes\": 200000000, \"keep_free_bytes\": 268435456}");
	found("fail", "free");
}

static void room_that_nobody_can_see_is_not_guessed(void **state) {
	(void)state;
	look_at_disk("{}");
	all_is("unseen");
}

static void a_log_that_cannot_shrink_is_a_warning(void **state) {
	(void)state;
	look_at_disk("{\"free_bytes\": 549755813888, \"log_bytes\": 671088640}");
	all_is("ok");
	look_at_disk("{\"free_bytes\": 549755813888, \"log_bytes\": 671088641}");
	found("warn", "the write-ahead log has 640 MiB");
	look_at_disk("{\"free_bytes\": 549755813888, \"log_pinned\": \"somebody reads\"}");
	found("warn", "does not shrink");
}

static void who_reads_is_named(void **state) {
	char path[] = "/tmp/sae-test-doctor-XXXXXX", pid[16];
	json_t *facts =
		json_pack("{s:s, s:i}", "log_pinned", "somebody reads", "free_bytes", 0x7fffffff);
	int fd = mkstemp(path);
	(void)state;

	assert_true(fd >= 0);
	pid_t child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	snprintf(d.database, sizeof d.database, "%s", path);
	snprintf(pid, sizeof pid, "%d ", (int)child);
	d.keeper = facts;
	doctor_look_at_disk(&d);
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	(void)close(fd);
	(void)unlink(path);
	assert_non_null(strstr(found("warn", "does not shrink"), pid));
	d.keeper = NULL;
	json_decref(facts);
}

/* ---- the clock ---- */

static void a_clock_is_judged_by_wandbs_before_it_is_by_its_keeper(void **state) {
	(void)state;
	doctor_judge_clock(&d, CLOCK_SYNCED, NAN);
	found("ok", "synchronised");
	forget();
	doctor_judge_clock(&d, CLOCK_SYNCED, -1.5);
	found("ok", "agrees with W&B's");
	forget();
	doctor_judge_clock(&d, CLOCK_SYNCED, 5.1);
	found("warn", "5s behind W&B's");
	forget();
	doctor_judge_clock(&d, CLOCK_NOT_SYNCED, -601);
	assert_non_null(strstr(found("fail", "10m ahead of W&B's"), "set it"));
}

static void a_clock_that_nobody_keeps_is_a_warning(void **state) {
	(void)state;
	doctor_judge_clock(&d, CLOCK_NOT_SYNCED, NAN);
	assert_non_null(strstr(found("warn", "not synchronised"), "chrony"));
	forget();
	doctor_judge_clock(&d, CLOCK_UNSEEN, NAN);
	all_is("unseen");
}

/* ---- limits ---- */

static const struct system_limits usual = {.descriptors = 524288,
	.backlog = 4096,
	.send_buffer = 212992,
	.memory_bytes = UINT64_MAX,
	.of_daemon = true};

static void usual_limits_are_ok(void **state) {
	(void)state;
	doctor_judge_limits(&d, &usual);
	all_is("ok");
	found("ok", "RLIMIT_NOFILE 524288, net.core.somaxconn 4096, net.core.wmem_max 212992");
}

static void limits_that_are_too_low_say_how_to_raise_them(void **state) {
	struct system_limits l = usual;
	(void)state;

	l.descriptors = 1024;
	l.backlog = 127;
	l.send_buffer = 4096;
	doctor_judge_limits(&d, &l);
	assert_non_null(strstr(found("warn", "RLIMIT_NOFILE 1024"), "LimitNOFILE"));
	assert_non_null(strstr(found("warn", "somaxconn 127"), "sysctl"));
	assert_non_null(strstr(found("warn", "wmem_max 4096"), "sysctl"));
}

static void memory_that_is_nearly_used_up_is_a_warning(void **state) {
	struct system_limits l = usual;
	(void)state;

	l.memory_bytes = 1u << 30;
	l.memory_used = 100u << 20;
	doctor_judge_limits(&d, &l);
	all_is("ok");
	found("ok", "memory 100 MiB of 1.0 GiB");
	forget();
	l.memory_used = 980u << 20;
	doctor_judge_limits(&d, &l);
	assert_non_null(strstr(found("warn", "memory 980 MiB"), "MemoryMax"));
}

static void memory_that_is_less_than_it_may_take_in_is_a_warning(void **state) {
	struct system_limits l = usual;
	(void)state;

	assert_int_equal(
		doctor_memory_wanted(4ull << 30), 5680ull << 20); /* as the service has it */
	l.memory_wanted = doctor_memory_wanted(4ull << 30);
	doctor_judge_limits(&d, &l);
	all_is("ok"); /* there is no limit at all */
	forget();
	l.memory_bytes = 5680ull << 20;
	doctor_judge_limits(&d, &l);
	all_is("ok");
	forget();
	l.memory_bytes--;
	doctor_judge_limits(&d, &l);
	assert_non_null(strstr(found("warn", "takes more in"), "MemoryMax=5680M"));
}

/* ---- units ---- */

static void judge_units(const char *socket_text, const char *service_text) {
	struct unit_state socket, service;

	forget();
	unit_state_read(socket_text, &socket);
	unit_state_read(service_text, &service);
	doctor_judge_units(&d, &socket, &service);
}

#define ACTIVE "LoadState=loaded\nActiveState=active\nResult=success\n"

static void units_that_run_are_ok(void **state) {
	(void)state;
	judge_units(ACTIVE, ACTIVE "NRestarts=0\n");
	all_is("ok");
	judge_units(ACTIVE, "LoadState=loaded\nActiveState=inactive\nResult=success\n");
	all_is("ok"); /* it is started by the first who knocks */
	judge_units("LoadState=not-found\nActiveState=inactive\n", "LoadState=not-found\n");
	all_is("ok");
	found("ok", "no unit");
}

static void units_that_failed_are_failures(void **state) {
	(void)state;
	judge_units(ACTIVE, "NRestarts=5\nLoadState=loaded\nActiveState=failed\nResult=exit-code");
	assert_non_null(
		strstr(found("fail", "sae-metricsd.service failed: exit-code"), "journalctl"));
	found("warn", "restarted 5 times");
	judge_units("LoadState=loaded\nActiveState=failed\nResult=trigger-limit-hit\n", ACTIVE);
	found("fail", "sae-metricsd.socket failed: trigger-limit-hit");
}

static void a_socket_that_systemd_does_not_hold_is_a_warning(void **state) {
	(void)state;
	judge_units("LoadState=loaded\nActiveState=inactive\n", ACTIVE);
	assert_non_null(strstr(found("warn", "sae-metricsd.socket is inactive"), "enable --now"));
}

static void what_is_no_text_is_shown_as_such(void **state) {
	(void)state;
	doctor_say(&d, FINDING_WARN, NULL, "%s", "\xff\xfe");
	found("warn", "cannot be shown");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
	static const struct CMUnitTest tests[] = {
		TEST(a_daemon_that_is_well_is_ok),
		TEST(a_daemon_of_another_version_is_to_be_restarted),
		TEST(what_the_daemon_is_troubled_by_is_a_failure),
		TEST(a_daemon_that_is_slow_to_answer_is_a_warning),
		TEST(a_daemon_that_is_silent_is_a_failure),
		TEST(a_disk_is_ok_until_its_end_is_near),
		TEST(a_disk_that_is_nearly_full_is_a_warning_and_then_a_failure),
		TEST(room_that_nobody_can_see_is_not_guessed),
		TEST(a_log_that_cannot_shrink_is_a_warning),
		TEST(who_reads_is_named),
		TEST(a_clock_is_judged_by_wandbs_before_it_is_by_its_keeper),
		TEST(a_clock_that_nobody_keeps_is_a_warning),
		TEST(usual_limits_are_ok),
		TEST(limits_that_are_too_low_say_how_to_raise_them),
		TEST(memory_that_is_nearly_used_up_is_a_warning),
		TEST(memory_that_is_less_than_it_may_take_in_is_a_warning),
		TEST(units_that_run_are_ok),
		TEST(units_that_failed_are_failures),
		TEST(a_socket_that_systemd_does_not_hold_is_a_warning),
		TEST(what_is_no_text_is_shown_as_such),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
