#include "render_dominated.h"

#include <math.h>
#include <stdio.h>

#include "axes_table.h"
#include "format.h"

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

static const struct axes_column columns[COLUMN_COUNT] = {
	[COLUMN_STATE_GLYPH] = {.table = {"", true, 0, 0}, ON_SCREENS},
	[COLUMN_RUN] = {.table = {"RUN", true, 0, 20}},
	[COLUMN_ID] = {.table = {"ID", true, 4, 0}},
	[COLUMN_USER] = {.table = {"USER", true, 0, 0}, ON_PIPES},
	[COLUMN_STATE] = {.table = {"STATE", true, 0, 0}, ON_PIPES},
	[COLUMN_X] = {.table = {"X", false, 0, 0}, .title = TITLE_X},
	[COLUMN_Y] = {.table = {"Y", false, 0, 0}, .title = TITLE_Y},
	[COLUMN_TOKENS] = {.table = {"TOKENS", false, 3, 0}},
	[COLUMN_GPU_HOURS] = {.table = {"GPU-H", false, 0, 0}},
	[COLUMN_ASKED] = {.table = {"ASKED", true, 0, 0}},
	[COLUMN_WORSE] = {.table = {"WORSE THAN", true, 0, 24}},
};

/* What the columns are filled from. */
struct shown {
	const struct dominated *d;
	const enum dominated_outcome *outcomes;
	const struct look *look;
};

static enum style write_text(const json_t *run, const char *name, struct buf *out) {
	const char *text = document_text(run, name);

	(void)buf_printf(out, "%s", text ? text : "");
	return STYLE_PLAIN;
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

static enum style write_cell(const void *user, size_t i, size_t column, struct buf *out) {
	const struct shown *s = user;
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
		return write_text(place->run, "id", out);
	case COLUMN_USER:
		return write_text(place->run, "user", out);
	case COLUMN_STATE:
		return write_text(place->run, "state", out);
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

/* Nobody is asked in a dry run. */
static bool is_left_out(const void *user, size_t column) {
	return column == COLUMN_ASKED && !((const struct shown *)user)->outcomes;
}

static void draw_table(
	const struct dominated *d, const enum dominated_outcome *outcomes, struct page *page) {
	const struct shown shown = {.d = d, .outcomes = outcomes, .look = &page->look};

	axes_table_draw(&(struct axes_table){.columns = columns,
				.n_columns = COLUMN_COUNT,
				.n_rows = d->n,
				.x = &d->query.x,
				.y = &d->query.y,
				.is_left_out = is_left_out,
				.write = write_cell,
				.user = &shown},
		page);
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

static struct axes_apart get_left(const void *user, size_t i) {
	const struct dominated *d = user;

	return (struct axes_apart){d->left[i].run, d->left[i].label, d->left[i].why};
}

void render_dominated_left(const struct dominated *d, struct page *page) {
	axes_apart_draw("left alone:", d->n_left, get_left, d, page);
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
