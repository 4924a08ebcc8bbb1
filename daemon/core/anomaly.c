#include "anomaly.h"

#include <math.h>

#define STRIDE_STEPS 32u /* of so many the stride is taken */

/* ---- values ---- */

static bool is_high(const struct anomaly_series *s, double value) {
	double median = running_median_get(&s->usual);

	return s->usual.n >= ANOMALY_USUAL_MIN && median > 0 && value > s->factor * median &&
	       value - median > ANOMALY_DEVIATIONS * running_median_deviation(&s->usual);
}

enum anomaly_kind anomaly_series_add(struct anomaly_series *s, double value) {
	if (!isfinite(value)) {
		bool is_new = !s->was_broken;
		s->was_broken = true;
		return is_new ? ANOMALY_NOT_FINITE : ANOMALY_NONE;
	}
	bool was_high = s->was_high;
	s->was_broken = false;
	s->was_high = is_high(s, value);
	if (s->was_high && !was_high) {
		return ANOMALY_SPIKE; /* and what was usual is still to be had */
	}
	running_median_add(&s->usual, value);
	s->previous = value;
	return ANOMALY_NONE;
}

/* ---- steps ---- */

enum anomaly_kind anomaly_steps_add(struct anomaly_steps *s, int64_t step) {
	int64_t distance = step - s->last;
	bool is_first = s->n++ == 0;

	s->last = step;
	if (is_first || distance <= 0) {
		return ANOMALY_NONE;
	}
	if (s->n <= STRIDE_STEPS) {
		s->stride = s->stride == 0 || distance < s->stride ? distance : s->stride;
	}
	return distance > s->stride ? ANOMALY_GAP : ANOMALY_NONE;
}

/* ---- windows ---- */

enum anomaly_kind anomaly_windows_add(
	struct anomaly_windows *w, int64_t step_first, uint32_t newly_dead, uint32_t d_sae) {
	if (step_first <= w->dead_window) {
		return ANOMALY_NONE;
	}
	double usual = w->usual.n > 0 ? running_median_get(&w->usual) : 0;
	running_median_add(&w->usual, newly_dead);
	return newly_dead >= ANOMALY_DEATHS_SHARE * d_sae && d_sae > 0 &&
			       newly_dead > ANOMALY_DEATHS_FACTOR * usual
		       ? ANOMALY_DEATHS
		       : ANOMALY_NONE;
}
