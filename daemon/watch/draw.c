#include "panes.h"

static void draw_too_small(const struct model *m, struct grid *g) {
	(void)grid_printf(g, 0, 0, g->width, STYLE_WARN, "too small: %ux%u", g->width, g->height);
	(void)grid_printf(
		g, 0, 1, g->width, STYLE_PLAIN, "needs %ux%u", LAYOUT_WIDTH_MIN, LAYOUT_HEIGHT_MIN);
	(void)grid_put(g, 0, 2, g->width, STYLE_DIM, "q quits");
	(void)m;
}

static int draw_board(const struct model *m, struct grid *g) {
	const struct layout *l = &m->layout;
	int err = 0;

	pane_runs_draw(m, &l->runs, g);
	for (unsigned i = 0; i < l->n_curves && err == 0; i++) {
		err = pane_curve_draw(m, i, &l->curves[i], g);
	}
	pane_density_draw(m, &l->density, g);
	return err == 0 ? pane_sparsity_draw(m, &l->sparsity, g) : err;
}

int watch_draw(struct model *m, struct grid *g) {
	const struct layout *l = &m->layout;
	int err;

	if (!m->fits) {
		draw_too_small(m, g);
		return 0;
	}
	pane_title_draw(m, &l->title, g);
	enum model_view below = m->view == VIEW_HELP ? m->before_help : m->view;
	if (below == VIEW_RUN || below == VIEW_FRONT) {
		struct rect all = {0, 1, g->width, g->height - 1 - l->alerts.height};
		err = below == VIEW_RUN ? pane_run_draw(m, &all, g) : pane_front_draw(m, &all, g);
	} else {
		err = draw_board(m, g);
	}
	pane_alerts_draw(m, &l->alerts, g);
	if (m->view == VIEW_HELP) {
		pane_help_draw(&(struct rect){0, 0, g->width, g->height}, g);
	}
	return err;
}
