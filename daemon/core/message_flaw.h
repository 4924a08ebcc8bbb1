/* What is wrong with what a message holds, in itself: no stream, no run and no order is looked at. NULL, or the words of the refusal. */
#pragma once

#include "message.h"

/* Of a STEP, its counts: against each other, its rows, and how many features the run has. */
const char *step_counts_flaw(const struct msg_step *step, uint32_t d_sae);

/* Of a LOG, UPDATE, DROPPED or FINISH; of others NULL. */
const char *message_flaw(const struct message *m);
