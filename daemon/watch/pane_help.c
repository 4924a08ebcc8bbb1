#include "panes.h"

static const char *const keys[][2] = {
	{"q", "quit"},
	{"?", "this help; any key closes it"},
	{"↑ ↓  k j", "the run above, below; in the density: back in time"},
	{"PgUp PgDn g G", "a page up, down; the first, the last"},
	{"Enter", "the run in full; Esc goes back"},
	{"p", "the Pareto front of the run's project; Esc goes back"},
	{"/", "only runs with these words in name, id, project, group,"},
	{"", "user, state or tags; Esc shows all again"},
	{"Tab", "the next pane: runs, density, each curve"},
	{"← →  M m", "another metric in the curve that is in focus"},
	{"y", "curves: scale chosen by itself, logarithmic, linear"},
	{"x", "curves: over steps, tokens, time"},
};
static const char *const legend[] = {
	"A curve is the mean of its steps, the faint band what they span;",
	"a red x marks a value that was not finite. In the density each row",
	"is a window, the fuller the more features; the axis ends where one",
	"firing in all the window's tokens is.",
};
#define N_KEYS     (sizeof(keys) / sizeof(keys[0]))
#define N_LEGEND   (sizeof(legend) / sizeof(legend[0]))
#define HELP_WIDTH 76u
#define KEY_WIDTH  16u

static const char *ascii_of(const char *key, bool utf8, const char *fallback) {
	return utf8 || (unsigned char)key[0] < 0x80 ? key : fallback;
}

void pane_help_draw(const struct rect *r, struct grid *g) {
	unsigned height = N_KEYS + N_LEGEND + 3;
	struct rect box = {r->x + (r->width - HELP_WIDTH) / 2, r->y + (r->height - height) / 2,
		HELP_WIDTH, height};
	unsigned y;

	grid_blank(g, &box);
	struct rect inside = grid_frame(g, &box, true, "keys", "");
	for (y = 0; y < N_KEYS; y++) {
		const char *key =
			ascii_of(keys[y][0], g->utf8, y < 4 ? "up down  k j" : "left right  M m");
		(void)grid_put(g, inside.x + 1, inside.y + y, KEY_WIDTH, STYLE_NAME, key);
		(void)grid_put(g, inside.x + 1 + KEY_WIDTH, inside.y + y,
			inside.width - KEY_WIDTH - 1, STYLE_PLAIN, keys[y][1]);
	}
	for (unsigned i = 0; i < N_LEGEND; i++) {
		(void)grid_put(g, inside.x + 1, inside.y + y + 1 + i, inside.width - 2, STYLE_DIM,
			legend[i]);
	}
}
