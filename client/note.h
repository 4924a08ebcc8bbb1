/* What a trainer leaves for the daemon's next start when it ends with messages undelivered
 * (PROTOCOL.md §6): the rest of its conversation, cut short to what was lost. */
#pragma once

#include "message.h"

struct note {
	uint8_t bytes[NOTE_SIZE_MAX];
	size_t len;
	char name[2 * STREAM_ID_SIZE + 1];
};

/* `open` is shortened to who the run is; finish may be NULL. */
void note_compose(struct note *n, const struct msg_open *open, const struct msg_dropped *lost,
	const struct msg_finish *finish);

/* Leaves it beside the socket. False: there is nowhere to leave it. */
bool note_leave(const struct note *n, const char *socket_path);
