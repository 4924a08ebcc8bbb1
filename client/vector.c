#include "vector.h"

#include <stdio.h>
#include <string.h>

#include "block.h"
#include "vectorised.h"

static bool form_is_pairs(enum counts_form form) {
	return form == COUNTS_PAIRS16 || form == COUNTS_PAIRS32;
}

static void survey_add(struct survey *s, struct survey block) {
	s->max = block.max > s->max ? block.max : s->max;
	s->n_nonzero += block.n_nonzero;
}

/* ---- pairs ---- */

struct pairs {
	uint8_t *indices, *values; /* room for n_max of each; NULL: nothing is written */
	enum counts_form value_form;
	size_t value_size;
	uint32_t n_max;
	struct survey survey; /* of what was added: n_nonzero may be above n_max */
};

static struct pairs pairs_begin(enum counts_form form, uint32_t n_max, uint8_t *out) {
	return (struct pairs){
		.indices = out,
		.values = out + 4 * (size_t)n_max,
		.value_form = form == COUNTS_PAIRS16 ? COUNTS_U16 : COUNTS_U32,
		.value_size = form == COUNTS_PAIRS16 ? 2 : 4,
		.n_max = n_max,
	};
}

VECTORISED static void mark_nonzero(const any_u32 *restrict in, size_t n, uint8_t *restrict marks) {
	for (size_t i = 0; i < n; i++) {
		marks[i] = in[i] != 0;
	}
}

/* Bit i is marks[i], which is 0 or 1: the multiplication brings eight of them side by side. */
static uint64_t gather_64(const uint8_t *marks) {
	uint64_t bits = 0;

#pragma GCC unroll 8
	for (unsigned i = 0; i < 64; i += 8) {
		uint64_t eight;
		memcpy(&eight, marks + i, sizeof eight);
		bits |= (eight * 0x0102040810204080ull >> 56) << i;
	}
	return bits;
}

/* Finds the nonzero counts of a block, from bit to bit: zeros cost next to nothing. */
static uint32_t find_nonzero(
	const any_u32 *in, size_t n, uint32_t where[BLOCK_MAX], uint32_t found[BLOCK_MAX]) {
	uint8_t marks[BLOCK_MAX];
	uint32_t n_found = 0;

	mark_nonzero(in, n, marks);
	memset(marks + n, 0, -n % 64);
	for (size_t at = 0; at < n; at += 64) {
		for (uint64_t bits = gather_64(marks + at); bits != 0; bits &= bits - 1) {
			uint32_t i = (uint32_t)at + (uint32_t)__builtin_ctzll(bits);
			where[n_found] = i;
			found[n_found] = in[i];
			n_found++;
		}
	}
	return n_found;
}

VECTORISED static void write_indices(
	const uint32_t *restrict where, uint32_t n, uint32_t at, any_u32 *restrict out) {
	for (uint32_t i = 0; i < n; i++) {
		out[i] = at + where[i];
	}
}

/* Lays down what is nonzero in a block whose counts are those of `indices`, or of the features
 * from `at` on. What there is no room for is only looked at. */
static void pairs_add(
	struct pairs *p, const any_u32 *in, const any_u32 *indices, size_t at, size_t n) {
	uint32_t where[BLOCK_MAX];
	uint32_t found[BLOCK_MAX];
	uint32_t n_found = find_nonzero(in, n, where, found);
	uint32_t written = p->survey.n_nonzero < p->n_max ? p->survey.n_nonzero : p->n_max;
	uint32_t n_fit = n_found < p->n_max - written ? n_found : p->n_max - written;

	any_u32 *out = (any_u32 *)(void *)p->indices + written;
	if (indices == NULL) {
		write_indices(where, n_fit, (uint32_t)at, out);
	} else {
		for (uint32_t i = 0; i < n_fit; i++) {
			out[i] = indices[where[i]];
		}
	}
	survey_add(&p->survey,
		block_write(found, 0, n_fit, p->value_form, p->values + p->value_size * written));
	survey_add(&p->survey, block_survey(found + n_fit, n_found - n_fit));
}

/* Fewer than there was room for: the values follow their indices. */
static struct survey pairs_end(const struct pairs *p) {
	uint32_t n = p->survey.n_nonzero;

	if (n < p->n_max) {
		memmove(p->indices + 4 * (size_t)n, p->values, p->value_size * n);
	}
	return p->survey;
}

VECTORISED static bool indices_ascend(const any_u32 *indices, size_t n) {
	uint32_t wrong = 0;

	for (size_t i = 1; i < n; i++) {
		wrong |= indices[i - 1] >= indices[i];
	}
	return wrong == 0;
}

static bool indices_hold(const struct vector *v) {
	return indices_ascend(v->indices, v->n_entries) &&
	       (v->n_entries == 0 || v->indices[v->n_entries - 1] < v->d_sae);
}

/* Pairs are few: each is put where a dense form has it. */
static void pairs_scatter(const struct vector *v, enum counts_form form, uint8_t *out) {
	const any_u32 *counts = v->data;
	size_t width = form == COUNTS_U8 ? 1 : form == COUNTS_U16 ? 2 : 4;

	memset(out, 0, width * v->d_sae);
	for (size_t i = 0; i < v->n_entries; i++) {
		uint32_t index = v->indices[i];
		uint32_t count = counts[i];
		if (index < v->d_sae) {
			memcpy(out + width * index, &count, width);
		}
	}
}

