/* Losses and the gradient's norm, step by step; each attempt by itself, all of them in one pass. */
#include "why_find_private.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "format.h"

/* Losses, each with what it is called; the gradient's norm comes behind them. */
static const char *const losses[] = {
	"mse_loss", "l1_loss", "ghost_grad_loss", "overall_loss", "aux_reconstruction_loss"};
#define N_LOSSES (sizeof losses / sizeof losses[0])
#define GRADIENT N_LOSSES
#define N_SERIES (N_LOSSES + 1)

enum { AT_STEP, AT_ATTEMPT, AT_BROKEN_ACTS, AT_NON_FINITE, AT_VALUES };

/* One attempt, step by step. */
struct scan {
	struct why_findings *findings;
	uint32_t attempt;
	struct anomaly_series series[N_SERIES];
	bool were_broken; /* activations of the step before */
	struct anomaly_steps steps;
};

/* By the number of the attempt; NULL: no step of it was seen yet. */
struct scans {
	struct {
		struct scan *scan;
	} * of;
	int64_t n;
};

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

/* What is not as usual: seldom; what is, is not written down. */
static void say_value(const struct scan *scan, int64_t step, const struct anomaly_series *s,
	const char *name, double value, enum anomaly_kind kind) {
	struct why_observation o = {.kind = kind == ANOMALY_SPIKE ? WHY_SPIKE : WHY_NOT_FINITE,
		.attempt = scan->attempt,
		.step = step,
		.value = value,
		.usual = running_median_get(&s->usual),
		.has_usual = s->usual.n > 0};

	name_observation(&o, name);
	if (o.kind == WHY_SPIKE) {
		say_spike(&o, s);
	} else {
		say_not_finite(&o, s);
	}
	why_findings_add(scan->findings, &o);
}

static void look_at_value(
	struct scan *scan, int64_t step, struct anomaly_series *s, const char *name, double value) {
	enum anomaly_kind kind = anomaly_series_add(s, value);

	if (kind != ANOMALY_NONE) {
		say_value(scan, step, s, name, value, kind);
	}
}

static void say_activations(const struct scan *scan, int64_t step, double n_broken) {
	struct why_observation o = {
		.kind = WHY_NOT_FINITE, .attempt = scan->attempt, .step = step, .value = n_broken};

	name_observation(&o, "n_nan_acts");
	snprintf(o.words, sizeof(o.words), "%.0f activations are NaN", n_broken);
	why_findings_add(scan->findings, &o);
}

/* Of a step with NaN among its activations: how many. */
static void look_at_activations(struct scan *scan, int64_t step, double n_broken) {
	bool are_broken = n_broken > 0;

	if (are_broken && !scan->were_broken) {
		say_activations(scan, step, n_broken);
	}
	scan->were_broken = are_broken;
}

static void say_gap(const struct scan *scan, int64_t step, int64_t last) {
	struct why_observation o = {
		.kind = WHY_GAP, .attempt = scan->attempt, .step = step, .value = (double)last};
	char from[FORMAT_MAX], to[FORMAT_MAX];

	snprintf(o.words, sizeof(o.words), "steps %s-%s are missing before it",
		format_grouped(from, (uint64_t)last + 1), format_grouped(to, (uint64_t)step - 1));
	why_findings_add(scan->findings, &o);
}

static void look_at_gap(struct scan *scan, int64_t step) {
	int64_t last = scan->steps.last;

	if (anomaly_steps_add(&scan->steps, step) == ANOMALY_GAP &&
		last >= scan->findings->removed_through) {
		say_gap(scan, step, last);
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

/* ---- attempts ---- */

/* NULL: not one of the run's, or memory is short. */
static struct scan *scan_of(struct scans *all, struct why_findings *f, int64_t attempt) {
	if (attempt < 0 || attempt >= all->n) {
		return NULL;
	}
	struct scan *scan = all->of[attempt].scan;
	if (!scan && (scan = calloc(1, sizeof(*scan)))) {
		scan->findings = f;
		scan->attempt = (uint32_t)attempt;
		for (size_t i = 0; i < N_SERIES; i++) {
			scan->series[i].factor =
				i == GRADIENT ? ANOMALY_GRADIENT_FACTOR : ANOMALY_LOSS_FACTOR;
		}
		all->of[attempt].scan = scan;
	}
	return scan;
}

static void scans_make(struct report *r, int64_t run, struct scans *ret) {
	sqlite3_stmt *st = report_query(
		r, "SELECT coalesce(max(attempt), 0) FROM attempts_data WHERE run = ?", 1, run);

	*ret = (struct scans){0};
	while (report_next(r, &st)) {
		int64_t newest = sqlite3_column_int64(st, 0);
		ret->n = newest >= 0 && newest <= UINT32_MAX ? newest + 1 : 0;
	}
	ret->of = calloc((size_t)ret->n + 1, sizeof(*ret->of));
	if (!ret->of) {
		ret->n = 0;
		r->err = r->err < 0 ? r->err : -ENOMEM;
	}
}

static void scans_finish(struct scans *all) {
	for (int64_t i = 0; i < all->n; i++) {
		free(all->of[i].scan);
	}
	free(all->of);
}

static sqlite3_stmt *query_steps(struct report *r, const struct why_findings *f, int64_t run) {
	char *value = why_gradient_sql(f);
	char *sql = sqlite3_mprintf(
		"SELECT step, attempt, n_nan_acts, non_finite, mse_loss, l1_loss, ghost_grad_loss, "
		"overall_loss, aux_reconstruction_loss, %s FROM steps WHERE run = (SELECT id FROM "
		"runs_data WHERE n = ?1) ORDER BY step, attempt",
		value ? value : "NULL");
	bool is_short = !value || !sql;

	sqlite3_stmt *st = is_short ? NULL : report_query(r, sql, 1, run);
	r->err = is_short && r->err == 0 ? -ENOMEM : r->err;
	sqlite3_free(value);
	sqlite3_free(sql);
	return st;
}

void why_look_at_steps(struct report *r, int64_t run, struct why_findings *f) {
	struct scans all;

	why_find_gradient(r, run, f);
	scans_make(r, run, &all);
	sqlite3_stmt *st = query_steps(r, f, run);
	while (report_next(r, &st)) {
		struct scan *scan = scan_of(&all, f, sqlite3_column_int64(st, AT_ATTEMPT));
		if (scan) {
			look_at_step(scan, st);
		}
	}
	scans_finish(&all);
}
