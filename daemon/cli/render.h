/* Draws the status document (store/REPORT.md) on a page. Pure: the document, the look and
 * the time come in, text comes out.
 *
 * On a screen: glyphs, a title, notes, columns left out by priority. Else plain columns for scripts:
 * words instead of glyphs, every column, alerts as the last one. */
#pragma once

#include "document.h"
#include "page.h"

struct render_runs_options {
	bool no_headings;
	/* Positions of the columns wanted, as render_column_find gives them; n_columns 0: all. */
	size_t n_columns;
	const unsigned *columns;
};

/* By heading, in any case: "RUN", "tok/s", "<1e-5"; -1 when there is none. */
int render_column_find(const char *title);
/* The heading at a position, NULL behind the last. */
const char *render_column_title(unsigned column);

/* The table of runs. */
void render_runs(
	const json_t *document, const struct render_runs_options *options, struct page *page);

/* One run in full. */
void render_run(const json_t *document, const json_t *run, struct page *page);

/* Whether a run crashed, stalled, failed or has an alert. */
bool run_needs_attention(const json_t *run);
