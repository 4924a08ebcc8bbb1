/* Folds the same step's counts a number of times: what test_fold_instructions.py counts.
 * fold_driver FORM D_SAE FOLDS, with FORM 1, 2 or 3 (PROTOCOL.md §3.3). */
#include "firing.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
	if (argc != 4) {
		return 2;
	}
	enum counts_form form = (enum counts_form)strtoul(argv[1], NULL, 10);
	uint32_t d_sae = (uint32_t)strtoul(argv[2], NULL, 10);
	uint32_t folds = (uint32_t)strtoul(argv[3], NULL, 10);
	size_t width = form == COUNTS_U8 ? 1 : form == COUNTS_U16 ? 2 : 4;
	uint8_t *bytes = calloc(d_sae + 1, width);
	struct firing firing;
	struct fold_sums sums;
	uint64_t positive = 0;

	if (!bytes || firing_init(&firing, d_sae, UINT32_MAX) < 0) {
		free(bytes);
		return 1;
	}
	/* Off by one byte, as a frame's payload may be; three features in ten fire. */
	struct counts counts = {form, d_sae, bytes + 1, d_sae * width};
	for (size_t i = 0; i < d_sae; i++) {
		bytes[1 + i * width] = i * 7919 % 10 < 3 ? 5 : 0;
	}
	for (uint32_t step = 0; step < folds; step++) {
		firing_fold(&firing, &counts, NULL, false, step, 100, &sums);
		positive += sums.positive;
	}
	printf("%llu\n", (unsigned long long)positive);
	firing_finish(&firing);
	free(bytes);
	return 0;
}
