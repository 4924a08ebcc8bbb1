/* The composition root of `serve`: builds the parts, joins them, takes them down in order. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct settings;
struct credential;

struct daemon_options {
	const char *socket, *database;   /* their folders are there */
	int socket_fd;                   /* was passed, and listens on `socket`; 0: none was */
	bool is_system;                  /* the host's daemon, not a user's */
	const struct settings *settings; /* both borrowed until it returns */
	const struct credential *credential;
	bool has_socket_group;
	gid_t socket_group;        /* of the settings, found */
	uint32_t rank_grace_ms;    /* 0: as it is set */
	const char *backup_folder; /* NULL: no backups are made */
	uint64_t backup_every_ms;
	unsigned backup_keep;
	uint64_t idle_ms; /* ends by itself after so long without anybody; 0: never */
};

/* Serves until SIGTERM or SIGINT, or until it is idle, then makes the last commit and sends the last acks. Returns 0, or
 * -errno after saying on stderr what could not be done. */
int daemon_run(const struct daemon_options *options);
