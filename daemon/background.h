/* A daemon in the background for whoever needs one now: at most one, however many ask at once. They queue for a lock beside
 * the socket, and all but the first find a daemon behind it. */
#pragma once

#include <sys/types.h>

#include "home.h"
#include "places.h"

struct background {
	const char *idle; /* after how long without anybody it ends; NULL: never */
	struct home home; /* of one that was started */
	char log[PATH_MAX];
	pid_t pid;          /* 0: there was one */
	const char *socket; /* that a daemon answers on now: its own, or … */
	char found[PLACES_SOCKET_SIZE];
};

/* Where no daemon answers, starts one and waits until it listens. 0, or -errno and a phrase. */
int background_start(struct background *b, char ret_words[HOME_WORDS_MAX]);
