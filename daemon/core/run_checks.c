#include "run_checks.h"

#include <math.h>
#include <string.h>

#include "fold.h"
#include "run.h"

static bool due_again(uint32_t *next, uint32_t step) {
	if (step < *next) {
		return false;
	}
	*next = step + DISAGREE_EVERY;
	return true;
}

/* What the metric would be, had the trainer not given it. */
static double computed_instead(const struct run *run, const struct scalars *given,
	const struct fold_sums *sums, enum metric metric) {
	struct scalars without = *given;
	struct measures m;
	int scalar = scalar_find(text_of(metric_name(metric), strlen(metric_name(metric))));
	if (scalar >= 0) {
		without.present &= ~(1u << scalar);
	}
	measure(run->config.profile, run->config.architecture, &without, sums, &m);
	return (m.present >> metric & 1) != 0 ? m.value[metric] : NAN;
}

static void check_given(struct run *run, const struct folding *in, const struct fold_sums *sums,
	const struct measures *m) {
	uint64_t disagree = measures_disagree(run->config.profile, in->scalars, sums);
	uint32_t step = (uint32_t)in->place.step;

	for (; disagree != 0; disagree &= disagree - 1) {
		enum metric metric = (enum metric)__builtin_ctzll(disagree);
		if (due_again(&run->disagree_next[metric], step)) {
			run_event(run, run->attempt, step, in->at.time, "disagree",
				"%s is %g as the trainer gave it, and %g by its counts and sums",
				metric_name(metric), m->value[metric],
				computed_instead(run, in->scalars, sums, metric));
		}
	}
}

static void check_ranks(struct run *run, const struct folding *in) {
	uint32_t step = (uint32_t)in->place.step;

	for (uint32_t bits = in->scalars->disagree; bits != 0; bits &= bits - 1) {
		enum scalar scalar = (enum scalar)__builtin_ctz(bits);
		if (due_again(&run->rank_disagree_next[scalar], step)) {
			run_event(run, run->attempt, step, in->at.time, "ranks_disagree",
				"the ranks gave different values of %s", scalar_name(scalar));
		}
	}
}

/* Whether it becomes one that is no number; one that comes and goes is told now and then. */
static bool breaks(uint32_t *next, uint32_t step, bool is_finite) {
	if (is_finite) {
		*next = *next == NOT_FINITE_NOW ? step + DISAGREE_EVERY : *next;
		return false;
	}
	if (*next == NOT_FINITE_NOW || step < *next) {
		return false;
	}
	*next = NOT_FINITE_NOW;
	return true;
}

static void check_finite(struct run *run, const struct folding *in, const struct measures *m) {
	static const enum metric losses[] = {METRIC_MSE_LOSS, METRIC_L1_LOSS, METRIC_OVERALL_LOSS};
	uint32_t step = (uint32_t)in->place.step;

	for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
		enum metric loss = losses[i];
		if ((m->present >> loss & 1) != 0 &&
			breaks(&run->not_finite_next[loss], step, isfinite(m->value[loss]))) {
			run_event(run, run->attempt, step, in->at.time, "nan", "%s is %s",
				metric_name(loss), isnan(m->value[loss]) ? "NaN" : "infinite");
		}
	}
}

void run_checks_step(struct run *run, const struct folding *in, const struct fold_sums *sums,
	const struct measures *m) {
	check_given(run, in, sums, m);
	check_ranks(run, in);
	check_finite(run, in, m);
}
