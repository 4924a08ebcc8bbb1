/* A program that is given a text and says something, within a time: whatever goes wrong in there stays in there. The process ignores
 * SIGPIPE: it may end before it has read the text. */
#pragma once

#include <stdbool.h>

#include "buf.h"
#include "closing.h"

struct child_result {
	int err; /* below 0: it could not be started */
	int exit_status, signal;
	bool is_late, is_too_long; /* and was killed for that */
	struct buf said;           /* on its stdout; whoever is told may take it */
};

struct child_options {
	const char *const *argv; /* argv[0] is the program's path; NULL ends them */
	const char *text;        /* for its stdin; copied */
	size_t len, said_max;
	uint32_t timeout_ms;
	/* Once, never from within child_begin. */
	void (*on_ended)(void *user, struct child_result *result);
	void *user;
};

struct child;

/* 0 or -ENOMEM. */
int child_begin(uv_loop_t *loop, const struct child_options *options, struct child **ret);
/* It is killed, and on_ended says so. What it had said may be cut then, also where it had ended by itself a moment before. */
void child_kill(struct child *c);
/* The same, and nobody is told any more. */
void child_close(struct child *c, struct closing *closing);
