/* The host's units, judged: pure, for its tests. */
#pragma once

#include <stddef.h>

#include "doctor.h"

#define UNIT_WORD_SIZE 32u

struct unit_state { /* what `systemctl show` says; "": nothing */
	char load[UNIT_WORD_SIZE], active[UNIT_WORD_SIZE], result[UNIT_WORD_SIZE];
	unsigned restarts;
};

/* Of its lines, `Name=value`. */
void unit_state_read(const char *text, struct unit_state *ret);
void doctor_judge_units(
	struct doctor *d, const struct unit_state *socket, const struct unit_state *service);
