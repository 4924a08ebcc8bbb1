#include "render.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "listing.h"
#include "render_forward.h"
#include "render_parts.h"
#include "run_columns.h"

/* More alerts than this are counted, not printed: the table must stay in sight. */
#define ALERT_LINES_MAX 12u
#define ALERT_LABEL_MAX 24u /* columns: a longer one is cut */

/* The columns of this page, in `ret`, which has room for all; columns asked for stay. */
static size_t choose_columns(const struct render_runs_options *options, const struct look *look,
	struct run_column *ret) {
	size_t n = 0;

	for (size_t i = 0; i < options->n_columns; i++) {
		ret[n] = options->columns[i];
		ret[n++].table.drop = 0;
	}
	for (unsigned i = 0; options->n_columns == 0 && i < RUN_COLUMNS; i++) {
		enum shown_on elsewhere = look->screen ? ON_PIPE : ON_SCREEN;
		if (run_columns[i].on != elsewhere) {
			ret[n++] = run_columns[i];
		}
	}
	return n;
}

static bool is_amiss(enum style style) {
	return style == STYLE_WARN || style == STYLE_BAD;
}

static int add_run(struct table *t, const struct run_row_view *row,
	const struct run_column *columns, size_t n_columns, struct table_column *heads) {
	bool dim = strcmp(state_look_of(row->run)->state, "finished") == 0;
	struct buf text = {0};
	int err = table_add_row(t);

	for (size_t i = 0; i < n_columns && err == 0; i++) {
		buf_clear(&text);
		enum style style = run_column_fill(&columns[i], row, &text);
		if (heads[i].drop > 0 && columns[i].drop_amiss > 0 && is_amiss(style)) {
			heads[i].drop = columns[i].drop_amiss;
		}
		const char *cell = text.len > 0 ? buf_text(&text) : "-";
		style = text.len == 0 ? STYLE_PLAIN : style;
		style = dim && style == STYLE_PLAIN ? STYLE_DIM : style;
		err = cell ? table_set(t, i, style, cell) : -ENOMEM;
	}
	buf_finish(&text);
	return err;
}

static int draw_rows(const struct listing *l, const struct run_column *columns, size_t n,
	struct table_column *heads, bool headings, struct page *page) {
	for (size_t i = 0; i < n; i++) {
		heads[i] = columns[i].table;
	}
	struct table *t = table_create(heads, n);
	int err = t ? 0 : -ENOMEM;

	for (size_t i = 0; i < l->n && err == 0; i++) {
		struct run_row_view row = {l->runs[i].run, &page->look, l->runs[i].label};
		err = add_run(t, &row, columns, n, heads);
	}
	if (err == 0) {
		table_draw(t, headings, page);
	}
	table_destroy(t);
	return err;
}

static int draw_table(
	const struct listing *l, const struct render_runs_options *options, struct page *page) {
	size_t cap = options->n_columns > RUN_COLUMNS ? options->n_columns : RUN_COLUMNS;
	struct run_column *columns = calloc(cap, sizeof(*columns));
	struct table_column *heads = calloc(cap, sizeof(*heads));
	int err = columns && heads ? 0 : -ENOMEM;

	if (err == 0) {
		size_t n = choose_columns(options, &page->look, columns);
		err = draw_rows(l, columns, n, heads, !options->no_headings, page);
	}
	free(heads);
	free(columns);
	return err;
}

/* `5 runs (2 running)`, `3 of 41 runs (2 running)` */
static void render_count(const struct listing *l, size_t n_all, struct page *page) {
	size_t n = n_all > 0 ? n_all : l->n;

	if (n_all > 0) {
		page_printf(page, STYLE_PLAIN, "%zu of ", l->n);
	}
	page_printf(page, STYLE_PLAIN, "%zu run%s (%zu running)", n, n == 1 ? "" : "s",
		listing_count(l, "running"));
}

