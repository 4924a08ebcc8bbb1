#include "alert_rules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"

/* By a short dead window a feature that fires seldom is not told from a dead one. So often on average each has to have had the chance
 * to fire in it: densities of a run that is well spread over decades, and half of its features lie far below their mean. */
#define DEAD_FIRINGS_MIN 30.0
#define SLOW_WINDOWS     2u /* one may hold an evaluation, or a checkpoint */
/* How far on the other side the figure has to be: of a share or a bound the part of it, of a variance so much. */
#define RELEASE_SHARE    0.9
#define RELEASE_BOUND    0.05
#define RELEASE_VARIANCE 0.01

struct judging {
	struct alert_state *state;
	struct alert_change *changes;
	uint32_t n;
};

/* Of one rule. */
struct finding {
	bool is_known, violates, is_well;
	char words[ALERT_WORDS_MAX];
};

const char *alert_rule_name(enum alert_rule rule) {
	static const char *const names[RULE_COUNT] = {
		[RULE_DEAD] = "dead",
		[RULE_L0] = "l0",
		[RULE_EXPLAINED_VARIANCE] = "explained_variance",
		[RULE_THROUGHPUT] = "throughput",
		[RULE_BAD_RUN] = "bad_run",
	};
	return names[rule];
}

bool alert_is_on(const struct alert_state *s, enum alert_rule rule) {
	return (s->on >> rule & 1) != 0;
}

static void change(struct judging *j, enum alert_rule rule, bool begins, const char *words) {
	struct alert_change *c = &j->changes[j->n++];
	c->rule = rule;
	c->begins = begins;
	snprintf(c->words, sizeof c->words, "%s", words);
	j->state->on ^= 1u << rule;
}

static void conclude(
	struct judging *j, enum alert_rule rule, bool is_set, const struct finding *f) {
	bool is_on = alert_is_on(j->state, rule);
	if (!is_set) {
		if (is_on) {
			change(j, rule, false, "no longer looked at");
		}
	} else if (f->is_known && (is_on ? f->is_well : f->violates)) {
		change(j, rule, !is_on, f->words);
	}
}

/* Where almost all have died their l0 says nothing of what the others would have done. */
static double firings_in_dead_window(const struct alert_window *w) {
	double l0 = w->l0 > 1 ? w->l0 : 1;
	return w->dead_window_rows * l0 / w->d_sae;
}

static void judge_dead(
	struct judging *j, const struct alert_rules *r, const struct alert_window *w) {
	struct finding f = {.is_known = w->dead_counts && w->d_sae > 0 &&
					firings_in_dead_window(w) >= DEAD_FIRINGS_MIN};
	char dead[FORMAT_MAX], all[FORMAT_MAX];
	double share = w->d_sae > 0 ? (double)w->dead_features / w->d_sae : 0;
	f.violates = share > r->dead_share;
	f.is_well = share <= r->dead_share * RELEASE_SHARE;
	snprintf(f.words, sizeof f.words,
		"%.3g %% of the features are dead (%s of %s) after window %u; dead = %g%%",
		100 * share, format_grouped(dead, w->dead_features), format_grouped(all, w->d_sae),
		w->window, 100 * r->dead_share);
	conclude(j, RULE_DEAD, r->dead_share > 0, &f);
}

/* So far inside of a bound. Between two that are close there has to be room for what is well. */
static double l0_margin(const struct alert_rules *r, double bound) {
	double margin = bound * RELEASE_BOUND, room = (r->l0_max - r->l0_min) / 4;
	return r->l0_min > 0 && r->l0_max > 0 && room < margin ? room : margin;
}

/* A bound that is not set is kept by anything. */
static void judge_l0(struct judging *j, const struct alert_rules *r, const struct alert_window *w) {
	struct finding f = {.is_known = !isnan(w->l0)};
	bool is_low = r->l0_min > 0 && w->l0 < r->l0_min;
	bool is_high = r->l0_max > 0 && w->l0 > r->l0_max;
	f.violates = is_low || is_high;
	f.is_well = (r->l0_min == 0 || w->l0 >= r->l0_min + l0_margin(r, r->l0_min)) &&
		    (r->l0_max == 0 || w->l0 <= r->l0_max - l0_margin(r, r->l0_max));
	if (is_low || is_high) {
		snprintf(f.words, sizeof f.words, "l0 is %.4g over window %u, %s = %g", w->l0,
			w->window, is_low ? "below l0_min" : "above l0_max",
			is_low ? r->l0_min : r->l0_max);
	} else {
		snprintf(f.words, sizeof f.words, "l0 is %.4g over window %u", w->l0, w->window);
	}
	conclude(j, RULE_L0, r->l0_min > 0 || r->l0_max > 0, &f);
}

