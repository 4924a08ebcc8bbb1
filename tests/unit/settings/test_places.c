/* Which file is read, what lies over it, and what each value says of where it came from. */
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

#include "rig.h"

static void nothing_set_anywhere_is_good(void **state) {
	struct rig *r = *state;
	const struct wandb_settings *w = &r->settings.wandb;

	rig_load_as(r, (struct settings_options){0});
	rig_assert_good(r);
	assert_int_equal(r->settings.files.n, 0);
	assert_string_equal(w->base_url, "https://api.wandb.ai");
	assert_null(w->app_url);
	assert_null(w->entity);
	assert_null(w->project);
	assert_int_equal(w->mode, WANDB_MODE_ONLINE);
	assert_true(w->extra_metrics);
	assert_int_equal(w->x_axis, WANDB_X_AXIS_STEP);
	assert_int_equal(w->transmit_interval_ms, 15000);
	assert_int_equal(w->heartbeat_interval_ms, 30000);
	assert_int_equal(w->request_timeout_ms, 180000);
	assert_int_equal(w->requests_per_s, 20);
	assert_null(w->key_file);
	assert_null(w->proxy_http);
	assert_null(w->proxy_https);
	assert_null(w->ca_file);
	assert_null(w->ca_directory);
	assert_false(w->insecure_tls);
	assert_false(w->allow_insecure_http);
	assert_int_equal(r->settings.ranks.grace_ms, 120000);
	rig_assert_source(r, "base_url", "default");
	rig_assert_source(r, "entity", "default");
}

static void the_file_named_goes_before_the_variable_and_that_before_the_default(void **state) {
	struct rig *r = *state;
	char folder[PATH_MAX], other[PATH_MAX + 32];

	snprintf(folder, sizeof folder, "%s/sae-metricsd", r->home);
	assert_int_equal(mkdir(folder, 0700), 0);
	setenv("XDG_CONFIG_HOME", r->home, 1);
	rig_load(r, "[wandb]\nentity = by-default\n");
	snprintf(other, sizeof other, "%s/sae-metricsd.conf", folder);
	assert_int_equal(rename(r->path, other), 0);

	rig_load_as(r, (struct settings_options){0});
	assert_string_equal(r->settings.wandb.entity, "by-default");
	assert_string_equal(r->settings.files.at[0], other);

	setenv("SAE_METRICSD_CONFIG", r->path, 1);
	rig_write_bytes(r, "[wandb]\nentity = by-variable\n", 29);
	rig_load_as(r, (struct settings_options){0});
	assert_string_equal(r->settings.wandb.entity, "by-variable");

	rig_load_as(r, (struct settings_options){.file = other});
	assert_string_equal(r->settings.wandb.entity, "by-default");

	unlink(other);
	rmdir(folder);
}

static void only_a_file_that_was_named_may_not_be_missing(void **state) {
	struct rig *r = *state;

	setenv("XDG_CONFIG_HOME", r->home, 1);
	rig_load_as(r, (struct settings_options){0});
	rig_assert_good(r);

	unsetenv("XDG_CONFIG_HOME");
	unsetenv("HOME");
	rig_load_as(r, (struct settings_options){0});
	rig_assert_good(r);

	rig_load_as(r, (struct settings_options){.file = r->path});
	assert_int_equal(r->result, -ENOENT);
	assert_string_equal(r->problems, " No such file or directory\n");

	setenv("SAE_METRICSD_CONFIG", r->path, 1);
	rig_load_as(r, (struct settings_options){0});
	assert_int_equal(r->result, -ENOENT);
}

static void a_file_that_cannot_be_read_is_told(void **state) {
	struct rig *r = *state;
	char words[PATH_MAX];

	rig_load_as(r, (struct settings_options){.file = r->home});
	assert_int_equal(r->result, -EISDIR);
	snprintf(words, sizeof words, "%s: Is a directory\n", r->home);
	assert_string_equal(r->problems, words);
}

static void an_empty_file_says_nothing(void **state) {
	struct rig *r = *state;

	rig_load(r, "");
	rig_assert_good(r);
	assert_string_equal(r->settings.files.at[0], r->path);
	rig_load_as(r, (struct settings_options){.file = "/dev/null"});
	rig_assert_good(r);
}

static void a_file_that_everybody_may_write_is_refused(void **state) {
	struct rig *r = *state;

	rig_write_bytes(r, "", 0);
	assert_int_equal(chmod(r->path, 0666), 0);
	rig_load_as(r, (struct settings_options){.file = r->path});
	rig_assert_told(r, " may be written by everybody: `chmod o-w` it\n");
	assert_int_equal(chmod(r->path, 0664), 0);
	rig_load_as(r, (struct settings_options){.file = r->path});
	rig_assert_good(r);
}

