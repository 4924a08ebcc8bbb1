#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static atomic_int max_level = LOG_LEVEL_INFO;

static const struct {
	const char *name;
	enum log_level level;
} levels[] = {
	{"error", LOG_LEVEL_ERROR},
	{"warning", LOG_LEVEL_WARNING},
	{"info", LOG_LEVEL_INFO},
	{"debug", LOG_LEVEL_DEBUG},
};

void log_set_level(enum log_level level) {
	max_level = (int)level;
}

int log_level_parse(const char *name) {
	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
		if (strcmp(levels[i].name, name) == 0) {
			return (int)levels[i].level;
		}
	}
	return -1;
}

void log_write(enum log_level level, const char *format, ...) {
	if ((int)level > max_level) {
		return;
	}

	int saved_errno = errno;
	char line[LINE_MAX_BYTES];
	int len = 0;
	if (getenv("JOURNAL_STREAM") != NULL) {
		len = snprintf(line, sizeof line, "<%d>", (int)level);
	}
	va_list args;
	va_start(args, format);
	int body = vsnprintf(line + len, sizeof line - (size_t)len - 1, format, args);
	va_end(args);
	if (body >= 0) {
		len += body;
		if (len > (int)sizeof line - 2) {
			len = (int)sizeof line - 2;
		}
		line[len++] = '\n';
		/* One write a line: lines of two processes never mix. */
		ssize_t written = write(STDERR_FILENO, line, (size_t)len);
		(void)written;
	}
	errno = saved_errno;
}
