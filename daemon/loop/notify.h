/* What a service manager is told (sd_notify(3)). Everything here does nothing where none listens, or where this program was
 * built without libsystemd. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

bool notify_is_heard(void);
/* Within which time it wants to hear from us again and again; 0: it does not. */
uint64_t notify_watchdog_ms(void);
/* "READY=1\nSTATUS=…" */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* For a child that is no part of the service: takes it all out of the environment. */
void notify_leave(void);
