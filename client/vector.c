#include "vector.h"

#include <stdio.h>
#include <string.h>

#include "vectorised.h"

#define BLOCK 2048u /* counts at a time: 8 KiB, a quarter of a first-level cache */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "forms are written as memory holds them");

/* Trainers lend numbers at any address. */
typedef uint16_t __attribute__((aligned(1), may_alias)) any_u16;
typedef uint32_t __attribute__((aligned(1), may_alias)) any_u32;
typedef uint64_t __attribute__((aligned(1), may_alias)) any_u64;
typedef float __attribute__((aligned(1), may_alias)) any_f32;
typedef double __attribute__((aligned(1), may_alias)) any_f64;

/* ---- one block of any type as u32; each returns bits that are 0 if all were whole and in range ---- */

VECTORISED static uint64_t load_bool(const uint8_t *restrict in, size_t n, uint32_t *restrict out) {
	for (size_t i = 0; i < n; i++) {
		out[i] = in[i] != 0;
	}
	return 0;
}

VECTORISED static uint64_t load_u8(const uint8_t *restrict in, size_t n, uint32_t *restrict out) {
	for (size_t i = 0; i < n; i++) {
		out[i] = in[i];
	}
	return 0;
}

VECTORISED static uint64_t load_u16(const any_u16 *restrict in, size_t n, uint32_t *restrict out) {
	for (size_t i = 0; i < n; i++) {
		out[i] = in[i];
	}
	return 0;
}

VECTORISED static uint64_t load_i32(const any_u32 *restrict in, size_t n, uint32_t *restrict out) {
	uint32_t all = 0;

	for (size_t i = 0; i < n; i++) {
		all |= in[i];
		out[i] = in[i];
	}
	return all >> 31;
}

/* Signed and unsigned alike: a negative one has bits above the 32nd. */
VECTORISED static uint64_t load_64(const any_u64 *restrict in, size_t n, uint32_t *restrict out) {
	uint64_t all = 0;

	for (size_t i = 0; i < n; i++) {
		all |= in[i];
		out[i] = (uint32_t)in[i];
	}
	return all >> 32;
}

/* Floats without a branch: adding zero turns -0 into 0; by its bits everything that is negative, too
 * large or no number is above the limit; and whole is what comes back from an integer unchanged. Nothing
 * is rounded, so this means the same on every machine. */
#define F32_LIMIT 0x4effffffu           /* the largest below 2^31 */
#define F64_LIMIT 0x41dfffffffc00000ull /* 2^31 - 1 */

VECTORISED static uint64_t load_f32(const any_f32 *restrict in, size_t n, uint32_t *restrict out) {
	uint32_t flaws = 0;

	for (size_t i = 0; i < n; i++) {
		float number = in[i] + 0.0f;
		uint32_t bits;
		memcpy(&bits, &number, sizeof bits);
		uint32_t limited = bits < F32_LIMIT ? bits : F32_LIMIT;
		memcpy(&number, &limited, sizeof number);
		int32_t whole = (int32_t)number;
		float back = (float)whole;
		uint32_t back_bits;
		memcpy(&back_bits, &back, sizeof back_bits);
		flaws |= (bits ^ limited) | (limited ^ back_bits);
		out[i] = (uint32_t)whole;
	}
	return flaws;
}

VECTORISED static uint64_t load_f64(const any_f64 *restrict in, size_t n, uint32_t *restrict out) {
	uint64_t flaws = 0;

	for (size_t i = 0; i < n; i++) {
		double number = in[i] + 0.0;
		uint64_t bits;
		memcpy(&bits, &number, sizeof bits);
		uint64_t limited = bits < F64_LIMIT ? bits : F64_LIMIT;
		memcpy(&number, &limited, sizeof number);
		int32_t whole = (int32_t)number;
		double back = (double)whole;
		uint64_t back_bits;
		memcpy(&back_bits, &back, sizeof back_bits);
		flaws |= (bits ^ limited) | (limited ^ back_bits);
		out[i] = (uint32_t)whole;
	}
	return flaws;
}

