#include "fact_line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "flow.h"
#include "format.h"

void facts_label(const char *label, struct page *page) {
	page_tab(page, 2);
	page_put(page, STYLE_DIM, label);
	page_tab(page, LABEL_WIDTH);
}

static void next_line(struct page *page) {
	page_end_line(page);
	page_tab(page, LABEL_WIDTH);
}

void facts_next_line(struct page *page) {
	if (page->look.width > 0) {
		next_line(page);
	}
}

/* Behind what stands there, or below it. */
static void begin_fact(struct page *page, unsigned needed) {
	bool first = page->column <= LABEL_WIDTH;

	if (!first && page->look.width > 0 && page->column + 3 + needed > page->look.width) {
		next_line(page);
	} else if (!first) {
		page_put(page, STYLE_PLAIN, "   ");
	}
}

void fact_put(struct page *page, enum style style, const char *format, ...) {
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);

	begin_fact(page, glyph_columns(text, page->look.utf8));
	page_put_cut(page, style, text, page_room(page));
}

void fact_flow(struct page *page, enum style style, const char *text) {
	if (page->look.width > 0 && page->look.width <= LABEL_WIDTH) {
		page_put_cut(page, style, text, page_room(page));
		return;
	}
	begin_fact(page, glyph_columns(text, page->look.utf8));
	flow_put(page, style, text, LABEL_WIDTH);
}

void fact_text(const json_t *object, const char *label, const char *path, struct page *page) {
	const char *value = document_text(object, path);

	if (value && value[0]) {
		fact_put(page, STYLE_PLAIN, "%s %s", label, value);
	}
}

void fact_number(const json_t *object, const char *label, const char *path, number_format format,
	struct page *page) {
	char text[FORMAT_MAX];
	double value;

	if (document_number(object, path, &value)) {
		fact_put(page, STYLE_PLAIN, "%s %s", label, format(text, value));
	}
}
