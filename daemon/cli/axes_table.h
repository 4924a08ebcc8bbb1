/* A table of runs that are compared by two figures: which of its columns a screen and a pipe have, the two named after their metrics, and
 * rows of cells by whoever knows them. And below it the runs that are not in it, with why. Pure. */
#pragma once

#include <jansson.h>

#include "buf.h"
#include "pareto_front.h"
#include "table.h"

enum axes_place { ON_ANY = 0, ON_SCREENS, ON_PIPES };
enum axes_title { TITLE_ITS_OWN = 0, TITLE_X, TITLE_Y };

struct axes_column {
	struct table_column table;
	enum axes_place place;
	enum axes_title title;
	bool may_be_empty; /* on a screen; else `-` stands for nothing */
};

#define AXES_COLUMNS_MAX 16u

struct axes_table {
	const struct axes_column *columns;
	size_t n_columns, n_rows;
	const struct pareto_axis *x, *y;
	/* NULL: none is. */
	bool (*is_left_out)(const void *user, size_t column);
	enum style (*write)(const void *user, size_t row, size_t column, struct buf *out);
	const void *user;
	bool no_headings;
};

void axes_table_draw(const struct axes_table *t, struct page *page);

struct axes_apart {
	const json_t *run;
	const char *label, *why;
};

/* `title` and a line each, which `get` fills; nothing of none. */
void axes_apart_draw(const char *title, size_t n,
	struct axes_apart (*get)(const void *user, size_t i), const void *user, struct page *page);
