#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "format.h"
#include "front_picture.h"
#include "picture.h"

#define X_LABELS    20.0
#define X_TICK_ROOM 56.0
#define Y_TICK_ROOM 40.0
#define SHADE_ALPHA 0.06
#define TRAIL_ALPHA 0.35
#define FRONT_LINE  1.6
#define LEGEND_ROW  14.0

/* ---- values ---- */

static void widen(double value, double *low, double *high) {
	*low = fmin(*low, value);
	*high = fmax(*high, value);
}

static void widen_by(const json_t *run, double low[2], double high[2]) {
	size_t i;
	json_t *step;

	widen(document_count(run, "x"), &low[0], &high[0]);
	widen(document_count(run, "y"), &low[1], &high[1]);
	json_array_foreach(json_object_get(run, "trajectory"), i, step) {
		widen(json_number_value(json_array_get(step, 0)), &low[0], &high[0]);
		widen(json_number_value(json_array_get(step, 1)), &low[1], &high[1]);
	}
}

static bool is_log(const json_t *figures, const char *path) {
	const char *axis = document_text(figures, path);

	return axis != NULL && axis[1] == 'o';
}

static void make_axes(struct front_picture *f, double width, double height) {
	double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
	size_t i;
	json_t *run;

	json_array_foreach(f->runs, i, run) {
		widen_by(run, low, high);
	}
	if (!(low[0] <= high[0])) {
		low[0] = low[1] = 0.1;
		high[0] = high[1] = 1;
	}
	size_t most_x = (size_t)fmin(TICKS_MAX, fmax(2, floor(width / X_TICK_ROOM)));
	size_t most_y = (size_t)fmin(TICKS_MAX, fmax(2, floor(height / Y_TICK_ROOM)));
	axis_make_roomy(low[0], high[0], is_log(f->figures, "x.axis") && low[0] > 0, most_x, &f->x);
	axis_make_roomy(low[1], high[1], is_log(f->figures, "y.axis") && low[1] > 0, most_y, &f->y);
}

/* Those on the front first, from left to right; the others as they were. */
static int compare(const void *a, const void *b) {
	const struct front_point *one = a, *other = b;

	if (one->on_front != other->on_front) {
		return one->on_front ? -1 : 1;
	}
	if (one->x != other->x) {
		return one->x < other->x ? -1 : 1;
	}
	return (one->y > other->y) - (one->y < other->y);
}

static void make_points(struct front_picture *f) {
	for (size_t i = 0; i < f->n; i++) {
		struct front_point *p = &f->points[i];
		p->run = json_array_get(f->runs, i);
		p->x = document_count(p->run, "x");
		p->y = document_count(p->run, "y");
		p->on_front = document_true(p->run, "on_front");
		p->place = (struct place){
			frame_x(&f->box, &f->x, p->x), frame_y(&f->box, &f->y, p->y)};
		f->n_front += p->on_front;
	}
	qsort(f->points, f->n, sizeof *f->points, compare);
	for (size_t i = 0; i < f->n; i++) {
		f->places[i] = f->points[i].place;
	}
}

/* ---- the front ---- */

/* A stair, for between two runs nothing is known: on the one side of it all that is dominated. Its ends go to the frame. */
static void make_stair(struct front_picture *f) {
	double worst_x = f->x_higher ? f->box.left : f->box.right;
	double worst_y = f->y_higher ? f->box.bottom : f->box.top;
	struct place *stair = f->stair;
	size_t n = 0;

	if (f->n_front == 0) {
		return;
	}
	struct place first = f->places[0], last = f->places[f->n_front - 1];
	stair[n++] =
		f->x_higher ? (struct place){worst_x, first.y} : (struct place){first.x, worst_y};
	for (size_t i = 0; i < f->n_front; i++) {
		struct place here = f->places[i];
		if (i > 0) {
			struct place before = f->places[i - 1];
			stair[n++] = f->x_higher ? (struct place){before.x, here.y}
						 : (struct place){here.x, before.y};
		}
		stair[n++] = here;
	}
	stair[n++] =
		f->x_higher ? (struct place){last.x, worst_y} : (struct place){worst_x, last.y};
	f->n_stair = n;
	stair[n] = (struct place){worst_x, worst_y};
}

