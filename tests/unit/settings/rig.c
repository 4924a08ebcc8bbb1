#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

int rig_setup(void **state) {
	static const char *const variables[] = {"SAE_METRICSD_CONFIG", "XDG_CONFIG_HOME",
		"SAE_METRICSD_WANDB_MODE", "SAE_METRICSD_WANDB_ENTITY", "SAE_METRICSD_LIMITS_RUNS",
		"SAE_METRICSD_WANDB_MOD", "SAE_METRICSD_BUILD", "SAE_METRICSD_BUILD_KIND",
		"WANDB_BASE_URL", "WANDB_APP_URL", "WANDB_ENTITY", "WANDB_PROJECT", "WANDB_MODE",
		"WANDB_HTTP_PROXY", "WANDB_HTTPS_PROXY", "WANDB_INSECURE_DISABLE_SSL",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"};
	struct rig *r = calloc(1, sizeof *r);

	assert_non_null(r);
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
		unsetenv(variables[i]);
	}
	strcpy(r->home, "/tmp/sae-settings-XXXXXX");
	assert_non_null(mkdtemp(r->home));
	setenv("HOME", r->home, 1);
	setenv("SAE_METRICSD_CONFIG_ROOT", r->home, 1);
	snprintf(r->path, sizeof r->path, "%s/conf", r->home);
	*state = r;
	return 0;
}

static int on_left(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int rig_teardown(void **state) {
	struct rig *r = *state;

	assert_int_equal(nftw(r->home, on_left, 8, FTW_DEPTH | FTW_PHYS), 0);
	settings_finish(&r->settings);
	free(r);
	return 0;
}

void rig_write_bytes(struct rig *r, const char *text, size_t len) {
	int fd = open(r->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

static void on_problem(void *user, const char *words) {
	struct rig *r = user;
	size_t len = strlen(r->problems), path_len = strlen(r->path);

	if (strncmp(words, r->path, path_len) == 0 && words[path_len] == ':') {
		words += path_len + 1;
	} else if (strncmp(words, r->home, strlen(r->home)) == 0 && words[strlen(r->home)] == '/') {
		words += strlen(r->home) + 1;
	}
	snprintf(r->problems + len, sizeof r->problems - len, "%s\n", words);
}

static void on_remark(void *user, const char *words) {
	struct rig *r = user;
	size_t len = strlen(r->remarks);

	if (strncmp(words, r->home, strlen(r->home)) == 0) {
		words += strlen(r->home) + 1;
	}
	snprintf(r->remarks + len, sizeof r->remarks - len, "%s\n", words);
}

static void on_file(void *user, const char *path, bool is_good) {
	struct rig *r = user;
	size_t len = strlen(r->files);

	if (strncmp(path, r->home, strlen(r->home)) == 0) {
		path += strlen(r->home) + 1;
	}
	snprintf(r->files + len, sizeof r->files - len, "%s%s\n", path, is_good ? "" : " bad");
}

void rig_put(struct rig *r, const char *name, const char *text) {
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", r->home, name);
	for (char *slash = path + strlen(r->home) + 1; (slash = strchr(slash, '/')) != NULL;
		slash++) {
		*slash = '\0';
		(void)mkdir(path, 0700);
		*slash = '/';
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

void rig_load_as(struct rig *r, struct settings_options options) {
	settings_finish(&r->settings);
	r->problems[0] = r->remarks[0] = r->files[0] = '\0';
	options.on_remark = on_remark;
	options.on_file = on_file;
	r->result = settings_load(&options, on_problem, r, &r->settings);
}

void rig_load_bytes(struct rig *r, const char *text, size_t len) {
	rig_write_bytes(r, text, len);
	rig_load_as(r, (struct settings_options){.file = r->path});
}

void rig_load(struct rig *r, const char *text) {
	rig_load_bytes(r, text, strlen(text));
}

void rig_load_in(struct rig *r, const char *section, const char *line) {
	char text[512];

	assert_true(snprintf(text, sizeof text, "[%s]\n%s\n", section, line) < (int)sizeof text);
	rig_load(r, text);
}

void rig_load_line(struct rig *r, const char *line) {
	rig_load_in(r, "wandb", line);
}

void rig_assert_good(const struct rig *r) {
	assert_string_equal(r->problems, "");
	assert_int_equal(r->result, 0);
}

void rig_assert_told(const struct rig *r, const char *problems) {
	assert_string_equal(r->problems, problems);
	assert_int_equal(r->result, -EINVAL);
	assert_null(r->settings.wandb.base_url); /* untouched */
}

void rig_assert_source(const struct rig *r, const char *name, const char *source) {
	char words[SETTINGS_SOURCE_SIZE], expected[SETTINGS_SOURCE_SIZE];

	snprintf(expected, sizeof expected, "%s", source);
	if (strncmp(source, "FILE:", 5) == 0) {
		snprintf(expected, sizeof expected, "%.4000s%s", r->path, source + 4);
	}
	assert_non_null(settings_source(&r->settings, "wandb", name, words));
	assert_string_equal(words, expected);
}
