#include "say.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 640u /* a daemon's words of refusal, with what stands around them */

/* A write to a pipe nobody reads raises SIGPIPE in this very thread: it is held back and taken
 * away again, unless one was waiting before. */
static void write_without_sigpipe(const char *line, size_t len) {
	sigset_t sigpipe;
	sigset_t before;
	sigset_t pending;

	sigemptyset(&sigpipe);
	sigaddset(&sigpipe, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
	(void)!write(STDERR_FILENO, line, len);
	if (!sigismember(&pending, SIGPIPE)) {
		const struct timespec at_once = {0};
		(void)sigtimedwait(&sigpipe, NULL, &at_once);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void say(const char *format, ...) {
	char line[LINE_MAX_BYTES] = "sae-metrics: ";
	size_t len = strlen(line);
	va_list args;

	va_start(args, format);
	int n = vsnprintf(line + len, sizeof line - len - 1, format, args);
	va_end(args);
	if (n < 0) {
		return;
	}

	len = strlen(line);
	line[len++] = '\n';
	write_without_sigpipe(line, len);
}
