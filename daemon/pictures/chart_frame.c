#include "chart_frame.h"

#define LEGEND_ROW    17.0
#define LEGEND_LINE   20.0 /* how long the line before a name is */
#define LEGEND_GAP    6.0
#define LEGEND_BEHIND 18.0 /* from a name to the next line */
#define TICK_GAP      6.0

struct lettering frame_lettering(const struct chart_frame *f, double size, enum anchor anchor) {
	return (struct lettering){.colour = f->theme->ink, .size = size, .anchor = anchor};
}

struct lettering frame_faint(const struct chart_frame *f, double size, enum anchor anchor) {
	return (struct lettering){.colour = f->theme->faint_ink, .size = size, .anchor = anchor};
}

void frame_begin(struct chart_frame *f, struct canvas *c, const struct theme *t, double width,
	double height, const char *title) {
	/* Beyond the edges, too: the last pixel may be a part of one. */
	const struct box all = {-1, -1, width + 1, height + 1};

	*f = (struct chart_frame){c, t, {MARGIN, MARGIN, width - MARGIN, height - MARGIN}};
	canvas_box(c, &all, t->ground);
	if (title != NULL && title[0] != '\0') {
		struct lettering l = frame_lettering(f, SIZE_TITLE, ANCHOR_START);
		l.bold = true;
		(void)canvas_words_within(c, f->box.left, f->box.top + SIZE_TITLE, title,
			f->box.right - f->box.left, &l);
		f->box.top += SIZE_TITLE + 12;
	}
}

/* ---- legend ---- */

void frame_legend(struct chart_frame *f, const char *const *names, size_t n) {
	struct lettering l = frame_lettering(f, SIZE_WORDS, ANCHOR_START);
	double x = f->box.left, most = f->box.right - f->box.left - LEGEND_LINE - LEGEND_GAP;

	for (size_t i = 0; i < n; i++) {
		double width = canvas_width_of(f->canvas, names[i], &l);
		width = width < most ? width : most;
		if (x > f->box.left && x + LEGEND_LINE + LEGEND_GAP + width > f->box.right) {
			x = f->box.left;
			f->box.top += LEGEND_ROW;
		}
		struct pen pen = theme_pen(f->theme, i, 2);
		double y = f->box.top + SIZE_WORDS;
		canvas_segment(f->canvas, x, y - 3.5, x + LEGEND_LINE, y - 3.5, &pen);
		x += LEGEND_LINE + LEGEND_GAP;
		(void)canvas_words_within(f->canvas, x, y, names[i], width, &l);
		x += width + LEGEND_BEHIND;
	}
	f->box.top += n > 0 ? LEGEND_ROW + 6 : 0;
}

void frame_below(struct chart_frame *f, const char *text) {
	struct lettering l = frame_lettering(f, SIZE_WORDS, ANCHOR_MIDDLE);

	(void)canvas_words_within(f->canvas, (f->box.left + f->box.right) / 2, f->box.bottom - 2,
		text, f->box.right - f->box.left, &l);
	f->box.bottom -= SIZE_WORDS + 7;
}

/* ---- axes ---- */

double frame_x(const struct box *box, const struct axis *x, double value) {
	return box->left + axis_share(x, value) * (box->right - box->left);
}

double frame_y(const struct box *box, const struct axis *y, double value) {
	return box->bottom - axis_share(y, value) * (box->bottom - box->top);
}

double frame_tick_width(const struct chart_frame *f, const struct axis *a) {
	struct lettering l = frame_faint(f, SIZE_TICKS, ANCHOR_END);
	double most = 0;

	for (size_t i = 0; i < a->ticks.n; i++) {
		double width = canvas_width_of(f->canvas, a->ticks.label[i], &l);
		most = width > most ? width : most;
	}
	return most + TICK_GAP;
}

struct minor_marks {
	const struct chart_frame *frame;
	const struct box *box;
	const struct axis *axis;
	bool along_x;
};

static void minor_mark(void *user, double at) {
	const struct minor_marks *m = user;
	const struct pen pen = {m->frame->theme->frame, 0.7, 0};

	if (m->along_x) {
		double x = frame_x(m->box, m->axis, at);
		canvas_segment(m->frame->canvas, x, m->box->bottom, x, m->box->bottom + 2, &pen);
	} else {
		double y = frame_y(m->box, m->axis, at);
		canvas_segment(m->frame->canvas, m->box->left - 3, y, m->box->left - 1, y, &pen);
	}
}

void frame_x_axis(
	const struct chart_frame *f, const struct box *box, const struct axis *x, bool labelled) {
	struct lettering l = frame_faint(f, SIZE_TICKS, ANCHOR_MIDDLE);
	const struct pen grid = {f->theme->grid, 1, 0}, frame = {f->theme->frame, 1, 0};

	for (size_t i = 0; i < x->ticks.n; i++) {
		double at = frame_x(box, x, x->ticks.at[i]);
		canvas_segment(f->canvas, at, box->top, at, box->bottom, &grid);
		canvas_segment(f->canvas, at, box->bottom, at, box->bottom + 3, &frame);
		if (labelled) {
			canvas_words(f->canvas, at, box->bottom + TICK_GAP + SIZE_TICKS,
				x->ticks.label[i], &l);
		}
	}
	axis_minor(x, minor_mark, &(struct minor_marks){f, box, x, true});
	canvas_segment(f->canvas, box->left, box->bottom, box->right, box->bottom, &frame);
}

void frame_y_axis(const struct chart_frame *f, const struct box *box, const struct axis *y) {
	struct lettering l = frame_faint(f, SIZE_TICKS, ANCHOR_END);
	const struct pen grid = {f->theme->grid, 1, 0};

	for (size_t i = 0; i < y->ticks.n; i++) {
		double at = frame_y(box, y, y->ticks.at[i]);
		canvas_segment(f->canvas, box->left, at, box->right, at, &grid);
		canvas_words(f->canvas, box->left - TICK_GAP, at + SIZE_TICKS * 0.36,
			y->ticks.label[i], &l);
	}
	axis_minor(y, minor_mark, &(struct minor_marks){f, box, y, false});
}
