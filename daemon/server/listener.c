#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "closing.h"
#include "log.h"
#include "paths.h"

/* The kernel cuts it to net.core.somaxconn; a sweep's trainers all knock at once after a restart. */
#define BACKLOG  4096
#define REST_MS  100u
#define PAUSE_MS 1u

/* So many are let in at once before those that are here are read on; and all of them cost less than a message. */
#define ACCEPTED_A_TURN 16u

struct listener {
	int fd;
	int spare_fd; /* given up for a moment to turn somebody away when there is no other; -1: none */
	uv_poll_t poll;
	uv_timer_t rest;
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
static int bind_socket(const struct sockaddr_un *address, const struct listener_options *options,
	int *ret_fd, char ret_words[256]) {
	const char *path = address->sun_path;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return fail(-errno, ret_words, "cannot make a socket for", address->sun_path);
	}
	int err = bind(fd, (const struct sockaddr *)address, sizeof *address) < 0 ||
				  chmod(path, options->mode) < 0
			  ? fail(-errno, ret_words, "cannot bind", path)
			  : 0;
	if (err == 0 && options->has_group && chown(path, (uid_t)-1, options->group) < 0) {
		err = fail(-errno, ret_words,
			"its group (the daemon's user must be a member) cannot be given", path);
		(void)unlink(path);
	}
	if (err < 0) {
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
	return err == 0 ? bind_socket(address, options, ret_fd, ret_words) : err;
}

static void take_spare(struct listener *l) {
	if (l->spare_fd < 0) {
		l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
}

static int accept_one(const struct listener *l) {
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_rested(uv_timer_t *timer) {
	struct listener *l = timer->data;
	(void)uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

/* Whoever wants to connect waits. */
static void rest(struct listener *l, uint64_t ms) {
	(void)uv_poll_stop(&l->poll);
	(void)uv_timer_start(&l->rest, on_rested, ms, 0);
}

static void turn_one_away(struct listener *l) {
	if (l->spare_fd < 0) {
		rest(l, REST_MS); /* there is not even one descriptor to say so with */
		return;
	}
	close(l->spare_fd);
	l->spare_fd = -1;
	int fd = accept_one(l);
	if (fd >= 0) {
		server_turn_away(l->server, fd);
	}
	take_spare(l);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
	struct listener *l = poll->data;
	(void)status;
	(void)events;

	if (server_pauses(l->server)) {
		rest(l, PAUSE_MS);
		return;
	}
	take_spare(l);
	for (unsigned i = 0; i < ACCEPTED_A_TURN; i++) {
		int fd = accept_one(l);
		if (fd == -EMFILE || fd == -ENFILE) {
			turn_one_away(l);
			return;
		}
		if (fd == -ENOMEM || fd == -ENOBUFS) {
			rest(l, REST_MS);
			return;
		}
		if (fd < 0) {
			return; /* there is nobody, or he is gone again */
		}
		int err = server_adopt(l->server, fd);
		if (err < 0) {
			log_debug(
				"socket: a connection could not be accepted: %s", uv_strerror(err));
		}
	}
}

static void ignore(void *user) {
	(void)user;
}

/* Takes l and fd over, also when it fails. */
static int start(struct listener *l, uv_loop_t *loop, int fd, bool is_own) {
	struct stat st;

	if (is_own && stat(l->path, &st) == 0) {
		l->device = st.st_dev;
		l->inode = st.st_ino;
	}
	l->fd = fd;
	l->spare_fd = -1;
	int err = uv_poll_init(loop, &l->poll, fd);
	if (err < 0) {
		close(fd);
		free(l);
		return err;
	}
	take_spare(l);
	(void)uv_timer_init(loop, &l->rest);
	l->poll.data = l->rest.data = l;
	err = listen(fd, BACKLOG) < 0 ? -errno : uv_poll_start(&l->poll, UV_READABLE, on_readable);
	if (err < 0) {
		listener_close(l, ignore, NULL);
	}
	return err;
}

static void on_all_closed(void *user) {
	struct listener *l = user;
	void (*on_closed)(void *) = l->on_closed;
	void *on_closed_user = l->on_closed_user;

	close(l->fd);
	if (l->spare_fd >= 0) {
		close(l->spare_fd);
	}
	free(l);
	on_closed(on_closed_user);
}

static bool is_own(const struct listener *l, const char *path) {
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode;
}

static bool somebody_waits(const struct listener *l) {
	struct pollfd door = {.fd = l->fd, .events = POLLIN};

	return poll(&door, 1, 0) > 0;
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
	closing_handle(&l->closing, (uv_handle_t *)&l->poll);
	closing_handle(&l->closing, (uv_handle_t *)&l->rest);
	closing_release(&l->closing);
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

	struct listener *l = calloc(1, sizeof *l);
	if (l == NULL) {
		close(fd);
		return fail(-ENOMEM, ret_words, "cannot listen on", options->path);
	}
	l->server = server;
	memcpy(l->path, address.sun_path, sizeof l->path);
	err = start(l, loop, fd, options->passed_fd == 0);
	if (err < 0) {
		return fail(err, ret_words, "cannot listen on", options->path);
	}
	*ret = l;
	return 0;
}
