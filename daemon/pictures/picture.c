#include "picture.h"

#include <math.h>
#include <string.h>

#include "document.h"

#define PANEL_HEIGHT 185.0
#define AROUND       64.0 /* title, legend, what the axis is */
#define LEGEND_ROW   17.0
#define RIDGE_HEIGHT 30.0
#define RIDGES_LEAST 150.0
#define FRONT_SHARE  0.66 /* of the width */
#define FRONT_LEAST  300.0

static const char *kind_of(const json_t *figures) {
	const char *kind = document_text(figures, "kind");

	return kind != NULL ? kind : "";
}

void draw_figures(struct canvas *c, const struct picture *p, const json_t *figures) {
	if (strcmp(kind_of(figures), "density") == 0) {
		draw_ridges(c, p, figures);
	} else if (strcmp(kind_of(figures), "front") == 0) {
		draw_front(c, p, figures);
	} else {
		draw_curves(c, p, figures);
	}
}

static double rows(double width, size_t n) {
	size_t abreast = picture_panel_columns(width, n);

	size_t n_rows = (n + abreast - 1) / abreast;

	return (double)n_rows;
}

static double ridges_height(double width, const json_t *runs) {
	size_t most = 0, i;
	json_t *run;

	json_array_foreach(runs, i, run) {
		size_t n = json_array_size(json_object_get(run, "windows"));
		most = n > most ? n : most;
	}
	return rows(width, json_array_size(runs)) *
	       fmax(RIDGES_LEAST, 80 + RIDGE_HEIGHT * ((double)most + 1));
}

double picture_height(double width, const json_t *figures) {
	const json_t *runs = json_object_get(figures, "runs");
	double title = document_text(figures, "title") != NULL ? 26 : 0;

	if (strcmp(kind_of(figures), "density") == 0) {
		return title + AROUND + ridges_height(width, runs);
	}
	if (strcmp(kind_of(figures), "front") == 0) {
		return title + fmax(FRONT_LEAST, round(FRONT_SHARE * width));
	}
	size_t n_panels = json_array_size(json_object_get(figures, "panels"));
	double legend = json_array_size(runs) > 1
				? LEGEND_ROW * (double)(json_array_size(runs) + 2) / 3
				: 0;
	return title + legend + AROUND + rows(width, n_panels) * PANEL_HEIGHT;
}
