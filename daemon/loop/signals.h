/* How the daemon is told to end: SIGTERM or SIGINT. The second one ends it at once, whatever it waits for. SIGHUP: what is set
 * is read again; but when the terminal that it was started from is gone, it ends, as everything there does. SIGPIPE is
 * ignored: a peer that went away is an error of write, not a reason to die. */
#pragma once

#include <stdbool.h>

#include "closing.h"

struct signals_callbacks {
	void (*on_end)(void *user, int signum);
	void (*on_reload)(void *user);
};

struct signals {
	uv_signal_t terminate, interrupt, hangup;
	bool has_terminal; /* at the start */
	int asked;         /* the signal that came first, 0 before */
	const struct signals_callbacks *callbacks;
	void *user;
};

/* The callbacks are borrowed. 0 or -errno. */
int signals_open(
	struct signals *s, uv_loop_t *loop, const struct signals_callbacks *callbacks, void *user);
void signals_close(struct signals *s, struct closing *closing);
