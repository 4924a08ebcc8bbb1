/* A small file whose content is wiped from memory once it was looked at. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct secret_file {
	char *data; /* len bytes, no NUL behind them */
	size_t len;
	mode_t mode;
};

/* 0, or -errno: -ENXIO for anything but a regular file (a pipe is not waited for), -EFBIG for more than `max` bytes. */
int secret_file_read(const char *path, size_t max, struct secret_file *ret);
void secret_file_finish(struct secret_file *f);

/* What can be wrong with one, in words. */
const char *secret_file_words(int err);
