#include "slot_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRANGE_MAX 100 /* that many of one name, and somebody has to look */

static int close_with(int fd, int err) {
	(void)close(fd);
	return err;
}

/* ---- the folder ---- */

static int open_folder(const char *path) {
	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		return -errno;
	}
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int slots_open(struct slots *s, const char *database) {
	*s = (struct slots){.dir_fd = -1};
	if (asprintf(&s->path, "%s-state", database) < 0) {
		s->path = NULL;
		return -ENOMEM;
	}
	int fd = open_folder(s->path);
	if (fd < 0) {
		slots_close(s);
		return fd;
	}
	s->dir_fd = fd;
	return 0;
}

void slots_close(struct slots *s) {
	if (s->dir_fd >= 0) {
		(void)close(s->dir_fd);
	}
	free(s->path);
	*s = (struct slots){.dir_fd = -1};
}

/* Under the descriptor's own number: another thread may be reading by it. */
static int make_folder_anew(const struct slots *s) {
	int fd = open_folder(s->path);
	if (fd < 0) {
		return fd;
	}
	int err = dup3(fd, s->dir_fd, O_CLOEXEC) < 0 ? -errno : 0;
	return close_with(fd, err);
}

/* ---- a file ---- */

static int move_aside(const struct slots *s, const char *name) {
	for (int i = 1; i <= STRANGE_MAX; i++) {
		char to[NAME_MAX + 1];
		snprintf(to, sizeof to, "%.200s.strange-%d", name, i);
		if (renameat2(s->dir_fd, name, s->dir_fd, to, RENAME_NOREPLACE) == 0) {
			return 0;
		}
		if (errno != EEXIST) {
			return -errno;
		}
	}
	return -EEXIST;
}

static int open_regular(const struct slots *s, const char *name, struct stat *ret_st) {
	int fd = openat(
		s->dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0) {
		return -errno;
	}
	if (fstat(fd, ret_st) < 0) {
		return close_with(fd, -errno);
	}
	return S_ISREG(ret_st->st_mode) ? fd : close_with(fd, -EISDIR);
}

static int open_and_heal(const struct slots *s, const char *name, struct stat *ret_st) {
	int fd = open_regular(s, name, ret_st);
	int err = fd == -ENOENT                                   ? make_folder_anew(s)
		  : fd == -EISDIR || fd == -ELOOP || fd == -ENXIO ? move_aside(s, name)
								  : fd;
	return err == 0 && fd < 0 ? open_regular(s, name, ret_st) : err;
}

int slot_file_open(const struct slots *s, const char *name, size_t len) {
	struct stat st = {0};
	int fd = open_and_heal(s, name, &st);
	if (fd < 0 || (uint64_t)st.st_size >= len) {
		return fd;
	}
	int err = posix_fallocate(fd, 0, (off_t)len);
	if (err == 0 && st.st_size == 0 && fsync(s->dir_fd) < 0) {
		err = errno;
	}
	return err == 0 ? fd : close_with(fd, -err);
}
