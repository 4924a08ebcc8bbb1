/* A vector of per-feature counts as a trainer has it, in any of ten types: looked at, and
 * written in the forms of the wire. Each call reads the vector once, in blocks that stay in the
 * nearest cache. */
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
	bool flawed; /* a count or an index is none: the rest means nothing */
};

/* Reads the vector once and, on the way, writes it in `form` to out (COUNTS_NONE: writes
 * nothing). Of a form of pairs, out has room for n_max; of the others, for d_sae. What was
 * written is the vector if the form can hold max and, of pairs, n_nonzero is at most n_max. */
struct survey vector_read(
	const struct vector *v, enum counts_form form, uint32_t n_max, uint8_t *out);

/* Says in words what is wrong with a vector whose survey is flawed or whose max is above n_rows. */
void vector_explain(
	const struct vector *v, const char *name, uint32_t n_rows, char *words, size_t size);
