/* A reload: what is live changes, what is not is said and stays; and each value is shown as a file would have it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

/* ---- what changes ---- */

struct changes {
	const struct rig *rig;
	char words[4096];
};

static void on_change(void *user, const char *key, const char *source, bool is_live) {
	struct changes *c = user;
	size_t len = strlen(c->words), path_len = strlen(c->rig->path);

	if (strncmp(source, c->rig->path, path_len) == 0) {
		source += path_len + 1;
	}
	snprintf(c->words + len, sizeof c->words - len, "%s %s %s\n", key, source,
		is_live ? "now" : "later");
}

/* Loads `before`, then lays `after` over it. */
static void take(struct rig *r, const char *before, const char *after, const char *expected) {
	struct changes changes = {.rig = r};
	struct settings running;

	rig_load(r, before);
	rig_assert_good(r);
	running = r->settings;
	r->settings = (struct settings){0};
	rig_load(r, after);
	rig_assert_good(r);
	settings_take(&running, &r->settings, on_change, &changes);
	settings_finish(&r->settings);
	r->settings = running;
	assert_string_equal(changes.words, expected);
}

static void nothing_new_changes_nothing(void **state) {
	struct rig *r = *state;
	static const char text[] = "[wandb]\nentity = a\n[ranks]\ngrace = 5s\n[user 7]\nruns = 1\n";

	take(r, text, text, "");
	rig_assert_source(r, "entity", "FILE:2");
}

static void what_is_live_changes_and_the_rest_waits(void **state) {
	struct rig *r = *state;

	take(r, "[wandb]\nbase_url = https://a.example.org\ntransmit_interval = 5s\n",
		"[wandb]\ntransmit_interval = 6s\n[ranks]\ngrace = 5s\n[access]\nadmin_group = "
		"none\n",
		"wandb.base_url default later\n"
		"wandb.transmit_interval 2 now\n"
		"ranks.grace 4 now\n"
		"access.admin_group 6 now\n");
	assert_string_equal(r->settings.wandb.base_url, "https://a.example.org");
	assert_int_equal(r->settings.wandb.transmit_interval_ms, 6000);
	assert_int_equal(r->settings.ranks.grace_ms, 5000);
	assert_null(r->settings.access.admin_group);
}

static void what_waits_is_said_each_time(void **state) {
	struct rig *r = *state;
	struct changes changes = {.rig = r};
	struct settings running;

	take(r, "", "[wandb]\nproject = p\n", "wandb.project 2 later\n");
	assert_null(r->settings.wandb.project);
	running = r->settings;
	r->settings = (struct settings){0};
	rig_load(r, "[wandb]\nproject = p\n");
	settings_take(&running, &r->settings, on_change, &changes);
	assert_string_equal(changes.words, "wandb.project 2 later\n");
	settings_finish(&running);
}

static void a_text_that_waits_stays_where_it_is(void **state) {
	struct rig *r = *state;
	struct changes changes = {.rig = r};
	struct settings running;

	rig_load(r, "[wandb]\nentity = a\n[access]\nadmin_group = x\n");
	running = r->settings;
	const char *entity = running.wandb.entity;
	r->settings = (struct settings){0};
	rig_load(r, "[wandb]\nentity = b\n[access]\nadmin_group = y\n");
	settings_take(&running, &r->settings, on_change, &changes);
	settings_finish(&r->settings);
	assert_ptr_equal(running.wandb.entity, entity);
	assert_string_equal(running.access.admin_group, "y");
	settings_finish(&running);
}

static void a_users_limits_come_and_go(void **state) {
	struct rig *r = *state;
	struct user_limits limits;

	take(r, "[limits]\nruns = 5\n[user 7]\nruns = 1\nkeys = 2\n[user 8]\nruns = 1\n",
		"[limits]\nruns = 6\n[user 7]\nruns = 3\n[user 9]\nmemory = 1G\n",
		"limits.runs 2 now\n"
		"user 7.runs 4 now\n"
		"user 9.memory 6 now\n"
		"user 7.keys default now\n"
		"user 8.runs default now\n");
	settings_user_limits(&r->settings, 7, &limits);
	assert_int_equal(limits.runs, 3);
	assert_int_equal(limits.keys, r->settings.limits.user.keys);
	settings_user_limits(&r->settings, 8, &limits);
	assert_int_equal(limits.runs, 6);
}

/* ---- as text ---- */

