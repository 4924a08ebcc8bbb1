/* The columns of the table of runs: what each is called, where it is shown, how a cell is made. */
#pragma once

#include "document.h"
#include "run_value.h"
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
	struct run_value value; /* what is shown, and what the table is put in order by */
	/* Writes a cell's text; what stays empty is shown as `-`. NULL: the value as it is. */
	enum style (*fill)(
		const struct run_column *column, const struct run_row_view *row, struct buf *text);
	unsigned drop_amiss; /* table.drop while a cell is yellow or red; 0: the same */
};

#define RUN_COLUMNS 21u

/* All of them in their order. */
extern const struct run_column run_columns[RUN_COLUMNS];

/* By heading, in any case: "RUN", "tok/s", "<1e-5"; or any value of a run by its name: "fvu", "config.lr". False when there is
 * neither. `name` is borrowed by *ret. */
bool run_column_find(const char *name, struct run_column *ret);

enum style run_column_fill(
	const struct run_column *column, const struct run_row_view *row, struct buf *text);
