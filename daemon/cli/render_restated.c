#include "render_restated.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "definition.h"
#include "flow.h"
#include "format.h"
#include "point_metric.h"
#include "render_parts.h"
#include "restate_runs.h"
#include "table.h"

static void render_title(const json_t *own, const char *profile, struct page *page) {
	const char *trained = document_text(own, "profile");
	const json_t *point = document_at(own, "point");
	char tokens[FORMAT_MAX];
	double n_tokens;

	page_put(page, STYLE_NAME, run_label(own));
	page_printf(page, STYLE_PLAIN, ", logged as %s, as %s defines it", trained ? trained : "-",
		profile);
	page_end_line(page);
	if (!json_is_object(point)) {
		page_put(page, STYLE_PLAIN, "no complete window yet");
	} else {
		page_printf(page, STYLE_PLAIN, "means over %.0f steps of window %.0f",
			document_count(point, "n_steps"), document_count(point, "window"));
		if (document_number(point, "tokens", &n_tokens)) {
			page_printf(page, STYLE_PLAIN, ", at %s tokens",
				format_count(tokens, n_tokens, 4));
		}
	}
	page_end_line(page);
}

/* ---- the table ---- */

/* A metric of a step is in the point, a counter of the run in the run itself. */
static bool figure_of(const json_t *run, const char *name, double *ret) {
	const json_t *metrics = document_at(run, "point.metrics");

	return document_number(json_object_get(metrics, name), "", ret) ||
	       (strcmp(name, metric_name(METRIC_N_TRAINING_TOKENS)) == 0 &&
		       document_number(run, name, ret));
}

static int set_figure(struct table *t, size_t column, const char *name, bool known, double value) {
	char text[FORMAT_MAX];
	struct point_metric metric = point_metric_of(name);
	bool is_count = strcmp(name, metric_name(METRIC_N_TRAINING_TOKENS)) == 0;

	if (!known) {
		return table_set(t, column, STYLE_PLAIN, "-");
	}
	return table_set(t, column, isfinite(value) ? STYLE_PLAIN : STYLE_BAD,
		is_count ? figure_grouped(text, value) : metric.format(text, value));
}

static const char *words_of(const json_t *other, const char *path, const char *name) {
	return json_string_value(json_object_get(document_at(other, path), name));
}

/* What it means to the other trainer. A pipe has room for all there is to say. */
static const char *note_of(
	const json_t *other, const struct profile *to, enum metric metric, bool screen) {
	const char *unknown = words_of(other, "as.unknown", metric_name(metric));
	const char *remark = words_of(other, "as.remarks", metric_name(metric));
	const char *meaning = metric_definition(to, metric);

	return unknown             ? (screen ? "cannot be told" : unknown)
	       : remark && !screen ? remark
	       : meaning           ? meaning
				   : "";
}

static int add_metric(struct table *t, const json_t *own, const json_t *other,
	const struct profile *to, enum metric metric, bool screen) {
	const char *name = metric_name(metric);
	double before = 0, after = 0;
	bool had = figure_of(own, name, &before), has = figure_of(other, name, &after);
	const char *note = note_of(other, to, metric, screen);
	bool is_unknown = words_of(other, "as.unknown", name) != NULL;

	if (!had && !has && !is_unknown) {
		return 0;
	}
	int err = table_add_row(t);
	err = err == 0 ? table_set(t, 0, STYLE_PLAIN, name) : err;
	err = err == 0 ? set_figure(t, 1, name, had, before) : err;
	err = err == 0 ? set_figure(t, 2, name, has, after) : err;
	return err == 0 ? table_set(t, 3, is_unknown ? STYLE_WARN : STYLE_DIM, note) : err;
}

static void render_table(
	const json_t *own, const json_t *other, const struct profile *to, struct page *page) {
	const char *trained = document_text(own, "profile");
	const struct table_column columns[] = {{"METRIC", true, 0, 20},
		{trained ? trained : "own", false, 0, 0}, {to->name, false, 0, 0},
		{"NOTE", true, 0, 30}};
	struct table *t = table_create(columns, sizeof(columns) / sizeof(columns[0]));
	int err = t ? 0 : -ENOMEM;

	for (int i = 0; i < METRIC_COUNT && err == 0; i++) {
		err = metric_of_window(i)
			      ? 0
			      : add_metric(t, own, other, to, (enum metric)i, page->look.screen);
	}
	if (err < 0) {
		page->status = err;
	} else {
		table_draw(t, true, page);
	}
	table_destroy(t);
}

static void render_words(const json_t *words_by_name, struct page *page) {
	const char *name;
	json_t *words;

	json_object_foreach((json_t *)words_by_name, name, words) {
		page_printf(page, STYLE_WARN, "! %s: ", name);
		flow_put(page, STYLE_WARN, json_string_value(words), 2);
		page_end_line(page);
	}
}

void render_restated(
	const json_t *own, const json_t *other, const char *profile, struct page *page) {
	const struct profile *to = restate_profile(profile);

	if (!page->look.screen) {
		render_table(own, other, to, page);
		return;
	}
	render_title(own, profile, page);
	page_end_line(page);
	render_table(own, other, to, page);
	render_words(document_at(other, "as.unknown"), page);
	render_words(document_at(other, "as.remarks"), page);
}
