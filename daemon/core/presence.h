/* Which ranks are still to be waited for (R8). */
#pragma once

#include "run.h"

/* Looks again at every rank; a rank that is gone now may complete what pends. */
void presence_update(struct run *run, struct instant now);
