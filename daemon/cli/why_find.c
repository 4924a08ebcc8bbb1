#include "why_find.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "format.h"
#include "report_row.h"
#include "text.h"

#define NEAR_STEPS 100

/* Losses, each with what it is called; the gradient's norm comes behind them. */
static const char *const losses[] = {
	"mse_loss", "l1_loss", "ghost_grad_loss", "overall_loss", "aux_reconstruction_loss"};
#define N_LOSSES (sizeof losses / sizeof losses[0])
#define GRADIENT N_LOSSES
#define N_SERIES (N_LOSSES + 1)

enum { AT_STEP, AT_BROKEN_ACTS, AT_NON_FINITE, AT_VALUES };

/* One attempt, step by step. */
struct scan {
	struct why_findings *findings;
	uint32_t attempt;
	struct anomaly_series series[N_SERIES], activations;
	struct anomaly_steps steps;
};

/* ---- what was found ---- */

static void add(struct why_findings *f, const struct why_observation *o) {
	if (f->n_of[o->kind] == WHY_OBSERVATIONS_MAX) {
		f->n_left_out++;
		return;
	}
	if (f->n == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 16;
		struct why_observation *more =
			reallocarray(f->observations, cap, sizeof(*f->observations));
		if (!more) {
			f->n_left_out++;
			return;
		}
		f->observations = more;
		f->cap = cap;
	}
	f->observations[f->n] = *o;
	text_mend_end(f->observations[f->n].words); /* a trainer's words may be longer */
	f->n_of[o->kind]++;
	f->n++;
}

void why_findings_finish(struct why_findings *f) {
	free(f->observations);
	*f = (struct why_findings){0};
}

bool why_is_near(const struct why_observation *a, const struct why_observation *b) {
	return a->attempt == b->attempt && llabs(a->step - b->step) <= NEAR_STEPS;
}

/* A value that is not finite says most, steps that are missing least. */
static const struct why_observation *gravest(const struct why_findings *f) {
	static const enum why_kind by_gravity[] = {
		WHY_NOT_FINITE, WHY_END, WHY_DEATHS, WHY_SPIKE, WHY_GAP};

	for (size_t kind = 0; kind < sizeof(by_gravity) / sizeof(by_gravity[0]); kind++) {
		for (size_t i = 0; i < f->n; i++) {
			if (f->observations[i].kind == by_gravity[kind]) {
				return &f->observations[i];
			}
		}
	}
	return NULL;
}

const struct why_observation *why_first(const struct why_findings *f) {
	const struct why_observation *first = gravest(f);

	while (first && first > f->observations && why_is_near(first - 1, first)) {
		first--;
	}
	return first;
}

/* ---- values ---- */

static void name_observation(struct why_observation *o, const char *name) {
	snprintf(o->name, sizeof(o->name), "%s", name);
}

static void say_not_finite(struct why_observation *o, const struct anomaly_series *s) {
	char now[FORMAT_MAX], before[FORMAT_MAX];

	if (s->usual.n == 0) {
		snprintf(o->words, sizeof(o->words), "%s is %s from its first step on", o->name,
			format_general(now, o->value));
	} else {
		snprintf(o->words, sizeof(o->words), "%s became %s; it was %s before", o->name,
			format_general(now, o->value), format_general(before, s->previous));
	}
}

static void say_spike(struct why_observation *o, const struct anomaly_series *s) {
	char now[FORMAT_MAX], before[FORMAT_MAX], usual[FORMAT_MAX];

	snprintf(o->words, sizeof(o->words), "%s rose from %s to %s; the median before is %s",
		o->name, format_general(before, s->previous), format_general(now, o->value),
		format_general(usual, o->usual));
}

static void look_at_value(
	struct scan *scan, int64_t step, struct anomaly_series *s, const char *name, double value) {
	enum anomaly_kind kind = anomaly_series_add(s, value);
	struct why_observation o = {.attempt = scan->attempt,
		.step = step,
		.value = value,
		.usual = running_median_get(&s->usual),
		.has_usual = s->usual.n > 0};

	if (kind == ANOMALY_NONE) {
		return;
	}
	o.kind = kind == ANOMALY_SPIKE ? WHY_SPIKE : WHY_NOT_FINITE;
	name_observation(&o, name);
	if (o.kind == WHY_SPIKE) {
		say_spike(&o, s);
	} else {
		say_not_finite(&o, s);
	}
	add(scan->findings, &o);
}

/* Of a step with NaN among its activations: how many. */
static void look_at_activations(struct scan *scan, int64_t step, double n_broken) {
	struct why_observation o = {
		.kind = WHY_NOT_FINITE, .attempt = scan->attempt, .step = step, .value = n_broken};

	if (anomaly_series_add(&scan->activations, n_broken > 0 ? NAN : 0) == ANOMALY_NOT_FINITE) {
		name_observation(&o, "n_nan_acts");
		snprintf(o.words, sizeof(o.words), "%.0f activations are NaN", n_broken);
		add(scan->findings, &o);
	}
}

