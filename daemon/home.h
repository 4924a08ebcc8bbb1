/* Where a daemon lives when nobody says where: root's is the host's, anybody else's is his own. */
#pragma once

#include <limits.h>
#include <stdbool.h>

#define HOME_WORDS_MAX 512u

struct home {
	bool is_system; /* the host's daemon, not a user's */
	char socket[PATH_MAX], database[PATH_MAX];
	char remark[HOME_WORDS_MAX]; /* "" or why the database is not where a user's usually is */
};

/* What was named (NULL: nothing was), and the rest filled in. The host's daemon is root's, and one that is told to be
 * (is_system). A user's database is where his state is, or, where that is on
 * the network or cannot be written, on a disk of this machine. Makes their folders, and refuses one in /tmp or /var/tmp that
 * somebody else has made in place of ours. 0, or -errno and a sentence. */
int home_find(const char *socket, const char *database, bool is_system, struct home *ret,
	char ret_words[HOME_WORDS_MAX]);
