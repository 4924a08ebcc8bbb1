#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "panes.h"
#include "render.h"

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

/* What `status RUN` prints, as wide as the screen. Its colours are read back: whether they are shown is for the screen to say. */
int pane_run_draw(struct model *m, const struct rect *r, struct grid *g) {
	struct look look = m->look;
	struct page page;
	char note[48];

	struct rect inside = grid_frame(g, r, true, model_run_label(m), "");
	look.width = inside.width;
	look.screen = look.colour = true;
	page_init(&page, &look);
	if (m->detail) {
		render_run(m->status, m->detail, &page);
	}
	const char *text = page_text(&page);
	if (text) {
		m->run_lines = count_lines(text);
		m->run_room = inside.height;
		put_lines(text, m->run_top, &inside, g);
		if (m->run_lines > m->run_room) {
			snprintf(note, sizeof(note), " %zu-%zu of %zu, Esc goes back ",
				m->run_top + 1,
				m->run_top + m->run_room < m->run_lines ? m->run_top + m->run_room
									: m->run_lines,
				m->run_lines);
			grid_put_right(
				g, r->x, r->y + r->height - 1, r->width - 2, STYLE_PLAIN, note);
		}
	}
	page_finish(&page);
	return text ? 0 : -ENOMEM;
}