/* ---- a whole vector ---- */

static size_t block_length(const struct vector *v, size_t at) {
	return v->n_entries - at < BLOCK_MAX ? v->n_entries - at : BLOCK_MAX;
}

static struct survey read_into_pairs(
	const struct vector *v, enum counts_form form, uint32_t n_max, uint8_t *out) {
	struct pairs pairs = pairs_begin(form, n_max, out);
	uint64_t flaws = 0;

	for (size_t at = 0; at < v->n_entries; at += BLOCK_MAX) {
		uint32_t scratch[BLOCK_MAX];
		size_t n = block_length(v, at);
		const any_u32 *in = block_load(v, at, n, scratch, &flaws);
		const any_u32 *indices = v->type == SAEM_PAIRS_U32 ? v->indices + at : NULL;
		pairs_add(&pairs, in, indices, at, n);
	}
	pairs.survey.flawed = flaws != 0;
	return pairs_end(&pairs);
}

static struct survey read_into_dense(const struct vector *v, enum counts_form form, uint8_t *out) {
	struct survey s = {0};
	uint64_t flaws = 0;

	for (size_t at = 0; at < v->n_entries; at += BLOCK_MAX) {
		uint32_t scratch[BLOCK_MAX];
		size_t n = block_length(v, at);
		const any_u32 *in = block_load(v, at, n, scratch, &flaws);
		survey_add(&s, block_write(in, at, n, form, out));
	}
	s.flawed = flaws != 0;
	return s;
}

struct survey vector_read(
	const struct vector *v, enum counts_form form, uint32_t n_max, uint8_t *out) {
	struct survey s;

	if (form_is_pairs(form)) {
		s = read_into_pairs(v, form, n_max, out);
	} else if (v->type == SAEM_PAIRS_U32) {
		s = read_into_dense(v, COUNTS_NONE, NULL);
		if (form != COUNTS_NONE) {
			pairs_scatter(v, form, out);
		}
	} else {
		s = read_into_dense(v, form, out);
	}
	s.flawed = s.flawed || (v->type == SAEM_PAIRS_U32 && !indices_hold(v));
	return s;
}

/* ---- in words ---- */

/* Any type as a double: exact for whatever a batch can count, good enough for a sentence beyond. */
static double number_at(const struct vector *v, size_t i) {
	switch (v->type) {
	case SAEM_I32:
		return (int32_t)((const any_u32 *)v->data)[i];
	case SAEM_I64:
		return (double)(int64_t)((const any_u64 *)v->data)[i];
	case SAEM_U64:
		return (double)((const any_u64 *)v->data)[i];
	case SAEM_F32:
		return ((const any_f32 *)v->data)[i];
	case SAEM_F64:
		return ((const any_f64 *)v->data)[i];
	default: {
		uint32_t scratch[BLOCK_MAX];
		uint64_t flaws = 0;
		return block_load(v, i, 1, scratch, &flaws)[0];
	}
	}
}

static bool explain_indices(const struct vector *v, const char *name, char *words, size_t size) {
	for (size_t i = 0; i < v->n_entries; i++) {
		if (v->indices[i] >= v->d_sae) {
			snprintf(words, size, "%s: index %u is not below d_sae %u", name,
				v->indices[i], v->d_sae);
			return true;
		}
		if (i > 0 && v->indices[i] <= v->indices[i - 1]) {
			snprintf(words, size, "%s: index %u comes after %u: they must ascend", name,
				v->indices[i], v->indices[i - 1]);
			return true;
		}
	}
	return false;
}

/* Writes what is wrong with a number; false: nothing is. */
static bool explain_number(
	double number, bool is_float, uint32_t n_rows, char *words, size_t size) {
	if (number != number) {
		snprintf(words, size, "not a number");
	} else if (number < 0) {
		snprintf(words, size, "%.17g, below zero", number);
	} else if (number > n_rows) {
		snprintf(words, size, "%.17g, above n_rows %u", number, n_rows);
	} else if (is_float && number > INT32_MAX) {
		snprintf(words, size, "%.17g, more than a float may count", number);
	} else if (number != (double)(uint64_t)number) {
		snprintf(words, size, "%.17g, not a whole number", number);
	} else {
		return false;
	}
	return true;
}

void vector_explain(
	const struct vector *v, const char *name, uint32_t n_rows, char *words, size_t size) {
	bool is_float = v->type == SAEM_F32 || v->type == SAEM_F64;
	char number[96];

	if (v->type == SAEM_PAIRS_U32 && explain_indices(v, name, words, size)) {
		return;
	}
	for (size_t i = 0; i < v->n_entries; i++) {
		if (explain_number(number_at(v, i), is_float, n_rows, number, sizeof number)) {
			snprintf(words, size, "%s[%zu] is %s", name, i, number);
			return;
		}
	}
	snprintf(words, size, "%s changed while it was read", name);
}
