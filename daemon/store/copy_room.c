#include "copy_room.h"

#include <stdio.h>

#include "database_copy.h"
#include "format.h"
#include "space.h"

uint64_t copy_room_needed(sqlite3 *from) {
	sqlite3_stmt *st = NULL;
	uint64_t n = 0;

	if (sqlite3_prepare_v2(from,
		    "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", -1,
		    &st, NULL) == SQLITE_OK &&
		sqlite3_step(st) == SQLITE_ROW) {
		n = (uint64_t)sqlite3_column_int64(st, 0);
	}
	(void)sqlite3_finalize(st);
	return n;
}

int copy_room_check(const struct copy_room *room, uint64_t more_bytes) {
	const struct space space = {.keep_free_bytes = room->keep_free_bytes};
	char bytes[FORMAT_MAX];
	int err = space_for(&space, room->place, more_bytes);

	if (err < 0) {
		snprintf(room->words, DATABASE_COPY_WORDS_MAX,
			"cannot write %.350s: the disk has too little room for a copy of %s",
			room->place, format_bytes(bytes, (double)room->copy_bytes));
	}
	return err;
}
