#include "render_pareto.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "axes_table.h"
#include "flow.h"
#include "format.h"
#include "render_pareto_change.h"
#include "scatter.h"

static const char *better_of(const struct pareto_axis *axis) {
	return axis->higher ? "higher is better" : "lower is better";
}

/* ---- the table ---- */

enum column_of {
	COLUMN_MARK,
	COLUMN_STATE_GLYPH,
	COLUMN_RUN,
	COLUMN_ID,
	COLUMN_PROJECT,
	COLUMN_STATE,
	COLUMN_FRONT,
	COLUMN_X,
	COLUMN_Y,
	COLUMN_DEAD,
	COLUMN_TOKENS,
	COLUMN_NOTE,
	COLUMN_WORSE,
	COLUMN_COUNT
};

static const struct axes_column columns[COLUMN_COUNT] = {
	[COLUMN_MARK] = {.table = {"", true, 0, 0}, ON_SCREENS},
	[COLUMN_STATE_GLYPH] = {.table = {"", true, 0, 0}, ON_SCREENS},
	[COLUMN_RUN] = {.table = {"RUN", true, 0, 20}},
	[COLUMN_ID] = {.table = {"ID", true, 4, 0}},
	[COLUMN_PROJECT] = {.table = {"PROJECT", true, 0, 0}, ON_PIPES},
	[COLUMN_STATE] = {.table = {"STATE", true, 0, 0}, ON_PIPES},
	[COLUMN_FRONT] = {.table = {"FRONT", true, 0, 0}, ON_PIPES},
	[COLUMN_X] = {.table = {"X", false, 0, 0}, .title = TITLE_X},
	[COLUMN_Y] = {.table = {"Y", false, 0, 0}, .title = TITLE_Y},
	[COLUMN_DEAD] = {.table = {"DEAD", false, 3, 0}},
	[COLUMN_TOKENS] = {.table = {"TOKENS", false, 2, 0}},
	[COLUMN_NOTE] = {.table = {"NOTE", true, 0, 0}, ON_PIPES},
	[COLUMN_WORSE] = {.table = {"WORSE THAN", true, 0, 40}, .may_be_empty = true},
};

/* What the columns are filled from. */
struct shown {
	const struct pareto *pareto;
	const struct look *look;
};

/* `C: l0 +12 %, fvu +0.031`, in a pipe with the run's name for the letter. */
static void write_worse(
	const struct pareto *p, const struct pareto_run *run, bool screen, struct buf *out) {
	const struct pareto_run *by = run->dominator;
	char x[POINT_DIFFERENCE_SIZE], y[POINT_DIFFERENCE_SIZE];

	if (!by) {
		return;
	}
	point_metric_difference(&p->query.x.metric, run->at.x, by->at.x, x);
	point_metric_difference(&p->query.y.metric, run->at.y, by->at.y, y);
	(void)buf_printf(out, "%s: %s %s, %s %s", screen && by->mark[0] ? by->mark : by->label,
		p->query.x.metric.brief, x, p->query.y.metric.brief, y);
}

static enum style write_figure(
	const struct pareto_run *run, const char *name, number_format format, struct buf *out) {
	char figure[FORMAT_MAX];
	double value;

	if (point_number(run->point, name, &value)) {
		(void)buf_printf(out, "%s", format(figure, value));
	}
	return STYLE_PLAIN;
}

static enum style write_text(const json_t *run, const char *path, struct buf *out) {
	const char *text = document_text(run, path);

	(void)buf_printf(out, "%s", text ? text : "");
	return STYLE_PLAIN;
}

static enum style write_cell(const void *user, size_t row, size_t column, struct buf *out) {
	const struct shown *shown = user;
	const struct pareto *p = shown->pareto;
	const struct look *look = shown->look;
	const struct pareto_run *run = &p->runs[row];
	const struct state_look *state = state_look_of(run->run);

