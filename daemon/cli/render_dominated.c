#include "render_dominated.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "format.h"
#include "table.h"

/* ---- the table ---- */

enum column_of {
	COLUMN_STATE_GLYPH,
	COLUMN_RUN,
	COLUMN_ID,
	COLUMN_USER,
	COLUMN_STATE,
	COLUMN_X,
	COLUMN_Y,
	COLUMN_TOKENS,
	COLUMN_GPU_HOURS,
	COLUMN_ASKED,
	COLUMN_WORSE,
	COLUMN_COUNT
};

enum { ON_ANY = 0, ON_SCREENS, ON_PIPES };

/* X's and Y's titles are the metrics' names. */
static const struct {
	struct table_column table;
	unsigned on;
} columns[COLUMN_COUNT] = {
	[COLUMN_STATE_GLYPH] = {{"", true, 0, 0}, ON_SCREENS},
	[COLUMN_RUN] = {{"RUN", true, 0, 20}, ON_ANY},
	[COLUMN_ID] = {{"ID", true, 4, 0}, ON_ANY},
	[COLUMN_USER] = {{"USER", true, 0, 0}, ON_PIPES},
	[COLUMN_STATE] = {{"STATE", true, 0, 0}, ON_PIPES},
	[COLUMN_X] = {{"X", false, 0, 0}, ON_ANY},
	[COLUMN_Y] = {{"Y", false, 0, 0}, ON_ANY},
	[COLUMN_TOKENS] = {{"TOKENS", false, 3, 0}, ON_ANY},
	[COLUMN_GPU_HOURS] = {{"GPU-H", false, 0, 0}, ON_ANY},
	[COLUMN_ASKED] = {{"ASKED", true, 0, 0}, ON_ANY},
	[COLUMN_WORSE] = {{"WORSE THAN", true, 0, 24}, ON_ANY},
};

struct shown {
	const struct dominated *d;
	const enum dominated_outcome *outcomes;
	const struct look *look;
	struct table_column heads[COLUMN_COUNT];
	enum column_of columns[COLUMN_COUNT];
	char x[FORMAT_MAX], y[FORMAT_MAX];
	size_t n;
};

static void heading_of(const struct pareto_axis *axis, char out[FORMAT_MAX]) {
	snprintf(out, FORMAT_MAX, "%s", axis->metric.brief);
	for (char *c = out; *c; c++) {
		*c = (char)toupper((unsigned char)*c);
	}
}