static void render_title(
	const json_t *daemon, const struct listing *l, size_t n_all, struct page *page) {
	const char *version = document_text(daemon, "version");
	const char *host = document_text(daemon, "host");
	const char *scope = document_text(daemon, "scope");
	bool wide = page->look.width >= LOOK_WIDE;
	char text[FORMAT_MAX];
	double value;

	page_printf(page, STYLE_HEADING, "sae-metricsd %s", version ? version : "");
	if (host) {
		page_printf(page, STYLE_PLAIN, " on %s", host);
	}
	if (scope && wide) {
		page_printf(page, STYLE_PLAIN, " (%s)", scope);
	}
	if (document_number(daemon, "uptime_s", &value)) {
		page_printf(page, STYLE_PLAIN, ", up %s",
			wide ? format_duration(text, value) : format_age(text, value));
	}
	page_put(page, STYLE_PLAIN, ", ");
	render_count(l, n_all, page);
	if (wide && document_number(daemon, "database_bytes", &value)) {
		page_printf(page, STYLE_PLAIN, ", db %s", format_bytes(text, value));
	}
	render_forward_title(document_at(daemon, "forward"), wide, page);
	page_end_line(page);
}

static void render_no_runs(struct page *page) {
	static const char *const lines[] = {
		"No runs yet. In your trainer:",
		"  import sae_metrics",
		"  run = sae_metrics.init(project=\"my-saes\", d_sae=24576, config=cfg)",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		page_put(page, STYLE_PLAIN, lines[i]);
		page_end_line(page);
	}
}

/* What the mark behind a cell of the last window means. */
static void render_window_note(const struct listing *l, struct page *page) {
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		n += run_window_is_incomplete(l->runs[i].run);
	}
	if (n > 0) {
		page_put(page, STYLE_WARN,
			"* of a window that is incomplete; `sae-metricsd status RUN` says why");
		page_end_line(page);
	}
}

static size_t n_alerts(const struct listed_run *listed) {
	return json_array_size(document_at(listed->run, "alerts"));
}

static unsigned label_width(const struct listing *l, bool utf8) {
	unsigned width = 0;

	for (size_t i = 0; i < l->n; i++) {
		unsigned own = glyph_columns(l->runs[i].label, utf8);
		width = n_alerts(&l->runs[i]) > 0 && own > width ? own : width;
	}
	return width < ALERT_LABEL_MAX ? width : ALERT_LABEL_MAX;
}

static void render_all_alerts(const struct listing *l, struct page *page) {
	unsigned width = label_width(l, page->look.utf8);
	size_t lines = 0, left_out = 0;

	for (size_t i = 0; i < l->n; i++) {
		size_t n = n_alerts(&l->runs[i]);
		if (lines + n > ALERT_LINES_MAX) {
			left_out += n;
			continue;
		}
		lines += n;
		render_alerts(l->runs[i].run, l->runs[i].label, width, page);
	}
	if (left_out > 0) {
		page_printf(page, STYLE_WARN, "! %zu more; `sae-metricsd status RUN` shows them",
			left_out);
		page_end_line(page);
	}
}

static void render_screen(const json_t *daemon, const struct listing *l,
	const struct render_runs_options *options, struct page *page) {
	if (daemon) {
		render_title(daemon, l, options->n_all, page);
		render_forward_trouble(document_at(daemon, "forward"), page);
		render_daemon_notes(daemon, page);
	} else if (options->n_all > 0) {
		render_count(l, options->n_all, page);
		page_end_line(page);
	}
	if (l->n == 0 && options->n_all == 0) {
		render_no_runs(page);
	}
	if (l->n == 0) {
		return;
	}
	if (draw_table(l, options, page) < 0) {
		page->status = -ENOMEM;
	}
	if (options->n_columns == 0) {
		render_window_note(l, page);
	}
	render_all_alerts(l, page);
}

void render_runs(
	const json_t *document, const struct render_runs_options *options, struct page *page) {
	struct listing l;

	if (listing_make(document_at(document, "runs"), options->in_given_order, &l) < 0) {
		page->status = -ENOMEM;
		return;
	}
	if (page->look.screen && !options->no_headings) {
		render_screen(document_at(document, "daemon"), &l, options, page);
	} else if (draw_table(&l, options, page) < 0) {
		page->status = -ENOMEM;
	}
	listing_finish(&l);
}
