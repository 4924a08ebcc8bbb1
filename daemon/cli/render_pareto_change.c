#include "render_pareto_change.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flow.h"
#include "format.h"
#include "when.h"

#define NAME_WIDTH_MAX 32u   /* of a run, where it stands in a sentence */
#define VOLUME_EPSILON 1e-12 /* what summing in another order may come to */

/* ---- the hypervolume ---- */

static void write_reference(
	const struct pareto_axis *axis, double value, const char *before, struct buf *out) {
	char figure[FORMAT_MAX];

	(void)buf_printf(out, "%s%s %s%s", before, axis->metric.name, format_general(figure, value),
		axis->metric.decades ? " in decades" : "");
}

/* `, +0.021 since 2026-11-22 16:02` */
static void write_volume_change(const struct pareto *p, char *out, size_t size) {
	double then = p->change.volume.volume, change = p->volume.volume - then;
	char when[WHEN_SIZE];

	if (p->change.n_then == 0 || isnan(then)) {
		return;
	}
	when_write(when, p->query.since);
	if (fabs(change) <= VOLUME_EPSILON * p->volume.volume) {
		snprintf(out, size, ", unchanged since %s", when);
	} else {
		snprintf(out, size, ", %+.3g since %s", change, when);
	}
}

static void render_volume(const struct pareto *p, struct page *page) {
	char change[WHEN_SIZE + 48] = "";
	struct buf words = {0};

	if (isnan(p->volume.volume)) {
		return;
	}
	write_volume_change(p, change, sizeof(change));
	write_reference(&p->query.x, p->query.reference.x, "(reference: ", &words);
	write_reference(&p->query.y, p->query.reference.y, ", ", &words);
	(void)buf_printf(&words, ")%s", change);
	page_put(page, STYLE_PLAIN, "hypervolume ");
	page_printf(page, STYLE_HEADING, "%.4g", p->volume.volume);
	page_put(page, STYLE_PLAIN, " ");
	const char *text = buf_text(&words);
	flow_put(page, STYLE_PLAIN, text ? text : "", 2);
	page_end_line(page);
	buf_finish(&words);
}

/* ---- who is new on the front, and who is no more ---- */

/* The letter in the plot, else the name; begun anew below where the line is full. */
static void put_name(
	struct page *page, const char *mark, const char *label, const char *behind, bool is_first) {
	const char *name = mark[0] ? mark : label;
	unsigned width = glyph_columns(name, page->look.utf8);

	width = width > NAME_WIDTH_MAX ? NAME_WIDTH_MAX : width;
	page_put(page, STYLE_PLAIN, is_first ? "" : ",");
	if (!is_first && 1 + width + strlen(behind) > page_room(page)) {
		page_end_line(page);
		page_tab(page, 2);
	} else {
		page_put(page, STYLE_PLAIN, " ");
	}
	page_put_cut(page, STYLE_NAME, name, width);
	page_put(page, STYLE_PLAIN, behind);
}

static void render_joined(const struct pareto *p, struct page *page) {
	bool is_first = true;

	/* All of it is new: those that left say it. */
	if (p->change.n_joined == 0 || p->change.n_joined == p->n_front) {
		return;
	}
	page_put(page, STYLE_GOOD, "new on the front:");
	for (size_t i = 0; i < p->n_front; i++) {
		if (p->runs[i].news == PARETO_JOINED) {
			put_name(page, p->runs[i].mark, p->runs[i].label, "", is_first);
			is_first = false;
		}
	}
	page_end_line(page);
}

static void render_left(const struct pareto *p, struct page *page) {
	char behind[64];
	bool is_first = true;

	if (p->change.n_left == 0) {
		return;
	}
	page_put(page, STYLE_WARN, "left the front:");
	for (size_t i = p->n_front; i < p->n; i++) {
		const struct pareto_run *run = &p->runs[i];
		if (run->news == PARETO_LEFT) {
			snprintf(behind, sizeof(behind), " (worse than %s)",
				run->dominator->mark[0] ? run->dominator->mark : "another");
			put_name(page, run->mark, run->label, behind, is_first);
			is_first = false;
		}
	}
	for (size_t i = 0; i < p->n_apart; i++) {
		if (p->apart[i].has_left) {
			put_name(page, "", p->apart[i].label, " (not compared)", is_first);
			is_first = false;
		}
	}
	page_end_line(page);
}

void render_pareto_change(const struct pareto *p, struct page *page) {
	render_volume(p, page);
	render_joined(p, page);
	render_left(p, page);
}
