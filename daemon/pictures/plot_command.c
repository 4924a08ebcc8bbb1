#include "plot_command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "document.h"
#include "figures.h"
#include "interrupt.h"
#include "json_write.h"
#include "plot_make.h"
#include "subcommand.h"

static int say(const struct plot_options *o, const char *words) {
	if (words[0] != '\0') {
		plot_say(o, "%s", words);
	}
	return EXIT_FAILED;
}

static int make_file(const struct plot_options *o, const json_t *figures, struct buf *out) {
	if (o->format == PLOT_CSV) {
		return figures_write_csv(out, figures);
	}
	if (o->format == PLOT_JSON) {
		int err = json_write(out, figures, JSON_FOR_PEOPLE);
		return err == 0 ? buf_append(out, "\n", 1) : err;
	}
	return plot_draw(o, figures, out);
}

static int write_file(const struct plot_options *o, const json_t *figures) {
	struct buf out = {0};
	int err = make_file(o, figures, &out);
	int status = err == 0 ? read_options_print(&o->points.read, (const char *)out.data, out.len)
			      : say(o, strerror(-err));

	buf_finish(&out);
	return status;
}

/* A picture of one run has its name above it, unless told otherwise. */
static int set_title(const struct plot_options *o, json_t *figures) {
	const json_t *runs = json_object_get(figures, "runs");
	const char *title =
		o->title != NULL ? o->title : document_text(json_array_get(runs, 0), "name");

	if ((o->title == NULL && (o->kind == PLOT_FRONT || json_array_size(runs) > 1)) ||
		title == NULL || title[0] == '\0') {
		return EXIT_OK;
	}
	json_t *text = json_string(title);
	if (text == NULL) {
		return read_options_wrong(&o->points.read, "--title is no UTF-8", "");
	}
	(void)json_object_set_new(figures, "title", text);
	return EXIT_OK;
}

int plot_command_run(int argc, char **argv) {
	struct plot_options o;
	json_t *figures = NULL;
	int status = plot_options_parse(argc, argv, &o);

	if (status == EXIT_OK) {
		const atomic_bool *stop = interrupt_watch();
		status = plot_make(&o, stop, &figures);
		if (status != EXIT_OK) {
			(void)say(&o, o.words);
		}
		interrupt_heed();
	}
	status = status == EXIT_OK ? set_title(&o, figures) : status;
	status = status == EXIT_OK ? plot_options_check_pixels(&o, plot_height(&o, figures))
				   : status;
	status = status == EXIT_OK ? write_file(&o, figures) : status;
	json_decref(figures);
	plot_options_finish(&o);
	return status;
}
