/* How the daemon is told to end: SIGTERM or SIGINT. The second one ends it at once, whatever it waits for. SIGPIPE is ignored:
 * a peer that went away is an error of write, not a reason to die. */
#pragma once

#include "closing.h"

struct signals {
	uv_signal_t terminate, interrupt;
	int asked; /* the signal that came first, 0 before */
	void (*on_end)(void *user, int signum);
	void *user;
};

/* 0 or -errno. */
int signals_open(
	struct signals *s, uv_loop_t *loop, void (*on_end)(void *user, int signum), void *user);
void signals_close(struct signals *s, struct closing *closing);
