#include "plot_options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "subcommand.h"

#define WIDTH_DEFAULT   720.0
#define DPI_DEFAULT     192.0 /* two pixels a pixel of a plain screen */
#define WINDOWS_DEFAULT 12u
#define WINDOWS_MOST    200u
#define SIDE_LEAST      160.0
#define SIDE_MOST       9600.0 /* 100 inches */
#define SCALE_LEAST     0.25
#define SCALE_MOST      8.0
#define DPI_LEAST       24.0
#define DPI_MOST        1200.0
#define PIXELS_MOST     16000.0 /* a side: cairo's own limit is 32767, and 1 GiB of memory is enough */

enum {
	OPTION_KIND = 256,
	OPTION_METRIC,
	OPTION_OVER,
	OPTION_Y_AXIS,
	OPTION_WINDOWS,
	OPTION_TRAJECTORY,
	OPTION_TITLE,
	OPTION_DARK,
	OPTION_WIDTH,
	OPTION_HEIGHT,
	OPTION_SCALE,
	OPTION_DPI
};

/* ---- values ---- */

/* Its place among the words, of which NULL is the end; else it says which there are. */
static int take_word(
	const struct plot_options *o, const char *option, const char *const *words, int *ret) {
	char said[160];
	int len = snprintf(said, sizeof said, "%s is", option);

	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], optarg) == 0) {
			*ret = i;
			return EXIT_OK;
		}
		len += snprintf(said + len, sizeof said - (size_t)len, "%s %s",
			i == 0                 ? ""
			: words[i + 1] == NULL ? " or"
					       : ",",
			words[i]);
	}
	(void)snprintf(said + len, sizeof said - (size_t)len, ", not ");
	return read_options_wrong(&o->points.read, said, optarg);
}

static int take_number(
	const struct plot_options *o, const char *option, double least, double most, double *ret) {
	char said[96], *end;

	errno = 0;
	double value = strtod(optarg, &end);
	if (errno == 0 && end != optarg && *end == '\0' && value >= least && value <= most) {
		*ret = value;
		return EXIT_OK;
	}
	snprintf(said, sizeof said, "%s is a number from %g to %g, not ", option, least, most);
	return read_options_wrong(&o->points.read, said, optarg);
}

static int take_windows(struct plot_options *o) {
	double value = 0;
	int status = take_number(o, "--windows", 1, WINDOWS_MOST, &value);

	if (status == EXIT_OK && value != floor(value)) {
		return read_options_wrong(
			&o->points.read, "--windows is a whole number, not ", optarg);
	}
	o->n_windows = status == EXIT_OK ? (size_t)value : 0;
	return status;
}

/* Several with commas, or given again. */
static int take_metrics(struct plot_options *o) {
	if (o->metrics_text != NULL) {
		return read_options_wrong(
			&o->points.read, "--metric once: with commas it takes several: ", optarg);
	}
	o->metrics_text = strdup(optarg);
	if (o->metrics_text == NULL) {
		fprintf(stderr, "sae-metricsd %s: %s\n", o->points.read.command, strerror(ENOMEM));
		return EXIT_FAILED;
	}
	char *rest = o->metrics_text, *name;
	while ((name = strsep(&rest, ",")) != NULL) {
		if (name[0] == '\0') {
			return read_options_wrong(
				&o->points.read, "--metric has an empty name: ", optarg);
		}
		if (o->n_metrics == CURVES_MAX) {
			return read_options_wrong(&o->points.read,
				"more than 12 metrics are too many for one picture: ", optarg);
		}
		o->metrics[o->n_metrics++] = name;
	}
	return EXIT_OK;
}

/* ---- options ---- */

static int take_choice(int option, struct plot_options *o) {
	static const char *const kinds[] = {"curves", "density", "front", NULL};
	static const char *const overs[] = {"step", "tokens", "time", NULL};
	static const char *const scales[] = {"linear", "log", NULL};
	int status, choice = 0;

	switch (option) {
	case OPTION_KIND:
		status = take_word(o, "--kind", kinds, &choice);
		o->kind = (enum plot_kind)choice;
		o->kind_set = true;
		return status;
	case OPTION_OVER:
		status = take_word(o, "--over", overs, &choice);
		o->over = (enum steps_over)choice;
		return status;
	default:
		status = take_word(o, "--y-axis", scales, &choice);
		o->axis = choice == 0 ? AXIS_LINEAR : AXIS_LOG;
		return status;
	}
}

static int take_option(int option, const char *word, void *user) {
	struct plot_options *o = user;

	switch (option) {
	case OPTION_KIND:
	case OPTION_OVER:
	case OPTION_Y_AXIS:
		return take_choice(option, o);
	case OPTION_METRIC:
		return take_metrics(o);
	case OPTION_WINDOWS:
		return take_windows(o);
	case OPTION_TRAJECTORY:
		o->points.trajectory = true;
		return EXIT_OK;
	case OPTION_TITLE:
		o->title = optarg;
		return EXIT_OK;
	case OPTION_DARK:
		o->dark = true;
		return EXIT_OK;
	case OPTION_WIDTH:
		return take_number(o, "--width", SIDE_LEAST, SIDE_MOST, &o->size.width);
	case OPTION_HEIGHT:
		return take_number(o, "--height", SIDE_LEAST, SIDE_MOST, &o->size.height);
	case OPTION_SCALE:
		return take_number(o, "--scale", SCALE_LEAST, SCALE_MOST, &o->size.zoom);
	case OPTION_DPI:
		return take_number(o, "--dpi", DPI_LEAST, DPI_MOST, &o->size.dpi);
	default:
		return points_options_take(
			&o->points, option == 'o' ? READ_OPTION_OUTPUT : option, word);
	}
}

