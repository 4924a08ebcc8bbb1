/* What `plot` is asked for. */
#pragma once

#include "axis.h"
#include "points_options.h"
#include "run_steps.h"
#include "surface.h"

#define PLOT_RUNS_MAX 32u /* more in one picture nobody tells apart */

enum plot_kind { PLOT_CURVES = 0, PLOT_DENSITY, PLOT_FRONT };

enum plot_format {
	PLOT_SVG = SURFACE_SVG,
	PLOT_PDF = SURFACE_PDF,
	PLOT_PNG = SURFACE_PNG,
	PLOT_JSON,
	PLOT_CSV
};

struct plot_options {
	struct points_options points; /* which runs, and of the front its axes */
	enum plot_kind kind;
	bool kind_set;
	enum plot_format format;
	enum steps_over over;
	enum axis_choice axis;
	char *metrics_text; /* --metric, cut at its commas */
	const char *metrics[CURVES_MAX];
	size_t n_metrics; /* 0: none is named */
	size_t n_windows;
	const char *title;
	bool dark;
	struct surface_size size;     /* height 0: as it suits the width */
	char words[STEPS_WORDS_SIZE]; /* plot_make.h */
};

/* As without any option. */
void plot_options_init(struct plot_options *o, const char *command);

/* An exit_status, and it has said what is wrong. */
int plot_options_parse(int argc, char **argv, struct plot_options *ret);
/* Of a PNG both sides; its height may be known only when its figures are. An exit_status, and it has said what is wrong. */
int plot_options_check_pixels(const struct plot_options *o, double height);
void plot_options_finish(struct plot_options *o);
