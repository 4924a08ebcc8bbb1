#include "counts.h"

#include "le.h"
#include "vectorised.h"

VECTORISED static uint32_t max_u8(const uint8_t *data, uint32_t n) {
	uint8_t max = 0;

	for (uint32_t i = 0; i < n; i++) {
		max = data[i] > max ? data[i] : max;
	}
	return max;
}

VECTORISED static uint32_t max_u16(const uint8_t *data, uint32_t n) {
	uint16_t max = 0;

	for (size_t i = 0; i < n; i++) {
		uint16_t v = le16_load(data + 2 * i);
		max = v > max ? v : max;
	}
	return max;
}

VECTORISED static uint32_t max_u32(const uint8_t *data, uint32_t n) {
	uint32_t max = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t v = le32_load(data + 4 * i);
		max = v > max ? v : max;
	}
	return max;
}

VECTORISED static bool is_ascending(const uint8_t *indices, uint32_t n) {
	uint32_t wrong = 0;

	for (size_t i = 1; i < n; i++) {
		wrong |= le32_load(indices + 4 * (i - 1)) >= le32_load(indices + 4 * i);
	}
	return wrong == 0;
}

static const char *check_indices(const uint8_t *indices, uint32_t n, uint32_t d_sae) {
	if (!is_ascending(indices, n)) {
		return "indices are not strictly ascending";
	}
	if (n > 0 && le32_load(indices + 4 * (size_t)(n - 1)) >= d_sae) {
		return "an index is not below d_sae";
	}
	return NULL;
}

static uint32_t largest_count(const struct counts *c) {
	size_t indices_len = 4 * (size_t)c->n_entries;

	switch (c->form) {
	case COUNTS_U8:
		return max_u8(c->data, c->n_entries);
	case COUNTS_U16:
		return max_u16(c->data, c->n_entries);
	case COUNTS_U32:
		return max_u32(c->data, c->n_entries);
	case COUNTS_PAIRS16:
		return max_u16(c->data + indices_len, c->n_entries);
	case COUNTS_PAIRS32:
		return max_u32(c->data + indices_len, c->n_entries);
	case COUNTS_NONE:
		break;
	}
	return 0;
}

/* The largest count a form can express: nothing to look for when the batch had more rows. */
static uint32_t form_max(enum counts_form form) {
	switch (form) {
	case COUNTS_U8:
		return UINT8_MAX;
	case COUNTS_U16:
	case COUNTS_PAIRS16:
		return UINT16_MAX;
	default:
		return UINT32_MAX;
	}
}

const char *counts_check(const struct counts *counts, uint32_t d_sae, uint32_t n_rows) {
	bool pairs = counts->form == COUNTS_PAIRS16 || counts->form == COUNTS_PAIRS32;

	if (counts->form == COUNTS_NONE) {
		return NULL;
	}
	if (d_sae == 0) {
		return "counts for a run that gave no d_sae";
	}
	if (pairs ? counts->n_entries > d_sae : counts->n_entries != d_sae) {
		return pairs ? "more pairs than d_sae" : "dense counts that are not d_sae long";
	}
	if (counts->len != counts_size(counts->form, counts->n_entries, d_sae)) {
		return "a payload that is not as long as its form says";
	}

	const char *wrong = pairs ? check_indices(counts->data, counts->n_entries, d_sae) : NULL;
	if (wrong == NULL && form_max(counts->form) > n_rows && largest_count(counts) > n_rows) {
		wrong = "a count is above n_rows";
	}
	return wrong;
}

enum counts_form counts_smallest(
	uint32_t max, uint32_t n_nonzero, uint32_t d_sae, uint32_t *ret_n_entries) {
	enum counts_form dense = max <= UINT8_MAX    ? COUNTS_U8
				 : max <= UINT16_MAX ? COUNTS_U16
						     : COUNTS_U32;
	enum counts_form pairs = max <= UINT16_MAX ? COUNTS_PAIRS16 : COUNTS_PAIRS32;

	/* At the same size dense is the faster one to fold. */
	if (counts_size(dense, d_sae, d_sae) <= counts_size(pairs, n_nonzero, d_sae)) {
		*ret_n_entries = d_sae;
		return dense;
	}
	*ret_n_entries = n_nonzero;
	return pairs;
}

size_t counts_size(enum counts_form form, uint32_t n_entries, uint32_t d_sae) {
	switch (form) {
	case COUNTS_NONE:
		return 0;
	case COUNTS_U8:
		return d_sae;
	case COUNTS_U16:
		return 2 * (size_t)d_sae;
	case COUNTS_U32:
		return 4 * (size_t)d_sae;
	case COUNTS_PAIRS16:
		return 6 * (size_t)n_entries;
	case COUNTS_PAIRS32:
		return 8 * (size_t)n_entries;
	}
	return 0;
}
