/* Which daemon the checks are about. */
#pragma once

#include "doctor.h"

struct doctor_subject { /* NULL: nobody said */
	const char *socket, *database;
};

/* Without words the daemon that answers where trainers look for one; where none does, the first that has left a socket; else where
 * one would be. Fills d->socket, database, is_system, and what the daemon answers. */
void doctor_find(struct doctor *d, const struct doctor_subject *subject);
