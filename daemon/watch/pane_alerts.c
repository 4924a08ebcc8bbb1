#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alerts.h"
#include "panes.h"
#include "render_parts.h"

#define ALERTS_MAX  64u /* of all runs, those that are looked at: the newest stand on the screen */
#define LABEL_WIDTH 24u

struct alert {
	const json_t *alert;
	const char *label;
	double since;
};

static int newest_first(const void *a, const void *b) {
	double x = ((const struct alert *)a)->since, y = ((const struct alert *)b)->since;

	return (x < y) - (x > y);
}

static size_t collect(const struct model *m, struct alert ret[ALERTS_MAX]) {
	size_t n = 0;

	for (size_t i = 0; i < m->listing.n; i++) {
		const json_t *alerts = document_at(m->listing.runs[i].run, "alerts");
		for (size_t k = 0; k < json_array_size(alerts) && n < ALERTS_MAX; k++) {
			struct alert *a = &ret[n++];
			*a = (struct alert){json_array_get(alerts, k), m->listing.runs[i].label, 0};
			(void)document_time(a->alert, "since", &a->since);
		}
	}
	qsort(ret, n, sizeof(*ret), newest_first);
	return n;
}

static void clock_of(double seconds, char out[16]) {
	time_t time = (time_t)seconds;
	struct tm tm;

	localtime_r(&time, &tm);
	strftime(out, 16, "%H:%M", &tm);
}

/* `! 15:51 vit-l11-x64 no step for 11m`; returns the columns. */
static unsigned put_alert(
	const struct alert *a, unsigned x, unsigned y, unsigned width, struct grid *g) {
	const char *words = document_text(a->alert, "words");
	enum style style = alert_style(document_text(a->alert, "kind"));
	char clock[16];
	unsigned used = grid_put(g, x, y, width, style, "! ");

	if (a->since > 0) {
		clock_of(a->since, clock);
		used += grid_printf(g, x + used, y, width - used, STYLE_DIM, "%s ", clock);
	}
	unsigned room = width - used;
	used += grid_put_middle(
		g, x + used, y, room < LABEL_WIDTH ? room : LABEL_WIDTH, STYLE_NAME, a->label);
	used += 1;
	return used >= width
		       ? width
		       : used + grid_put(g, x + used, y, width - used, style, words ? words : "-");
}

/* What there is no room for is counted. */
static void put_alerts(const struct model *m, const struct rect *r, unsigned y, struct grid *g) {
	struct alert alerts[ALERTS_MAX];
	size_t n = collect(m, alerts), shown = 0;

	for (; y < r->height && shown < n; y++, shown++) {
		bool more = y + 1 == r->height && shown + 1 < n;
		unsigned room = r->width - (more ? 10 : 0);
		(void)put_alert(&alerts[shown], r->x, r->y + y, room, g);
		if (more) {
			char text[32];
			snprintf(text, sizeof(text), "%zu more", n - shown - 1);
			grid_put_right(g, r->x, r->y + y, r->width, STYLE_WARN, text);
		}
	}
}

static void put_trouble(const struct model *m, const struct rect *r, struct grid *g) {
	char clock[16];

	clock_of(m->trouble_since, clock);
	(void)grid_printf(g, r->x, r->y, r->width, STYLE_BAD, "! since %s %s", clock, m->trouble);
}

static void put_typed(const struct model *m, const struct rect *r, struct grid *g) {
	unsigned used = grid_printf(g, r->x, r->y, r->width - 1, STYLE_PLAIN, "/%s", m->filter);
	unsigned room = r->width - used - 1;

	grid_reverse(g, r->x + used, r->y, 1);
	grid_put_right(g, r->x + used + 1, r->y, room, STYLE_DIM,
		room >= 40 ? "Enter keeps it, Esc shows all runs" : "");
}

void pane_alerts_draw(const struct model *m, const struct rect *r, struct grid *g) {
	const char *trouble = document_text(m->status, "daemon.trouble");
	unsigned y = 0;

	if (m->typing) {
		put_typed(m, r, g);
		y = 1;
	} else if (m->trouble[0]) {
		put_trouble(m, r, g);
		y = 1;
	} else if (trouble) {
		(void)grid_printf(g, r->x, r->y, r->width, STYLE_BAD, "! %s", trouble);
		y = 1;
	}
	put_alerts(m, r, y, g);
}
