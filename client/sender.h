/* The one thread of a process that talks to the daemon, for all its runs. Started with the
 * first of them, gone with the last; all signals blocked; waits in poll. Nobody ever waits for
 * it without a deadline. */
#pragma once

#include "link.h"

/* Has the process told about forks and exits, once; on_exit is then called at its end. */
void sender_prepare(void (*at_exit)(int status));

/* Changes in a forked child: whatever was made under another generation is the parent's. */
uint32_t sender_generation(void);

/* Takes the link into the sender's round, until its stream is closing; then on_gone is called, on
 * the sender's thread. -errno: there is no thread to be had. */
int sender_add(struct link *l);

/* Something was asked of a link. Cheap, from any thread, without a stream's lock. */
void sender_wake(void);

/* At the end of the process: calls `each` with every link while none can come or go. False: that
 * was not to be had in time. */
bool sender_each(void (*each)(struct link *l, void *arg), void *arg, uint64_t deadline_ms);
