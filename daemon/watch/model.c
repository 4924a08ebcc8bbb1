#include "model_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics_shown.h"
#include "render_parts.h"
#include "run_search.h"

void model_init(struct model *m, const struct look *look, const struct run_filter *only) {
	*m = (struct model){.look = *look, .only = only};
}

void model_finish(struct model *m) {
	listing_finish(&m->listing);
	free(m->shown);
	json_decref(m->status);
	json_decref(m->detail);
	json_decref(m->points);
	*m = (struct model){0};
}

/* ---- which runs ---- */

static const json_t *shown_run(const struct model *m, size_t i) {
	return m->listing.runs[m->shown[i]].run;
}

static const char *id_of(const json_t *run) {
	const char *id = document_text(run, "id");

	return id ? id : "";
}

/* Where the run that is looked at stands in the list; n_shown: it does not. */
size_t model_selected_at(const struct model *m) {
	size_t i = 0;

	while (i < m->n_shown && strcmp(id_of(shown_run(m, i)), m->selected) != 0) {
		i++;
	}
	return i;
}

size_t model_runs_room(const struct model *m) {
	return m->fits ? m->layout.runs.height - 2 : 1;
}

size_t model_density_room(const struct model *m) {
	return m->fits ? m->layout.density.height - 3 : 1; /* its frame, and an axis */
}

/* The selected run is on the screen. */
static void scroll_to(struct model *m, size_t at) {
	size_t room = model_runs_room(m);

	if (at < m->runs_top) {
		m->runs_top = at;
	} else if (at >= m->runs_top + room) {
		m->runs_top = at - room + 1;
	}
	if (m->runs_top + room > m->n_shown) {
		m->runs_top = m->n_shown > room ? m->n_shown - room : 0;
	}
}

static void drop_detail(struct model *m) {
	json_decref(m->detail);
	m->detail = NULL;
	m->density_back = m->page_top = 0;
}

void model_select(struct model *m, size_t at) {
	snprintf(m->selected, sizeof(m->selected), "%s", id_of(shown_run(m, at)));
	scroll_to(m, at);
	if (m->detail && strcmp(id_of(m->detail), m->selected) != 0) {
		drop_detail(m);
	}
}

/* Who is not there any more, or not shown, leaves the first one, and no page that was about it. */
static void settle_selection(struct model *m) {
	size_t at = model_selected_at(m);

	if (at == m->n_shown) {
		m->view = m->view == VIEW_HELP ? VIEW_HELP : VIEW_BOARD;
		m->before_help = VIEW_BOARD;
	}
	if (m->n_shown > 0) {
		model_select(m, at < m->n_shown ? at : 0);
	} else {
		drop_detail(m);
	}
}

void model_apply_filter(struct model *m) {
	m->n_shown = 0;
	for (size_t i = 0; i < m->listing.n; i++) {
		if (run_search_fits(m->filter, m->listing.runs[i].label, m->listing.runs[i].run)) {
			m->shown[m->n_shown++] = i;
		}
	}
	settle_selection(m);
}

/* ---- what comes in ---- */

void model_resize(struct model *m, unsigned width, unsigned height) {
	m->look.width = width;
	m->height = height;
	m->fits = layout_make(width, height, &m->layout);
	if (m->focus >= FOCUS_CURVES + m->layout.n_curves) {
		m->focus = FOCUS_RUNS;
	}
	settle_selection(m);
}

int model_take_status(struct model *m, json_t *document) {
	char words[RUN_FILTER_WORDS_SIZE];
	json_t *runs = json_object_get(document, "runs");
	struct listing listing = {0};

	/* A condition that no run can meet leaves none, as the table would. */
	(void)run_filter_apply(m->only, runs, words);
	size_t *shown = calloc(json_array_size(runs) + 1, sizeof(*shown));
	if (!shown || listing_make(runs, false, &listing) < 0) {
		free(shown);
		json_decref(document);
		return -ENOMEM;
	}
	listing_finish(&m->listing);
	free(m->shown);
	json_decref(m->status);
	m->status = document;
	m->listing = listing;
	m->shown = shown;
	model_apply_filter(m);
	return 0;
}

void model_take_detail(struct model *m, json_t *run) {
	if (strcmp(id_of(run), m->selected) != 0) {
		json_decref(run);
		return;
	}
	json_decref(m->detail);
	m->detail = run;
}

void model_take_points(struct model *m, json_t *document) {
	char words[RUN_FILTER_WORDS_SIZE];

	(void)run_filter_apply(m->only, json_object_get(document, "runs"), words);
	json_decref(m->points);
	m->points = document;
}

void model_trouble(struct model *m, const char *words, double since) {
	m->trouble_since = !m->trouble[0] ? since : m->trouble_since;
	snprintf(m->trouble, sizeof(m->trouble), "%s", words ? words : "");
}

/* ---- what is asked of it ---- */

static double step_of(const json_t *run) {
	double step;

	return document_number(run, "step", &step) ? step : -1;
}

const json_t *model_run(const struct model *m) {
	size_t at = model_selected_at(m);

	if (at == m->n_shown) {
		return NULL;
	}
	return m->detail && step_of(m->detail) > step_of(shown_run(m, at)) ? m->detail
									   : shown_run(m, at);
}

const char *model_run_label(const struct model *m) {
	size_t at = model_selected_at(m);

	return at < m->n_shown ? m->listing.runs[m->shown[at]].label : "";
}

unsigned model_points(const struct model *m) {
	unsigned points = 0;

	for (unsigned i = 0; i < m->layout.n_curves; i++) {
		unsigned own = curve_points(m->layout.curves[i].width - 2);
		points = own > points ? own : points;
	}
	return points;
}

static bool differs(const json_t *a, const json_t *b, const char *path) {
	return !json_equal(document_at(a, path), document_at(b, path));
}

bool model_detail_is_stale(const struct model *m, unsigned points) {
	size_t at = model_selected_at(m);

	if (at == m->n_shown) {
		return false;
	}
	const json_t *run = shown_run(m, at);
	if (!m->detail || differs(run, m->detail, "state") ||
		differs(run, m->detail, "sparsity.window")) {
		return true;
	}
	double first = document_count(m->detail, "curves.step_first");
	double a_dot = points > 0 ? (step_of(run) - first + 1) / points : 1;
	double behind = step_of(run) - step_of(m->detail);
	return behind > 0 && behind >= a_dot;
}

const char *model_metric(const struct model *m, unsigned i) {
	const json_t *series = document_at(m->detail, "curves.series");

	return m->metrics[i][0] ? m->metrics[i] : metrics_nth(series, i);
}