static void draw_stair(const struct front_picture *f) {
	const struct pen pen = {f->frame.theme->front, FRONT_LINE, 0};

	if (f->n_stair > 0) {
		canvas_area(f->frame.canvas, f->stair, f->n_stair + 1,
			theme_faded(pen.colour, SHADE_ALPHA));
		canvas_line(f->frame.canvas, f->stair, f->n_stair, &pen);
	}
}

static void draw_trail(const struct front_picture *f, const struct front_point *p) {
	const json_t *steps = json_object_get(p->run, "trajectory");
	size_t n = json_array_size(steps);
	struct place *places = n > 1 ? calloc(n, sizeof *places) : NULL;
	const struct theme *t = f->frame.theme;
	const struct pen pen = {theme_faded(p->on_front ? t->front : t->dim, TRAIL_ALPHA), 1, 0};

	for (size_t i = 0; places != NULL && i < n; i++) {
		const json_t *step = json_array_get(steps, i);
		places[i] = (struct place){
			frame_x(&f->box, &f->x, json_number_value(json_array_get(step, 0))),
			frame_y(&f->box, &f->y, json_number_value(json_array_get(step, 1)))};
	}
	if (places != NULL) {
		canvas_line(f->frame.canvas, places, n, &pen);
	}
	free(places);
}

static void draw_point(const struct front_picture *f, const struct front_point *p) {
	const struct theme *t = f->frame.theme;
	const struct pen rim = {p->on_front ? t->ground : t->dim, 1.2, 0};

	canvas_disc(f->frame.canvas, p->place, p->on_front ? FRONT_RADIUS : FRONT_RADIUS - 0.6,
		p->on_front ? t->front : t->ground, &rim);
}

/* ---- around it ---- */

/* One line of it, upward; the next is to its right. */
static void draw_upward(struct front_picture *f, const char *text, double room, double size) {
	struct lettering l = frame_lettering(&f->frame, size, ANCHOR_MIDDLE);

	l.upward = true;
	(void)canvas_words_within(f->frame.canvas, f->frame.box.left + SIZE_WORDS,
		f->frame.box.top + room / 2, text, room, &l);
	f->frame.box.left += SIZE_WORDS + 3;
}

/* Where a low picture has no room for all of it, which way is better is a line of its own. */
static void draw_y_title(struct front_picture *f) {
	struct lettering small = frame_lettering(&f->frame, SIZE_SMALL, ANCHOR_MIDDLE),
			 full = small;
	const char *label = document_text(f->figures, "y.label");
	const char *text = label != NULL ? label : "", *better = strstr(text, FRONT_DASH);
	double room = f->frame.box.bottom - f->frame.box.top - X_LABELS;
	char what[160];

	full.size = SIZE_WORDS;
	if (better == NULL || canvas_width_of(f->frame.canvas, text, &small) <= room) {
		bool fits = canvas_width_of(f->frame.canvas, text, &full) <= room;
		draw_upward(f, text, room, fits ? SIZE_WORDS : SIZE_SMALL);
	} else {
		snprintf(what, sizeof what, "%.*s", (int)(better - text), text);
		draw_upward(f, what, room, SIZE_SMALL);
		draw_upward(f, better + strlen(FRONT_DASH), room, SIZE_SMALL);
	}
	f->frame.box.left += 5;
}

/* Behind what was said before, or below it where there is no room; `right` says where the next may begin. */
static void say(struct front_picture *f, double *right, const char *words) {
	struct lettering l = frame_faint(&f->frame, SIZE_SMALL, ANCHOR_START);
	double left = f->frame.box.left;

	if (*right > left &&
		*right + canvas_width_of(f->frame.canvas, words, &l) > f->frame.box.right) {
		*right = left;
		f->frame.box.top += LEGEND_ROW;
	}
	*right += canvas_words_within(f->frame.canvas, *right, f->frame.box.top + SIZE_SMALL, words,
			  f->frame.box.right - *right, &l) +
		  16;
}

static bool has_dominated(const json_t *runs) {
	size_t i;
	json_t *run;

	json_array_foreach(runs, i, run) {
		if (!document_true(run, "on_front")) {
			return true;
		}
	}
	return false;
}

