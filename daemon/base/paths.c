#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *environment(const char *name) {
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

/* "" where the folder is not known or the whole does not fit. */
static void join(char out[PATH_MAX], const char *folder, const char *rest) {
	int n = folder ? snprintf(out, PATH_MAX, "%s%s", folder, rest) : 0;

	if (n <= 0 || n >= PATH_MAX) {
		out[0] = '\0';
	}
}

void paths_system(struct paths *ret) {
	join(ret->database, "/var/lib", "/sae-metricsd/metrics.db");
	join(ret->config, "/etc", "/sae-metricsd/sae-metricsd.conf");
}

/* $variable/rest, or ~/fallback/rest. */
static void join_xdg(
	char out[PATH_MAX], const char *variable, const char *fallback, const char *rest) {
	char folder[PATH_MAX];
	const char *named = environment(variable);

	if (named == NULL) {
		join(folder, environment("HOME"), fallback);
		named = folder[0] != '\0' ? folder : NULL;
	}
	join(out, named, rest);
}

void paths_local_database(char ret[PATH_MAX]) {
	(void)snprintf(ret, PATH_MAX, "/var/tmp/sae-metricsd-%u/metrics.db", (unsigned)geteuid());
}

void paths_user(struct paths *ret) {
	join_xdg(ret->database, "XDG_STATE_HOME", "/.local/state", "/sae-metricsd/metrics.db");
	join_xdg(ret->config, "XDG_CONFIG_HOME", "/.config", "/sae-metricsd/sae-metricsd.conf");
}

const char *paths_socket_override(void) {
	return environment("SAE_METRICS_SOCKET");
}

const char *paths_config_override(void) {
	return environment("SAE_METRICSD_CONFIG");
}

static int make_folder(const char *path, mode_t mode) {
	return mkdir(path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

int paths_make_parent(const char *path, mode_t mode, char ret_folder[PATH_MAX]) {
	char folder[PATH_MAX];
	int len = snprintf(folder, sizeof folder, "%s", path);
	char *last = strrchr(folder, '/');

	if (len >= (int)sizeof folder) {
		snprintf(ret_folder, PATH_MAX, "%.100s…", path);
		return -ENAMETOOLONG;
	}
	if (last == NULL || last == folder) {
		return 0;
	}
	*last = '\0';
	for (char *slash = folder + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		(void)make_folder(folder, mode); /* the last one says what is wrong */
		*slash = '/';
	}
	int err = make_folder(folder, mode);
	if (err < 0) {
		memcpy(ret_folder, folder, sizeof folder);
	}
	return err;
}

int paths_sync_parent(const char *path) {
	char folder[PATH_MAX];

	if (snprintf(folder, sizeof folder, "%s", path) >= (int)sizeof folder) {
		return -ENAMETOOLONG;
	}
	int fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	int err = fsync(fd) < 0 ? -errno : 0;
	(void)close(fd);
	return err;
}
