#include "secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void secret_file_finish(struct secret_file *f) {
	if (f->data != NULL) {
		explicit_bzero(f->data, f->len);
		free(f->data);
	}
	*f = (struct secret_file){0};
}

const char *secret_file_words(int err) {
	return err == -ENXIO ? "it is no regular file" : strerror(-err);
}

static int read_all(int fd, size_t max, struct secret_file *ret) {
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	if (!S_ISREG(st.st_mode)) {
		return -ENXIO;
	}
	/* One more than is allowed: also a file that grows meanwhile is found out. */
	struct secret_file f = {.data = malloc(max + 1), .mode = st.st_mode};
	if (f.data == NULL) {
		return -ENOMEM;
	}
	ssize_t n;
	while ((n = read(fd, f.data + f.len, max + 1 - f.len)) > 0) {
		f.len += (size_t)n;
	}
	int err = n < 0 ? -errno : f.len > max ? -EFBIG : 0;
	if (err < 0) {
		secret_file_finish(&f);
		return err;
	}
	*ret = f;
	return 0;
}

int secret_file_read(const char *path, size_t max, struct secret_file *ret) {
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		return -errno;
	}
	int err = read_all(fd, max, ret);
	close(fd);
	return err;
}
