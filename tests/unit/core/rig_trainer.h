/* What a trainer knows of itself: the laps of what it says. */
#pragma once

#include "registry.h"

#define RIG_LAP_COUNTED UINT32_MAX /* the lap that a trainer would say, which counts its own */

struct rig_trainer;

/* Gives a STEP, RESTORE or DROPPED of that stream whose lap is RIG_LAP_COUNTED its lap. A message that is
 * said again, with its seq, is what it was. */
void rig_trainer_count(
	struct rig_trainer **trainers, const uint8_t stream[STREAM_ID_SIZE], struct message *m);
void rig_trainers_finish(struct rig_trainer *trainers);
