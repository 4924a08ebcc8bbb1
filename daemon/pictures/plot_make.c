#include "plot_make.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "figures.h"
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

/* ---- figures ---- */

static int open_run(struct plot_options *o, size_t i, const atomic_bool *stop, sqlite3 **ret_sql,
	int64_t *ret_n) {
	o->read.source.run_part = o->runs[i];
	const struct run_source source = {
		.command = o->read.command,
		.where = &o->read.source,
		.tables = tables,
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
		fprintf(stderr, "sae-metricsd %s: %s: %s\n", note->o->read.command, note->run,
			removed->words);
	}
}

static int read_curves(struct plot_options *o, struct run_steps *runs, const atomic_bool *stop) {
	bool named = o->n_metrics > 0;
	char words[STEPS_WORDS_SIZE];

	for (size_t i = 0; i < o->n_runs; i++) {
		sqlite3 *sql = NULL;
		int64_t n;
		int status = open_run(o, i, stop, &sql, &n);
		if (status != EXIT_OK) {
			return status;
		}
		int err = run_steps_read(sql, n, o->over, named ? o->metrics : figures_metrics,
			named ? o->n_metrics : figures_n_metrics, !named, &runs[i], words);
		(void)removed_each(
			sql, n, say_removed, &(struct removed_note){o, runs[i].id, "steps"});
		(void)sqlite3_close(sql);
		if (err < 0) {
			return fail(o, words);
		}
	}
	return EXIT_OK;
}

static int make_curves(struct plot_options *o, const atomic_bool *stop, json_t **ret) {
	struct run_steps *runs = calloc(o->n_runs, sizeof *runs);
	bool named = o->n_metrics > 0;
	char words[FIGURES_WORDS_SIZE];

	int status = runs != NULL ? read_curves(o, runs, stop) : fail(o, strerror(ENOMEM));
	if (status == EXIT_OK) {
		*ret = figures_of_curves(runs, o->n_runs, named ? o->metrics : figures_metrics,
			named, o->over, o->axis, o->size.width / o->size.zoom, words);
		status = *ret != NULL ? EXIT_OK : fail(o, words);
	}
	for (size_t i = 0; runs != NULL && i < o->n_runs; i++) {
		run_steps_finish(&runs[i]);
	}
	free(runs);
	return status;
}

static int make_ridges(struct plot_options *o, const atomic_bool *stop, json_t **ret) {
	json_t *figures = figures_of_ridges();
	char words[FIGURES_WORDS_SIZE];
	int status = figures != NULL ? EXIT_OK : fail(o, strerror(ENOMEM));

	for (size_t i = 0; status == EXIT_OK && i < o->n_runs; i++) {
		sqlite3 *sql = NULL;
		int64_t n;
		status = open_run(o, i, stop, &sql, &n);
		if (status == EXIT_OK &&
			figures_add_ridges(figures, sql, n, o->n_windows, words) < 0) {
			status = fail(o, words);
		}
		if (status == EXIT_OK) {
			(void)removed_each(sql, n, say_removed,
				&(struct removed_note){o, o->runs[i], "windows"});
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

static int filter_points(struct plot_options *o, json_t *points) {
	char words[RUN_FILTER_WORDS_SIZE];

	return run_filter_apply(&o->filter, json_object_get(points, "runs"), words)
		       ? EXIT_OK
		       : fail(o, words);
}

/* Who is not in the picture, and why. */
static void say_left_out(const struct plot_options *o, const json_t *figures) {
	size_t i;
	json_t *run;

	json_array_foreach(json_object_get(figures, "left_out"), i, run) {
		fprintf(stderr, "sae-metricsd %s: %s is left out: %s\n", o->read.command,
			document_text(run, "id"), document_text(run, "why"));
	}
	if (document_true(figures, "unequal_tokens")) {
		fprintf(stderr,
			"sae-metricsd %s: runs are compared at unequal tokens; --at-tokens N "
			"compares them at N\n",
			o->read.command);
	}
}

static int make_front(struct plot_options *o, json_t **ret) {
	const struct front_wanted wanted = {
		.x = o->x,
		.y = o->y,
		.parts = o->runs,
		.n_parts = o->n_runs,
		.axis = o->axis,
		.trajectory = o->points.trajectory,
		.at_tokens_set = o->points.has_at_tokens,
		.at_tokens = o->points.at_tokens,
	};
	char words[FIGURES_WORDS_SIZE];
	json_t *points = NULL;
	int status = source_read_points(&o->read.source, &o->points, &points);

	status = status == EXIT_OK ? filter_points(o, points) : status;
	if (status == EXIT_OK) {
		int err = figures_of_front(points, &wanted, ret, words);
		status = err == 0 ? EXIT_OK : fail(o, words);
		status = err == -ESRCH ? EXIT_NO_SUCH_RUN : status;
	}
	if (status == EXIT_OK) {
		say_left_out(o, *ret);
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

int plot_draw(const struct plot_options *o, const json_t *figures, struct buf *out) {
	struct surface_size size = o->size;
	double width = size.width / size.zoom;

	size.height = size.height > 0 ? size.height : picture_height(width, figures) * size.zoom;
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
