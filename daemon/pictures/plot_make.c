#include "plot_make.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "figures.h"
#include "glyph.h"
#include "picture.h"
#include "removed.h"
#include "run_source.h"
#include "subcommand.h"

/* What curves and ridges are made of. */
static const char *const tables[] = {
	"runs_data", "attempts_data", "steps_data", "windows_data", "removed_data", NULL};

static int fail(struct plot_options *o, const char *words) {
	snprintf(o->words, sizeof o->words, "%s", words);
	return EXIT_FAILED;
}

void plot_say(const struct plot_options *o, const char *format, ...) {
	char text[STEPS_WORDS_SIZE + 256];
	const char *at = text;
	struct glyph glyph;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	fprintf(stderr, "sae-metricsd %s: ", o->points.read.command);
	while (glyph_next(&at, true, &glyph)) {
		fputs(glyph.bytes, stderr);
	}
	fputc('\n', stderr);
}

/* ---- figures ---- */

static int open_run(struct plot_options *o, size_t i, const atomic_bool *stop, sqlite3 **ret_sql,
	int64_t *ret_n) {
	o->points.read.source.run_part = o->points.runs[i];
	const struct run_source source = {
		.command = o->points.read.command,
		.where = &o->points.read.source,
		.tables = {.names = tables},
		.stop = stop,
	};
	return run_source_open(&source, ret_sql, ret_n);
}

struct removed_note {
	const struct plot_options *o;
	const char *run, *what;
};

/* Retention leaves some of the old ones, which are drawn. */
static void say_removed(void *user, const struct removed *removed) {
	const struct removed_note *note = user;

	if (strcmp(removed->what, note->what) == 0) {
		plot_say(note->o, "%s: %s", note->run, removed->words);
	}
}

/* What was asked for, and cannot be. */
static void say_linear(const struct plot_options *o, const json_t *figures) {
	size_t i;
	json_t *panel;

	json_array_foreach(json_object_get(figures, "panels"), i, panel) {
		const char *axis = document_text(panel, "axis");
		if (o->axis == AXIS_LOG && axis != NULL && strcmp(axis, "log") != 0) {
			plot_say(o, "%s is not above 0 everywhere: its scale is linear",
				document_text(panel, "metric"));
		}
	}
}

/* As `compare` does: two words for one run are one. */
static bool is_read(const struct run_steps *runs, size_t n) {
	for (size_t i = 0; i < n; i++) {
		if (strcmp(runs[i].id, runs[n].id) == 0) {
			return true;
		}
	}
	return false;
}

static int read_curves(
	struct plot_options *o, struct run_steps *runs, size_t *n_runs, const atomic_bool *stop) {
	bool named = o->n_metrics > 0;
	char words[STEPS_WORDS_SIZE];

	for (size_t i = 0; i < o->points.n_runs; i++) {
		struct run_steps *run = &runs[*n_runs];
		sqlite3 *sql = NULL;
		int64_t n;
		int status = open_run(o, i, stop, &sql, &n);
		if (status != EXIT_OK) {
			return status;
		}
		int err = run_steps_read(sql, n, o->over, named ? o->metrics : figures_metrics,
			named ? o->n_metrics : figures_n_metrics, !named, run, words);
		bool is_new = !is_read(runs, *n_runs);
		if (is_new) {
			(void)removed_each(
				sql, n, say_removed, &(struct removed_note){o, run->id, "steps"});
		}
		(void)sqlite3_close(sql);
		*n_runs += is_new;
		if (!is_new) {
			run_steps_finish(run);
		}
		if (err < 0) {
			return fail(o, words);
		}
	}
	return EXIT_OK;
}

static int make_curves(struct plot_options *o, const atomic_bool *stop, json_t **ret) {
	struct run_steps *runs = calloc(o->points.n_runs, sizeof *runs);
	bool named = o->n_metrics > 0;
	char words[FIGURES_WORDS_SIZE];
	size_t n = 0;

	int status = runs != NULL ? read_curves(o, runs, &n, stop) : fail(o, strerror(ENOMEM));
	if (status == EXIT_OK) {
		*ret = figures_of_curves(runs, n, named ? o->metrics : figures_metrics, named,
			o->over, o->axis, o->size.width / o->size.zoom, words);
		status = *ret != NULL ? EXIT_OK : fail(o, words);
		say_linear(o, *ret);
	}
	for (size_t i = 0; i < n; i++) {
		run_steps_finish(&runs[i]);
	}
	free(runs);
	return status;
}

