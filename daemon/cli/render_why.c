#include "render_why.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anomaly.h"
#include "fact_line.h"
#include "format.h"
#include "plot.h"
#include "render_parts.h"
#include "table.h"

#define APART_SHOWN    6u /* of what was seen elsewhere */
#define SPARK_NARROW   32u
#define SPARK_WIDE     64u
#define SPARK_COLUMN   13u
#define CURVE_POINTS   64u
#define EVENT_COLUMN   11u
#define NUMBER_COLUMNS 9u

/* ---- what was seen ---- */

static void render_head(const json_t *document, struct page *page) {
	const json_t *run = document_at(document, "run");
	const struct state_look *state = state_look_of(run);
	double exit_code;

	if (page->look.screen) {
		page_put(page, state->style, state_glyph(state, &page->look));
		page_put(page, STYLE_PLAIN, " ");
	}
	page_put_cut(page, STYLE_NAME, run_label(run), 40);
	page_put(page, STYLE_PLAIN, "   ");
	page_put(page, state->style, state->state);
	if (document_number(run, "exit_code", &exit_code) && exit_code != 0) {
		page_printf(page, state->style, " with exit code %.0f", exit_code);
	}
	fact_text(run, "id", "id", page);
	fact_text(run, "project", "project", page);
	page_end_line(page);
}

/* `step 88,204 (3 steps later)`; the attempt where there are several. */
static void say_when(const json_t *document, const json_t *o, struct buf *words) {
	double attempt = document_count(o, "attempt"), step = document_count(o, "step");
	double later = step - document_count(document, "moment.step");
	char text[FORMAT_MAX];

	if (document_count(document, "run.attempt") > 1) {
		(void)buf_printf(words, "attempt %.0f, ", attempt);
	}
	(void)buf_printf(words, "step %s", figure_grouped(text, step));
	if (later > 0 && document_true(o, "with_moment") &&
		attempt == document_count(document, "moment.attempt")) {
		(void)buf_printf(words, " (%.0f step%s later)", later, later == 1 ? "" : "s");
	}
}

static void render_observation(const json_t *document, const json_t *o, const char *label,
	enum style style, struct page *page) {
	const char *words = document_text(o, "words");
	struct buf text = {0};

	say_when(document, o, &text);
	(void)buf_printf(&text, ": %s", words ? words : "?");
	facts_label(label, page);
	fact_flow(page, style, buf_text(&text) ? buf_text(&text) : "");
	page_end_line(page);
	buf_finish(&text);
}

/* Those that came with the moment, in their order; then what was seen elsewhere. */
static void render_observations(const json_t *document, bool with_moment, struct page *page) {
	const json_t *all = document_at(document, "observations");
	double left_out = document_count(document, "observations_left_out");
	size_t shown = 0;

	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *o = json_array_get(all, i);
		if (document_true(o, "with_moment") != with_moment) {
			continue;
		}
		if (!with_moment && shown == APART_SHOWN) {
			left_out++;
			continue;
		}
		render_observation(document, o,
			shown > 0     ? ""
			: with_moment ? "seen"
				      : "also",
			with_moment && shown == 0 ? STYLE_BAD : STYLE_PLAIN, page);
		render_why_wave(document, o, page);
		shown++;
	}
	if (!with_moment && left_out > 0) {
		facts_label("", page);
		fact_put(page, STYLE_DIM, "and %.0f more: --json has them", left_out);
		page_end_line(page);
	}
}

static void render_nothing(const json_t *document, struct page *page) {
	const char *gradient = document_text(document, "looked_at.gradient");
	struct buf words = {0};

	(void)buf_printf(&words,
		"nothing stands out: no loss%s%s that is not finite, none above %.0f times the "
		"median of the %u steps before",
		gradient ? " or " : "", gradient ? gradient : "", ANOMALY_LOSS_FACTOR,
		RUNNING_MEDIAN_MAX);
	if (gradient) {
		(void)buf_printf(&words, " (%s: %.0f times)", gradient, ANOMALY_GRADIENT_FACTOR);
	}
	(void)buf_printf(&words,
		", no steps missing, no window in which a tenth of the features died, and it did "
		"not end badly");
	facts_label("seen", page);
	fact_flow(page, STYLE_GOOD, buf_text(&words) ? buf_text(&words) : "");
	page_end_line(page);
	buf_finish(&words);
}

static void render_looked_at(const json_t *document, struct page *page) {
	const json_t *looked = document_at(document, "looked_at");
	char steps[FORMAT_MAX], windows[FORMAT_MAX];
	double removed;

	facts_label("looked", page);
	fact_put(page, STYLE_DIM, "%s steps, %s windows",
		figure_grouped(steps, document_count(looked, "steps")),
		figure_grouped(windows, document_count(looked, "windows")));
	if (!document_text(looked, "gradient")) {
		fact_put(page, STYLE_DIM, "no gradient norm is logged with its steps");
	}
	if (document_number(looked, "removed_through", &removed)) {
		fact_put(page, STYLE_DIM, "of those through %s retention left a few",
			figure_grouped(steps, removed));
	}
	page_end_line(page);
}

/* ---- around it ---- */

