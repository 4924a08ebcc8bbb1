/* What must fit together in an OPEN. What each field may be by itself is the table's (open_fields.h):
 * decode holds to it as it reads, a client before it sends. */
#pragma once

#include "decode_error.h"

/* False, and *err says what was expected. */
bool open_check(const struct msg_open *m, struct decode_error *err);
