/* Whether the file system of a database has room for more, and how much of it is kept free: for what was taken already,
 * for what is small, and for what deleting itself needs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Several times what is ever taken and not yet written, with the log that carries it. */
#define SPACE_KEEP_FREE_BYTES (256ull << 20)
/* On a file system of less than 5 GiB that would be too much to ask: then a part of it. */
#define SPACE_KEEP_FREE_PART 20u

struct space {
	uint64_t
		keep_free_bytes; /* as set; SPACE_KEEP_FREE_BYTES is the least of that and the part */
	uint64_t total_bytes, free_bytes; /* free for whoever is not root */
	bool is_short;
};

/* What is kept free of a file system of total_bytes. */
uint64_t space_kept_bytes(const struct space *s);

/* What was found. Short below what is kept free, and until there is an eighth more: what others write and remove in
 * between makes nobody begin and cease all the time. Whether is_short has changed. */
bool space_judge(struct space *s, uint64_t free_bytes, uint64_t total_bytes);

/* Asks the system about the database's folder, and judges. A system that does not answer changes nothing. */
bool space_look(struct space *s, const char *database);

/* Whether a file of that many bytes may be written in the folder of `path`: 0, or -ENOSPC. */
int space_for(const struct space *s, const char *path, uint64_t bytes);
