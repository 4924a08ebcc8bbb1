#include "report_command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "clock.h"
#include "document.h"
#include "interrupt.h"
#include "plot_make.h"
#include "report_page.h"
#include "subcommand.h"

#define RUNS_MAX 16u /* of one page; each has some 300 KiB of it */

enum { OPTION_TITLE = 256 };

struct report {
	struct plot_options plot; /* what its pictures are asked for, and where runs are from */
	const char *title;
	size_t n;
	json_t *documents[RUNS_MAX]; /* the status document of each */
	json_t *points;
	struct report_run runs[RUNS_MAX];
	struct report_picture curves, front;
};

static int say(const struct report *r, const char *words) {
	if (words[0] != '\0') {
		plot_say(&r->plot, "%s", words);
	}
	return EXIT_FAILED;
}

/* ---- what was asked for ---- */

/* `word` is what getopt looked at. */
static int take_option(int option, const char *word, void *user) {
	struct report *r = user;

	if (option == OPTION_TITLE) {
		r->title = optarg;
		return EXIT_OK;
	}
	return points_options_take(
		&r->plot.points, option == 'o' ? READ_OPTION_OUTPUT : option, word);
}

static int take_word(const char *word, void *user) {
	struct report *r = user;

	return r->plot.points.n_runs < RUNS_MAX
		       ? points_options_take_word(&r->plot.points, word)
		       : read_options_wrong(&r->plot.points.read,
				 "more than 16 runs are too many for one page: ", word);
}

static int check(const struct report *r) {
	if (r->plot.points.n_runs == 0) {
		return read_options_wrong(&r->plot.points.read, "which RUN?", "");
	}
	if (r->plot.points.read.file == NULL) {
		return read_options_wrong(&r->plot.points.read, "where to? -o FILE.html", "");
	}
	return EXIT_OK;
}

static int parse(int argc, char **argv, struct report *r) {
	static const struct option longs[] = {
		{"title", required_argument, NULL, OPTION_TITLE},
		{"at-tokens", required_argument, NULL, POINTS_OPTION_AT_TOKENS},
		{"output", required_argument, NULL, READ_OPTION_OUTPUT},
		{"db", required_argument, NULL, READ_OPTION_DB},
		{"socket", required_argument, NULL, READ_OPTION_SOCKET},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int status = arguments_take(argc, argv, ":ho:", longs, take_option, take_word, r);

	return status == EXIT_OK ? check(r) : status;
}

/* ---- what is in it ---- */

/* Two words for one run are one. */
static bool is_read(const struct report *r, const char *id) {
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->plot.points.runs[i], id) == 0) {
			return true;
		}
	}
	return false;
}

/* In place of the words that name them their ids are left, each once. */
static int read_runs(struct report *r) {
	struct points_options *named = &r->plot.points;

	for (size_t i = 0; i < named->n_runs; i++) {
		json_t *document = NULL;
		named->read.source.run_part = named->runs[i];
		int status = source_read(&named->read.source, &document);
		if (status != EXIT_OK) {
			json_decref(document);
			return status;
		}
		const json_t *run = json_array_get(json_object_get(document, "runs"), 0);
		const char *id = document_text(run, "id");
		if (id == NULL || is_read(r, id)) {
			json_decref(document);
			if (id == NULL) {
				return say(r, "the run's document has no run in it");
			}
			continue;
		}
		r->documents[r->n] = document;
		r->runs[r->n].run = run;
		r->runs[r->n].at_tokens = (double)named->at_tokens;
		named->runs[r->n++] = id;
	}
	named->n_runs = r->n;
	return EXIT_OK;
}

static int read_points(struct report *r) {
	size_t i;
	json_t *run;
	int status = points_options_read(&r->plot.points, &r->points);

	json_array_foreach(json_object_get(r->points, "runs"), i, run) {
		for (size_t k = 0; k < r->n; k++) {
			const char *id = document_text(run, "id");
			if (id != NULL && strcmp(id, r->plot.points.runs[k]) == 0) {
				r->runs[k].point = json_object_get(run, "point");
			}
		}
	}
	return status;
}

/* One of its runs, or with `one` SIZE_MAX all of them. Where there is nothing to draw the page says why. */
static int make_picture(struct report *r, enum plot_kind kind, size_t one, const atomic_bool *stop,
	struct report_picture *ret) {
	struct plot_options plot = r->plot; /* borrows of it */
	json_t *figures = NULL;

	plot.kind = kind;
	plot.format = PLOT_SVG;
	if (one != SIZE_MAX) {
		plot.points.runs += one;
		plot.points.n_runs = 1;
	}
	int status = plot_make(&plot, stop, &figures);
	if (status != EXIT_OK && plot.words[0] != '\0') {
		snprintf(ret->words, sizeof ret->words, "%s", plot.words);
		status = EXIT_OK;
	} else if (status == EXIT_OK && plot_draw(&plot, figures, &ret->svg) < 0) {
		status = say(r, strerror(ENOMEM));
	}
	json_decref(figures);
	return status;
}

static int make_pictures(struct report *r, const atomic_bool *stop) {
	int status = make_picture(r, PLOT_CURVES, SIZE_MAX, stop, &r->curves);

	if (status == EXIT_OK && r->n > 1) {
		status = make_picture(r, PLOT_FRONT, SIZE_MAX, stop, &r->front);
	}
	for (size_t i = 0; status == EXIT_OK && i < r->n; i++) {
		status = make_picture(r, PLOT_DENSITY, i, stop, &r->runs[i].density);
	}
	return status;
}

/* ---- the page ---- */

static int write_page(const struct report *r) {
	const char *name = document_text(r->runs[0].run, "name");
	char title[64];
	struct html h = {0};

	snprintf(title, sizeof title, "%zu runs side by side", r->n);
	const struct report_page page = {
		.title = r->title != NULL ? r->title
			 : r->n > 1       ? title
			 : name != NULL   ? name
					  : document_text(r->runs[0].run, "id"),
		.now = clock_wall(),
		.runs = r->runs,
		.n = r->n,
		.curves = r->curves,
		.front = r->front,
	};
	int status = report_page_write(&h, &page) == 0
			     ? read_options_print(
				       &r->plot.points.read, (const char *)h.out.data, h.out.len)
			     : say(r, strerror(ENOMEM));
	buf_finish(&h.out);
	return status;
}

static void finish(struct report *r) {
	for (size_t i = 0; i < r->n; i++) {
		json_decref(r->documents[i]);
		buf_finish(&r->runs[i].density.svg);
	}
	json_decref(r->points);
	buf_finish(&r->curves.svg);
	buf_finish(&r->front.svg);
	plot_options_finish(&r->plot);
	free(r);
}

int report_command_run(int argc, char **argv) {
	struct report *r = calloc(1, sizeof *r);

	if (r == NULL) {
		fprintf(stderr, "sae-metricsd report: %s\n", strerror(ENOMEM));
		return EXIT_FAILED;
	}
	plot_options_init(&r->plot, "report");
	int status = parse(argc, argv, r);
	if (status == EXIT_OK) {
		const atomic_bool *stop = interrupt_watch();
		status = read_runs(r);
		status = status == EXIT_OK ? read_points(r) : status;
		status = status == EXIT_OK ? make_pictures(r, stop) : status;
		interrupt_heed();
	}
	status = status == EXIT_OK ? write_page(r) : status;
	finish(r);
	return status;
}