static void look_at_gap(struct scan *scan, int64_t step) {
	int64_t last = scan->steps.last;
	struct why_observation o = {
		.kind = WHY_GAP, .attempt = scan->attempt, .step = step, .value = (double)last};
	char from[FORMAT_MAX], to[FORMAT_MAX];

	if (anomaly_steps_add(&scan->steps, step) == ANOMALY_GAP &&
		last >= scan->findings->removed_through) {
		snprintf(o.words, sizeof(o.words), "steps %s-%s are missing before it",
			format_grouped(from, (uint64_t)last + 1),
			format_grouped(to, (uint64_t)step - 1));
		add(scan->findings, &o);
	}
}

/* ---- steps ---- */

/* Of the trainer's own numbers one that is not finite is a word. */
static bool read_word(const unsigned char *text, double *ret) {
	json_t *word = json_string((const char *)text);
	bool known = document_number(word, "", ret);

	json_decref(word);
	return known;
}

static bool value_at(
	sqlite3_stmt *st, size_t series, const char *name, const json_t *non_finite, double *ret) {
	int column = AT_VALUES + (int)series;

	switch (sqlite3_column_type(st, column)) {
	case SQLITE_NULL:
		return document_number(json_object_get(non_finite, name), "", ret);
	case SQLITE_TEXT:
		return read_word(sqlite3_column_text(st, column), ret);
	default:
		*ret = sqlite3_column_double(st, column);
		return true;
	}
}

static void look_at_step(struct scan *scan, sqlite3_stmt *st) {
	const char *text = (const char *)sqlite3_column_text(st, AT_NON_FINITE);
	json_t *non_finite = text ? json_loads(text, 0, NULL) : NULL;
	int64_t step = sqlite3_column_int64(st, AT_STEP);
	double value;

	scan->findings->n_steps++;
	look_at_gap(scan, step);
	look_at_activations(scan, step, sqlite3_column_double(st, AT_BROKEN_ACTS));
	for (size_t i = 0; i < N_SERIES; i++) {
		const char *name = i == GRADIENT ? scan->findings->gradient : losses[i];
		if (value_at(st, i, name, non_finite, &value)) {
			look_at_value(scan, step, &scan->series[i], name, value);
		}
	}
	json_decref(non_finite);
}

static sqlite3_stmt *query_steps(
	struct report *r, const char *gradient, int64_t run, int64_t attempt, int64_t from) {
	/* Without one it is the value of no name, which none has. */
	char *sql = sqlite3_mprintf(
		"SELECT step, n_nan_acts, non_finite, mse_loss, l1_loss, ghost_grad_loss, "
		"overall_loss, aux_reconstruction_loss, (SELECT value FROM json_each(extra) WHERE "
		"key = %Q) FROM steps WHERE run = (SELECT id FROM runs_data WHERE n = ?1) AND "
		"step >= ?3 AND attempt = ?2 ORDER BY step",
		gradient);
	if (!sql) {
		r->err = -ENOMEM;
		return NULL;
	}
	sqlite3_stmt *st = report_query(r, sql, 3, run, attempt, from);
	sqlite3_free(sql);
	return st;
}

static void look_at_attempt(
	struct report *r, int64_t run, int64_t attempt, int64_t from, struct why_findings *f) {
	struct scan scan = {.findings = f, .attempt = (uint32_t)attempt};
	sqlite3_stmt *st = query_steps(r, f->gradient, run, attempt, from);

	for (size_t i = 0; i < N_SERIES; i++) {
		scan.series[i].factor =
			i == GRADIENT ? ANOMALY_GRADIENT_FACTOR : ANOMALY_LOSS_FACTOR;
	}
	while (report_next(r, &st)) {
		look_at_step(&scan, st);
	}
}

static void look_at_steps(struct report *r, int64_t run, struct why_findings *f) {
	sqlite3_stmt *st = report_query(r,
		"SELECT attempt, coalesce(step_first, 0) FROM attempts_data WHERE run = ? ORDER BY "
		"attempt",
		1, run);

	while (report_next(r, &st)) {
		look_at_attempt(
			r, run, sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), f);
	}
}

/* Trainers call it grad_norm, gradient_norm, train/grad_norm …: of the newest step that has extras. */
static void find_gradient(struct report *r, int64_t run, struct why_findings *f) {
	sqlite3_stmt *st = report_query(r,
		"SELECT key FROM json_each((SELECT extra FROM steps WHERE run = (SELECT id FROM "
		"runs_data WHERE n = ?) AND extra IS NOT NULL ORDER BY step DESC LIMIT 1)) WHERE "
		"key LIKE '%grad%norm%' ORDER BY length(key) LIMIT 1",
		1, run);

	while (report_next(r, &st)) {
		snprintf(f->gradient, sizeof(f->gradient), "%s",
			(const char *)sqlite3_column_text(st, 0));
	}
}

