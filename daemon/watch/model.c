#include "model.h"

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
static size_t selected_at(const struct model *m) {
	size_t i = 0;

	while (i < m->n_shown && strcmp(id_of(shown_run(m, i)), m->selected) != 0) {
		i++;
	}
	return i;
}

static size_t runs_room(const struct model *m) {
	return m->fits ? m->layout.runs.height - 2 : 1;
}

/* The selected run is on the screen. */
static void scroll_to(struct model *m, size_t at) {
	size_t room = runs_room(m);

	if (at < m->runs_top) {
		m->runs_top = at;
	} else if (at >= m->runs_top + room) {
		m->runs_top = at - room + 1;
	}
	if (m->runs_top + room > m->n_shown) {
		m->runs_top = m->n_shown > room ? m->n_shown - room : 0;
	}
}

static void select_run(struct model *m, size_t at) {
	snprintf(m->selected, sizeof(m->selected), "%s", id_of(shown_run(m, at)));
	scroll_to(m, at);
	if (m->detail && strcmp(id_of(m->detail), m->selected) != 0) {
		json_decref(m->detail);
		m->detail = NULL;
		m->density_back = m->page_top = 0;
	}
}

/* Who is not there any more, or not shown, leaves the first one. */
static void settle_selection(struct model *m) {
	size_t at = selected_at(m);

	if (m->n_shown > 0) {
		select_run(m, at < m->n_shown ? at : 0);
	}
}

static void apply_filter(struct model *m) {
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
	apply_filter(m);
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
	size_t at = selected_at(m);

	if (at == m->n_shown) {
		return NULL;
	}
	return m->detail && step_of(m->detail) > step_of(shown_run(m, at)) ? m->detail
									   : shown_run(m, at);
}

