/* Where a daemon is when nobody says where: one order, the same for trainers, readers and the daemon itself (PROTOCOL.md,
 * at its beginning). A login has $XDG_RUNTIME_DIR; a Slurm job or a container often has none, or one that is not there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PLACES_SYSTEM_SOCKET "/run/sae-metricsd/socket"
#define PLACES_SOCKET_SIZE   108u /* sun_path, with its NUL */
#define PLACES_SOCKETS_MAX   3u

struct places_sockets {
	char path[PLACES_SOCKETS_MAX][PLACES_SOCKET_SIZE];
	size_t n;
};

/* In the order in which they are looked at: the user's own, his in /tmp, the host's. What is too long for a socket is
 * left out. */
void places_find_sockets(struct places_sockets *ret);

/* Where a user's daemon listens: the first of his that can be. */
void places_own_socket(char ret[PLACES_SOCKET_SIZE]);

/* /tmp/sae-metricsd-UID and /var/tmp/sae-metricsd-UID may have been made by anybody before us, and then what is in them
 * is his. What is wrong with the one that `path` lies in, in words ("belongs to another user", "is not there"), or NULL: it
 * is ours, and stays so, or `path` lies elsewhere. */
const char *places_flaw(const char *path);

/* Whether a daemon takes connections there: connects, and hangs up. Never where there is a flaw. */
bool places_answers(const char *path);
/* The first that does: $SAE_METRICS_SOCKET alone where that is set, else of the above. False: none. */
bool places_find_daemon(char ret[PLACES_SOCKET_SIZE]);

/* What places_flaw says, of any folder and any user. */
const char *places_folder_flaw(const char *folder, uid_t uid);