static void a_variable_lies_over_the_file(void **state) {
	struct rig *r = *state;

	setenv("WANDB_ENTITY", "theirs", 1);
	setenv("WANDB_PROJECT", "", 1);
	rig_load(r, "[wandb]\n\nentity = ours\nproject = ours\n");
	rig_assert_good(r);
	assert_string_equal(r->settings.wandb.entity, "theirs");
	assert_string_equal(r->settings.wandb.project, "ours");
	rig_assert_source(r, "entity", "WANDB_ENTITY");
	rig_assert_source(r, "project", "FILE:4");
	rig_assert_source(r, "mode", "default");
}

static void each_variable_has_its_value(void **state) {
	struct rig *r = *state;
	const struct wandb_settings *w = &r->settings.wandb;

	setenv("WANDB_BASE_URL", "https://wandb.example.org/", 1);
	setenv("WANDB_APP_URL", "https://see.example.org", 1);
	setenv("WANDB_PROJECT", "p", 1);
	setenv("WANDB_MODE", "dryrun", 1);
	setenv("WANDB_HTTP_PROXY", "http://a:1", 1);
	setenv("WANDB_HTTPS_PROXY", "http://joe:secret@b:2", 1);
	setenv("WANDB_INSECURE_DISABLE_SSL", "true", 1);
	setenv("SSL_CERT_FILE", "/ca.pem", 1);
	setenv("SSL_CERT_DIR", "/ca", 1);
	rig_load_as(r, (struct settings_options){0});
	rig_assert_good(r);
	assert_string_equal(w->base_url, "https://wandb.example.org");
	assert_string_equal(w->app_url, "https://see.example.org");
	assert_string_equal(w->project, "p");
	assert_int_equal(w->mode, WANDB_MODE_OFFLINE);
	assert_string_equal(w->proxy_http, "http://a:1");
	assert_string_equal(w->proxy_https, "http://joe:secret@b:2");
	assert_true(w->insecure_tls);
	assert_string_equal(w->ca_file, "/ca.pem");
	assert_string_equal(w->ca_directory, "/ca");
	rig_assert_source(r, "insecure_tls", "WANDB_INSECURE_DISABLE_SSL");
}

static void the_bundle_of_requests_comes_last(void **state) {
	struct rig *r = *state;

	setenv("REQUESTS_CA_BUNDLE", "/bundle.pem", 1);
	rig_load_line(r, "ca_file = /ours.pem");
	rig_assert_good(r);
	assert_string_equal(r->settings.wandb.ca_file, "/bundle.pem");
	rig_assert_source(r, "ca_file", "REQUESTS_CA_BUNDLE");
	setenv("SSL_CERT_FILE", "/ca.pem", 1);
	rig_load_line(r, "ca_file = /ours.pem");
	assert_string_equal(r->settings.wandb.ca_file, "/ca.pem");
	rig_assert_source(r, "ca_file", "SSL_CERT_FILE");
}

static void a_bad_variable_is_told_by_its_name(void **state) {
	struct rig *r = *state;

	setenv("WANDB_MODE", "shared", 1);
	setenv("WANDB_ENTITY", "a/b", 1);
	rig_load_line(r, "x_axis = time");
	rig_assert_told(r, "2: x_axis: expected step or tokens\n"
			   "WANDB_ENTITY: entity: expected a name without any of / \\ # ? % :\n"
			   "WANDB_MODE: mode: expected online, offline or off\n");
}

static void a_key_that_is_not_there_has_no_source(void **state) {
	struct rig *r = *state;
	char words[SETTINGS_SOURCE_SIZE];

	assert_null(settings_source(&r->settings, "wandb", "key", words));
	assert_null(settings_source(&r->settings, "store", "mode", words));
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(nothing_set_anywhere_is_good),
		T(the_file_named_goes_before_the_variable_and_that_before_the_default),
		T(only_a_file_that_was_named_may_not_be_missing),
		T(a_file_that_cannot_be_read_is_told),
		T(an_empty_file_says_nothing),
		T(a_file_that_everybody_may_write_is_refused),
		T(a_variable_lies_over_the_file),
		T(each_variable_has_its_value),
		T(the_bundle_of_requests_comes_last),
		T(a_bad_variable_is_told_by_its_name),
		T(a_key_that_is_not_there_has_no_source),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("places", tests, NULL, NULL);
}
