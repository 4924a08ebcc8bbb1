/* A program of the administrator's that is told of things: run without a shell, one at a time, each for so long and no longer. What waits
 * for its turn is bounded: what does not fit is dropped and counted. Whatever the program does or does not, nobody waits for it. */
#pragma once

#include <uv.h>

#include "closing.h"
#include "list.h"

#define HOOK_WAITING_MAX 64u /* a sweep that crashes as a whole */

/* What it is told: an environment, and text on its standard input. */
struct hook_call {
	struct list link;   /* hook.waiting */
	char **environment; /* NULL ends it */
	char *input;
};

/* Takes both over; NULL, and they are freed, when memory is short or one of them is NULL. */
struct hook_call *hook_call_create(char **environment, char *input);

struct hook_counts {
	uint64_t run, failed, dropped; /* failed: not to be started, ended badly, or too slow */
};

struct hook {
	uv_loop_t *loop;
	char *path; /* NULL: none, and nothing is told */
	uint32_t timeout_ms;
	struct list waiting;
	uint32_t n_waiting;
	struct hook_counts counts;
	uint64_t said_ms; /* when a failure was last logged, 0: never */
	uint64_t unsaid;

	/* The one that runs. */
	struct hook_call *running;
	uv_process_t process;
	uv_pipe_t input;
	uv_write_t writing;
	uv_timer_t deadline;
	unsigned n_open; /* handles of it */
	bool is_late;
	struct closing *closing; /* set once it closes */
};

void hook_init(struct hook *h, uv_loop_t *loop);
/* From the next call on; what waits is told the new one. NULL: none, and what waits is forgotten. -ENOMEM: as it was. */
int hook_set(struct hook *h, const char *path, uint32_t timeout_ms);
bool hook_is_set(const struct hook *h);
/* Takes the call, which may be NULL. */
void hook_tell(struct hook *h, struct hook_call *call);
/* What waits is forgotten, what runs is killed. */
void hook_close(struct hook *h, struct closing *closing);
