#include "listener.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "closing.h"
#include "log.h"
#include "paths.h"

/* The kernel cuts it to net.core.somaxconn; a sweep's trainers all knock at once after a restart. */
#define BACKLOG 4096

struct listener {
	uv_pipe_t pipe;
	struct server *server;
	struct closing closing;
	void (*on_closed)(void *user);
	void *on_closed_user;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t device;
	ino_t inode;
};

static int fail(int err, char ret_words[256], const char *what, const char *path) {
	snprintf(ret_words, 256, "%s %.150s: %s", what, path, strerror(-err));
	return err;
}

static int make_directory(const struct listener_options *options, char ret_words[256]) {
	char folder[PATH_MAX];
	int err = paths_make_parent(options->path, options->directory_mode, folder);
	return err < 0 ? fail(err, ret_words, "cannot make the directory", folder) : 0;
}

static int connect_to(const struct sockaddr_un *address) {
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	int err = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;
	close(fd);
	return err;
}

/* A file left behind by a daemon that was killed refuses connections; anything else stays. */
static int remove_stale(const struct sockaddr_un *address, char ret_words[256]) {
	struct stat st;
	if (lstat(address->sun_path, &st) < 0) {
		return errno == ENOENT
			       ? 0
			       : fail(-errno, ret_words, "cannot look at", address->sun_path);
	}
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(ret_words, 256, "%s is there and is no socket; it is not touched",
			address->sun_path);
		return -EEXIST;
	}
	int err = connect_to(address);
	if (err == 0 || err == -EAGAIN) {
		snprintf(ret_words, 256, "another daemon answers on %s", address->sun_path);
		return -EADDRINUSE;
	}
	if (err != -ECONNREFUSED) {
		return fail(err, ret_words, "cannot tell whether a daemon answers on",
			address->sun_path);
	}
	if (unlink(address->sun_path) < 0 && errno != ENOENT) {
		return fail(-errno, ret_words, "cannot remove the stale socket", address->sun_path);
	}
	return 0;
}

/* Until listen() nobody can connect, so the mode is in place before the first connection. */
static int bind_socket(
	const struct sockaddr_un *address, mode_t mode, int *ret_fd, char ret_words[256]) {
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return fail(-errno, ret_words, "cannot make a socket for", address->sun_path);
	}
	if (bind(fd, (const struct sockaddr *)address, sizeof *address) < 0 ||
		chmod(address->sun_path, mode) < 0) {
		int err = fail(-errno, ret_words, "cannot bind", address->sun_path);
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

static int bind_anew(const struct listener_options *options, const struct sockaddr_un *address,
	int *ret_fd, char ret_words[256]) {
	int err = make_directory(options, ret_words);
	if (err == 0) {
		err = remove_stale(address, ret_words);
	}
	return err == 0 ? bind_socket(address, options->mode, ret_fd, ret_words) : err;
}

/* With 10,000 connections and a soft limit of 1,024 the hard one is what counts. */
static void raise_descriptor_limit(void) {
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Out of descriptors, libuv accepts and closes what waits with the one it holds in reserve, so the loop does
 * not spin on it; such a client comes again. */
static void on_connection(uv_stream_t *stream, int status) {
	struct listener *l = stream->data;
	int err = status < 0 ? status : server_accept(l->server, stream);
	if (err < 0) {
		log_debug("socket: a connection could not be accepted: %s", uv_strerror(err));
	}
}

static int start(struct listener *l, uv_loop_t *loop, int fd, bool is_own) {
	struct stat st;

	if (is_own && stat(l->path, &st) == 0) {
		l->device = st.st_dev;
		l->inode = st.st_ino;
	}
	(void)uv_pipe_init(loop, &l->pipe, 0); /* only registers with the loop */
	l->pipe.data = l;
	int err = uv_pipe_open(&l->pipe, fd);
	if (err < 0) {
		close(fd);
		return err;
	}
	return uv_listen((uv_stream_t *)&l->pipe, BACKLOG, on_connection);
}

static void on_all_closed(void *user) {
	struct listener *l = user;
	void (*on_closed)(void *) = l->on_closed;
	void *on_closed_user = l->on_closed_user;

	free(l);
	on_closed(on_closed_user);
}

static bool is_own(const struct listener *l, const char *path) {
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode;
}

static bool somebody_waits(const struct listener *l) {
	struct pollfd door = {.events = POLLIN};

	return uv_fileno((const uv_handle_t *)&l->pipe, &door.fd) == 0 && poll(&door, 1, 0) > 0;
}

bool listener_retire(struct listener *l) {
	char aside[sizeof l->path + sizeof ".ended"];

	if (!is_own(l, l->path)) {
		return !somebody_waits(l);
	}
	/* Aside first: whoever connected before is at the door, and whoever comes after finds nobody. */
	snprintf(aside, sizeof aside, "%s.ended", l->path);
	if (rename(l->path, aside) < 0) {
		return false;
	}
	if (!somebody_waits(l)) {
		(void)unlink(aside);
		return true;
	}
	if (link(aside, l->path) == 0 || errno == EEXIST) {
		(void)unlink(aside);
	}
	return false;
}

void listener_close(struct listener *l, void (*on_closed)(void *user), void *user) {
	if (is_own(l, l->path)) {
		(void)unlink(l->path);
	}
	l->on_closed = on_closed;
	l->on_closed_user = user;
	closing_init(&l->closing, on_all_closed, l);
	closing_handle(&l->closing, (uv_handle_t *)&l->pipe);
	closing_release(&l->closing);
}

static void ignore(void *user) {
	(void)user;
}

int listener_open(uv_loop_t *loop, const struct listener_options *options, struct server *server,
	struct listener **ret, char ret_words[256]) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = options->passed_fd;

	if (strlen(options->path) >= sizeof address.sun_path) {
		snprintf(ret_words, 256,
			"the socket's path is longer than the %zu bytes of the system: %.100s…",
			sizeof address.sun_path - 1, options->path);
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, options->path, strlen(options->path));
	int err = options->passed_fd > 0 ? 0 : bind_anew(options, &address, &fd, ret_words);
	if (err < 0) {
		return err;
	}

	raise_descriptor_limit();
	struct listener *l = calloc(1, sizeof *l);
	if (l == NULL) {
		close(fd);
		return fail(-ENOMEM, ret_words, "cannot listen on", options->path);
	}
	l->server = server;
	memcpy(l->path, address.sun_path, sizeof l->path);
	err = start(l, loop, fd, options->passed_fd == 0);
	if (err < 0) {
		listener_close(l, ignore, NULL);
		return fail(err, ret_words, "cannot listen on", options->path);
	}
	*ret = l;
	return 0;
}
