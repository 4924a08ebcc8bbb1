#include "definition.h"

#include <string.h>

const char *metric_definition(const struct profile *profile, enum metric metric) {
	switch (metric) {
	case METRIC_EXPLAINED_VARIANCE:
		return profile->ev_is_ratio_of_means ? "ratio of means" : "mean of ratios";
	case METRIC_MSE_LOSS:
		return profile->mse_is_sum ? "summed over a row" : "by the norm of a row";
	case METRIC_L1_LOSS:
		return profile->l1_with_coefficient ? "with the coefficient"
						    : "without the coefficient";
	case METRIC_OVERALL_LOSS:
		return profile->mse_is_sum ? "with the summed mse_loss"
					   : "with the normed mse_loss";
	default:
		return NULL;
	}
}

int metric_find(const char *name) {
	for (int i = 0; i < METRIC_COUNT; i++) {
		if (strcmp(metric_name(i), name) == 0) {
			return i;
		}
	}
	return -1;
}
