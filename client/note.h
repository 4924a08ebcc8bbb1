/* What a trainer leaves for the daemon's next start when it ends with messages that were not delivered (PROTOCOL.md
 * §6): the rest of its conversation, cut short to what was lost. */
#pragma once

#include "message.h"

/* Leaves one beside the socket; `open` is shortened to who the run is. Silent where there is nowhere to leave it. */
void note_leave(const char *socket_path, const struct msg_open *open,
	const struct msg_dropped *lost, const struct msg_finish *finish);