static void find_removed(struct report *r, int64_t run, struct why_findings *f) {
	sqlite3_stmt *st = report_query(r,
		"SELECT max(step_last) FROM removed WHERE what = 'steps' AND run = (SELECT id FROM "
		"runs_data WHERE n = ?)",
		1, run);

	f->removed_through = -1;
	while (report_next(r, &st)) {
		if (sqlite3_column_type(st, 0) != SQLITE_NULL) {
			f->removed_through = sqlite3_column_int64(st, 0);
		}
	}
}

/* ---- windows ---- */

static void add_deaths(struct why_findings *f, sqlite3_stmt *st, int64_t dead_window) {
	int64_t first = sqlite3_column_int64(st, 2) - dead_window - 1;
	int64_t last = sqlite3_column_int64(st, 3) - dead_window - 1;
	double n = sqlite3_column_double(st, 4), d_sae = sqlite3_column_double(st, 5);
	char count[FORMAT_MAX], silent[FORMAT_MAX], from[FORMAT_MAX], to[FORMAT_MAX];
	struct why_observation o = {.kind = WHY_DEATHS,
		.attempt = (uint32_t)sqlite3_column_int64(st, 0),
		.window = sqlite3_column_int64(st, 1),
		.step = first,
		.value = n};

	name_observation(&o, "newly_dead");
	snprintf(o.words, sizeof(o.words),
		"%s features (%.1f %%) fired for the last time in steps %s-%s: %s silent steps "
		"later, in window %lld, they were dead",
		format_grouped(count, (uint64_t)n), 100 * n / d_sae,
		format_grouped(from, (uint64_t)first), format_grouped(to, (uint64_t)last),
		format_grouped(silent, (uint64_t)dead_window), (long long)o.window);
	add(f, &o);
}

static void look_at_windows(struct report *r, int64_t run, struct why_findings *f) {
	struct anomaly_windows windows = {0};
	int64_t attempt = 0, start = 0, dead_window;
	sqlite3_stmt *st = report_query(r,
		"SELECT w.attempt, w.window, w.step_first, w.step_last, w.newly_dead, w.d_sae, "
		"coalesce(r.dead_feature_window, 0) FROM windows w JOIN runs r ON r.id = w.run "
		"WHERE w.run = (SELECT id FROM runs_data WHERE n = ?) ORDER BY w.attempt, "
		"w.window",
		1, run);

	while (report_next(r, &st)) {
		dead_window = sqlite3_column_int64(st, 6);
		if (sqlite3_column_int64(st, 0) != attempt) {
			attempt = sqlite3_column_int64(st, 0);
			start = sqlite3_column_int64(st, 2);
			windows = (struct anomaly_windows){.dead_window = (uint32_t)dead_window};
		}
		f->n_windows++;
		if (anomaly_windows_add(&windows, sqlite3_column_int64(st, 2) - start,
			    (uint32_t)sqlite3_column_int64(st, 4),
			    (uint32_t)sqlite3_column_int64(st, 5)) == ANOMALY_DEATHS) {
			add_deaths(f, st, dead_window);
		}
	}
}

/* ---- the end ---- */

static void look_at_end(struct report *r, int64_t run, struct why_findings *f) {
	struct why_observation o = {.kind = WHY_END};
	sqlite3_stmt *st = report_query(r,
		"SELECT state, exit_code, end_words, attempt, step FROM runs WHERE id = (SELECT id "
		"FROM runs_data WHERE n = ?) AND state IN ('crashed', 'failed', 'stalled')",
		1, run);

	while (report_next(r, &st)) {
		const char *state = (const char *)sqlite3_column_text(st, 0);
		const char *words = (const char *)sqlite3_column_text(st, 2);
		o.attempt = (uint32_t)sqlite3_column_int64(st, 3);
		o.step = sqlite3_column_int64(st, 4);
		snprintf(o.words, sizeof(o.words), "the run %s behind this step%s%s", state,
			words ? ": " : "", words ? words : "");
		add(f, &o);
	}
}

/* By attempt and step; at one step as they were found. */
static int compare(const void *left, const void *right) {
	const struct why_observation *a = left, *b = right;

	if (a->attempt != b->attempt) {
		return a->attempt < b->attempt ? -1 : 1;
	}
	if (a->step != b->step) {
		return a->step < b->step ? -1 : 1;
	}
	return (int)a->kind - (int)b->kind;
}

int why_find(sqlite3 *sql, int64_t run, struct why_findings *ret) {
	struct report r = {.sql = sql};

	*ret = (struct why_findings){0};
	find_gradient(&r, run, ret);
	find_removed(&r, run, ret);
	look_at_end(&r, run, ret); /* first: of too many observations it is none that is left out */
	look_at_windows(&r, run, ret);
	look_at_steps(&r, run, ret);
	if (ret->n > 0) {
		qsort(ret->observations, ret->n, sizeof(*ret->observations), compare);
	}
	return r.err;
}
