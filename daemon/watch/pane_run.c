#include "panes.h"
#include "render.h"

static int draw_run(const struct model *m, struct page *page) {
	if (m->detail) {
		render_run(m->status, m->detail, page);
	}
	return 0;
}

/* What `status RUN` prints, as wide as the screen. */
int pane_run_draw(struct model *m, const struct rect *r, struct grid *g) {
	return pane_page_draw(m, model_run_label(m), draw_run, r, g);
}
