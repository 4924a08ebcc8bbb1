/* Descriptors that a forked child must close. As long as its copy of a socket is open, the
 * daemon sees no end of the connection; so every one we hold is in a list that is whole
 * whenever somebody forks. */
#pragma once

#include <stdbool.h>

struct descriptor {
	int fd;                  /* -1: none */
	struct descriptor *next; /* the list of all */
};

#define DESCRIPTOR_NONE                                                                            \
	{ .fd = -1 }

/* Each opens one that is closed on exec and does not block. 0 or -errno. */
int descriptor_open_socket(struct descriptor *d);
int descriptor_open_event(struct descriptor *d);

/* Whether who listens at the socket it is connected to runs as our own user. */
bool descriptor_peer_is_own_user(const struct descriptor *d);

/* Fine for none. */
void descriptor_close(struct descriptor *d);

/* Around a fork: nobody opens or closes one meanwhile; the child closes its copies of all. */
void descriptors_before_fork(void);
void descriptors_after_fork_in_parent(void);
void descriptors_after_fork_in_child(void);
