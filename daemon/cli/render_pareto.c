#include "render_pareto.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "flow.h"
#include "format.h"
#include "render_pareto_change.h"
#include "scatter.h"
#include "table.h"

/* ---- how an axis is called ---- */

/* As a heading: `L0`, `FVU`, `EV`. */
static void heading_of(const struct pareto_axis *axis, char *out, size_t size) {
	snprintf(out, size, "%s", axis->metric.brief);
	for (char *c = out; *c; c++) {
		*c = (char)toupper((unsigned char)*c);
	}
}

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

enum { ON_ANY = 0, ON_SCREENS, ON_PIPES };

/* X's and Y's titles are the metrics' names. */
static const struct {
	struct table_column table;
	unsigned on;
} columns[COLUMN_COUNT] = {
	[COLUMN_MARK] = {{"", true, 0, 0}, ON_SCREENS},
	[COLUMN_STATE_GLYPH] = {{"", true, 0, 0}, ON_SCREENS},
	[COLUMN_RUN] = {{"RUN", true, 0, 20}, ON_ANY},
	[COLUMN_ID] = {{"ID", true, 4, 0}, ON_ANY},
	[COLUMN_PROJECT] = {{"PROJECT", true, 0, 0}, ON_PIPES},
	[COLUMN_STATE] = {{"STATE", true, 0, 0}, ON_PIPES},
	[COLUMN_FRONT] = {{"FRONT", true, 0, 0}, ON_PIPES},
	[COLUMN_X] = {{"X", false, 0, 0}, ON_ANY},
	[COLUMN_Y] = {{"Y", false, 0, 0}, ON_ANY},
	[COLUMN_DEAD] = {{"DEAD", false, 3, 0}, ON_ANY},
	[COLUMN_TOKENS] = {{"TOKENS", false, 2, 0}, ON_ANY},
	[COLUMN_NOTE] = {{"NOTE", true, 0, 0}, ON_PIPES},
	[COLUMN_WORSE] = {{"WORSE THAN", true, 0, 40}, ON_ANY},
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

static enum style write_cell(const struct pareto *p, const struct pareto_run *run,
	enum column_of column, const struct look *look, struct buf *out) {
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

struct shown {
	struct table_column heads[COLUMN_COUNT];
	enum column_of columns[COLUMN_COUNT];
	char x[FORMAT_MAX], y[FORMAT_MAX];
	size_t n;
};

/* A figure that is an axis already has no column of its own. */
static bool is_an_axis(const struct pareto *p, enum column_of column) {
	const char *name = column == COLUMN_DEAD     ? "dead_features"
			   : column == COLUMN_TOKENS ? "tokens"
						     : "";

	return strcmp(p->query.x.metric.name, name) == 0 ||
	       strcmp(p->query.y.metric.name, name) == 0;
}

static void choose_columns(const struct pareto *p, bool screen, struct shown *s) {
	heading_of(&p->query.x, s->x, sizeof(s->x));
	heading_of(&p->query.y, s->y, sizeof(s->y));
	s->n = 0;
	for (unsigned i = 0; i < COLUMN_COUNT; i++) {
		if (columns[i].on == (screen ? ON_PIPES : ON_SCREENS) || is_an_axis(p, i)) {
			continue;
		}
		s->columns[s->n] = i;
		s->heads[s->n] = columns[i].table;
		s->heads[s->n].title = i == COLUMN_X   ? s->x
				       : i == COLUMN_Y ? s->y
						       : columns[i].table.title;
		s->n++;
	}
}

static int add_row(const struct pareto *p, const struct pareto_run *run, const struct shown *s,
	const struct look *look, struct table *t) {
	struct buf text = {0};
	int err = table_add_row(t);

	for (size_t i = 0; i < s->n && err == 0; i++) {
		buf_clear(&text);
		enum style style = write_cell(p, run, s->columns[i], look, &text);
		bool may_be_empty = s->columns[i] == COLUMN_WORSE && look->screen;
		const char *cell = text.len > 0 || may_be_empty ? buf_text(&text) : "-";
		err = cell ? table_set(t, i, style, cell) : -ENOMEM;
	}
	buf_finish(&text);
	return err;
}

static void draw_table(
	const struct pareto *p, const struct render_pareto_options *options, struct page *page) {
	struct shown shown;

	choose_columns(p, page->look.screen, &shown);
	struct table *t = table_create(shown.heads, shown.n);
	int err = t ? 0 : -ENOMEM;
	for (size_t i = 0; i < p->n && err == 0; i++) {
		err = add_row(p, &p->runs[i], &shown, &page->look, t);
	}
	if (err < 0) {
		page->status = err;
	} else {
		table_draw(t, !options->no_headings, page);
	}
	table_destroy(t);
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

static void render_apart(const struct pareto *p, struct page *page) {
	unsigned width = 0;

	for (size_t i = 0; i < p->n_apart; i++) {
		unsigned own = glyph_columns(p->apart[i].label, page->look.utf8);
		width = own > width ? own : width;
	}
	width = width > 32 ? 32 : width;
	if (p->n_apart > 0) {
		page_put(page, STYLE_PLAIN, "not compared:");
		page_end_line(page);
	}
	for (size_t i = 0; i < p->n_apart; i++) {
		const struct state_look *state = state_look_of(p->apart[i].run);
		page_put(page, STYLE_PLAIN, "  ");
		page_put(page, state->style, state_glyph(state, &page->look));
		page_put(page, STYLE_PLAIN, " ");
		page_put_left(page, STYLE_NAME, p->apart[i].label, width);
		page_put(page, STYLE_PLAIN, "  ");
		page_put_cut(page, STYLE_PLAIN, p->apart[i].why, page_room(page));
		page_end_line(page);
	}
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
	render_apart(p, page);
	render_pareto_warnings(p, page);
}
