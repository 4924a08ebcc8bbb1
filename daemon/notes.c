#include "notes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LEN (2u * STREAM_ID_SIZE)

void notes_folder(char out[PATH_MAX], const char *socket_path) {
	(void)snprintf(out, PATH_MAX, "%s.notes", socket_path);
}

/* Shared: files belong to the folder's group, only their owner may remove them, and nobody else lists them: they name runs, which
 * may be private. */
mode_t notes_folder_mode(mode_t socket_mode) {
	if ((socket_mode & 0006) != 0) {
		return 03733;
	}
	return (socket_mode & 0060) != 0 ? 03730 : 0700;
}

/* What is the daemon's own becomes what it should be; another user's stays as he has it. */
static int adapt(int fd, const struct stat *socket) {
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	if (st.st_uid != geteuid()) {
		return 0;
	}
	if (st.st_gid != socket->st_gid && fchown(fd, (uid_t)-1, socket->st_gid) < 0) {
		return -errno;
	}
	/* A service may not set such a mode itself (RestrictSUIDSGID=); tmpfiles has done it. */
	mode_t mode = notes_folder_mode(socket->st_mode);
	return (st.st_mode & 07777) != mode && fchmod(fd, mode) < 0 ? -errno : 0;
}

int notes_make_folder(const char *socket_path) {
	char folder[PATH_MAX];
	struct stat socket;

	notes_folder(folder, socket_path);
	if (stat(socket_path, &socket) < 0 || (mkdir(folder, 0700) < 0 && errno != EEXIST)) {
		return -errno;
	}
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	int err = adapt(fd, &socket);
	close(fd);
	return err;
}

static int hex_digit(char c) {
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_name(const char *name, uint8_t stream[STREAM_ID_SIZE]) {
	if (strlen(name) != NAME_LEN) {
		return false;
	}
	for (size_t i = 0; i < STREAM_ID_SIZE; i++) {
		int high = hex_digit(name[2 * i]), low = hex_digit(name[2 * i + 1]);
		if (high < 0 || low < 0) {
			return false;
		}
		stream[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* Whoever may connect may also have put a link or a pipe there: neither is followed nor waited for. */
static bool read_note(int folder_fd, const char *name, struct note *ret) {
	struct stat st;
	int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		return false;
	}
	bool is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (is_file) {
		ssize_t len = st.st_size <= (off_t)sizeof ret->bytes
				      ? read(fd, ret->bytes, sizeof ret->bytes)
				      : 0;
		ret->len = len > 0 ? (size_t)len : 0;
		ret->uid = st.st_uid;
	}
	close(fd);
	return is_file;
}

unsigned notes_each(
	const char *socket_path, void (*each)(void *user, const struct note *note), void *user) {
	char folder[PATH_MAX];
	struct note note;
	unsigned count = 0;

	notes_folder(folder, socket_path);
	DIR *dir = opendir(folder);
	if (dir == NULL) {
		return 0;
	}
	for (struct dirent *entry; count < NOTES_MAX && (entry = readdir(dir)) != NULL;) {
		int len = snprintf(note.path, sizeof note.path, "%s/%s", folder, entry->d_name);
		if (len < (int)sizeof note.path && parse_name(entry->d_name, note.stream) &&
			read_note(dirfd(dir), entry->d_name, &note)) {
			count++;
			each(user, &note);
		}
	}
	(void)closedir(dir);
	return count;
}
