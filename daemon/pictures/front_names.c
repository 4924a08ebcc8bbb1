#include <math.h>
#include <stdlib.h>

#include "front_picture.h"

#define LABEL_MOST   150.0 /* wide; what is longer loses its middle */
#define GROUND_ALPHA 0.75  /* of what is behind a name */
#define REACH        4     /* rings around a point of the front that its name may be in */

static const char *label_of(const struct front_point *p) {
	const char *label = document_text(p->run, "label");

	return label != NULL ? label : "";
}

static struct lettering label_lettering(
	const struct front_picture *f, const struct front_point *p) {
	struct lettering l = p->on_front ? frame_lettering(&f->frame, SIZE_TICKS, ANCHOR_START)
					 : frame_faint(&f->frame, SIZE_SMALL, ANCHOR_START);
	return l;
}

static void draw_label(const struct front_picture *f, size_t i) {
	const struct label *label = &f->labels[i];
	const struct front_point *p = &f->points[i];
	struct lettering l = label_lettering(f, p);
	const struct pen leader = {f->frame.theme->dim, 0.7, 0};

	if (label->far) {
		canvas_segment(f->frame.canvas, label->from.x, label->from.y, label->to.x,
			label->to.y, &leader);
	}
	/* Trajectories go where they go, but not through names. */
	canvas_box(f->frame.canvas, &label->box, theme_faded(f->frame.theme->ground, GROUND_ALPHA));
	(void)canvas_words_within(f->frame.canvas, label->box.left,
		label->box.bottom - l.size * 0.28, label_of(p), LABEL_MOST, &l);
}

static void make_label(const struct front_picture *f, size_t i) {
	const struct front_point *p = &f->points[i];
	struct lettering l = label_lettering(f, p);
	double width = canvas_width_of(f->frame.canvas, label_of(p), &l);
	/* Names of the front on its good side, the others on theirs. */
	int good_x = f->x_higher ? 1 : -1, good_y = f->y_higher ? -1 : 1;

	f->labels[i] = (struct label){.point = p->place,
		.width = fmin(width, LABEL_MOST) + 1,
		.height = l.size * 1.15,
		.toward_x = p->on_front ? good_x : -good_x,
		.toward_y = p->on_front ? good_y : -good_y,
		.reach = p->on_front ? REACH : 1};
}

static struct box box_around(struct place a, struct place b, double room) {
	return (struct box){fmin(a.x, b.x) - room, fmin(a.y, b.y) - room, fmax(a.x, b.x) + room,
		fmax(a.y, b.y) + room};
}

size_t front_names_draw(const struct front_picture *f) {
	size_t n_taken = f->n + (f->n_stair > 0 ? f->n_stair - 1 : 0), left_out = 0;
	struct box *taken = calloc(n_taken + 1, sizeof *taken);

	if (taken == NULL) {
		return f->n;
	}
	for (size_t i = 0; i < f->n; i++) {
		taken[i] = box_around(f->places[i], f->places[i], FRONT_RADIUS);
		make_label(f, i);
	}
	for (size_t i = f->n; i < n_taken; i++) {
		taken[i] = box_around(f->stair[i - f->n], f->stair[i - f->n + 1], 1);
	}
	label_place(f->labels, f->n, taken, n_taken, FRONT_RADIUS, &f->box);
	for (size_t i = 0; i < f->n; i++) {
		if (f->labels[i].placed) {
			draw_label(f, i);
		} else {
			left_out++;
		}
	}
	free(taken);
	return left_out;
}
