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
}

const char *paths_socket_override(void) {
	return environment("SAE_METRICS_SOCKET");
}

const char *paths_config_override(void) {
	return environment("SAE_METRICSD_CONFIG");
}

/* Nothing where it would be too long. */
static void add_folder(struct paths_folders *f, const char *root, const char *folder, int len) {
	if (f->n < PATHS_FOLDERS_MAX && len > 0 && folder[0] == '/' &&
		snprintf(f->at[f->n], PATH_MAX, "%s%.*s/sae-metricsd", root, len, folder) <
			PATH_MAX) {
		f->n++;
	}
}

static void add_user_folders(struct paths_folders *f, const char *root) {
	const char *all = environment("XDG_CONFIG_DIRS");
	char own[PATH_MAX];

	join_xdg(own, "XDG_CONFIG_HOME", "/.config", "");
	add_folder(f, "", own, (int)strlen(own));
	for (const char *at = all != NULL ? all : "/etc/xdg"; at[0] != '\0';) {
		int len = (int)strcspn(at, ":");
		add_folder(f, root, at, len);
		at += len + (at[len] == ':');
	}
}

int paths_config_folders(bool is_system, struct paths_folders *ret) {
	static const char *const system[] = {"/etc", "/run", "/usr/lib"};
	const char *root = environment("SAE_METRICSD_CONFIG_ROOT");

	ret->n = 0;
	if (root != NULL && root[0] != '/') {
		return -EINVAL;
	}
	root = root != NULL ? root : "";
	if (!is_system) {
		add_user_folders(ret, root);
		return 0;
	}
	for (size_t i = 0; i < sizeof system / sizeof system[0]; i++) {
		add_folder(ret, root, system[i], (int)strlen(system[i]));
	}
	return 0;
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
