#include "label_place.h"

#include <math.h>

#define GAP    3.0 /* between a point's rim and its name */
#define AROUND 8
#define RING   13.0

static bool overlap(const struct box *a, const struct box *b) {
	return a->left < b->right && b->left < a->right && a->top < b->bottom && b->top < a->bottom;
}

static bool within(const struct box *a, const struct box *bounds) {
	return a->left >= bounds->left && a->right <= bounds->right && a->top >= bounds->top &&
	       a->bottom <= bounds->bottom;
}

/* Narrows what of a line, from 0 to 1, is between two bounds of one coordinate. */
static bool narrow(double from, double to, double low, double high, double *first, double *last) {
	if (from == to) {
		return from > low && from < high;
	}
	double a = (low - from) / (to - from), b = (high - from) / (to - from);
	*first = fmax(*first, fmin(a, b));
	*last = fmin(*last, fmax(a, b));
	return *first < *last;
}

static bool crosses(struct place from, struct place to, const struct box *box) {
	double first = 0, last = 1;

	return narrow(from.x, to.x, box->left, box->right, &first, &last) &&
	       narrow(from.y, to.y, box->top, box->bottom, &first, &last);
}

/* On the good side first: beside the point, as one reads, then above or below it, then at the corners. */
static struct box candidate(const struct label *l, double radius, size_t ring, size_t side) {
	const int x = l->toward_x, y = l->toward_y;
	const struct {
		int x, y;
	} sides[AROUND] = {{x, 0}, {x, y}, {0, y}, {-x, y}, {x, -y}, {-x, 0}, {0, -y}, {-x, -y}};
	double away = radius + GAP + (double)ring * RING;
	bool corner = sides[side].x != 0 && sides[side].y != 0;

	away = corner ? away * M_SQRT1_2 : away;
	double middle_x = l->point.x + sides[side].x * (away + l->width / 2);
	double middle_y = l->point.y + sides[side].y * (away + l->height / 2);
	return (struct box){middle_x - l->width / 2, middle_y - l->height / 2,
		middle_x + l->width / 2, middle_y + l->height / 2};
}

/* From the point's rim to the nearest of the box. */
static void lead(struct label *l, double radius) {
	double x = fmin(fmax(l->point.x, l->box.left), l->box.right);
	double y = fmin(fmax(l->point.y, l->box.top), l->box.bottom);
	double dx = x - l->point.x, dy = y - l->point.y, length = hypot(dx, dy);

	l->from = (struct place){
		l->point.x + dx / length * radius, l->point.y + dy / length * radius};
	l->to = (struct place){x, y};
}

static bool is_free(const struct label *l, const struct label *placed, size_t n,
	const struct box *taken, size_t n_taken) {
	for (size_t i = 0; i < n; i++) {
		const struct label *other = &placed[i];
		if (!other->placed) {
			continue;
		}
		if (overlap(&l->box, &other->box) ||
			(other->far && crosses(other->from, other->to, &l->box)) ||
			(l->far && crosses(l->from, l->to, &other->box))) {
			return false;
		}
	}
	for (size_t i = 0; i < n_taken; i++) {
		if (overlap(&l->box, &taken[i])) {
			return false;
		}
	}
	return true;
}

void label_place(struct label *labels, size_t n, const struct box *taken, size_t n_taken,
	double radius, const struct box *bounds) {
	for (size_t i = 0; i < n; i++) {
		struct label *l = &labels[i];
		l->placed = false;
		for (size_t k = 0; k < l->reach * AROUND && !l->placed; k++) {
			l->box = candidate(l, radius, k / AROUND, k % AROUND);
			l->far = k >= AROUND;
			lead(l, radius);
			l->placed =
				within(&l->box, bounds) && is_free(l, labels, i, taken, n_taken);
		}
	}
}