static void judge_variance(
	struct judging *j, const struct alert_rules *r, const struct alert_window *w) {
	struct finding f = {.is_known = !isnan(w->explained_variance)};
	f.violates = w->explained_variance < r->explained_variance_min;
	f.is_well = w->explained_variance >= r->explained_variance_min + RELEASE_VARIANCE;
	snprintf(f.words, sizeof f.words,
		"explained_variance is %.4g over window %u; explained_variance_min = %g",
		w->explained_variance, w->window, r->explained_variance_min);
	conclude(j, RULE_EXPLAINED_VARIANCE, r->explained_variance_min > 0, &f);
}

/* ---- throughput ---- */

static int compare_rates(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The median of what is kept; NAN while too few are. */
static double usual_rate(const struct alert_state *s) {
	double sorted[ALERT_RATES_MAX];
	uint32_t n = s->n_rates < ALERT_RATES_MAX ? s->n_rates : ALERT_RATES_MAX;
	if (n < ALERT_RATES_MIN) {
		return NAN;
	}
	memcpy(sorted, s->rates, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, compare_rates);
	return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

static void keep_rate(struct alert_state *s, double rate) {
	s->rates[s->n_rates % ALERT_RATES_MAX] = rate;
	s->n_rates++;
}

/* Slow windows do not become what is usual: what is half as fast as it was stays so. */
static void judge_throughput(
	struct judging *j, const struct alert_rules *r, const struct alert_window *w) {
	struct alert_state *s = j->state;
	double usual = usual_rate(s), share = w->rows_per_s / usual;
	bool is_slow = share < r->throughput_share;
	char rate[FORMAT_MAX], before[FORMAT_MAX];
	struct finding f = {.is_known = !isnan(share)};

	s->n_slow = is_slow ? s->n_slow + 1 : 0;
	f.violates = s->n_slow >= SLOW_WINDOWS;
	f.is_well = share >= (1 + r->throughput_share) / 2;
	snprintf(f.words, sizeof f.words,
		"%s tokens/s over window %u, %.3g %% of what was usual (%s); throughput = %g%%",
		format_count(rate, w->rows_per_s, 4), w->window, 100 * share,
		format_count(before, usual, 4), 100 * r->throughput_share);
	bool was_on = alert_is_on(s, RULE_THROUGHPUT);
	conclude(j, RULE_THROUGHPUT, r->throughput_share > 0, &f);
	if (!is_slow && !isnan(w->rows_per_s) && (!was_on || f.is_well)) {
		keep_rate(s, w->rows_per_s);
	}
}

/* How fast another attempt is, may be for good reasons: another host, another batch. */
static void begin_attempt(struct judging *j, uint32_t attempt) {
	if (alert_is_on(j->state, RULE_THROUGHPUT)) {
		change(j, RULE_THROUGHPUT, false, "another attempt has begun");
	}
	j->state->attempt = attempt;
	j->state->n_slow = j->state->n_rates = 0;
}

uint32_t alert_rules_judge(const struct alert_rules *rules, struct alert_state *s,
	const struct alert_window *w, struct alert_change ret[RULE_COUNT]) {
	struct judging j = {.state = s, .changes = ret};
	if (s->attempt != w->attempt) {
		begin_attempt(&j, w->attempt);
	}
	judge_dead(&j, rules, w);
	judge_l0(&j, rules, w);
	judge_variance(&j, rules, w);
	judge_throughput(&j, rules, w);
	return j.n;
}

uint32_t alert_rules_end(struct alert_state *s, struct alert_change ret[RULE_COUNT]) {
	struct judging j = {.state = s, .changes = ret};
	if (alert_is_on(s, RULE_THROUGHPUT)) {
		change(&j, RULE_THROUGHPUT, false, "the run has ended");
	}
	return j.n;
}
