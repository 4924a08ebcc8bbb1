#include "theme.h"

#define RGB(hex)                                                                                   \
	{ ((hex) >> 16) / 255.0, ((hex) >> 8 & 255) / 255.0, ((hex)&255) / 255.0, 1 }

const struct theme theme_light = {
	.ground = RGB(0xffffff),
	.ink = RGB(0x1f2328),
	.faint_ink = RGB(0x59636e),
	.grid = RGB(0xe7eaee),
	.frame = RGB(0x8c959f),
	.series = {RGB(0x0072b2), RGB(0xd55e00), RGB(0x009e73), RGB(0xcc79a7), RGB(0xe69f00),
		RGB(0x56b4e9), RGB(0x000000)},
	.warning = RGB(0xd55e00),
	.front = RGB(0x0072b2),
	.dim = RGB(0x9aa3ad),
	.old = RGB(0xbdd7ec),
	.recent = RGB(0x08306b),
};

const struct theme theme_dark = {
	.ground = RGB(0x14171c),
	.ink = RGB(0xe6e9ee),
	.faint_ink = RGB(0xa3acb8),
	.grid = RGB(0x2a2f37),
	.frame = RGB(0x6b7480),
	.series = {RGB(0x56b4e9), RGB(0xe69f00), RGB(0x2fbf94), RGB(0xcc79a7), RGB(0xf0e442),
		RGB(0xd55e00), RGB(0xffffff)},
	.warning = RGB(0xff7b39),
	.front = RGB(0x56b4e9),
	.dim = RGB(0x6b7480),
	.old = RGB(0x274560),
	.recent = RGB(0xbfe3ff),
};

static double between(double a, double b, double share) {
	return a + (b - a) * share;
}

struct colour theme_age(const struct theme *t, double age) {
	return (struct colour){
		between(t->old.red, t->recent.red, age),
		between(t->old.green, t->recent.green, age),
		between(t->old.blue, t->recent.blue, age),
		1,
	};
}

struct colour theme_faded(struct colour c, double alpha) {
	c.alpha *= alpha;
	return c;
}

struct pen theme_pen(const struct theme *t, size_t n, double width) {
	static const double dashes[] = {0, 5, 2};
	const size_t n_dashes = sizeof dashes / sizeof dashes[0];

	return (struct pen){
		t->series[n % THEME_COLOURS], width, dashes[n / THEME_COLOURS % n_dashes]};
}
