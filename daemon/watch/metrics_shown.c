#include "metrics_shown.h"

#include <stdbool.h>
#include <string.h>

#define METRICS_MAX 64u

/* Others come behind these. */
static const char *const preferred[] = {"mse_loss", "l0", "explained_variance", "l1_loss", "fvu",
	"overall_loss", "aux_reconstruction_loss", "ghost_grad_loss", "explained_variance_std",
	"dead_features", "mean_passes_since_fired", "mean_tokens_since_fired",
	"current_learning_rate", "l1_coefficient"};
#define N_PREFERRED (sizeof preferred / sizeof preferred[0])

static bool is_preferred(const char *name) {
	for (size_t i = 0; i < N_PREFERRED; i++) {
		if (strcmp(preferred[i], name) == 0) {
			return true;
		}
	}
	return false;
}

/* The names are borrowed of `series`. */
static unsigned collect(const json_t *series, const char *ret[METRICS_MAX]) {
	unsigned n = 0;
	const char *name;
	json_t *one;

	for (size_t i = 0; i < N_PREFERRED; i++) {
		if (json_object_get(series, preferred[i])) {
			ret[n++] = preferred[i];
		}
	}
	json_object_foreach((json_t *)series, name, one) {
		if (!is_preferred(name) && n < METRICS_MAX) {
			ret[n++] = name;
		}
	}
	return n;
}

const char *metrics_nth(const json_t *series, unsigned n) {
	const char *names[METRICS_MAX];

	return n < collect(series, names) ? names[n] : NULL;
}

const char *metrics_beside(const json_t *series, const char *metric, int by) {
	const char *names[METRICS_MAX];
	int n = (int)collect(series, names);

	for (int i = 0; i < n; i++) {
		if (metric && strcmp(names[i], metric) == 0) {
			return names[((i + by) % n + n) % n];
		}
	}
	return n > 0 ? names[0] : NULL;
}
