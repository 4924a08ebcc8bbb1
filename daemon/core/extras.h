/* The names of a run's scalars that have no meaning of their own: kept as they come, by position.
 * Positions are given once and stay, whatever stream or launch names them again. */
#pragma once

#include "message.h"
#include "pack.h"

struct extras {
	uint32_t count;
	char *names[SCALARS_MAX];
};

void extras_finish(struct extras *e);

/* The position of a name; -1 when it has none. */
int extras_find(const struct extras *e, struct text name);
/* The position of a name, given to it now if it is new; -ENOSPC when all are taken, -ENOMEM. */
int extras_position(struct extras *e, struct text name);

void extras_pack(const struct extras *e, struct packer *p);
void extras_unpack(struct extras *e, struct unpacker *u);
