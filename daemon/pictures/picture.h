/* A picture: drawn of a document of figures, and of nothing else, so that what is drawn can be had as numbers (`-o x.json`).
 * Pure: figures in, lines and words on a canvas out.
 *
 * All figures have "schema": 1, "kind" and "title" (or null). Not finite numbers are not among them: how many there were is said.
 *
 *   curves   "over": "step", "x_label", "x_low", "x_high",
 *            "runs": [{"id", "name", "label" (cli/run_labels.h)}],
 *            "panels": [{"metric", "label", "axis": "log" or "linear", "series": [{"run": 0 (of runs), "n_steps", "n_not_finite",
 *              "x", "min", "mean", "max", "n", "not_finite": lists, a member for each column with a step; min, mean, max: null
 *              where none was finite}]}]
 *   density  "lo": -10, "bins_per_decade": 20, "runs": [{"id", "name", "label", "n_windows",
 *            "windows": [{"window", "step_first", "step_last", "n_tokens", "d_sae", "never_fired", "counts": [200]}]}]
 *   front    "x": {"metric", "label", "higher": false, "axis"}, "y": …, "at_tokens", "unequal_tokens": false, "warnings": [sentences],
 *            "runs": [{"id", "name", "label", "x", "y", "on_front", "dominated_by": id or null, "n_tokens_folded",
 *              "trajectory": [[x, y], …] where asked for}], "left_out": [{"id", "name", "why"}] */
#pragma once

#include <jansson.h>

#include "canvas.h"
#include "theme.h"

struct picture {
	double width, height; /* of the canvas */
	const struct theme *theme;
};

void draw_curves(struct canvas *c, const struct picture *p, const json_t *figures);
void draw_ridges(struct canvas *c, const struct picture *p, const json_t *figures);
/* Between what an axis of a front has and which way is better. */
#define FRONT_DASH " \u2013 "

void draw_front(struct canvas *c, const struct picture *p, const json_t *figures);

/* By the figures' kind. */
void draw_figures(struct canvas *c, const struct picture *p, const json_t *figures);

/* As high as is good for these figures at this width. */
double picture_height(double width, const json_t *figures);

/* How many panels of curves are beside one another. */
size_t picture_panel_columns(double width, size_t n_panels);
