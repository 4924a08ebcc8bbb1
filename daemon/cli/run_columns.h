/* The columns of the table of runs: what each is called, where it is shown, how a cell is made. */
#pragma once

#include "document.h"
#include "table.h"

/* A row of the table while its cells are made. */
struct run_row_view {
	const json_t *run;
	const struct look *look;
	const char *label; /* the name it is listed under */
};

enum shown_on {
	ON_BOTH = 0,
	ON_SCREEN, /* on a terminal alone */
	ON_PIPE    /* for scripts alone */
};

struct run_column {
	struct table_column table;
	enum shown_on on;
	/* Writes a cell's text; what stays empty is shown as `-`. */
	enum style (*fill)(const struct run_row_view *row, struct buf *text);
	unsigned drop_amiss; /* table.drop while a cell is yellow or red; 0: the same */
};

#define RUN_COLUMNS 21u

/* All of them in their order. */
extern const struct run_column run_columns[RUN_COLUMNS];
