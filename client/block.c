#include "block.h"

#include <string.h>

#include "vectorised.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "forms are written as memory holds them");

/* ---- any type as u32: each returns bits that are 0 if all were whole and in range ---- */

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

/* Floats without a branch: adding zero turns -0 into 0; by its bits everything that is
 * negative, too large or no number is above the limit; and whole is what comes back from an
 * integer unchanged. Nothing is rounded, so this means the same on every machine. */
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
		flaws |= bits ^ back_bits;
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
		flaws |= bits ^ back_bits;
		out[i] = (uint32_t)whole;
	}
	return flaws;
}

const any_u32 *block_load(
	const struct vector *v, size_t at, size_t n, uint32_t scratch[BLOCK_MAX], uint64_t *flaws) {
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

/* ---- looked at, and written in a dense form ---- */

/* What is nonzero is counted in 16 bits, so that the dense forms compare as many at once as
 * they write. */
_Static_assert(BLOCK_MAX <= UINT16_MAX, "a block's nonzero counts fit 16 bits");

VECTORISED struct survey block_survey(const any_u32 *in, size_t n) {
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
		out[i] = (uint16_t)in[i];
		max = in[i] > max ? in[i] : max;
		n_nonzero = (uint16_t)(n_nonzero + (in[i] != 0));
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

struct survey block_write(
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
