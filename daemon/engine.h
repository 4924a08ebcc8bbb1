/* The road, spelled out in one place: message → core → cut → commit → ack.
 *
 *   decide   a message is applied to the core
 *   cut      what changed is copied between two messages and handed to the store
 *   ack      what was committed is acknowledged
 *   answer   snapshots, stops, queries
 *
 * One engine a daemon, on the loop's thread. It sees sessions only through the
 * callbacks that daemon.c wires. */
#pragma once

#include <uv.h>

#include "session.h"
#include "store.h"

struct engine;

struct engine_options {
	const char *database;
	const char *version;
	const char *socket; /* for status */
	const char *scope;  /* "system" or "user" */
	struct registry_options registry;
	uint64_t host_bytes_per_s, run_bytes_per_s; /* what commits may write: 4 MiB, 256 KiB */
	uint64_t hold_bytes_max;                    /* uncommitted rows above this: stop reading */
};

int engine_open(uv_loop_t *loop, const struct engine_options *options, struct engine **ret,
                char ret_words[256]);
/* Last commit, last acks, then on_closed. */
void engine_close(struct engine *e, void (*on_closed)(void *user), void *user);

/* To be wired to every session the listener accepts. */
extern const struct session_callbacks engine_session_callbacks;
