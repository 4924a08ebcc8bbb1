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

/* What is replaced: what a symbolic link leads to, not the link. */
static int take_path(struct output_file *f, const char *path) {
	size_t size = strlen(path) + 1;

	if (realpath(path, f->path) != NULL) {
		return 0;
	}
	if (size > PATH_MAX) {
		return -ENAMETOOLONG;
	}
	memcpy(f->path, path, size);
	return 0;
}

/* Of a device or a pipe there is one: another file in its place would be another thing. */
static bool is_written_into(const char *path) {
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static int open_beside(struct output_file *f) {
	char folder[PATH_MAX], base[PATH_MAX];

	(void)snprintf(folder, sizeof folder, "%s", f->path);
	(void)snprintf(base, sizeof base, "%s", f->path);
	if (snprintf(f->new, sizeof f->new, "%s/.%s.XXXXXX", dirname(folder), basename(base)) >=
		(int)sizeof f->new) {
		return -ENAMETOOLONG;
	}
	int fd = mkostemp(f->new, O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_itself(struct output_file *f) {
	f->new[0] = '\0';
	int fd = open(f->path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int output_file_begin(struct output_file *f, const char *path) {
	f->stream = NULL;
	int err = take_path(f, path);
	int fd = err < 0 ? err : is_written_into(f->path) ? open_itself(f) : open_beside(f);

	if (fd < 0) {
		return fd;
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
	bool is_beside = f->new[0] != '\0';
	int err = 0;

	if (f->stream == NULL) {
		return 0;
	}
	if (keep && fflush(f->stream) != 0) {
		err = -errno;
	}
	if (keep && err == 0 && is_beside && fchmod(fileno(f->stream), file_mode()) < 0) {
		err = -errno;
	}
	if (fclose(f->stream) != 0 && err == 0) {
		err = -errno;
	}
	f->stream = NULL;
	if (keep && err == 0 && is_beside && rename(f->new, f->path) < 0) {
		err = -errno;
	}
	if (is_beside && (!keep || err < 0)) {
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
