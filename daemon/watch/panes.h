/* The panes of `watch`: the model in, cells out. Pure; one file a pane. */
#pragma once

#include "grid.h"
#include "model.h"

/* All of the screen, into a grid of its size. Also says how many lines the run in full has, for the keys that scroll. 0 or -ENOMEM. */
int watch_draw(struct model *m, struct grid *g);

void pane_title_draw(const struct model *m, const struct rect *r, struct grid *g);
void pane_runs_draw(const struct model *m, const struct rect *r, struct grid *g);
/* 0 or -ENOMEM. */
int pane_curve_draw(const struct model *m, unsigned i, const struct rect *r, struct grid *g);
void pane_density_draw(const struct model *m, const struct rect *r, struct grid *g);
int pane_sparsity_draw(const struct model *m, const struct rect *r, struct grid *g);
/* The newest alerts of all runs; what is typed, and a source that is silent, go before them. */
void pane_alerts_draw(const struct model *m, const struct rect *r, struct grid *g);
int pane_run_draw(struct model *m, const struct rect *r, struct grid *g);
/* The Pareto front of the project of the run that is looked at. */
int pane_front_draw(struct model *m, const struct rect *r, struct grid *g);
/* A page of text in a frame, as far as it is scrolled. `draw` writes it; its colours are read back. */
int pane_page_draw(struct model *m, const char *title,
	int (*draw)(const struct model *m, struct page *page), const struct rect *r,
	struct grid *g);
void pane_help_draw(const struct rect *r, struct grid *g);
