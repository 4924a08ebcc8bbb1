/* Vectors of per-feature counts in the forms the wire carries them (PROTOCOL.md §3.3). All of it
 * runs at the speed of memory: a vector may have 16 million features, a thousand times a second. */
#pragma once

#include "message.h"

/* Whether a STEP's counts are what they say for a run of d_sae features:
 * lengths, indices in range and ascending, no count above n_rows. Reads the
 * payload once, at memory speed. Returns NULL, or a phrase that says what is wrong. */
const char *counts_check(const struct counts *counts, uint32_t d_sae, uint32_t n_rows);

/* The smallest form that is exact for a vector of d_sae counts, of which the largest and the number of those
 * that are not 0 are known. *ret_n_entries is n_nonzero for pairs, d_sae for dense forms. */
enum counts_form counts_smallest(
	uint32_t max, uint32_t n_nonzero, uint32_t d_sae, uint32_t *ret_n_entries);

/* Bytes of a vector in a form. n_entries matters to pairs only, d_sae to dense forms only. */
size_t counts_size(enum counts_form form, uint32_t n_entries, uint32_t d_sae);