	switch (column) {
	case COLUMN_MARK:
		(void)buf_printf(out, "%s", run->mark[0] ? run->mark : look->utf8 ? "•" : "o");
		return run->on_front ? STYLE_GOOD : STYLE_PLAIN;
	case COLUMN_STATE_GLYPH:
		(void)buf_printf(out, "%s", state_glyph(state, look));
		return state->style;
	case COLUMN_RUN:
		(void)buf_printf(out, "%s", run->label);
		return STYLE_NAME;
	case COLUMN_ID:
		return write_text(run->run, "id", out);
	case COLUMN_PROJECT:
		return write_text(run->run, "project", out);
	case COLUMN_STATE:
		return write_text(run->run, "state", out);
	case COLUMN_FRONT:
		(void)buf_printf(out, "%s", run->on_front ? "yes" : "no");
		return STYLE_PLAIN;
	case COLUMN_X:
		return write_figure(run, p->query.x.metric.name, p->query.x.metric.format, out);
	case COLUMN_Y:
		return write_figure(run, p->query.y.metric.name, p->query.y.metric.format, out);
	case COLUMN_DEAD:
		return write_figure(run, "dead_features", figure_count, out);
	case COLUMN_NOTE:
		(void)buf_printf(out, "%s",
			run->news == PARETO_JOINED ? "new"
			: run->news == PARETO_LEFT ? "left"
						   : "");
		return STYLE_PLAIN;
	case COLUMN_TOKENS:
		return write_figure(run, "tokens", figure_count, out);
	default:
		write_worse(p, run, look->screen, out);
		return STYLE_PLAIN;
	}
}

/* A figure that is an axis already has no column of its own. */
static bool is_an_axis(const void *user, size_t column) {
	const struct pareto *p = ((const struct shown *)user)->pareto;
	const char *name = column == COLUMN_DEAD     ? "dead_features"
			   : column == COLUMN_TOKENS ? "tokens"
						     : "";

	return strcmp(p->query.x.metric.name, name) == 0 ||
	       strcmp(p->query.y.metric.name, name) == 0;
}

static void draw_table(
	const struct pareto *p, const struct render_pareto_options *options, struct page *page) {
	const struct shown shown = {p, &page->look};

	axes_table_draw(&(struct axes_table){.columns = columns,
				.n_columns = COLUMN_COUNT,
				.n_rows = p->n,
				.x = &p->query.x,
				.y = &p->query.y,
				.is_left_out = is_an_axis,
				.write = write_cell,
				.user = &shown,
				.no_headings = options->no_headings},
		page);
}

/* ---- the plot ---- */

struct extent {
	double least, greatest;
};

static void extent_take(struct extent *e, double value) {
	e->least = fmin(e->least, value);
	e->greatest = fmax(e->greatest, value);
}

/* Every window of every run that has both figures; NULL when memory is short. */
static struct scatter_spot *collect_paths(const struct pareto *p, size_t *ret_n) {
	size_t cap = 1, n = 0;

	for (size_t i = 0; i < p->n; i++) {
		cap += json_array_size(document_at(p->runs[i].run, "trajectory"));
	}
	struct scatter_spot *spots = calloc(cap, sizeof(*spots));
	for (size_t i = 0; spots && i < p->n; i++) {
		const json_t *path = document_at(p->runs[i].run, "trajectory");
		for (size_t j = 0, first = n; j < json_array_size(path); j++) {
			const json_t *point = json_array_get(path, j);
			double x, y;
			if (point_number(point, p->query.x.metric.name, &x) &&
				point_number(point, p->query.y.metric.name, &y) && isfinite(x) &&
				isfinite(y)) {
				spots[n] = (struct scatter_spot){x, y, n == first};
				n++;
			}
		}
	}
	*ret_n = n;
	return spots;
}

static struct scatter_point *collect_points(const struct pareto *p) {
	struct scatter_point *points = calloc(p->n + 1, sizeof(*points));

