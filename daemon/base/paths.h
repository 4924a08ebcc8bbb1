/* Where the daemon and its tools meet when nobody says where. Sockets are in proto/places: trainers look for them, too. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct paths {
	char database[PATH_MAX];
};

/* The host's: /var/lib/sae-metricsd/metrics.db. */
void paths_system(struct paths *ret);

/* The user's: $XDG_STATE_HOME/sae-metricsd/metrics.db (~/.local/state where that is not set). "" for what the environment does not tell, or what would be
 * too long to be a path. */
void paths_user(struct paths *ret);

/* The user's on a disk of this machine, where his home is on the network or cannot be written:
 * /var/tmp/sae-metricsd-UID/metrics.db. It outlives a job and a start of the machine. */
void paths_local_database(char ret[PATH_MAX]);

/* $SAE_METRICS_SOCKET, which goes before all other sockets; NULL when not set or empty. */
const char *paths_socket_override(void);

/* $SAE_METRICSD_CONFIG, likewise. */
const char *paths_config_override(void);

#define PATHS_FOLDERS_MAX 8u

struct paths_folders {
	char at[PATHS_FOLDERS_MAX][PATH_MAX];
	size_t n;
};

/* Where sae-metricsd.conf and sae-metricsd.conf.d are looked for, the first that counts first. The host's: /etc/sae-metricsd,
 * /run/sae-metricsd, /usr/lib/sae-metricsd. A user's: $XDG_CONFIG_HOME/sae-metricsd (~/.config) and then, for what a host has
 * for all of its users, sae-metricsd in $XDG_CONFIG_DIRS (/etc/xdg). $SAE_METRICSD_CONFIG_ROOT goes before all but the
 * user's own. 0, or -EINVAL when that is no absolute path. */
int paths_config_folders(bool is_system, struct paths_folders *ret);

/* Makes the folder that `path` lies in, and those above it that are missing, with this mode. 0, or -errno
 * and the folder that could not be made. */
int paths_make_parent(const char *path, mode_t mode, char ret_folder[PATH_MAX]);

/* Makes it last that `path` was created, renamed or removed: syncs the folder it lies in. 0 or -errno. */
int paths_sync_parent(const char *path);
