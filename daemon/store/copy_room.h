/* Whether the disk has room for a copy: one that fills it is worse than none. */
#pragma once

#include <sqlite3.h>
#include <stdint.h>

struct copy_room {
	const char *place; /* of the copy */
	uint64_t copy_bytes, keep_free_bytes;
	char *words; /* [DATABASE_COPY_WORDS_MAX] */
};

/* How large a copy of this becomes; 0 when it cannot be read. */
uint64_t copy_room_needed(sqlite3 *from);

/* Whether more_bytes leave as much free as is to be: 0, or -ENOSPC with words. */
int copy_room_check(const struct copy_room *room, uint64_t more_bytes);
