#include "why_find_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "format.h"
#include "text.h"

#define NEAR_STEPS 100

/* ---- what was found ---- */

void why_findings_add(struct why_findings *f, const struct why_observation *o) {
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
		.step_last = last,
		.value = n};

	snprintf(o.name, sizeof(o.name), "newly_dead");
	snprintf(o.words, sizeof(o.words),
		"%s features (%.1f %%) fired for the last time in steps %s-%s: %s silent steps "
		"later, in window %lld, they were dead",
		format_grouped(count, (uint64_t)n), 100 * n / d_sae,
		format_grouped(from, (uint64_t)first), format_grouped(to, (uint64_t)last),
		format_grouped(silent, (uint64_t)dead_window), (long long)o.window);
	why_findings_add(f, &o);
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
		why_findings_add(f, &o);
	}
}

/* ---- all of it ---- */

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
	find_removed(&r, run, ret);
	look_at_end(&r, run, ret); /* first: of too many observations it is none that is left out */
	look_at_windows(&r, run, ret);
	why_look_at_steps(&r, run, ret);
	if (ret->n > 0) {
		qsort(ret->observations, ret->n, sizeof(*ret->observations), compare);
	}
	return r.err;
}
