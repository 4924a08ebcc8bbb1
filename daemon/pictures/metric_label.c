#include "metric_label.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *name, *label;
	bool higher_is_better, linear;
} metrics[] = {
	{"overall_loss", "overall loss", false},
	{"mse_loss", "MSE loss", false},
	{"l1_loss", "L1 loss", false},
	{"ghost_grad_loss", "ghost gradient loss", false},
	{"aux_reconstruction_loss", "auxiliary reconstruction loss", false},
	{"l0", "L0 (features active per token)", false},
	{"fvu", "fraction of variance unexplained", false},
	{"explained_variance", "explained variance", true, true},
	{"explained_variance_std", "explained variance, standard deviation", false, true},
	{"explained_variance_legacy", "explained variance (legacy)", true, true},
	{"explained_variance_legacy_std", "explained variance (legacy), standard deviation", false,
		true},
	{"dead_features", "dead features", false},
	{"never_fired", "features that never fired in the window", false},
	{"mean_passes_since_fired", "mean passes since fired", false},
	{"mean_tokens_since_fired", "mean tokens since fired", false},
	{"current_learning_rate", "learning rate", false},
	{"l1_coefficient", "L1 coefficient", false},
	{"below_1e-5", "features of density below 1e-5", false},
	{"below_1e-6", "features of density below 1e-6", false},
	{"above_1e-2", "features of density above 0.01", false},
	{"above_1e-1", "features of density above 0.1", false},
	{"mean_log10_feature_sparsity", "mean log10 of feature density", true, true},
};
#define N_METRICS (sizeof metrics / sizeof metrics[0])

const char *metric_label(const char *name) {
	for (size_t i = 0; i < N_METRICS; i++) {
		if (strcmp(metrics[i].name, name) == 0) {
			return metrics[i].label;
		}
	}
	return name;
}

bool metric_higher_is_better(const char *name) {
	for (size_t i = 0; i < N_METRICS; i++) {
		if (strcmp(metrics[i].name, name) == 0) {
			return metrics[i].higher_is_better;
		}
	}
	return false;
}

bool metric_is_linear(const char *name) {
	for (size_t i = 0; i < N_METRICS; i++) {
		if (strcmp(metrics[i].name, name) == 0) {
			return metrics[i].linear;
		}
	}
	return false;
}