/* `n` counts from `at` on; u32 where they lie, others in scratch. */
static const any_u32 *block_load(
	const struct vector *v, size_t at, size_t n, uint32_t scratch[BLOCK], uint64_t *flaws) {
	const uint8_t *data = v->data;

	switch (v->type) {
	case SAEM_BOOL:
		*flaws |= load_bool(data + at, n, scratch);
		break;
	case SAEM_U8:
		*flaws |= load_u8(data + at, n, scratch);
		break;
	case SAEM_U16:
		*flaws |= load_u16((const any_u16 *)v->data + at, n, scratch);
		break;
	case SAEM_I32:
		*flaws |= load_i32((const any_u32 *)v->data + at, n, scratch);
		break;
	case SAEM_U64:
	case SAEM_I64:
		*flaws |= load_64((const any_u64 *)v->data + at, n, scratch);
		break;
	case SAEM_F32:
		*flaws |= load_f32((const any_f32 *)v->data + at, n, scratch);
		break;
	case SAEM_F64:
		*flaws |= load_f64((const any_f64 *)v->data + at, n, scratch);
		break;
	default: /* SAEM_U32, and the counts of pairs */
		return (const any_u32 *)v->data + at;
	}
	return scratch;
}

/* ---- one block looked at, and written in a dense form ---- */

/* What is nonzero is counted in 16 bits, so that the dense forms compare as many at once as they write. */
_Static_assert(BLOCK <= UINT16_MAX, "a block's nonzero counts fit 16 bits");

VECTORISED static struct survey block_survey(const any_u32 *in, size_t n) {
	uint32_t max = 0;
	uint32_t n_nonzero = 0;

	for (size_t i = 0; i < n; i++) {
		max = in[i] > max ? in[i] : max;
		n_nonzero += in[i] != 0;
	}
	return (struct survey){.max = max, .n_nonzero = n_nonzero};
}

VECTORISED static struct survey block_u8(
	const any_u32 *restrict in, size_t n, uint8_t *restrict out) {
	uint32_t max = 0;
	uint16_t n_nonzero = 0;

	for (size_t i = 0; i < n; i++) {
		out[i] = (uint8_t)in[i];
		max = in[i] > max ? in[i] : max;
		n_nonzero = (uint16_t)(n_nonzero + (in[i] != 0));
	}
	return (struct survey){.max = max, .n_nonzero = n_nonzero};
}

VECTORISED static struct survey block_u16(
	const any_u32 *restrict in, size_t n, any_u16 *restrict out) {
	uint32_t max = 0;
	uint16_t n_nonzero = 0;

	for (size_t i = 0; i < n; i++) {
		uint16_t narrow = (uint16_t)in[i];
		out[i] = narrow;
		max = in[i] > max ? in[i] : max;
		n_nonzero = (uint16_t)(n_nonzero + (narrow != 0));
	}
	return (struct survey){.max = max, .n_nonzero = n_nonzero};
}

VECTORISED static struct survey block_u32(
	const any_u32 *restrict in, size_t n, any_u32 *restrict out) {
	uint32_t max = 0;
	uint32_t n_nonzero = 0;

	for (size_t i = 0; i < n; i++) {
		out[i] = in[i];
		max = in[i] > max ? in[i] : max;
		n_nonzero += in[i] != 0;
	}
	return (struct survey){.max = max, .n_nonzero = n_nonzero};
}

/* ---- pairs ---- */

struct pairs {
	uint8_t *indices, *values;
	size_t width;      /* of a value */
	uint32_t n, found; /* announced; so far */
};

static struct pairs pairs_begin(enum counts_form form, uint32_t n_pairs, uint8_t *out) {
	return (struct pairs){
		.indices = out,
		.values = out == NULL ? NULL : out + 4 * (size_t)n_pairs,
		.width = form == COUNTS_PAIRS16 ? 2 : 4,
		.n = n_pairs,
	};
}