static void render_curve(const char *name, const json_t *curve, unsigned width, struct page *page) {
	const json_t *list = document_at(curve, "values");
	double values[CURVE_POINTS], value;
	char min[FORMAT_MAX], max[FORMAT_MAX];
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(list) && n < CURVE_POINTS; i++) {
		bool known = document_number(json_array_get(list, i), "", &value);
		values[n++] = !known ? NAN : isfinite(value) ? value : PLOT_BROKEN;
	}
	figure_text(curve, "min", format_general, min, sizeof(min));
	figure_text(curve, "max", format_general, max, sizeof(max));
	page_tab(page, 2);
	page_put_cut(page, STYLE_PLAIN, name, SPARK_COLUMN - 3);
	page_tab(page, SPARK_COLUMN);
	bool logarithmic = plot_spark(page, values, n, width);
	page_tab(page, SPARK_COLUMN + width);
	page_put_right(page, STYLE_PLAIN, min, NUMBER_COLUMNS);
	page_put(page, STYLE_PLAIN, " ");
	page_put_right(page, STYLE_PLAIN, max, NUMBER_COLUMNS);
	page_put(page, STYLE_DIM, logarithmic ? "   log" : "");
	page_end_line(page);
}

static const char *label_of(const char *name) {
	static const char *const labels[][2] = {{"mse_loss", "mse"}, {"l1_loss", "l1"},
		{"overall_loss", "loss"}, {"explained_variance", "ev"},
		{"current_learning_rate", "lr"}, {"dead_features", "dead"}};

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		if (strcmp(labels[i][0], name) == 0) {
			return labels[i][1];
		}
	}
	return name;
}

static void render_curves(const json_t *document, struct page *page) {
	json_t *series = json_object_get(json_object_get(document, "curves"), "series"), *curve;
	unsigned width =
		page->look.width == 0 || page->look.width >= LOOK_WIDE ? SPARK_WIDE : SPARK_NARROW;
	char first[FORMAT_MAX], last[FORMAT_MAX], heading[2 * FORMAT_MAX + 16];
	const char *name;

	if (json_object_size(series) == 0) {
		return;
	}
	page_end_line(page);
	snprintf(heading, sizeof(heading), "steps %s-%s",
		figure_grouped(first, document_count(document, "curves.step_first")),
		figure_grouped(last, document_count(document, "curves.step_last")));
	page_tab(page, 2);
	page_put(page, STYLE_HEADING, heading);
	page_tab(page, SPARK_COLUMN + width);
	page_put_right(page, STYLE_HEADING, "min", NUMBER_COLUMNS);
	page_put_right(page, STYLE_HEADING, "max", NUMBER_COLUMNS + 1);
	page_end_line(page);
	json_object_foreach(series, name, curve) {
		render_curve(label_of(name), curve, width, page);
	}
}

static int add_window(struct table *t, const json_t *window) {
	static const char *const counts[] = {
		"dead_features", "revived", "newly_dead", "never_fired"};
	char text[2 * FORMAT_MAX + 1], first[FORMAT_MAX], last[FORMAT_MAX];
	int err = table_add_row(t);

	figure_text(window, "window", figure_plain, text, sizeof(text));
	err = err == 0 ? table_set(t, 0, STYLE_PLAIN, text) : err;
	snprintf(text, sizeof(text), "%s-%s",
		figure_grouped(first, document_count(window, "step_first")),
		figure_grouped(last, document_count(window, "step_last")));
	err = err == 0 ? table_set(t, 1, STYLE_PLAIN, text) : err;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]) && err == 0; i++) {
		enum style style = figure_text(window, counts[i], figure_count, text, sizeof(text));
		err = table_set(t, i + 2, style, text);
	}
	return err;
}

static void render_windows(const json_t *document, struct page *page) {
	static const struct table_column heads[] = {{"WINDOW", false, 0, 0}, {"STEPS", false, 0, 0},
		{"DEAD", false, 0, 0}, {"REVIVED", false, 0, 0}, {"NEWLY DEAD", false, 0, 0},
		{"NEVER FIRED", false, 1, 0}};
	const json_t *windows = document_at(document, "windows");
	struct table *t = table_create(heads, sizeof(heads) / sizeof(heads[0]));
	int err = t ? 0 : -ENOMEM;

	for (size_t i = 0; i < json_array_size(windows) && err == 0; i++) {
		err = add_window(t, json_array_get(windows, i));
	}
	if (err < 0) {
		page->status = err;
	} else if (json_array_size(windows) > 0) {
		page_end_line(page);
		table_draw(t, true, page);
	}
	table_destroy(t);
}

static void render_events(const json_t *document, struct page *page) {
	const json_t *events = document_at(document, "events");

	for (size_t i = 0; i < json_array_size(events); i++) {
		const json_t *event = json_array_get(events, i);
		if (i == 0) {
			page_end_line(page);
		}
		facts_label(i == 0 ? "events" : "", page);
		render_event(event, page);
	}
}

void render_why(const json_t *document, struct page *page) {
	bool has_moment = json_is_object(document_at(document, "moment"));

	render_head(document, page);
	if (has_moment) {
		render_observations(document, true, page);
	}
	render_observations(document, false, page);
	if (json_array_size(document_at(document, "observations")) == 0) {
		render_nothing(document, page);
	}
	render_looked_at(document, page);
	render_why_steps(document, page);
	render_curves(document, page);
	render_windows(document, page);
	render_why_deaths(document, page);
	render_events(document, page);
}