const char *model_run_label(const struct model *m) {
	size_t at = selected_at(m);

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
	size_t at = selected_at(m);

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

/* ---- keys ---- */

static enum model_outcome move_selection(struct model *m, long by) {
	size_t at = selected_at(m);

	if (m->n_shown == 0) {
		return MODEL_SAME;
	}
	long to = (long)at + by;
	to = to < 0 ? 0 : to >= (long)m->n_shown ? (long)m->n_shown - 1 : to;
	select_run(m, (size_t)to);
	return MODEL_CHANGED;
}

/* Back into the past, as many windows as there are. */
static enum model_outcome move_density(struct model *m, long back) {
	long n = (long)json_array_size(document_at(m->detail, "windows"));
	long to = (long)m->density_back + back;

	m->density_back = (size_t)(to < 0 || n == 0 ? 0 : to >= n ? n - 1 : to);
	return MODEL_CHANGED;
}

static enum model_outcome scroll_page(struct model *m, long by) {
	long most = m->page_lines > m->page_room ? (long)(m->page_lines - m->page_room) : 0;
	long to = (long)m->page_top + by;

	m->page_top = (size_t)(to < 0 ? 0 : to > most ? most : to);
	return MODEL_CHANGED;
}

/* The next metric that the run has, for the curve in focus; for the first one, when none is. */
static enum model_outcome change_metric(struct model *m, int by) {
	unsigned pane = m->focus >= FOCUS_CURVES ? m->focus - FOCUS_CURVES : 0;
	const json_t *series = document_at(m->detail, "curves.series");
	const char *next = metrics_beside(series, model_metric(m, pane), by);

	if (!next) {
		return MODEL_SAME;
	}
	snprintf(m->metrics[pane], sizeof(m->metrics[pane]), "%s", next);
	return MODEL_CHANGED;
}

/* Up and down mean the list unless the density is in focus. */
static enum model_outcome move(struct model *m, long by) {
	return m->focus == FOCUS_DENSITY ? move_density(m, -by) : move_selection(m, by);
}

/* By how much a key moves, where `page` lines are on the screen; 0: it is no such key. */
static long distance(uint32_t key, size_t page) {
	switch (key) {
	case KEY_GO_UP:
	case 'k':
		return -1;
	case KEY_GO_DOWN:
	case 'j':
		return 1;
	case KEY_PAGE_UP:
		return -(long)page;
	case KEY_PAGE_DOWN:
	case ' ':
		return (long)page;
	case KEY_GO_FIRST:
	case 'g':
		return -(1L << 30);
	case KEY_GO_LAST:
	case 'G':
		return 1L << 30;
	default:
		return 0;
	}
}

static void filter_drop_last(struct model *m) {
	size_t len = strlen(m->filter);

	while (len > 0 && ((unsigned char)m->filter[--len] & 0xc0) == 0x80) {
		;
	}
	m->filter[len] = '\0';
}

static void filter_append(struct model *m, uint32_t c) {
	size_t len = strlen(m->filter);
	char *out = m->filter + len;

	if (len + 4 >= sizeof(m->filter)) {
		return;
	}
	if (c < 0x80) {
		snprintf(out, 5, "%c", (int)c);
	} else if (c < 0x800) {
		snprintf(out, 5, "%c%c", (int)(0xc0 | c >> 6), (int)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		snprintf(out, 5, "%c%c%c", (int)(0xe0 | c >> 12), (int)(0x80 | (c >> 6 & 0x3f)),
			(int)(0x80 | (c & 0x3f)));
	} else {
		snprintf(out, 5, "%c%c%c%c", (int)(0xf0 | c >> 18), (int)(0x80 | (c >> 12 & 0x3f)),
			(int)(0x80 | (c >> 6 & 0x3f)), (int)(0x80 | (c & 0x3f)));
	}
}

static enum model_outcome key_typing(struct model *m, uint32_t key) {
	switch (key) {
	case KEY_ESCAPE:
		m->filter[0] = '\0';
		m->typing = false;
		break;
	case KEY_RETURN:
		m->typing = false;
		break;
	case KEY_RUBOUT:
		filter_drop_last(m);
		break;
	case KEY_GO_UP:
	case KEY_GO_DOWN:
		return move_selection(m, key == KEY_GO_UP ? -1 : 1);
	default:
		if (key < ' ' || key >= KEY_GO_UP || (key >= 0x80 && key < 0xa0)) {
			return MODEL_SAME;
		}
		filter_append(m, key);
		break;
	}
	apply_filter(m);
	return MODEL_CHANGED;
}

static enum model_outcome key_page(struct model *m, uint32_t key) {
	long by = distance(key, m->page_room);

	if (by != 0) {
		return scroll_page(m, by);
	}
	switch (key) {
	case 'q':
	case KEY_ESCAPE:
	case KEY_RETURN:
	case KEY_RUBOUT:
	case 'p':
		m->view = VIEW_BOARD;
		return MODEL_CHANGED;
	case '?':
		m->view = VIEW_HELP;
		return MODEL_CHANGED;
	default:
		return MODEL_SAME;
	}
}

static enum model_outcome change_focus(struct model *m, int by) {
	unsigned n = FOCUS_CURVES + m->layout.n_curves;

	m->focus = (m->focus + n + (unsigned)by) % n;
	return MODEL_CHANGED;
}

static enum model_outcome open_page(struct model *m, enum model_view view) {
	if (!model_run(m)) {
		return MODEL_SAME;
	}
	m->view = view;
	m->page_top = 0;
	return MODEL_CHANGED;
}

static enum model_outcome clear_filter(struct model *m) {
	if (!m->filter[0]) {
		return MODEL_SAME;
	}
	m->filter[0] = '\0';
	apply_filter(m);
	return MODEL_CHANGED;
}

static enum model_outcome key_board(struct model *m, uint32_t key) {
	size_t page = m->focus == FOCUS_DENSITY ? m->layout.density.height - 3 : runs_room(m);
	long by = distance(key, page);

	if (by != 0) {
		return move(m, by);
	}
	switch (key) {
	case 'q':
		return MODEL_QUIT;
	case '?':
	case 'h':
		m->view = VIEW_HELP;
		return MODEL_CHANGED;
	case '/':
		m->typing = true;
		return MODEL_CHANGED;
	case KEY_ESCAPE:
		return clear_filter(m);
	case KEY_TAB_FORWARD:
	case KEY_TAB_BACK:
		return change_focus(m, key == KEY_TAB_FORWARD ? 1 : -1);
	case KEY_RETURN:
		return open_page(m, VIEW_RUN);
	case 'p':
		return open_page(m, VIEW_FRONT);
	case 'y':
		m->scale = (enum curve_scale)((m->scale + 1) % CURVE_SCALES);
		return MODEL_CHANGED;
	case 'x':
		m->axis = (enum curve_axis)((m->axis + 1) % CURVE_AXES);
		return MODEL_CHANGED;
	case KEY_GO_RIGHT:
	case 'm':
		return change_metric(m, 1);
	case KEY_GO_LEFT:
	case 'M':
		return change_metric(m, -1);
	default:
		return MODEL_SAME;
	}
}

enum model_outcome model_key(struct model *m, uint32_t key) {
	if (m->view == VIEW_HELP) {
		m->view = VIEW_BOARD; /* any key */
		return MODEL_CHANGED;
	}
	if (!m->fits) {
		return key == 'q' ? MODEL_QUIT : MODEL_SAME;
	}
	if (m->typing) {
		return key_typing(m, key);
	}
	return m->view == VIEW_BOARD ? key_board(m, key) : key_page(m, key);
}
