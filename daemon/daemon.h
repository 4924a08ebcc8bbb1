/* The composition root of `serve`: builds the parts, joins them, takes them down in order. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct settings;
struct settings_options;
struct credential;

struct daemon_options {
	const char *socket, *database; /* their folders are there */
	int socket_fd;                 /* was passed, and listens on `socket`; 0: none was */
	bool is_system;                /* the host's daemon, not a user's */
	/* All borrowed until it returns. A reload changes what is live in the settings, in place: who reads such a value
	 * when it is needed needs no more. Texts that are not live stay where they are. */
	struct settings *settings;
	const struct settings_options *where; /* they were loaded as */
	const struct credential *credential;
	bool has_socket_group;
	gid_t socket_group; /* of the settings, found */
};

/* Serves until SIGTERM or SIGINT, or until it is idle, then makes the last commit and sends the last acks. Returns 0, or
 * -errno after saying on stderr what could not be done. */
int daemon_run(const struct daemon_options *options);
