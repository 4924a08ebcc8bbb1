/* The distinct counts of a window's features, ascending, and how many features have each: what a pass over d_sae counts leaves,
 * and all else is looked up in. Small counts are tallied in a table, the others sorted: exact, in time linear in d_sae. */
#pragma once

#include <stdint.h>

#define TALLY_SMALL (1u << 16) /* counts below it are tallied in a table, the others sorted */
#define TALLY_ZEROS 8u /* tallies of 0, used in turn: equal neighbours would wait for each other */

/* Zeroed it is empty. 256 KiB, and 12 bytes a distinct count (at most d_sae of them), 8 a feature with a
 * count of 2^16 or more. */
struct tally {
	uint32_t n, room;
	uint32_t *count;
	uint32_t *features;
	uint32_t *below; /* [n + 1]: features with a count below count[i]; at n, all of them */
	uint32_t small[TALLY_SMALL +
		       TALLY_ZEROS]; /* zero between uses; behind TALLY_SMALL those of 0 */
	uint32_t *large, *spare;     /* [large_room] */
	uint32_t large_room;
};

/* Of counts[d_sae], in place of what was there. 0 or -ENOMEM. */
int tally_take(struct tally *t, const uint32_t *counts, uint32_t d_sae);

/* How many features have a count below the limit. */
uint32_t tally_below(const struct tally *t, uint64_t limit);
/* Which of the distinct counts the feature has that is the k-th smallest, k from 0 on. */
uint32_t tally_find(const struct tally *t, uint32_t k);

void tally_finish(struct tally *t);
