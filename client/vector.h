/* A vector of per-feature counts as a trainer has it, in any of ten types: looked at, and written in the
 * forms of the wire. Each call reads the vector once, in blocks that stay in the nearest cache. */
#pragma once

#include "message.h"
#include "sae_metrics.h"

struct vector {
	enum saem_counts_type type;
	const void *data;
	const uint32_t *indices; /* of pairs */
	uint32_t n_entries;
	uint32_t d_sae;
};

struct survey {
	uint32_t max, n_nonzero;
	bool flawed; /* a count is no whole number of 32 bits, or an index out of order or range: the rest means nothing */
};

/* Reads the vector and, on the way, writes it in `form` to out, which has room for it (COUNTS_NONE: writes
 * nothing). `n_pairs` is what an earlier survey counted as nonzero, where form is of pairs. What
 * was written is exact if the form can hold max. */
struct survey vector_read(
	const struct vector *v, enum counts_form form, uint32_t n_pairs, uint8_t *out);

/* Says in words what is wrong with a vector whose survey is flawed or whose max is above n_rows. */
void vector_explain(
	const struct vector *v, const char *name, uint32_t n_rows, char *words, size_t size);
