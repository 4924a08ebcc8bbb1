/* What `watch` shows: documents and keys in, state. Pure: no terminal, no daemon, no clock but what is passed in. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "curve_plot.h"
#include "layout.h"
#include "listing.h"
#include "run_filter.h"

#define MODEL_ID_MAX     256u
#define MODEL_FILTER_MAX 64u /* characters typed */
#define MODEL_METRIC_MAX 64u

/* A key is its character, or one of these. */
enum model_key {
	KEY_NONE = 0,
	KEY_TAB_FORWARD = '\t',
	KEY_RETURN = '\r',
	KEY_ESCAPE = 0x1b,
	KEY_RUBOUT = 0x7f,
	KEY_GO_UP = 0x110000, /* no character is */
	KEY_GO_DOWN,
	KEY_GO_LEFT,
	KEY_GO_RIGHT,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_GO_FIRST,
	KEY_GO_LAST,
	KEY_TAB_BACK
};

enum model_view { VIEW_BOARD = 0, VIEW_RUN, VIEW_FRONT, VIEW_HELP };
enum model_focus { FOCUS_RUNS = 0, FOCUS_DENSITY, FOCUS_CURVES }; /* and on from there */

struct model {
	struct look look;
	unsigned height;
	struct layout layout;
	bool fits; /* the screen is large enough */

	json_t *status; /* the document; NULL: none yet */
	json_t *points; /* of all runs that are shown; NULL: not yet */
	json_t *detail; /* the run that is looked at, in full; NULL: not yet */
	struct listing listing;
	size_t *shown; /* indices into listing */
	size_t n_shown;
	const struct run_filter *only; /* what the command line asked for; borrowed */

	char selected[MODEL_ID_MAX]; /* a run's id; "": none */
	char filter[4 * MODEL_FILTER_MAX + 1];
	bool typing; /* the filter */

	enum model_view view, before_help; /* where help was asked for */
	unsigned focus;                    /* enum model_focus */
	enum curve_scale scale;
	enum curve_axis axis;
	char metrics[LAYOUT_CURVES_MAX][MODEL_METRIC_MAX]; /* "": as the run has them */
	size_t runs_top;                                   /* the first run on the screen */
	size_t density_back; /* so many windows before the newest are the last shown */
	size_t page_top;     /* of the run in full, and of the front, the first line */
	size_t page_lines, page_room;

	char trouble[512]; /* why there is nothing new; "": there is */
	double trouble_since;
	bool is_file;
};

enum model_outcome { MODEL_SAME = 0, MODEL_CHANGED, MODEL_QUIT };

void model_init(struct model *m, const struct look *look, const struct run_filter *only);
void model_finish(struct model *m);
void model_resize(struct model *m, unsigned width, unsigned height);

/* Takes the document; what is not asked for on the command line is taken out. 0 or -ENOMEM. */
int model_take_status(struct model *m, json_t *document);
/* Takes a run in full; one that is not looked at any longer is dropped. */
void model_take_detail(struct model *m, json_t *run);
/* Takes the points document. */
void model_take_points(struct model *m, json_t *document);
/* NULL: all is well again. */
void model_trouble(struct model *m, const char *words, double since);

enum model_outcome model_key(struct model *m, uint32_t key);

/* The run that is looked at, as the newest of both documents has it; NULL: none. */
const json_t *model_run(const struct model *m);
const char *model_run_label(const struct model *m);
/* Whether what is known of it in full is older than a curve's dot, a window or its state. `points`: of its curves. */
bool model_detail_is_stale(const struct model *m, unsigned points);
/* Of the curves as they are drawn. */
unsigned model_points(const struct model *m);

/* The metric that the i-th curve shows; NULL: there are not so many. */
const char *model_metric(const struct model *m, unsigned i);
