/* Rows and columns that fit the screen: what matters least is left out first, then the widest
 * column is cut; a row is never wrapped. Pure. */
#pragma once

#include <stddef.h>

#include "page.h"

struct table_column {
	const char *title; /* "": a mark, close to the column behind it */
	bool left;         /* aligned; else right */
	unsigned drop;     /* 0: always there; else the highest is left out first */
	unsigned
		shrink_to; /* cut down to this many columns before anything more is left out; 0: never cut */
};

struct table;

/* `columns` is borrowed. NULL when memory is short. */
struct table *table_create(const struct table_column *columns, size_t n_columns);
void table_destroy(struct table *t);

/* 0 or -ENOMEM. Cells start empty. */
int table_add_row(struct table *t);
/* Sets a cell of the newest row. */
int table_set(struct table *t, size_t column, enum style style, const char *text);

void table_draw(const struct table *t, bool headings, struct page *page);
