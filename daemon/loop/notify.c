#include "notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MESSAGE_MAX 2048

static const char *const variables[] = {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC",
	"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "JOURNAL_STREAM"};

void notify_leave(void) {
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
		(void)unsetenv(variables[i]);
	}
}

#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>

bool notify_is_heard(void) {
	const char *socket = getenv("NOTIFY_SOCKET");

	return socket != NULL && socket[0] != '\0';
}

uint64_t notify_watchdog_ms(void) {
	uint64_t us = 0;

	return notify_is_heard() && sd_watchdog_enabled(0, &us) > 0 ? us / 1000u : 0;
}

void notify_send(const char *format, ...) {
	char message[MESSAGE_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(message, sizeof message, format, args);
	va_end(args);
	(void)sd_notify(0, message); /* it hears nothing more: the service manager's own trouble */
}

#else

bool notify_is_heard(void) {
	return false;
}

uint64_t notify_watchdog_ms(void) {
	return 0;
}

void notify_send(const char *format, ...) {
	(void)format;
}

#endif