static void choose_columns(struct shown *s) {
	heading_of(&s->d->query.x, s->x);
	heading_of(&s->d->query.y, s->y);
	for (unsigned i = 0; i < COLUMN_COUNT; i++) {
		if (columns[i].on == (s->look->screen ? ON_PIPES : ON_SCREENS) ||
			(i == COLUMN_ASKED && !s->outcomes)) {
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

static const char *text_or_none(const json_t *run, const char *name) {
	const char *text = document_text(run, name);

	return text ? text : "-";
}

static enum style write_hours(const struct dominated_run *run, struct buf *out) {
	double hours = dominated_gpu_hours(run);

	(void)(isnan(hours) ? buf_printf(out, "-") : buf_printf(out, "%.1f", hours));
	return STYLE_PLAIN;
}

static enum style write_asked(enum dominated_outcome outcome, struct buf *out) {
	(void)buf_printf(out, "%s", outcome == DOMINATED_ASKED ? "yes" : "no");
	return outcome == DOMINATED_ASKED ? STYLE_GOOD : STYLE_BAD;
}

static enum style write_worse(
	const struct dominated *d, const struct dominated_run *run, struct buf *out) {
	char worse[DOMINATED_WORSE_SIZE];

	dominated_worse(d, run, worse);
	(void)buf_printf(out, "%s: %s", run->by.label, worse);
	return STYLE_PLAIN;
}

static enum style write_cell(
	const struct shown *s, size_t i, enum column_of column, struct buf *out) {
	const struct dominated_run *run = &s->d->runs[i];
	const struct dominated_place *place = &run->place;
	const struct state_look *state = state_look_of(place->run);
	char figure[FORMAT_MAX];

	switch (column) {
	case COLUMN_STATE_GLYPH:
		(void)buf_printf(out, "%s", state_glyph(state, s->look));
		return state->style;
	case COLUMN_RUN:
		(void)buf_printf(out, "%s", place->label);
		return STYLE_NAME;
	case COLUMN_ID:
		(void)buf_printf(out, "%s", text_or_none(place->run, "id"));
		return STYLE_PLAIN;
	case COLUMN_USER:
		(void)buf_printf(out, "%s", text_or_none(place->run, "user"));
		return STYLE_PLAIN;
	case COLUMN_STATE:
		(void)buf_printf(out, "%s", text_or_none(place->run, "state"));
		return STYLE_PLAIN;
	case COLUMN_X:
		(void)buf_printf(out, "%s", s->d->query.x.metric.format(figure, place->at.x));
		return STYLE_PLAIN;
	case COLUMN_Y:
		(void)buf_printf(out, "%s", s->d->query.y.metric.format(figure, place->at.y));
		return STYLE_PLAIN;
	case COLUMN_TOKENS:
		(void)buf_printf(out, "%s", figure_count(figure, place->tokens));
		return STYLE_PLAIN;
	case COLUMN_GPU_HOURS:
		return write_hours(run, out);
	case COLUMN_ASKED:
		return write_asked(s->outcomes[i], out);
	default:
		return write_worse(s->d, run, out);
	}
}

static int add_row(const struct shown *s, size_t i, struct table *t) {
	struct buf text = {0};
	int err = table_add_row(t);

	for (size_t k = 0; k < s->n && err == 0; k++) {
		buf_clear(&text);
		enum style style = write_cell(s, i, s->columns[k], &text);
		const char *cell = buf_text(&text);
		err = cell ? table_set(t, k, style, cell) : -ENOMEM;
	}
	buf_finish(&text);
	return err;
}

static void draw_table(
	const struct dominated *d, const enum dominated_outcome *outcomes, struct page *page) {
	struct shown shown = {.d = d, .outcomes = outcomes, .look = &page->look};

	choose_columns(&shown);
	struct table *t = table_create(shown.heads, shown.n);
	int err = t ? 0 : -ENOMEM;
	for (size_t i = 0; i < d->n && err == 0; i++) {
		err = add_row(&shown, i, t);
	}
	if (err < 0) {
		page->status = err;
	} else {
		table_draw(t, true, page);
	}
	table_destroy(t);
}

/* ---- what is said above and below ---- */

static void render_title(const struct dominated *d, bool asked, struct page *page) {
	char tokens[FORMAT_MAX];

	page_printf(page, STYLE_HEADING, "%zu", d->n);
	page_printf(page, STYLE_PLAIN,
		" of %zu run%s being trained %s worse than a finished one on ", d->n + d->n_left,
		d->n + d->n_left == 1 ? "" : "s", d->n == 1 ? "is" : "are");
	page_printf(page, STYLE_HEADING, "%s", d->query.x.metric.name);
	page_put(page, STYLE_PLAIN, " and ");
	page_printf(page, STYLE_HEADING, "%s", d->query.y.metric.name);
	page_end_line(page);
	page_printf(page, STYLE_PLAIN, "at %s tokens%s",
		format_count(tokens, d->query.at_tokens, 4),
		d->n == 0 ? ": there is nothing to stop"
		: asked   ? ""
			  : "; this is a dry run, nobody is asked to stop");
	page_end_line(page);
}

static void render_saved(const struct dominated *d, struct page *page) {
	size_t n_unknown;
	double hours = dominated_all_gpu_hours(d, &n_unknown);

	page_put(page, STYLE_PLAIN, "GPU-hours saved once they stop: ");
	if (n_unknown == d->n) {
		page_put(page, STYLE_HEADING, "-");
	} else {
		page_printf(page, STYLE_HEADING, "%.1f", hours);
		if (n_unknown > 0) {
			page_printf(page, STYLE_PLAIN, " (of %zu run%s it is not known)", n_unknown,
				n_unknown == 1 ? "" : "s");
		}
	}
	page_end_line(page);
}

void render_dominated_left(const struct dominated *d, struct page *page) {
	unsigned width = 0;

	for (size_t i = 0; i < d->n_left; i++) {
		unsigned own = glyph_columns(d->left[i].label, page->look.utf8);
		width = own > width ? own : width;
	}
	width = width > 32 && page->look.width > 0 ? 32 : width;
	if (d->n_left > 0) {
		page_put(page, STYLE_PLAIN, "left alone:");
		page_end_line(page);
	}
	for (size_t i = 0; i < d->n_left; i++) {
		const struct state_look *state = state_look_of(d->left[i].run);
		page_put(page, STYLE_PLAIN, "  ");
		page_put(page, state->style, state_glyph(state, &page->look));
		page_put(page, STYLE_PLAIN, " ");
		page_put_left(page, STYLE_NAME, d->left[i].label, width);
		page_put(page, STYLE_PLAIN, "  ");
		page_put_cut(page, STYLE_PLAIN, d->left[i].why, page_room(page));
		page_end_line(page);
	}
}

void render_dominated(
	const struct dominated *d, const enum dominated_outcome *outcomes, struct page *page) {
	if (!page->look.screen) {
		draw_table(d, outcomes, page);
		return;
	}
	render_title(d, outcomes != NULL, page);
	if (d->n > 0) {
		page_end_line(page);
		draw_table(d, outcomes, page);
		page_end_line(page);
		render_saved(d, page);
	}
	render_dominated_left(d, page);
}
