#include "activation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>

static int refuse(char ret_words[256], const char *what) {
	snprintf(ret_words, 256,
		"the service manager passed %s; one was expected that listens on a path "
		"(ListenStream=)",
		what);
	return -EINVAL;
}

/* 0 or -EINVAL: an abstract socket has no folder where notes could lie, and no mode. */
static int read_path(int fd, char ret[ACTIVATION_PATH_SIZE]) {
	struct sockaddr_un address = {0};
	socklen_t len = sizeof address;

	_Static_assert(sizeof address.sun_path <= ACTIVATION_PATH_SIZE, "any path fits");
	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0 || address.sun_path[0] != '/') {
		return -EINVAL;
	}
	snprintf(ret, ACTIVATION_PATH_SIZE, "%.*s", (int)sizeof address.sun_path, address.sun_path);
	return 0;
}

int activation_take(struct activation *ret, char ret_words[256]) {
	struct activation a = {.fd = SD_LISTEN_FDS_START};
	char what[64];

	int n = sd_listen_fds(1);
	if (n < 0) {
		snprintf(ret_words, 256, "what the service manager passed cannot be read: %s",
			strerror(-n));
		return n;
	}
	if (n == 0) {
		*ret = (struct activation){0};
		return 0;
	}
	if (n > 1) {
		snprintf(what, sizeof what, "%d sockets", n);
		return refuse(ret_words, what);
	}
	if (sd_is_socket(a.fd, AF_UNIX, SOCK_STREAM, 1) <= 0) {
		return refuse(ret_words, "what is no listening Unix stream socket");
	}
	if (read_path(a.fd, a.path) < 0) {
		return refuse(ret_words, "a socket without a path");
	}
	*ret = a;
	return 0;
}

#else

int activation_take(struct activation *ret, char ret_words[256]) {
	const char *pid = getenv("LISTEN_PID");

	if (pid != NULL && strtol(pid, NULL, 10) == (long)getpid()) {
		snprintf(ret_words, 256,
			"the service manager passed a socket, but this sae-metricsd was built "
			"without "
			"libsystemd and cannot take it");
		return -ENOTSUP;
	}
	*ret = (struct activation){0};
	return 0;
}

#endif
