/* Tells when a process has ended: one pidfd a process, however many ask about it. */
#pragma once

#include <sys/types.h>

#include "closing.h"
#include "list.h"

#define PROCESS_BUCKETS 256u /* of the table by pid; 10,000 processes are chains of 40 */

struct processes {
	uv_loop_t *loop;
	struct list buckets[PROCESS_BUCKETS];
	uint32_t n_open;         /* those whose closing has only begun included */
	uint32_t max;            /* 0: no limit */
	struct closing *closing; /* set once they close */
};

struct process_watch {
	struct list link; /* process.watches; on none: not watching */
	/* The process has ended; the watch is off already. */
	void (*on_ended)(struct process_watch *w);
};

/* Of at most `max` processes, 0: of any number. */
void processes_init(struct processes *p, uv_loop_t *loop, uint32_t max);
/* Every watch must be off. */
void processes_close(struct processes *p, struct closing *closing);

/* Calls w->on_ended once when `pid` ends. 0, -ESRCH when it has ended already, -errno when it cannot be
 * known (no pidfds in this kernel, no descriptor left). */
int process_watch(struct processes *p, pid_t pid, struct process_watch *w);
/* Does nothing to a watch that is off. */
void process_unwatch(struct process_watch *w);

/* When the process began, in seconds since 1970, to a hundredth; 0 when there is none. */
double process_began(pid_t pid);
