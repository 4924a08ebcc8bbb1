/* Who is at the other end, as the kernel has noted it when he connected: no lookup of names or groups, which may
 * have to ask a directory that does not answer. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "session_private.h"

/* As many groups as a process may have (NGROUPS_MAX is 65,536) fit; most have a few. */
#define GROUPS_AT_FIRST 64u

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

static bool is_among(const gid_t *groups, socklen_t bytes, gid_t gid) {
	for (size_t i = 0; i < bytes / sizeof *groups; i++) {
		if (groups[i] == gid) {
			return true;
		}
	}
	return false;
}

static bool is_supplementary(int fd, gid_t gid) {
	gid_t few[GROUPS_AT_FIRST];
	socklen_t bytes = sizeof few;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, few, &bytes) == 0) {
		return is_among(few, bytes, gid);
	}
	gid_t *all = errno == ERANGE ? malloc(bytes) : NULL; /* it has said how many */
	bool is_member = all != NULL &&
			 getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, all, &bytes) == 0 &&
			 is_among(all, bytes, gid);
	free(all);
	return is_member;
}

bool session_in_group(const struct session *s, gid_t gid) {
	struct ucred peer;
	socklen_t bytes = sizeof peer;
	uv_os_fd_t fd;

	if (uv_fileno((const uv_handle_t *)&s->pipe, &fd) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) < 0) {
		return false;
	}
	return peer.gid == gid || is_supplementary(fd, gid);
}
