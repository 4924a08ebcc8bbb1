/* What each kind of value may be, and what is said of one that may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void assert_all_refused(
	struct rig *r, const char *const *lines, size_t n, const char *problem) {
	for (size_t i = 0; i < n; i++) {
		rig_load_line(r, lines[i]);
		rig_assert_told(r, problem);
	}
}

static void an_interval_has_a_unit(void **state) {
	static const char *const bad[] = {"transmit_interval = 15", "transmit_interval = s",
		"transmit_interval = 15 s", "transmit_interval = 1.5s", "transmit_interval = -1s",
		"transmit_interval = 15S", "transmit_interval = 1d",
		"transmit_interval =", "transmit_interval = 99ms", "transmit_interval = 61m",
		"transmit_interval = 2h", "transmit_interval = 4294967297ms",
		"transmit_interval = 18446744073709551616000ms"};
	struct rig *r = *state;

	rig_load_line(r, "transmit_interval = 500ms");
	assert_int_equal(r->settings.wandb.transmit_interval_ms, 500);
	rig_load_line(r, "transmit_interval = 15s");
	assert_int_equal(r->settings.wandb.transmit_interval_ms, 15000);
	rig_load_line(r, "transmit_interval = 2m");
	assert_int_equal(r->settings.wandb.transmit_interval_ms, 120000);
	rig_load_line(r, "transmit_interval = 1h");
	assert_int_equal(r->settings.wandb.transmit_interval_ms, 3600000);
	assert_all_refused(r, bad, COUNT(bad),
		"2: transmit_interval: expected a time from 100ms to 1h, as 500ms, 15s or 2m\n");
}

static void a_heartbeat_comes_before_wandb_gives_a_run_up(void **state) {
	struct rig *r = *state;

	rig_load_line(r, "heartbeat_interval = 5m");
	rig_assert_told(
		r, "2: heartbeat_interval: expected a time from 1s to 4m, as 500ms, 15s or 2m\n");
	rig_load_line(r, "heartbeat_interval = 4m");
	rig_assert_good(r);
	assert_int_equal(r->settings.wandb.heartbeat_interval_ms, 240000);
	rig_load_line(r, "request_timeout = 20s");
	assert_int_equal(r->settings.wandb.request_timeout_ms, 20000);
}

static void a_missing_rank_is_waited_for_as_long_as_is_set(void **state) {
	struct rig *r = *state;

	rig_load(r, "[ranks]\ngrace = 30s\n");
	rig_assert_good(r);
	assert_int_equal(r->settings.ranks.grace_ms, 30000);
	rig_load(r, "[ranks]\ngrace = 25h\n");
	rig_assert_told(r, "2: grace: expected a time from 100ms to 1d, as 500ms, 15s or 2m\n");
	rig_load(r, "[ranks]\nmode = online\n");
	rig_assert_told(r, "2: there is no \"mode\" in [ranks], but grace\n");
}

static void a_count_is_within_its_bounds(void **state) {
	static const char *const bad[] = {"requests_per_s = 0", "requests_per_s = 1001",
		"requests_per_s = ten", "requests_per_s = 1/s", "requests_per_s = 4294967297",
		"requests_per_s ="};
	struct rig *r = *state;

	rig_load_line(r, "requests_per_s = 1000");
	assert_int_equal(r->settings.wandb.requests_per_s, 1000);
	assert_all_refused(
		r, bad, COUNT(bad), "2: requests_per_s: expected a number from 1 to 1000\n");
}

static void a_switch_is_yes_or_no_however_it_is_said(void **state) {
	static const char *const yes[] = {"yes", "true", "on", "1", "Yes", "TRUE"};
	static const char *const no[] = {"no", "false", "off", "0", "No"};
	static const char *const bad[] = {
		"insecure_tls = maybe", "insecure_tls =", "insecure_tls = 2", "insecure_tls = y"};
	struct rig *r = *state;
	char line[64];

	for (size_t i = 0; i < COUNT(yes); i++) {
		snprintf(line, sizeof line, "insecure_tls = %s", yes[i]);
		rig_load_line(r, line);
		rig_assert_good(r);
		assert_true(r->settings.wandb.insecure_tls);
	}
	for (size_t i = 0; i < COUNT(no); i++) {
		snprintf(line, sizeof line, "extra_metrics = %s", no[i]);
		rig_load_line(r, line);
		rig_assert_good(r);
		assert_false(r->settings.wandb.extra_metrics);
	}
	assert_all_refused(r, bad, COUNT(bad), "2: insecure_tls: expected yes or no\n");
}

static void a_mode_is_ours_or_wandbs_word_for_it(void **state) {
	static const struct {
		const char *line;
		enum wandb_mode mode;
	} words[] = {
		{"mode = online", WANDB_MODE_ONLINE},
		{"mode = offline", WANDB_MODE_OFFLINE},
		{"mode = off", WANDB_MODE_OFF},
		{"mode = run", WANDB_MODE_ONLINE},
		{"mode = dryrun", WANDB_MODE_OFFLINE},
		{"mode = disabled", WANDB_MODE_OFF},
	};
	static const char *const bad[] = {"mode = shared", "mode =", "mode = onlin"};
	struct rig *r = *state;

	for (size_t i = 0; i < COUNT(words); i++) {
		rig_load_line(r, words[i].line);
		rig_assert_good(r);
		assert_int_equal(r->settings.wandb.mode, words[i].mode);
	}
	assert_all_refused(r, bad, COUNT(bad), "2: mode: expected online, offline or off\n");
}

static void an_address_ends_without_a_slash(void **state) {
	struct rig *r = *state;

	rig_load_line(r, "base_url = https://wandb.example.org:8443/w//");
	rig_assert_good(r);
	assert_string_equal(r->settings.wandb.base_url, "https://wandb.example.org:8443/w");
	rig_load_line(r, "app_url = http://wandb.example.org/");
	rig_assert_good(r);
	assert_string_equal(r->settings.wandb.app_url, "http://wandb.example.org");
}

static void an_address_that_is_none_is_refused(void **state) {
	static const char *const bad[] = {"base_url = api.wandb.ai",
		"base_url =", "base_url = ftp://api.wandb.ai",
		"base_url = https://joe:secret@api.wandb.ai", "base_url = https://api.wandb.ai/?a"};
	static const char *const pages[] = {"base_url = https://wandb.ai",
		"base_url = https://WWW.wandb.ai/home", "base_url = https://app.wandb.ai:443"};
	struct rig *r = *state;

	assert_all_refused(
		r, bad, COUNT(bad), "2: base_url: expected https://HOST[:PORT][/PATH]\n");
	assert_all_refused(r, pages, COUNT(pages),
		"2: base_url: expected https://api.wandb.ai, where programs go\n");
	rig_load_line(r, "app_url = https://wandb.ai");
	rig_assert_good(r);
}

static void a_key_goes_in_plain_text_to_this_machine_only(void **state) {
	static const char *const here[] = {"base_url = http://localhost:8080",
		"base_url = http://127.0.0.1", "base_url = http://127.1.2.3:80/a",
		"base_url = http://[::1]:8080"};
	static const char *const elsewhere[] = {"base_url = http://wandb.example.org",
		"base_url = http://10.0.0.1:8080", "base_url = http://localhost.example.org",
		"base_url = http://127.0.0.1.example.org", "base_url = http://[::2]"};
	struct rig *r = *state;

	for (size_t i = 0; i < COUNT(here); i++) {
		rig_load_line(r, here[i]);
		rig_assert_good(r);
	}
	for (size_t i = 0; i < COUNT(elsewhere); i++) {
		rig_load_line(r, elsewhere[i]);
		assert_non_null(strstr(r->problems, "2: base_url: expected https://, as http://"));
		assert_null(r->settings.wandb.base_url);
	}
	rig_load(r, "[wandb]\nbase_url = http://10.0.0.1\nallow_insecure_http = yes\n");
	rig_assert_good(r);
	setenv("WANDB_BASE_URL", "http://10.0.0.2", 1);
	rig_load_line(r, "base_url = http://localhost");
	assert_non_null(strstr(r->problems, "WANDB_BASE_URL: base_url: expected https://, as"));
}

static void names_are_as_wandb_takes_them(void **state) {
	static const char *const bad[] = {
		"project =", "project = a/b", "project = a\x7f", "project = a # b"};
	struct rig *r = *state;

	rig_load_line(r, "project = SAEs of L\xc3\xb6we, 2nd try");
	rig_assert_good(r);
	assert_string_equal(r->settings.wandb.project, "SAEs of L\xc3\xb6we, 2nd try");
	assert_all_refused(
		r, bad, COUNT(bad), "2: project: expected a name without any of / \\ # ? % :\n");
}

static void a_path_says_where_it_begins(void **state) {
	static const char *const bad[] = {"key_file = key", "key_file = ./key",
		"key_file = ~joe/key", "key_file =", "key_file = ~"};
	struct rig *r = *state;
	char expected[PATH_MAX];

	rig_load_line(r, "key_file = /etc/a key");
	rig_assert_good(r);
	assert_string_equal(r->settings.wandb.key_file, "/etc/a key");
	rig_load_line(r, "key_file = ~/key");
	snprintf(expected, sizeof expected, "%s/key", r->home);
	assert_string_equal(r->settings.wandb.key_file, expected);
	assert_all_refused(
		r, bad, COUNT(bad), "2: key_file: expected a path that begins with / or ~/\n");
	unsetenv("HOME");
	rig_load_line(r, "key_file = ~/key");
	rig_assert_told(r, "2: key_file: expected a path that begins with / or ~/\n");
}

static void a_proxy_is_one_word(void **state) {
	static const char *const bad[] = {"proxy_http =", "proxy_http = a b"};
	struct rig *r = *state;

	rig_load_line(r, "proxy_http = socks5h://proxy.example.org:1080");
	rig_assert_good(r);
	assert_all_refused(r, bad, COUNT(bad),
		"2: proxy_http: expected an address, as http://proxy.example.org:3128\n");
}

static void what_is_longer_than_any_path_is_refused(void **state) {
	struct rig *r = *state;
	char text[5000];

	memset(text, 'a', sizeof text);
	text[0] = '/';
	text[4095] = '\0';
	setenv("SSL_CERT_FILE", text, 1);
	rig_load_as(r, (struct settings_options){0});
	rig_assert_good(r);
	text[4095] = 'a';
	text[4096] = '\0';
	setenv("SSL_CERT_FILE", text, 1);
	rig_load_as(r, (struct settings_options){0});
	rig_assert_told(r, "SSL_CERT_FILE: ca_file: expected a path that begins with / or ~/\n");
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(an_interval_has_a_unit),
		T(a_heartbeat_comes_before_wandb_gives_a_run_up),
		T(a_missing_rank_is_waited_for_as_long_as_is_set),
		T(a_count_is_within_its_bounds),
		T(a_switch_is_yes_or_no_however_it_is_said),
		T(a_mode_is_ours_or_wandbs_word_for_it),
		T(an_address_ends_without_a_slash),
		T(an_address_that_is_none_is_refused),
		T(a_key_goes_in_plain_text_to_this_machine_only),
		T(names_are_as_wandb_takes_them),
		T(a_path_says_where_it_begins),
		T(a_proxy_is_one_word),
		T(what_is_longer_than_any_path_is_refused),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
