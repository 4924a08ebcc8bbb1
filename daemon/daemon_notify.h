/* How the daemon stands, told to the service manager: that it serves, one line for `systemctl status`, that it moves
 * (the watchdog), and what it still does when it ends. Nothing where nobody listens. */
#pragma once

#include <uv.h>

#include "engine_sum.h"

#define DAEMON_STATUS_SIZE 512u

/* The disk worker is taken for stuck when it has been at one piece of work for so long: no disk of this machine needs
 * it for a batch of 64 MiB or for emptying a log. */
#define DAEMON_WORKER_STUCK_S 600.0

struct daemon_notify;

enum daemon_forward { DAEMON_FORWARD_OFF, DAEMON_FORWARD_OFFLINE, DAEMON_FORWARD_WANDB };

/* Says that it serves, and goes on saying how. NULL: nobody listens, or memory is short (logged). */
struct daemon_notify *daemon_notify_open(
	uv_loop_t *loop, struct engine *engine, enum daemon_forward forward);
/* Around the settings being read anew. `n` may be NULL here and below. */
void daemon_notify_reloading(struct daemon_notify *n);
void daemon_notify_reloaded(struct daemon_notify *n);
/* It ends, and this is what it is at ("the last commit"): the engine is asked nothing more. For each step of the way it is given
 * time, as long as a worker may take. */
void daemon_notify_ending(struct daemon_notify *n, const char *what);
void daemon_notify_close(struct daemon_notify *n, void (*on_closed)(void *user), void *user);

/* "5 runs, 2 running; forward wandb ok (lag 4s, 0 pending); 22 msg/s"; what the daemon is in trouble with first. Returns out. */
const char *daemon_status_words(
	const struct engine_sum *sum, enum daemon_forward forward, char out[DAEMON_STATUS_SIZE]);