static int take_run(const char *word, void *user) {
	struct plot_options *o = user;

	return o->points.n_runs < PLOT_RUNS_MAX
		       ? points_options_take_word(&o->points, word)
		       : read_options_wrong(&o->points.read,
				 "more than 32 runs are too many for one picture: ", word);
}

/* ---- all of it ---- */

static int find_format(struct plot_options *o) {
	static const char *const endings[] = {[PLOT_SVG] = ".svg",
		[PLOT_PDF] = ".pdf",
		[PLOT_PNG] = ".png",
		[PLOT_JSON] = ".json",
		[PLOT_CSV] = ".csv"};
	size_t len = strlen(o->points.read.file);

	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
		size_t end = strlen(endings[i]);
		if (len > end && strcasecmp(o->points.read.file + len - end, endings[i]) == 0) {
			o->format = (enum plot_format)i;
			return EXIT_OK;
		}
	}
	return read_options_wrong(&o->points.read,
		"FILE ends in .svg, .pdf or .png, or in .json or .csv, unlike ",
		o->points.read.file);
}

static bool names_axis(const struct points_options *o) {
	return o->x || o->y || o->x_better || o->y_better;
}

/* An option that another kind has is a slip: what was wanted would not be drawn. */
static int check_kind(struct plot_options *o) {
	bool of_curves = o->n_metrics > 0 || o->over != OVER_STEP;
	bool of_front = names_axis(&o->points) || o->points.at_tokens > 0 || o->points.trajectory ||
			o->points.filter.n_terms > 0 || o->points.filter.since > 0;

	if (!o->kind_set && (o->points.n_runs == 0 || of_front)) {
		o->kind = PLOT_FRONT;
	}
	if (o->kind != PLOT_CURVES && of_curves) {
		return read_options_wrong(
			&o->points.read, "--metric and --over are of --kind curves", "");
	}
	if (o->kind != PLOT_FRONT && of_front) {
		return read_options_wrong(&o->points.read,
			"--x, --y, --at-tokens, --trajectory and what chooses runs are of --kind "
			"front",
			"");
	}
	if (o->kind == PLOT_DENSITY && o->axis != AXIS_BY_DATA) {
		return read_options_wrong(
			&o->points.read, "--y-axis is of --kind curves and front", "");
	}
	return o->kind != PLOT_FRONT && o->points.n_runs == 0
		       ? read_options_wrong(&o->points.read, "which RUN?", "")
		       : EXIT_OK;
}

static int check(struct plot_options *o) {
	if (o->points.read.file == NULL) {
		return read_options_wrong(
			&o->points.read, "where to? -o FILE.svg, .pdf, .png, .json or .csv", "");
	}
	int status = check_kind(o);
	return status == EXIT_OK ? find_format(o) : status;
}

int plot_options_check_pixels(const struct plot_options *o, double height) {
	double side = fmax(o->size.width, height) * o->size.dpi / 96;
	char said[32];

	if (o->format != PLOT_PNG || side <= PIXELS_MOST) {
		return EXIT_OK;
	}
	snprintf(said, sizeof said, "%.0f", side);
	return read_options_wrong(&o->points.read,
		"a PNG has at most 16000 pixels a side (--width, --height, --dpi, fewer runs or "
		"windows), not ",
		said);
}

void plot_options_init(struct plot_options *o, const char *command) {
	*o = (struct plot_options){
		.points.read.command = command,
		.n_windows = WINDOWS_DEFAULT,
		.size = {WIDTH_DEFAULT, 0, 1, DPI_DEFAULT},
	};
}

int plot_options_parse(int argc, char **argv, struct plot_options *ret) {
	static const struct option longs[] = {
		{"kind", required_argument, NULL, OPTION_KIND},
		{"metric", required_argument, NULL, OPTION_METRIC},
		{"over", required_argument, NULL, OPTION_OVER},
		{"y-axis", required_argument, NULL, OPTION_Y_AXIS},
		{"windows", required_argument, NULL, OPTION_WINDOWS},
		POINTS_AXES_OPTIONS,
		{"at-tokens", required_argument, NULL, POINTS_OPTION_AT_TOKENS},
		{"trajectory", no_argument, NULL, OPTION_TRAJECTORY},
		RUN_FILTER_OPTIONS,
		{"title", required_argument, NULL, OPTION_TITLE},
		{"dark", no_argument, NULL, OPTION_DARK},
		{"width", required_argument, NULL, OPTION_WIDTH},
		{"height", required_argument, NULL, OPTION_HEIGHT},
		{"scale", required_argument, NULL, OPTION_SCALE},
		{"dpi", required_argument, NULL, OPTION_DPI},
		{"output", required_argument, NULL, READ_OPTION_OUTPUT},
		{"db", required_argument, NULL, READ_OPTION_DB},
		{"socket", required_argument, NULL, READ_OPTION_SOCKET},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};

	plot_options_init(ret, "plot");
	int status = arguments_take(argc, argv, ":ho:", longs, take_option, take_run, ret);
	status = status == EXIT_OK ? check(ret) : status;
	return status == EXIT_OK ? plot_options_check_pixels(ret, ret->size.height) : status;
}

void plot_options_finish(struct plot_options *o) {
	free(o->metrics_text);
	points_options_finish(&o->points);
}
