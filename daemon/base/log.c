#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "log_limit.h"
#include "log_messages.h"

#define LINE_MAX_BYTES 1024

static atomic_int max_level = LOG_LEVEL_INFO;
static log_sink_fn sink;       /* set before there are threads */
static struct log_limit limit; /* the loop's */

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

bool log_goes_to_journal(void) {
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_set_sink(log_sink_fn to) {
	sink = to;
}

/* One write a line: lines of two processes never mix. */
static void write_line(enum log_level level, const char *text, size_t len) {
	char line[LINE_MAX_BYTES + sizeof "<7>\n"];
	int prefix = 0;

	if (log_goes_to_journal()) {
		prefix = snprintf(line, sizeof line, "<%d>", (int)level);
	}
	memcpy(line + prefix, text, len);
	line[(size_t)prefix + len] = '\n';
	ssize_t written = write(STDERR_FILENO, line, (size_t)prefix + len + 1);
	(void)written;
}

static void say(
	enum log_level level, const struct log_about *about, const char *format, va_list args) {
	char text[LINE_MAX_BYTES];
	int saved_errno = errno;

	int len = vsnprintf(text, sizeof text, format, args);
	if (len > (int)sizeof text - 1) {
		len = (int)sizeof text - 1;
	}
	if (len >= 0 && (sink == NULL || !sink(level, about, text, (size_t)len))) {
		write_line(level, text, (size_t)len);
	}
	errno = saved_errno;
}

void log_write(enum log_level level, const char *format, ...) {
	va_list args;

	if ((int)level <= max_level) {
		va_start(args, format);
		say(level, NULL, format, args);
		va_end(args);
	}
}

void log_about(enum log_level level, const struct log_about *about, const char *format, ...) {
	va_list args;

	if ((int)level > max_level ||
		(about->is_of_user && about->kind != NULL &&
			!log_limit_take(&limit, about->kind, about->uid, clock_mono_ms()))) {
		return;
	}
	va_start(args, format);
	say(level, about, format, args);
	va_end(args);
}

void log_say_unsaid(void) {
	struct log_about about = {.kind = LOG_UNSAID};
	uint32_t n;

	while (log_limit_next_unsaid(&limit, clock_mono_ms(), &about.about_kind, &about.uid, &n)) {
		log_about(LOG_LEVEL_WARNING, &about,
			"%u more messages of one kind that user %u caused are left out", n,
			(unsigned)about.uid);
	}
}