struct rows {
	char text[8192];
	const char *only; /* this one; NULL: all, as a file's lines */
};

static void on_row(void *user, const struct settings_row *row) {
	struct rows *rows = user;
	size_t len = strlen(rows->text);

	if (rows->only == NULL || strcmp(rows->only, row->name) == 0) {
		snprintf(rows->text + len, sizeof rows->text - len, "%s = %s\n", row->name,
			row->value != NULL ? row->value : "-");
	}
}

static void assert_shown(struct rig *r, const char *name, const char *value) {
	struct rows rows = {.only = name};
	char expected[512];

	settings_each(&r->settings, on_row, &rows);
	snprintf(expected, sizeof expected, "%s = %s\n", name, value);
	assert_string_equal(rows.text, expected);
}

static void a_value_is_shown_as_it_would_be_written(void **state) {
	struct rig *r = *state;

	rig_load(r, "[wandb]\nmode = dryrun\nbase_url = https://w.example.org/\ninsecure_tls = 1\n"
		    "transmit_interval = 60000ms\nrequests_per_s = 007\n"
		    "[access]\nsocket_mode = 660\nadmin_group = none\n"
		    "[retention]\nsteps = 2160h\nmax_db = 20480M\n[limits]\ndatabase = none\n"
		    "[daemon]\nexit_when_idle = 600s\n[user 7]\nmemory = 3072M\n");
	rig_assert_good(r);
	assert_shown(r, "wandb.mode", "offline");
	assert_shown(r, "wandb.base_url", "https://w.example.org");
	assert_shown(r, "wandb.entity", "-");
	assert_shown(r, "wandb.insecure_tls", "yes");
	assert_shown(r, "wandb.transmit_interval", "1m");
	assert_shown(r, "wandb.requests_per_s", "7");
	assert_shown(r, "access.socket_mode", "0660");
	assert_shown(r, "access.admin_group", "none");
	assert_shown(r, "access.socket_group", "-");
	assert_shown(r, "retention.steps", "90d");
	assert_shown(r, "retention.windows", "forever");
	assert_shown(r, "retention.max_db", "20G");
	assert_shown(r, "limits.database", "none");
	assert_shown(r, "daemon.exit_when_idle", "10m");
	assert_shown(r, "backup.every", "never");
	assert_shown(r, "user 7.memory", "3G");
}

static void a_proxys_password_is_not_shown(void **state) {
	struct rig *r = *state;

	rig_load_line(r, "proxy_https = http://joe:p@ss:w@proxy:3128");
	assert_shown(r, "wandb.proxy_https", "http://***@proxy:3128");
	rig_load_line(r, "proxy_https = joe:secret@proxy:3128");
	assert_shown(r, "wandb.proxy_https", "***@proxy:3128");
	rig_load_line(r, "proxy_https = joe:a@b://c");
	assert_shown(r, "wandb.proxy_https", "***@b://c");
	rig_load_line(r, "proxy_https = http://proxy:3128");
	assert_shown(r, "wandb.proxy_https", "http://proxy:3128");
}

static void what_is_shown_is_read_as_the_same(void **state) {
	struct rig *r = *state;
	struct rows first = {0}, second = {0};
	char text[16384] = "";

	rig_load_as(r, (struct settings_options){.file = "/dev/null", .is_system = true});
	settings_each(&r->settings, on_row, &first);
	char lines[sizeof first.text];
	memcpy(lines, first.text, sizeof lines);
	for (char *at = lines, *line; (line = strsep(&at, "\n")) != NULL && line[0] != '\0';) {
		char *dot = strchr(line, '.');
		*dot = '\0';
		if (strstr(dot + 1, " = -") == NULL && strstr(dot + 1, "keep = ") != dot + 1) {
			size_t len = strlen(text);
			snprintf(text + len, sizeof text - len, "[%s]\n%s\n", line, dot + 1);
		}
	}
	rig_load(r, text);
	rig_assert_good(r);
	settings_each(&r->settings, on_row, &second);
	assert_string_equal(first.text, second.text);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(nothing_new_changes_nothing),
		T(what_is_live_changes_and_the_rest_waits),
		T(what_waits_is_said_each_time),
		T(a_text_that_waits_stays_where_it_is),
		T(a_users_limits_come_and_go),
		T(a_value_is_shown_as_it_would_be_written),
		T(a_proxys_password_is_not_shown),
		T(what_is_shown_is_read_as_the_same),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("take", tests, NULL, NULL);
}
