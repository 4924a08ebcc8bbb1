#include "output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static mode_t file_mode(void) {
	mode_t mask = umask(0);

	(void)umask(mask);
	return 0666 & ~mask;
}

int output_file_begin(struct output_file *f, const char *path) {
	char folder[PATH_MAX], base[PATH_MAX];
	size_t size = strlen(path) + 1;

	f->stream = NULL;
	if (size > PATH_MAX) {
		return -ENAMETOOLONG;
	}
	memcpy(folder, path, size);
	memcpy(base, path, size);
	memcpy(f->path, path, size);
	if (snprintf(f->new, sizeof f->new, "%s/.%s.XXXXXX", dirname(folder), basename(base)) >=
		(int)sizeof f->new) {
		return -ENAMETOOLONG;
	}
	int fd = mkostemp(f->new, O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	f->stream = fdopen(fd, "w");
	if (f->stream == NULL) {
		(void)close(fd);
		(void)unlink(f->new);
		return -ENOMEM;
	}
	return 0;
}

/* Not synced: after a loss of power the next one is as good. */
int output_file_end(struct output_file *f, bool keep) {
	int err = 0;

	if (f->stream == NULL) {
		return 0;
	}
	if (keep && (fflush(f->stream) != 0 || fchmod(fileno(f->stream), file_mode()) < 0)) {
		err = -errno;
	}
	if (fclose(f->stream) != 0 && err == 0) {
		err = -errno;
	}
	f->stream = NULL;
	if (keep && err == 0 && rename(f->new, f->path) < 0) {
		err = -errno;
	}
	if (!keep || err < 0) {
		(void)unlink(f->new);
	}
	return keep ? err : 0;
}

int output_file_write(const char *path, const void *data, size_t len) {
	struct output_file f;
	int err = output_file_begin(&f, path);

	if (err < 0) {
		return err;
	}
	bool is_whole = fwrite(data, 1, len, f.stream) == len;
	err = is_whole ? 0 : -errno;
	int ended = output_file_end(&f, is_whole);
	return err < 0 ? err : ended;
}
