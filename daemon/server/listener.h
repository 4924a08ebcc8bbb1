/* The Unix socket where trainers and readers knock. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "server.h"

struct listener;

struct listener_options {
	const char *path;
	int passed_fd; /* listens there already, and stays its owner's: takes it over; 0: none */
	mode_t mode;
	bool has_group;
	gid_t group;           /* it is given to; else it has the daemon's own */
	mode_t directory_mode; /* of the directories above, where they have to be made */
};

/* Binds and listens. A socket file that nobody answers on is replaced; one that somebody answers on is not. 0, or -errno and one sentence. */
int listener_open(uv_loop_t *loop, const struct listener_options *options, struct server *server,
	struct listener **ret, char ret_words[256]);
/* Takes the socket file away, so that nobody comes any more (not one that was passed: who comes later waits for the next
 * daemon); unless somebody has come already and was not yet let in: then
 * false, and all is as it was. */
bool listener_retire(struct listener *l);
/* Accepts no more and removes the socket file, unless it was passed, or another daemon has put its own there. */
void listener_close(struct listener *l, void (*on_closed)(void *user), void *user);
