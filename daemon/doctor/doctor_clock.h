/* The clock, judged: pure, for its tests. */
#pragma once

#include "doctor.h"

#define CLOCK_SKEW_WARN_S 5.0   /* curves of several hosts, laid over each other, are off */
#define CLOCK_SKEW_FAIL_S 600.0 /* certificates, signatures and tokens begin to fail */

enum clock_sync { CLOCK_SYNCED, CLOCK_NOT_SYNCED, CLOCK_UNSEEN };

/* ahead_s: how much later W&B's clock is; NAN where nobody knows. */
void doctor_judge_clock(struct doctor *d, enum clock_sync sync, double ahead_s);
