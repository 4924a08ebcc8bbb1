#include "run_alerts.h"

#include <math.h>
#include <stdio.h>

#include "fold.h"
#include "registry_private.h"
#include "run.h"

/* A window that takes less says more of the machine's moods than of the run. */
#define RATE_TIME_MIN_S 1.0

/* ---- what a window comes to ---- */

static void add_up(const struct measures *m, enum metric metric, double *sum, uint32_t *n) {
	if ((m->present >> metric & 1) != 0 && isfinite(m->value[metric])) {
		*sum += m->value[metric];
		(*n)++;
	}
}

void run_alerts_count_step(struct run *run, const struct folding *in, const struct measures *m) {
	struct alert_sums *s = &run->alerts.sums;
	uint64_t boundary = run->position.window.boundary;

	if (run->d_sae == 0) {
		return;
	}
	if (s->boundary != boundary || s->attempt != run->attempt || s->n_steps == 0) {
		*s = (struct alert_sums){.boundary = boundary,
			.attempt = run->attempt,
			.elapsed_first_s = in->at.elapsed_s};
	} else {
		s->rows += in->scalars->n_rows;
	}
	s->n_steps++;
	s->elapsed_last_s = in->at.elapsed_s;
	add_up(m, METRIC_L0, &s->l0, &s->n_l0);
	add_up(m, METRIC_EXPLAINED_VARIANCE, &s->explained_variance, &s->n_explained_variance);
}

static double mean(double sum, uint32_t n) {
	return n > 0 ? sum / n : NAN;
}

static double rate_of(const struct alert_sums *s) {
	double took_s = s->elapsed_last_s - s->elapsed_first_s;

	return s->n_steps > 1 && took_s >= RATE_TIME_MIN_S ? (double)s->rows / took_s : NAN;
}

/* ---- what comes of it ---- */

static void emit(struct run *run, int64_t step, double time, const struct alert_change *change) {
	struct change *row = changes_append(&run->changes, CHANGE_ALERT);
	const char *kind = alert_rule_name(change->rule);
	char *words = row != NULL ? changes_printf(&run->changes, "%s", change->words) : NULL;

	if (words == NULL) {
		run_break(run);
		return;
	}
	row->alert = (struct change_alert){
		.attempt = run->attempt,
		.step = step < 0 ? STEP_NONE : (uint32_t)step,
		.time = time,
		.kind = kind,
		.words = words,
		.begins = change->begins,
	};
	run_event(run, run->attempt, step, time, "alert", "%s%s: %s", kind,
		change->begins ? "" : " is over", change->words);
}

static void emit_all(struct run *run, int64_t step, double time, const struct alert_change *changes,
	uint32_t n) {
	for (uint32_t i = 0; i < n && !run->broken; i++) {
		emit(run, step, time, &changes[i]);
	}
}

void run_alerts_judge(struct run *run, const struct change_window *row) {
	const struct alert_sums *s = &run->alerts.sums;
	struct alert_change changes[RULE_COUNT];
	uint64_t counts_from = run->position.exact_from + 2ull * run->config.dead_window;

	if (row->flaws != 0 || s->attempt != row->attempt ||
		s->boundary != run->position.window.boundary) {
		return; /* a window that is not whole says nothing of the run */
	}
	const struct alert_window window = {
		.attempt = row->attempt,
		.window = row->window,
		.step_last = row->step_last,
		.dead_features = row->dead_features,
		.d_sae = run->d_sae,
		.dead_window_rows = (double)run->position.window.n_rows_counted / row->n_steps *
				    run->config.dead_window,
		.dead_counts = row->step_last + 1ull >= counts_from,
		.l0 = mean(s->l0, s->n_l0),
		.explained_variance = mean(s->explained_variance, s->n_explained_variance),
		.rows_per_s = rate_of(s),
	};
	uint32_t n = alert_rules_judge(
		&run->registry->options.alerts, &run->alerts.state, &window, changes);
	emit_all(run, row->step_last, row->time, changes, n);
}

void run_alerts_tell_bad_run(
	struct run *run, const struct folding *in, bool is_bad, const char *words) {
	struct alert_change change = {.rule = RULE_BAD_RUN, .begins = is_bad};

	if (alert_is_on(&run->alerts.state, RULE_BAD_RUN) != is_bad) {
		run->alerts.state.on ^= 1u << RULE_BAD_RUN;
		(void)snprintf(change.words, sizeof change.words, "%s", words);
		emit(run, in->place.step, in->at.time, &change);
	}
}

void run_alerts_end(struct run *run, double time) {
	struct alert_change changes[RULE_COUNT];
	uint32_t n = alert_rules_end(&run->alerts.state, changes);

	emit_all(run, -1, time, changes, n);
}

/* ---- kept with the run ---- */

void run_alerts_pack(const struct run_alerts *a, struct packer *p) {
	pack_u32(p, a->state.on);
	pack_u32(p, a->state.attempt);
	pack_u32(p, a->state.n_slow);
	pack_u32(p, a->state.n_rates);
	for (uint32_t i = 0; i < ALERT_RATES_MAX; i++) {
		pack_f64(p, a->state.rates[i]);
	}
	pack_u64(p, a->sums.boundary);
	pack_u32(p, a->sums.attempt);
	pack_u32(p, a->sums.n_steps);
	pack_u32(p, a->sums.n_l0);
	pack_u32(p, a->sums.n_explained_variance);
	pack_f64(p, a->sums.l0);
	pack_f64(p, a->sums.explained_variance);
	pack_u64(p, a->sums.rows);
	pack_f64(p, a->sums.elapsed_first_s);
	pack_f64(p, a->sums.elapsed_last_s);
}

void run_alerts_unpack(struct run_alerts *a, struct unpacker *u) {
	a->state.on = unpack_u32_max(u, (1u << RULE_COUNT) - 1);
	a->state.attempt = unpack_u32(u);
	a->state.n_slow = unpack_u32(u);
	a->state.n_rates = unpack_u32(u);
	for (uint32_t i = 0; i < ALERT_RATES_MAX; i++) {
		a->state.rates[i] = unpack_f64(u);
	}
	a->sums.boundary = unpack_u64(u);
	a->sums.attempt = unpack_u32(u);
	a->sums.n_steps = unpack_u32(u);
	a->sums.n_l0 = unpack_u32(u);
	a->sums.n_explained_variance = unpack_u32(u);
	a->sums.l0 = unpack_f64(u);
	a->sums.explained_variance = unpack_f64(u);
	a->sums.rows = unpack_u64(u);
	a->sums.elapsed_first_s = unpack_f64(u);
	a->sums.elapsed_last_s = unpack_f64(u);
}
