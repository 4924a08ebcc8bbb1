/* Ctrl-C, SIGTERM and SIGHUP for commands that would leave half of something behind: they look, and tidy up. */
#pragma once

#include <stdatomic.h>

/* From now on the three no longer end the process but set the flag. */
const atomic_bool *interrupt_watch(void);

/* To be called once all is tidy: ends the process by the signal that came, if one did. */
void interrupt_heed(void);
