#include "table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2u /* blanks behind a column; one behind a mark, which has no title */

struct cell {
	char *text;
	enum style style;
};

struct table {
	const struct table_column *columns;
	size_t n_columns, n_rows, rows_cap;
	struct cell *cells; /* n_rows × n_columns */
};

/* How the columns are laid out on one screen. */
struct layout {
	bool *shown;
	unsigned *width;
	unsigned total;
};

struct table *table_create(const struct table_column *columns, size_t n_columns) {
	struct table *t = calloc(1, sizeof(*t));

	if (t) {
		t->columns = columns;
		t->n_columns = n_columns;
	}
	return t;
}

void table_destroy(struct table *t) {
	if (!t) {
		return;
	}
	for (size_t i = 0; i < t->n_rows * t->n_columns; i++) {
		free(t->cells[i].text);
	}
	free(t->cells);
	free(t);
}

int table_add_row(struct table *t) {
	if (t->n_rows == t->rows_cap) {
		size_t cap = t->rows_cap ? 2 * t->rows_cap : 16;
		struct cell *cells = reallocarray(t->cells, cap, t->n_columns * sizeof(*cells));
		if (!cells) {
			return -ENOMEM;
		}
		t->cells = cells;
		t->rows_cap = cap;
	}
	memset(t->cells + t->n_rows * t->n_columns, 0, t->n_columns * sizeof(*t->cells));
	t->n_rows++;
	return 0;
}

int table_set(struct table *t, size_t column, enum style style, const char *text) {
	assert(t->n_rows > 0 && column < t->n_columns);
	struct cell *cell = &t->cells[(t->n_rows - 1) * t->n_columns + column];
	char *copy = strdup(text);

	if (!copy) {
		return -ENOMEM;
	}
	free(cell->text);
	*cell = (struct cell){.text = copy, .style = style};
	return 0;
}

static const char *cell_text(const struct table *t, size_t row, size_t column) {
	const char *text = t->cells[row * t->n_columns + column].text;

	return text ? text : "";
}

static unsigned column_natural_width(
	const struct table *t, size_t column, bool headings, bool utf8) {
	unsigned width = headings ? glyph_columns(t->columns[column].title, utf8) : 0;

	for (size_t row = 0; row < t->n_rows; row++) {
		unsigned cell = glyph_columns(cell_text(t, row, column), utf8);
		width = cell > width ? cell : width;
	}
	return width;
}

/* The width of a column that may be cut, when it must be. */
static unsigned column_least_width(const struct table *t, size_t column, unsigned natural) {
	unsigned least = t->columns[column].shrink_to;

	return least > 0 && least < natural ? least : natural;
}

static unsigned gap_behind(const struct table_column *column) {
	return column->title[0] ? GAP : 1;
}

static void layout_sum(const struct table *t, struct layout *l) {
	unsigned gap = 0;

	l->total = 0;
	for (size_t i = 0; i < t->n_columns; i++) {
		if (l->shown[i]) {
			l->total += gap + l->width[i];
			gap = gap_behind(&t->columns[i]);
		}
	}
}

/* Leaves out the column that matters least; false when all that is left must stay. */
static bool layout_drop_one(const struct table *t, struct layout *l) {
	size_t worst = t->n_columns;

	for (size_t i = 0; i < t->n_columns; i++) {
		if (l->shown[i] && t->columns[i].drop > 0 &&
			(worst == t->n_columns || t->columns[i].drop > t->columns[worst].drop)) {
			worst = i;
		}
	}
	if (worst == t->n_columns) {
		return false;
	}
	l->shown[worst] = false;
	layout_sum(t, l);
	return true;
}

/* Gives the room that is left back to the columns that were cut. */
static void layout_widen(
	const struct table *t, const unsigned *natural, unsigned room, struct layout *l) {
	for (size_t i = 0; i < t->n_columns; i++) {
		unsigned missing = l->shown[i] ? natural[i] - l->width[i] : 0;
		unsigned more = missing < room ? missing : room;
		l->width[i] += more;
		l->total += more;
		room -= more;
	}
}

/* Cuts below the wish when even what must stay does not fit: at least one column wide. */
static void layout_squeeze(const struct table *t, unsigned limit, struct layout *l) {
	for (size_t i = 0; i < t->n_columns && l->total > limit; i++) {
		if (l->shown[i] && t->columns[i].shrink_to > 0) {
			unsigned excess = l->total - limit;
			unsigned less = excess < l->width[i] ? excess : l->width[i] - 1;
			l->width[i] -= less;
			l->total -= less;
		}
	}
}

static void layout_fit(
	const struct table *t, const unsigned *natural, unsigned limit, struct layout *l) {
	for (size_t i = 0; i < t->n_columns; i++) {
		l->shown[i] = true;
		l->width[i] = limit == 0 ? natural[i] : column_least_width(t, i, natural[i]);
	}
	layout_sum(t, l);
	if (limit == 0) {
		return;
	}
	while (l->total > limit && layout_drop_one(t, l)) {
	}
	if (l->total > limit) {
		layout_squeeze(t, limit, l);
	} else {
		layout_widen(t, natural, limit - l->total, l);
	}
}

static void draw_cell(const struct table_column *column, unsigned width, enum style style,
	const char *text, struct page *page) {
	if (column->left) {
		page_put_left(page, style, text, width);
	} else {
		page_put_right(page, style, text, width);
	}
}

/* `row` n_rows stands for the headings. */
static void draw_row(const struct table *t, const struct layout *l, size_t row, struct page *page) {
	bool heading = row == t->n_rows;
	unsigned gap = 0;

	for (size_t i = 0; i < t->n_columns; i++) {
		if (!l->shown[i]) {
			continue;
		}
		page_put(page, STYLE_PLAIN, gap == 0 ? "" : gap == 1 ? " " : "  ");
		draw_cell(&t->columns[i], l->width[i],
			heading ? STYLE_HEADING : t->cells[row * t->n_columns + i].style,
			heading ? t->columns[i].title : cell_text(t, row, i), page);
		gap = gap_behind(&t->columns[i]);
	}
	page_end_line(page);
}

void table_draw(const struct table *t, bool headings, struct page *page) {
	unsigned *natural = calloc(t->n_columns + 1, sizeof(*natural));
	struct layout l = {
		.shown = calloc(t->n_columns + 1, sizeof(*l.shown)),
		.width = calloc(t->n_columns + 1, sizeof(*l.width)),
	};

	if (!natural || !l.shown || !l.width) {
		page->status = -ENOMEM;
	} else {
		for (size_t i = 0; i < t->n_columns; i++) {
			natural[i] = column_natural_width(t, i, headings, page->look.utf8);
		}
		layout_fit(t, natural, page->look.width, &l);
		if (headings) {
			draw_row(t, &l, t->n_rows, page);
		}
		for (size_t row = 0; row < t->n_rows; row++) {
			draw_row(t, &l, row, page);
		}
	}
	free(natural);
	free(l.shown);
	free(l.width);
}