	for (size_t i = 0; points && i < p->n; i++) {
		const struct pareto_run *run = &p->runs[i];
		points[i] = (struct scatter_point){.x = run->at.x,
			.y = run->at.y,
			.style = run->on_front ? STYLE_GOOD : STYLE_PLAIN};
		memcpy(points[i].mark, run->mark, sizeof(run->mark));
	}
	return points;
}

static struct extent extent_of(const struct scatter *s, bool of_x) {
	struct extent e = {INFINITY, -INFINITY};

	for (size_t i = 0; i < s->n; i++) {
		extent_take(&e, of_x ? s->points[i].x : s->points[i].y);
	}
	for (size_t i = 0; i < s->n_spots; i++) {
		extent_take(&e, of_x ? s->spots[i].x : s->spots[i].y);
	}
	return e;
}

static void choose_scales(struct scatter *s) {
	struct extent x = extent_of(s, true), y = extent_of(s, false);

	s->x_log = scatter_wants_log(x.least, x.greatest);
	s->y_log = scatter_wants_log(y.least, y.greatest);
}

static void draw_plot(
	const struct pareto *p, const struct render_pareto_options *options, struct page *page) {
	size_t n_spots = 0;
	struct scatter_point *points = collect_points(p);
	struct scatter_spot *spots = options->trajectories ? collect_paths(p, &n_spots) : NULL;

	if (!points || (options->trajectories && !spots)) {
		page->status = -ENOMEM;
	} else {
		struct scatter s = {.x_title = p->query.x.metric.name,
			.y_title = p->query.y.metric.name,
			.points = points,
			.n = p->n,
			.n_line = p->n_front,
			.x_higher = p->query.x.higher,
			.y_higher = p->query.y.higher,
			.spots = spots,
			.n_spots = n_spots};
		choose_scales(&s);
		scatter_draw(&s, page);
	}
	free(points);
	free(spots);
}

/* ---- what is said above and below ---- */

static void render_title(const struct pareto *p, struct page *page) {
	char tokens[FORMAT_MAX];

	page_printf(page, STYLE_HEADING, "%s", p->query.x.metric.name);
	page_printf(page, STYLE_PLAIN, " (%s) against ", better_of(&p->query.x));
	page_printf(page, STYLE_HEADING, "%s", p->query.y.metric.name);
	page_printf(page, STYLE_PLAIN, " (%s)", better_of(&p->query.y));
	page_end_line(page);
	page_printf(page, STYLE_PLAIN, "%zu run%s, %zu on the front", p->n, p->n == 1 ? "" : "s",
		p->n_front);
	if (p->query.at_tokens > 0) {
		page_printf(page, STYLE_PLAIN, ", at %s tokens",
			format_count(tokens, p->query.at_tokens, 4));
	}
	if (p->query.as) {
		page_printf(page, STYLE_PLAIN, ", as %s defines it", p->query.as);
	}
	page_end_line(page);
}

static struct axes_apart get_apart(const void *user, size_t i) {
	const struct pareto *p = user;

	return (struct axes_apart){p->apart[i].run, p->apart[i].label, p->apart[i].why};
}

void render_pareto_warnings(const struct pareto *p, struct page *page) {
	for (size_t i = 0; i < json_array_size(p->warnings); i++) {
		page_put(page, STYLE_WARN, "! ");
		flow_put(page, STYLE_WARN, json_string_value(json_array_get(p->warnings, i)), 2);
		page_end_line(page);
	}
}

void render_pareto(
	const struct pareto *p, const struct render_pareto_options *options, struct page *page) {
	if (!page->look.screen) {
		draw_table(p, options, page);
		return;
	}
	render_title(p, page);
	if (p->n > 0 && !options->no_plot) {
		page_end_line(page);
		draw_plot(p, options, page);
		page_end_line(page);
	}
	if (p->n > 0) {
		draw_table(p, options, page);
		page_end_line(page);
	}
	render_pareto_change(p, page);
	axes_apart_draw("not compared:", p->n_apart, get_apart, p, page);
	render_pareto_warnings(p, page);
}
