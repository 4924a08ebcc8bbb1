/* Which ranks are still to be waited for (R8). */
#pragma once

#include "run.h"

/* Looks again at every rank; a rank that is gone now may complete what pends. */
void presence_update(struct run *run, struct instant now);

/* A step of it comes: if it was thought to log none, it is waited for again. */
void presence_heard(struct stream *s, struct instant now);

/* Its process is there, as far as is known, and logs no step: it is not waited for, and may still FINISH. */
bool rank_is_mute(const struct run *run, uint32_t rank);

#define RANK_WORDS 128u

/* "rank 2 (its process 4711 is dead, for 3m)" */
void rank_absence(const struct run *run, uint32_t rank, struct instant now, char out[RANK_WORDS]);
