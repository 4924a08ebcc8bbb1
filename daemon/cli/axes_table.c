#include "axes_table.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "format.h"
#include "listing.h"

#define LABEL_MAX 32u

/* ---- the table ---- */

struct shown {
	const struct axes_table *table;
	struct table_column heads[AXES_COLUMNS_MAX];
	size_t columns[AXES_COLUMNS_MAX];
	char x[FORMAT_MAX], y[FORMAT_MAX];
	size_t n;
};

/* As a heading: `L0`, `FVU`, `EV`. */
static void write_heading(const struct pareto_axis *axis, char out[FORMAT_MAX]) {
	snprintf(out, FORMAT_MAX, "%s", axis->metric.brief);
	for (char *c = out; *c; c++) {
		*c = (char)toupper((unsigned char)*c);
	}
}

static void choose_columns(struct shown *s, bool screen) {
	const struct axes_table *t = s->table;

	write_heading(t->x, s->x);
	write_heading(t->y, s->y);
	for (size_t i = 0; i < t->n_columns; i++) {
		const struct axes_column *column = &t->columns[i];
		if (column->place == (screen ? ON_PIPES : ON_SCREENS) ||
			(t->is_left_out && t->is_left_out(t->user, i))) {
			continue;
		}
		s->columns[s->n] = i;
		s->heads[s->n] = column->table;
		s->heads[s->n].title = column->title == TITLE_X   ? s->x
				       : column->title == TITLE_Y ? s->y
								  : column->table.title;
		s->n++;
	}
}

static int add_row(const struct shown *s, size_t row, bool screen, struct table *t) {
	struct buf text = {0};
	int err = table_add_row(t);

	for (size_t i = 0; i < s->n && err == 0; i++) {
		buf_clear(&text);
		enum style style = s->table->write(s->table->user, row, s->columns[i], &text);
		bool may_be_empty = s->table->columns[s->columns[i]].may_be_empty && screen;
		const char *cell = text.len > 0 || may_be_empty ? buf_text(&text) : "-";
		err = cell ? table_set(t, i, style, cell) : -ENOMEM;
	}
	buf_finish(&text);
	return err;
}

void axes_table_draw(const struct axes_table *table, struct page *page) {
	struct shown shown = {.table = table};

	assert(table->n_columns <= AXES_COLUMNS_MAX);
	choose_columns(&shown, page->look.screen);
	struct table *t = table_create(shown.heads, shown.n);
	int err = t ? 0 : -ENOMEM;
	for (size_t i = 0; i < table->n_rows && err == 0; i++) {
		err = add_row(&shown, i, page->look.screen, t);
	}
	if (err < 0) {
		page->status = err;
	} else {
		table_draw(t, !table->no_headings, page);
	}
	table_destroy(t);
}

/* ---- who is not in it ---- */

void axes_apart_draw(const char *title, size_t n,
	struct axes_apart (*get)(const void *user, size_t i), const void *user, struct page *page) {
	unsigned width = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned own = glyph_columns(get(user, i).label, page->look.utf8);
		width = own > width ? own : width;
	}
	width = width > LABEL_MAX && page->look.width > 0 ? LABEL_MAX : width;
	if (n > 0) {
		page_put(page, STYLE_PLAIN, title);
		page_end_line(page);
	}
	for (size_t i = 0; i < n; i++) {
		struct axes_apart apart = get(user, i);
		const struct state_look *state = state_look_of(apart.run);
		page_put(page, STYLE_PLAIN, "  ");
		page_put(page, state->style, state_glyph(state, &page->look));
		page_put(page, STYLE_PLAIN, " ");
		page_put_left(page, STYLE_NAME, apart.label, width);
		page_put(page, STYLE_PLAIN, "  ");
		page_put_cut(page, STYLE_PLAIN, apart.why, page_room(page));
		page_end_line(page);
	}
}
