#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "panes.h"
#include "render_parts.h"

#define FIGURES_WIDTH 40u /* of the pane, from where there is room for two of them */
#define L0_WIDTH      6u
#define EV_WIDTH      7u

static void put_progress(const json_t *run, char *out, size_t size) {
	double progress;

	if (run_progress(run, &progress)) {
		double percent = floor(100 * progress);
		snprintf(out, size, "%.0f%%", progress < 1 ? fmin(percent, 99) : percent);
	} else {
		snprintf(out, size, "-");
	}
}

static unsigned put_figure(const json_t *run, const char *path, number_format format, unsigned end,
	unsigned width, unsigned y, struct grid *g) {
	char text[FORMAT_MAX];
	enum style style = figure_text(run, path, format, text, sizeof(text));

	grid_put_right(g, end - width, y, width, style, text);
	return end - width;
}

static void draw_run(const struct model *m, const struct listed_run *listed, unsigned y,
	const struct rect *r, struct grid *g) {
	const char *id = document_text(listed->run, "id");
	const struct state_look *state = state_look_of(listed->run);
	bool chosen = id && strcmp(id, m->selected) == 0;
	bool dim = strcmp(state->state, "finished") == 0;
	unsigned end = r->x + r->width;
	char progress[16];

	(void)grid_put(g, r->x, y, 1, STYLE_NAME, !chosen ? " " : g->utf8 ? "▶" : ">");
	(void)grid_put(g, r->x + 1, y, 1, state->style, state_glyph(state, &m->look));
	put_progress(listed->run, progress, sizeof(progress));
	grid_put_right(g, end - 4, y, 4, dim ? STYLE_DIM : STYLE_PLAIN, progress);
	end -= 5;
	if (r->width >= FIGURES_WIDTH) {
		end = put_figure(listed->run, "metrics.explained_variance", figure_ratio, end,
			EV_WIDTH, y, g);
		end = put_figure(
			listed->run, "metrics.l0", format_significant, end, L0_WIDTH, y, g);
	}
	(void)grid_put_middle(
		g, r->x + 3, y, end - r->x - 4, dim ? STYLE_DIM : STYLE_NAME, listed->label);
	if (chosen && m->focus == FOCUS_RUNS) {
		grid_reverse(g, r->x, y, r->width);
	}
}

static void draw_none(const struct model *m, const struct rect *r, struct grid *g) {
	const char *words = !m->status             ? ""
			    : m->filter[0]         ? "no run fits the filter"
			    : m->listing.n > 0     ? ""
			    : m->only->n_terms > 0 ? "no run is one of these"
						   : "no runs yet";

	(void)grid_put(g, r->x + 1, r->y, r->width - 1, STYLE_DIM, words);
}

void pane_runs_draw(const struct model *m, const struct rect *r, struct grid *g) {
	char title[96], note[32] = "";

	snprintf(title, sizeof(title), m->filter[0] ? "runs /%s" : "runs", m->filter);
	if (m->n_shown > r->height - 2) {
		snprintf(note, sizeof(note), "%zu-%zu of %zu", m->runs_top + 1,
			m->runs_top + r->height - 2 < m->n_shown ? m->runs_top + r->height - 2
								 : m->n_shown,
			m->n_shown);
	} else if (r->width >= FIGURES_WIDTH && m->n_shown > 0) {
		snprintf(note, sizeof(note), "L0     EV done");
	}
	struct rect inside = grid_frame(g, r, m->focus == FOCUS_RUNS, title, note);
	if (m->n_shown == 0) {
		draw_none(m, &inside, g);
	}
	for (unsigned y = 0; y < inside.height && m->runs_top + y < m->n_shown; y++) {
		draw_run(m, &m->listing.runs[m->shown[m->runs_top + y]], inside.y + y, &inside, g);
	}
}
