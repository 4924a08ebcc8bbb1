#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "panes.h"

static size_t count_lines(const char *text) {
	size_t n = 0;

	for (; (text = strchr(text, '\n')); text++) {
		n++;
	}
	return n;
}

static void put_lines(const char *text, size_t skip, const struct rect *r, struct grid *g) {
	for (size_t i = 0; *text; i++) {
		size_t len = strcspn(text, "\n");
		if (i >= skip && i - skip < r->height) {
			grid_put_page_line(
				g, r->x, r->y + (unsigned)(i - skip), r->width, text, len);
		}
		text += len + (text[len] == '\n');
	}
}

static void put_position(const struct model *m, const struct rect *r, struct grid *g) {
	size_t end = m->page_top + m->page_room;
	char note[96];

	if (m->page_lines > m->page_room) {
		snprintf(note, sizeof(note), " %zu-%zu of %zu, Esc goes back ", m->page_top + 1,
			end < m->page_lines ? end : m->page_lines, m->page_lines);
	} else {
		snprintf(note, sizeof(note), " Esc goes back ");
	}
	grid_put_right(g, r->x, r->y + r->height - 1, r->width - 2, STYLE_PLAIN, note);
}

/* Whether colours are shown is for the screen to say. */
int pane_page_draw(struct model *m, const char *title,
	int (*draw)(const struct model *m, struct page *page), const struct rect *r,
	struct grid *g) {
	struct rect inside = grid_frame(g, r, true, title, "");
	struct look look = m->look;
	struct page page;

	look.width = inside.width;
	look.screen = look.colour = true;
	page_init(&page, &look);
	int err = draw(m, &page);
	const char *text = page_text(&page);
	if (text && err == 0) {
		m->page_lines = count_lines(text);
		m->page_room = inside.height;
		put_lines(text, m->page_top, &inside, g);
		put_position(m, r, g);
	}
	page_finish(&page);
	return text ? err : -ENOMEM;
}