static int make_ridges(struct plot_options *o, const atomic_bool *stop, json_t **ret) {
	json_t *figures = figures_of_ridges();
	char words[FIGURES_WORDS_SIZE];
	int status = figures != NULL ? EXIT_OK : fail(o, strerror(ENOMEM));

	for (size_t i = 0; status == EXIT_OK && i < o->points.n_runs; i++) {
		sqlite3 *sql = NULL;
		int64_t n;
		status = open_run(o, i, stop, &sql, &n);
		if (status == EXIT_OK &&
			figures_add_ridges(figures, sql, n, o->n_windows, words) < 0) {
			status = fail(o, words);
		}
		if (status == EXIT_OK) {
			(void)removed_each(sql, n, say_removed,
				&(struct removed_note){o, o->points.runs[i], "windows"});
		}
		(void)sqlite3_close(sql);
	}
	if (status == EXIT_OK) {
		*ret = figures;
	} else {
		json_decref(figures);
	}
	return status;
}

/* A page of a report that lacks this picture says why. */
static int settle_axes(struct plot_options *o, const json_t *points, struct pareto_query *query) {
	const struct points_options *asked = &o->points;

	if (!asked->x && !asked->y) {
		pareto_axis_stand_in(points, &query->x, &query->y);
		if (!pareto_axis_is_known(&query->y, points)) {
			return fail(o, "no run has fvu or explained_variance");
		}
	}
	return points_options_settle_axes(asked, points, &query->x, &query->y);
}

/* Who is not in the picture, and what makes those that are hard to compare. */
static void say_remarks(const struct plot_options *o, const json_t *figures) {
	size_t i;
	json_t *run, *warning;

	json_array_foreach(json_object_get(figures, "left_out"), i, run) {
		plot_say(o, "%s is left out: %s", document_text(run, "id"),
			document_text(run, "why"));
	}
	json_array_foreach(json_object_get(figures, "warnings"), i, warning) {
		plot_say(o, "%s", json_string_value(warning));
	}
}

static int make_front(struct plot_options *o, json_t **ret) {
	struct front_wanted wanted = {
		.query.at_tokens = (double)o->points.at_tokens,
		.query.as_advice = ADVICE_PARETO,
		.axis = o->axis,
		.trajectory = o->points.trajectory,
	};
	char words[FIGURES_WORDS_SIZE];
	json_t *points = NULL;
	int status = points_options_axes(&o->points, &wanted.query.x, &wanted.query.y);

	status = status == EXIT_OK ? points_options_read(&o->points, &points) : status;
	status = status == EXIT_OK ? settle_axes(o, points, &wanted.query) : status;
	if (status == EXIT_OK && figures_of_front(points, &wanted, ret, words) < 0) {
		status = fail(o, words);
	}
	if (status == EXIT_OK) {
		say_remarks(o, *ret);
	}
	if (status == EXIT_OK && o->axis == AXIS_LOG &&
		strcmp(document_text(*ret, "y.axis"), "log") != 0) {
		plot_say(o, "%s is not above 0 everywhere: its scale is linear",
			wanted.query.y.metric.name);
	}
	json_decref(points);
	return status;
}

int plot_make(struct plot_options *o, const atomic_bool *stop, json_t **ret) {
	o->words[0] = '\0';
	switch (o->kind) {
	case PLOT_DENSITY:
		return make_ridges(o, stop, ret);
	case PLOT_FRONT:
		return make_front(o, ret);
	default:
		return make_curves(o, stop, ret);
	}
}

/* ---- drawing ---- */

double plot_height(const struct plot_options *o, const json_t *figures) {
	const struct surface_size *size = &o->size;

	return size->height > 0 ? size->height
				: picture_height(size->width / size->zoom, figures) * size->zoom;
}

int plot_draw(const struct plot_options *o, const json_t *figures, struct buf *out) {
	struct surface_size size = o->size;
	double width = size.width / size.zoom;

	size.height = plot_height(o, figures);
	struct surface *s = surface_create((enum surface_format)o->format, &size);
	if (s == NULL) {
		return -ENOMEM;
	}
	const struct picture picture = {
		width, size.height / size.zoom, o->dark ? &theme_dark : &theme_light};
	draw_figures(surface_canvas(s), &picture, figures);
	int err = surface_write(s, out);
	surface_destroy(s);
	return err;
}
