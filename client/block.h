/* A block of counts: as many as stay in the nearest cache while they are looked at and written.
 * Here are the loops over single counts that run at the speed of memory. */
#pragma once

#include "message.h"
#include "vector.h"

#define BLOCK_MAX 2048u /* 8 KiB of u32, a quarter of a first-level cache */

/* Trainers lend numbers at any address. */
typedef uint16_t __attribute__((aligned(1), may_alias)) any_u16;
typedef uint32_t __attribute__((aligned(1), may_alias)) any_u32;
typedef uint64_t __attribute__((aligned(1), may_alias)) any_u64;
typedef float __attribute__((aligned(1), may_alias)) any_f32;
typedef double __attribute__((aligned(1), may_alias)) any_f64;

/* n counts of the vector from `at` on, as u32: where they lie, or in scratch. Adds bits to
 * *flaws unless all were whole and in range. */
const any_u32 *block_load(
	const struct vector *v, size_t at, size_t n, uint32_t scratch[BLOCK_MAX], uint64_t *flaws);

struct survey block_survey(const any_u32 *in, size_t n);

/* Also writes them, in a dense form, as the counts from `at` on; other forms: writes nothing. */
struct survey block_write(
	const any_u32 *in, size_t at, size_t n, enum counts_form form, uint8_t *out);
