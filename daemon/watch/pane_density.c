#include <math.h>
#include <stdio.h>

#include "heat.h"
#include "panes.h"
#include "render_parts.h"

#define LABEL_WIDTH 7u /* ` w 1234` */
#define DECADES_MIN 4.0
#define DECADES_MAX 10.0

struct map {
	const json_t *windows;
	size_t first, n, back; /* of them, those on the screen, and how many are newer */
	unsigned decades, per_decade;
	double most; /* the greatest count of a column on the screen */
};

/* As far as the windows can tell: one firing in all the tokens of one. */
static unsigned decades_of(const json_t *windows) {
	double n_tokens = 0;

	for (size_t i = 0; i < json_array_size(windows); i++) {
		n_tokens = fmax(n_tokens, document_count(json_array_get(windows, i), "n_tokens"));
	}
	double decades = n_tokens >= 1 ? ceil(log10(n_tokens) - 1e-9) : 0;
	return (unsigned)fmin(fmax(decades, DECADES_MIN), DECADES_MAX);
}

static struct map map_of(const struct model *m, const struct rect *r) {
	struct map map = {.windows = document_at(m->detail, "windows")};
	size_t all = json_array_size(map.windows), rows = r->height - 1;
	double counts[HEAT_COLUMNS_MAX];

	size_t end = all > m->density_back ? all - m->density_back : 0;
	end = end < rows ? (rows < all ? rows : all) : end;
	map.n = end < rows ? end : rows;
	map.first = end - map.n;
	map.back = all - end;
	map.decades = decades_of(map.windows);
	map.per_decade = heat_per_decade(r->width - LABEL_WIDTH - 2, map.decades);
	for (size_t i = 0; i < map.n; i++) {
		unsigned n = heat_counts(json_array_get(map.windows, map.first + i), map.decades,
			map.per_decade, counts);
		for (unsigned column = 0; column < n; column++) {
			map.most = fmax(map.most, counts[column]);
		}
	}
	return map;
}

static void draw_window(
	const struct map *map, size_t i, unsigned y, const struct rect *r, struct grid *g) {
	const json_t *window = json_array_get(map->windows, map->first + i);
	const json_t *complete = document_at(window, "complete");
	double counts[HEAT_COLUMNS_MAX];
	unsigned n = heat_counts(window, map->decades, map->per_decade, counts);

	(void)grid_printf(g, r->x, y, LABEL_WIDTH, json_is_false(complete) ? STYLE_WARN : STYLE_DIM,
		" w %-4.0f", document_count(window, "window"));
	for (unsigned column = 0; column < n; column++) {
		unsigned shade = heat_shade(counts[column], map->most);
		if (shade > 0) {
			(void)grid_put(g, r->x + LABEL_WIDTH + column, y, 1, GRID_SHADE + shade - 1,
				heat_glyph(shade, g->utf8));
		}
	}
}

static void draw_axis(const struct map *map, unsigned y, const struct rect *r, struct grid *g) {
	for (unsigned decade = 0; decade <= map->decades; decade++) {
		int power = (int)decade - (int)map->decades;
		unsigned at = LABEL_WIDTH + decade * map->per_decade - (power < 0);
		(void)grid_printf(g, r->x + at, y, 3, STYLE_DIM, "%d", power);
	}
}

static void title_of(const struct map *map, const struct rect *r, char *out, size_t size) {
	char back[32] = "";

	if (map->back > 0) {
		snprintf(back, sizeof(back), " (%zu back)", map->back);
	}
	snprintf(out, size, "feature density%s%s%s",
		r->width >= LOOK_WIDE - 20 ? " over windows" : "", map->n > 0 ? ", log10" : "",
		back);
}

void pane_density_draw(const struct model *m, const struct rect *r, struct grid *g) {
	struct rect inside = {r->x + 1, r->y + 1, r->width - 2, r->height - 2};
	struct map map = map_of(m, &inside);
	char title[96], note[48] = "";
	double fill;

	title_of(&map, r, title, sizeof(title));
	if (document_number(model_run(m), "open_window.fill", &fill)) {
		snprintf(note, sizeof(note), "next window %.0f %%", floor(100 * fill));
	}
	(void)grid_frame(g, r, m->focus == FOCUS_DENSITY, title, note);
	if (map.n == 0) {
		(void)grid_put(g, inside.x + 1, inside.y, inside.width - 1, STYLE_DIM,
			m->detail ? "no complete window yet" : "");
		return;
	}
	for (size_t i = 0; i < map.n; i++) {
		draw_window(&map, i, inside.y + (unsigned)i, &inside, g);
	}
	draw_axis(&map, inside.y + (unsigned)map.n, &inside, g);
}
