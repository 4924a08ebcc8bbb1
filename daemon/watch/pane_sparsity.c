#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "panes.h"
#include "plot.h"
#include "render_forward.h"
#include "render_parts.h"

#define LABEL_WIDTH 9u
#define SHARE_WIDTH 8u
#define SERIES_MAX  64u

/* A line of the pane; false when there is none left. */
struct lines {
	const struct rect *r;
	struct grid *g;
	unsigned n;
};

static bool line_next(struct lines *l, const char *label, unsigned *ret_y) {
	if (l->n >= l->r->height) {
		return false;
	}
	*ret_y = l->r->y + l->n++;
	(void)grid_put(l->g, l->r->x + 1, *ret_y, LABEL_WIDTH, STYLE_PLAIN, label);
	return true;
}

/* `dead      312   1.3 %` */
static void put_count(
	struct lines *l, const json_t *sparsity, const char *label, const char *path) {
	char text[FORMAT_MAX];
	double count, d_sae = document_count(sparsity, "d_sae");
	unsigned y, width = l->r->width;

	if (!document_number(sparsity, path, &count) || !line_next(l, label, &y)) {
		return;
	}
	grid_put_right(l->g, l->r->x + LABEL_WIDTH, y, width - LABEL_WIDTH - SHARE_WIDTH - 1,
		STYLE_PLAIN, figure_grouped(text, count));
	if (d_sae > 0) {
		snprintf(text, sizeof(text), "%.1f %%", 100 * count / d_sae);
		grid_put_right(
			l->g, l->r->x + width - SHARE_WIDTH - 1, y, SHARE_WIDTH, STYLE_DIM, text);
	}
}

static int put_spark(struct lines *l, const json_t *windows, const char *label, const char *path) {
	double values[SERIES_MAX];
	size_t all = json_array_size(windows), n = 0;
	struct look look = {.width = l->r->width, .screen = true, .utf8 = l->g->utf8};
	struct page page;
	unsigned y;

	for (size_t i = all > SERIES_MAX ? all - SERIES_MAX : 0; i < all; i++) {
		double value;
		bool there = document_number(json_array_get(windows, i), path, &value);
		values[n++] = there ? value : NAN;
	}
	if (n < 2 || !line_next(l, label, &y)) {
		return 0;
	}
	page_init(&page, &look);
	(void)plot_spark(&page, values, n, l->r->width - LABEL_WIDTH - 2);
	const char *text = page_text(&page);
	if (text) {
		(void)grid_put(l->g, l->r->x + LABEL_WIDTH + 1, y, l->r->width - LABEL_WIDTH - 2,
			STYLE_PLAIN, text);
	}
	page_finish(&page);
	return text ? 0 : -ENOMEM;
}

static int put_forward(struct lines *l, const struct model *m, const json_t *run) {
	struct buf text = {0};
	double dropped = document_count(run, "client.dropped");
	char figure[FORMAT_MAX];
	unsigned y, room = l->r->width - LABEL_WIDTH - 2;
	enum style style = render_forward_cell(document_at(run, "forward"), &m->look, &text);
	const char *words = text.len > 0 ? buf_text(&text) : "-";

	if (words && line_next(l, "forward", &y)) {
		grid_put_right(l->g, l->r->x + LABEL_WIDTH + 1, y, room, style, words);
	}
	buf_finish(&text);
	if (line_next(l, "dropped", &y)) {
		grid_put_right(l->g, l->r->x + LABEL_WIDTH + 1, y, room,
			dropped > 0 ? STYLE_BAD : STYLE_PLAIN, figure_grouped(figure, dropped));
	}
	return words ? 0 : -ENOMEM;
}

static void put_pace(struct lines *l, const json_t *run) {
	static const struct {
		const char *label, *path;
		number_format format;
	} paces[] = {{"tok/s", "rate.tokens_per_s", figure_count},
		{"ETA", "eta_s", format_duration}, {"step", "step", figure_grouped}};
	char text[FORMAT_MAX];
	double value;
	unsigned y;

	for (size_t i = 0; i < sizeof(paces) / sizeof(paces[0]); i++) {
		if (document_number(run, paces[i].path, &value) &&
			line_next(l, paces[i].label, &y)) {
			grid_put_right(l->g, l->r->x + LABEL_WIDTH + 1, y,
				l->r->width - LABEL_WIDTH - 2, STYLE_PLAIN,
				paces[i].format(text, value));
		}
	}
}

/* Below one firing in all tokens of the window nothing can be told from a feature that never fired. */
static bool resolves(const json_t *sparsity, double density) {
	return document_count(sparsity, "n_tokens") * density >= 1;
}

int pane_sparsity_draw(const struct model *m, const struct rect *r, struct grid *g) {
	const json_t *run = model_run(m), *sparsity = document_at(run, "sparsity");
	const json_t *windows = document_at(m->detail, "windows");
	double window;
	char note[32] = "";

	if (document_number(sparsity, "window", &window)) {
		snprintf(note, sizeof(note), "w %.0f", window);
	}
	struct rect inside = grid_frame(g, r, false, "sparsity", note);
	struct lines l = {&inside, g, 0};
	if (!run) {
		return 0;
	}
	put_count(&l, sparsity, "dead", "dead_features");
	put_count(&l, sparsity, "never", "never_fired");
	if (resolves(sparsity, 1e-6)) {
		put_count(&l, sparsity, "<1e-6", "below_1e-6");
	}
	if (resolves(sparsity, 1e-5)) {
		put_count(&l, sparsity, "<1e-5", "below_1e-5");
	}
	put_count(&l, sparsity, ">0.1", "above_1e-1");
	int err = put_spark(&l, windows, "dead", "dead_features");
	err = err == 0 ? put_forward(&l, m, run) : err;
	l.n += l.n + 3 < inside.height;
	put_pace(&l, run);
	return err;
}
