/* One training step's way into the outbox. */
#pragma once

#include "message.h"

/* The longest frame of a step that is common: its counts dense, in 32 bits. */
size_t step_frame_max(const struct msg_open *open);
