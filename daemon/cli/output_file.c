#include "output_file.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const char *data, size_t len) {
	while (len > 0) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno != EINTR) {
			return -errno;
		}
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static mode_t file_mode(void) {
	mode_t mask = umask(0);

	(void)umask(mask);
	return 0666 & ~mask;
}

/* Not synced: after a loss of power the next one is as good. */
static int fill(int fd, const void *data, size_t len) {
	int err = write_all(fd, data, len);

	if (err == 0 && fchmod(fd, file_mode()) < 0) {
		err = -errno;
	}
	if (close(fd) < 0 && err == 0) {
		err = -errno;
	}
	return err;
}

int output_file_write(const char *path, const void *data, size_t len) {
	char folder[PATH_MAX], base[PATH_MAX], new[PATH_MAX];

	size_t size = strlen(path) + 1;

	if (size > PATH_MAX) {
		return -ENAMETOOLONG;
	}
	memcpy(folder, path, size);
	memcpy(base, path, size);
	if (snprintf(new, sizeof new, "%s/.%s.XXXXXX", dirname(folder), basename(base)) >=
		(int)sizeof new) {
		return -ENAMETOOLONG;
	}
	int fd = mkstemp(new);
	if (fd < 0) {
		return -errno;
	}
	int err = fill(fd, data, len);
	if (err == 0 && rename(new, path) < 0) {
		err = -errno;
	}
	if (err < 0) {
		(void)unlink(new);
	}
	return err;
}