static void draw_legend(struct front_picture *f) {
	const struct theme *t = f->frame.theme;
	const struct pen front = {t->front, FRONT_LINE, 0}, rim = {t->dim, 1.2, 0};
	double x = f->frame.box.left, y = f->frame.box.top + SIZE_SMALL - 3;
	const char *prefix = document_text(f->figures, "label_prefix");

	canvas_segment(f->frame.canvas, x, y, x + 18, y, &front);
	canvas_disc(f->frame.canvas, (struct place){x + 9, y}, FRONT_RADIUS, t->front,
		&(struct pen){t->ground, 1.2, 0});
	x += 24;
	say(f, &x, "on the front");
	if (has_dominated(f->runs)) {
		canvas_disc(f->frame.canvas, (struct place){x + 4, y}, FRONT_RADIUS - 0.6,
			t->ground, &rim);
		x += 13;
		say(f, &x, "dominated");
	}
	if (document_true(f->figures, "unequal_tokens")) {
		say(f, &x, "compared at unequal tokens");
	}
	if (prefix != NULL) {
		char words[160];
		snprintf(words, sizeof words, "all names begin with %.120s", prefix);
		say(f, &x, words);
	}
	/* How many names have no room is known when they are placed; its own place is kept. */
	struct lettering l = frame_faint(&f->frame, SIZE_SMALL, ANCHOR_END);
	double note = canvas_width_of(f->frame.canvas, "999 names left out: no room", &l);
	f->frame.box.top += x + note > f->frame.box.right ? LEGEND_ROW : 0;
	f->note_y = f->frame.box.top + SIZE_SMALL;
	f->frame.box.top += SIZE_SMALL + 12;
}

static void say_left_out(const struct front_picture *f, size_t n) {
	struct lettering l = frame_faint(&f->frame, SIZE_SMALL, ANCHOR_END);
	char words[96];

	if (n > 0) {
		snprintf(words, sizeof words, "%zu name%s left out: no room", n, n == 1 ? "" : "s");
		canvas_words(f->frame.canvas, f->box.right, f->note_y, words, &l);
	}
}

static void draw_all(struct front_picture *f) {
	double width = f->frame.box.right - f->frame.box.left;
	double height = f->frame.box.bottom - f->frame.box.top - X_LABELS;

	make_axes(f, width, height);
	f->box = f->frame.box;
	f->box.left += frame_tick_width(&f->frame, &f->y);
	f->box.bottom -= X_LABELS;
	make_points(f);
	make_stair(f);
	frame_y_axis(&f->frame, &f->box, &f->y);
	frame_x_axis(&f->frame, &f->box, &f->x, true);
	canvas_clip(f->frame.canvas, &f->box);
	draw_stair(f);
	for (size_t i = f->n; i-- > 0;) {
		draw_trail(f, &f->points[i]);
	}
	canvas_clip(f->frame.canvas, NULL);
	for (size_t i = f->n; i-- > 0;) {
		draw_point(f, &f->points[i]);
	}
	say_left_out(f, front_names_draw(f));
}

void draw_front(struct canvas *canvas, const struct picture *p, const json_t *figures) {
	struct front_picture f = {.figures = figures,
		.runs = json_object_get(figures, "runs"),
		.x_higher = document_true(figures, "x.higher"),
		.y_higher = document_true(figures, "y.higher")};
	const char *x_label = document_text(figures, "x.label");

	f.n = json_array_size(f.runs);
	f.points = calloc(f.n + 1, sizeof *f.points);
	f.places = calloc(f.n + 1, sizeof *f.places);
	f.labels = calloc(f.n + 1, sizeof *f.labels);
	f.stair = calloc(2 * f.n + 3, sizeof *f.stair);
	frame_begin(
		&f.frame, canvas, p->theme, p->width, p->height, document_text(figures, "title"));
	draw_legend(&f);
	frame_below(&f.frame, x_label != NULL ? x_label : "");
	draw_y_title(&f);
	if (f.points != NULL && f.places != NULL && f.labels != NULL && f.stair != NULL) {
		draw_all(&f);
	}
	free(f.points);
	free(f.places);
	free(f.labels);
	free(f.stair);
}
