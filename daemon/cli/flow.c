#include "flow.h"

#include <string.h>

static void next_line(struct page *page, unsigned indent) {
	page_end_line(page);
	page_tab(page, indent);
}

/* A glyph more than the line has room for begins the next one. */
static void flow_word(
	struct page *page, enum style style, const char *text, const char *end, unsigned indent) {
	struct glyph glyph;

	while (text < end && glyph_next(&text, page->look.utf8, &glyph)) {
		if (glyph.width > page_room(page) && page->column > indent) {
			next_line(page, indent);
		}
		page_put(page, style, glyph.bytes);
	}
}

static unsigned columns_between(const char *text, const char *end, bool utf8) {
	struct glyph glyph;
	unsigned columns = 0;

	while (text < end && glyph_next(&text, utf8, &glyph)) {
		columns += glyph.width;
	}
	return columns;
}

void flow_put(struct page *page, enum style style, const char *text, unsigned indent) {
	for (bool first = true; *text; first = false) {
		const char *end = text + strcspn(text, " ");
		unsigned needed = columns_between(text, end, page->look.utf8);
		if (!first && needed + 1 > page_room(page) && page->column > indent) {
			next_line(page, indent);
		} else if (!first) {
			page_put(page, STYLE_PLAIN, " ");
		}
		flow_word(page, style, text, end, indent);
		text = end + strspn(end, " ");
	}
}
