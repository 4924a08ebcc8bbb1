#include "checksum.h"

#include <string.h>

/* Fletcher's two sums over eight columns of 64-bit words: `sum` sees every change of a word,
 * `sum_of_sums` also where it stood, so that swapped or missing pages change the result. Only
 * additions, two columns a vector, so that it runs about as fast as memory on any machine. */
typedef uint64_t pair __attribute__((vector_size(16)));

#define N_PAIRS 4u
#define STRIPE  (N_PAIRS * sizeof(pair))

struct sums {
	pair sum[N_PAIRS], sum_of_sums[N_PAIRS];
};

static void add_stripes(struct sums *sums, const uint8_t *data, size_t n_stripes) {
	struct sums s = *sums;
	for (size_t i = 0; i < n_stripes; i++) {
		pair word[N_PAIRS];
		memcpy(word, data + i * STRIPE, STRIPE);
#pragma GCC unroll 4
		for (size_t j = 0; j < N_PAIRS; j++) {
			s.sum[j] += word[j];
			s.sum_of_sums[j] += s.sum[j];
		}
	}
	*sums = s;
}

static uint64_t mix(uint64_t x) { /* the finaliser of MurmurHash3 */
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdu;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53u;
	return x ^ (x >> 33);
}

uint64_t checksum(const void *data, size_t len, uint64_t seed) {
	struct sums s = {0};
	size_t n_stripes = len / STRIPE, rest = len % STRIPE;
	add_stripes(&s, data, n_stripes);
	if (rest > 0) {
		uint8_t last[STRIPE] = {0};
		memcpy(last, (const uint8_t *)data + n_stripes * STRIPE, rest);
		add_stripes(&s, last, 1);
	}

	uint64_t result = mix(seed + 0x9e3779b97f4a7c15u) ^ len;
	for (size_t j = 0; j < N_PAIRS; j++) {
		result = mix(result ^ s.sum[j][0]) + s.sum[j][1];
		result = mix(result ^ s.sum_of_sums[j][0]) + s.sum_of_sums[j][1];
	}
	return mix(result);
}
