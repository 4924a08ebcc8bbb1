/* Draws the status document (store/REPORT.md) on a page. Pure: the document, the look and
 * the time come in, text comes out.
 *
 * On a screen: glyphs, a title, notes, columns left out by priority. Else plain columns for scripts:
 * words instead of glyphs, every column, alerts as the last one. */
#pragma once

#include "document.h"
#include "page.h"
#include "run_columns.h"

struct render_runs_options {
	bool no_headings;
	bool in_given_order; /* else those that run come first */
	size_t n_all;        /* of so many these runs were chosen; 0: they are all there are */
	size_t n_columns;    /* the columns wanted; 0: those that fit */
	const struct run_column *columns;
};

/* The table of runs. */
void render_runs(
	const json_t *document, const struct render_runs_options *options, struct page *page);

/* One run in full. */
void render_run(const json_t *document, const json_t *run, struct page *page);

/* Whether a run crashed, stalled, failed or has an alert, and nobody has acknowledged that. */
bool run_needs_attention(const json_t *run);
