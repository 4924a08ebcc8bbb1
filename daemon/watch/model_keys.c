/* What keys do. */
#include <stdio.h>
#include <string.h>

#include "metrics_shown.h"
#include "model_private.h"

static enum model_outcome move_selection(struct model *m, long by) {
	size_t at = model_selected_at(m);

	if (m->n_shown == 0) {
		return MODEL_SAME;
	}
	long to = (long)at + by;
	to = to < 0 ? 0 : to >= (long)m->n_shown ? (long)m->n_shown - 1 : to;
	model_select(m, (size_t)to);
	return MODEL_CHANGED;
}

/* Back into the past, until the oldest window is the uppermost. */
static enum model_outcome move_density(struct model *m, long back) {
	long n = (long)json_array_size(document_at(m->detail, "windows"));
	long most = n - (long)model_density_room(m), to = (long)m->density_back + back;

	m->density_back = (size_t)(to < 0 || most < 0 ? 0 : to > most ? most : to);
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
	model_apply_filter(m);
	return MODEL_CHANGED;
}

static enum model_outcome open_help(struct model *m) {
	m->before_help = m->view;
	m->view = VIEW_HELP;
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
		return open_help(m);
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
	model_apply_filter(m);
	return MODEL_CHANGED;
}

static enum model_outcome key_board(struct model *m, uint32_t key) {
	size_t page = m->focus == FOCUS_DENSITY ? model_density_room(m) : model_runs_room(m);
	long by = distance(key, page);

	if (by != 0) {
		return move(m, by);
	}
	switch (key) {
	case 'q':
		return MODEL_QUIT;
	case '?':
	case 'h':
		return open_help(m);
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
		m->view = m->before_help; /* any key */
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
