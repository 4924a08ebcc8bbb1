/* Copies of the database at intervals, made beside the daemon's work: a timer on the loop, the copying on a thread of
 * libuv's pool, through a connection of its own. Copies gather in a folder; the older ones are removed. */
#pragma once

#include <uv.h>

#define BACKUP_EVERY_MIN_MS 1000u /* sooner the next copy would be of the same */
#define BACKUP_KEEP_DEFAULT 7u
#define BACKUP_KEEP_MAX     10000u /* a minute's copies of a week */

struct backup_options { /* borrowed until closed */
	const char *database, *folder;
	uint64_t every_ms;
	unsigned keep;            /* at least 1 */
	uint64_t keep_free_bytes; /* of the disk that the folder is on */
	/* After each attempt, and once from within backup_open: what went wrong, "" when nothing did, and when the
	 * newest copy was made, in seconds since 1970 (0: there is none). */
	void (*on_done)(void *user, const char *words, double newest);
	void *user;
};

struct backup;

/* The first copy is made when the newest in the folder is old enough: at once where there is none. 0, or -errno with
 * words: no copies can be made in the folder. */
int backup_open(uv_loop_t *loop, const struct backup_options *options, struct backup **ret,
	char ret_words[256]);

/* A copy that is under way is given up, and nothing is left of it. NULL: calls back at once. */
void backup_close(struct backup *b, void (*on_closed)(void *user), void *user);
