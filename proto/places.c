#include "places.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool fits(int len) {
	return len > 0 && len < (int)PLACES_SOCKET_SIZE;
}

static bool runtime_socket(const char *folder, char out[PLACES_SOCKET_SIZE]) {
	return folder != NULL && folder[0] == '/' &&
	       fits(snprintf(out, PLACES_SOCKET_SIZE, "%s/sae-metricsd/socket", folder));
}

static int shared_folder(char out[PLACES_SOCKET_SIZE], const char *above) {
	return snprintf(out, PLACES_SOCKET_SIZE, "%s/sae-metricsd-%u", above, (unsigned)geteuid());
}

static void shared_socket(char out[PLACES_SOCKET_SIZE]) {
	int len = shared_folder(out, "/tmp");
	(void)snprintf(out + len, PLACES_SOCKET_SIZE - (size_t)len, "/socket");
}

void places_find_sockets(struct places_sockets *ret) {
	*ret = (struct places_sockets){0};
	ret->n += runtime_socket(getenv("XDG_RUNTIME_DIR"), ret->path[0]) ? 1 : 0;
	shared_socket(ret->path[ret->n++]);
	memcpy(ret->path[ret->n++], PLACES_SYSTEM_SOCKET, sizeof PLACES_SYSTEM_SOCKET);
}

static bool can_be_written(const char *folder) {
	struct stat st;

	return stat(folder, &st) == 0 && S_ISDIR(st.st_mode) &&
	       faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;
}

void places_own_socket(char ret[PLACES_SOCKET_SIZE]) {
	/* A batch job often inherits the variable of a login whose folder is another host's. */
	const char *folder = getenv("XDG_RUNTIME_DIR");

	if (!runtime_socket(folder, ret) || !can_be_written(folder)) {
		shared_socket(ret);
	}
}

const char *places_folder_flaw(const char *folder, uid_t uid) {
	struct stat st;

	if (lstat(folder, &st) < 0) {
		return "is not there"; /* and may be anybody's by the time it is used */
	}
	if (!S_ISDIR(st.st_mode)) {
		return "is no folder";
	}
	if (st.st_uid != uid) {
		return "belongs to another user";
	}
	return (st.st_mode & 077) != 0 ? "is open to other users" : NULL;
}

const char *places_flaw(const char *path) {
	static const char *const shared[] = {"/tmp", "/var/tmp"};
	char folder[PLACES_SOCKET_SIZE];

	for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
		int len = shared_folder(folder, shared[i]);
		if (strncmp(path, folder, (size_t)len) == 0 && path[len] == '/') {
			return places_folder_flaw(folder, geteuid());
		}
	}
	return NULL;
}

bool places_answers(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof address.sun_path || places_flaw(path) != NULL) {
		return false;
	}
	memcpy(address.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return false;
	}
	/* EAGAIN: it is there, and has much to do. */
	bool yes = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ||
		   errno == EAGAIN;
	(void)close(fd);
	return yes;
}

bool places_find_daemon(char ret[PLACES_SOCKET_SIZE]) {
	const char *named = getenv("SAE_METRICS_SOCKET");
	struct places_sockets sockets = {.n = 1};

	if (named == NULL || named[0] == '\0') {
		places_find_sockets(&sockets);
	} else if (!fits(snprintf(sockets.path[0], sizeof sockets.path[0], "%s", named))) {
		return false;
	}
	for (size_t i = 0; i < sockets.n; i++) {
		if (places_answers(sockets.path[i])) {
			memcpy(ret, sockets.path[i], PLACES_SOCKET_SIZE);
			return true;
		}
	}
	return false;
}