/* Gathers what is nonzero without a branch, then lays it down. Never writes more than was announced, even if
 * somebody changes the vector meanwhile. */
static void pairs_add(
	struct pairs *p, const any_u32 *in, const any_u32 *indices, size_t at, size_t n) {
	uint32_t found_at[BLOCK + 1];
	uint32_t found[BLOCK + 1];
	uint32_t n_found = 0;
	for (size_t i = 0; i < n; i++) {
		found_at[n_found] = indices == NULL ? (uint32_t)(at + i) : indices[at + i];
		found[n_found] = in[i];
		n_found += in[i] != 0;
	}

	uint32_t before = p->found < p->n ? p->found : p->n;
	uint32_t n_written = n_found < p->n - before ? n_found : p->n - before;
	uint8_t *values = p->values + p->width * before;
	memcpy(p->indices + 4 * (size_t)before, found_at, 4 * (size_t)n_written);
	if (p->width == 4) {
		memcpy(values, found, 4 * (size_t)n_written);
	} else {
		(void)block_u16(found, n_written, (any_u16 *)(void *)values);
	}
	p->found += n_found;
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

/* ---- a whole vector ---- */

static bool form_is_pairs(enum counts_form form) {
	return form == COUNTS_PAIRS16 || form == COUNTS_PAIRS32;
}

static struct survey dense_block(
	const any_u32 *in, size_t at, size_t n, enum counts_form form, uint8_t *out) {
	switch (form) {
	case COUNTS_U8:
		return block_u8(in, n, out + at);
	case COUNTS_U16:
		return block_u16(in, n, (any_u16 *)(void *)out + at);
	case COUNTS_U32:
		return block_u32(in, n, (any_u32 *)(void *)out + at);
	default:
		return block_survey(in, n);
	}
}

static void survey_add(struct survey *s, struct survey block) {
	s->max = block.max > s->max ? block.max : s->max;
	s->n_nonzero += block.n_nonzero;
}

static struct survey dense_read(
	const struct vector *v, enum counts_form form, uint32_t n_pairs, uint8_t *out) {
	struct survey s = {0};
	struct pairs pairs = pairs_begin(form, n_pairs, out);
	uint64_t flaws = 0;

	for (size_t at = 0; at < v->n_entries; at += BLOCK) {
		uint32_t scratch[BLOCK];
		size_t n = v->n_entries - at < BLOCK ? v->n_entries - at : BLOCK;
		const any_u32 *in = block_load(v, at, n, scratch, &flaws);
		survey_add(&s, dense_block(in, at, n, form, out));
		if (form_is_pairs(form)) {
			pairs_add(&pairs, in, NULL, at, n);
		}
	}
	s.flawed = flaws != 0 || (form_is_pairs(form) && pairs.found != n_pairs);
	return s;
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

static struct survey pairs_read(
	const struct vector *v, enum counts_form form, uint32_t n_pairs, uint8_t *out) {
	const any_u32 *counts = v->data;
	struct survey s = block_survey(counts, v->n_entries);
	struct pairs pairs = pairs_begin(form, n_pairs, out);

	s.flawed = !indices_hold(v);
	if (form_is_pairs(form)) {
		for (size_t at = 0; at < v->n_entries; at += BLOCK) {
			size_t n = v->n_entries - at < BLOCK ? v->n_entries - at : BLOCK;
			pairs_add(&pairs, counts + at, v->indices, at, n);
		}
		s.flawed = s.flawed || pairs.found != n_pairs;
	} else if (form != COUNTS_NONE) {
		pairs_scatter(v, form, out);
	}
	return s;
}

struct survey vector_read(
	const struct vector *v, enum counts_form form, uint32_t n_pairs, uint8_t *out) {
	return v->type == SAEM_PAIRS_U32 ? pairs_read(v, form, n_pairs, out)
					 : dense_read(v, form, n_pairs, out);
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
		uint32_t scratch[BLOCK];
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
