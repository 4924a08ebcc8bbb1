#include "fact_line.h"

#include <stdarg.h>
#include <stdio.h>

#include "format.h"

void facts_label(const char *label, struct page *page) {
	page_tab(page, 2);
	page_put(page, STYLE_DIM, label);
	page_tab(page, LABEL_WIDTH);
}

void fact_put(struct page *page, enum style style, const char *format, ...) {
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);

	bool first = page->column <= LABEL_WIDTH;
	unsigned needed = glyph_columns(text, page->look.utf8);
	if (!first && page->look.width > 0 && page->column + 3 + needed > page->look.width) {
		page_end_line(page);
		page_tab(page, LABEL_WIDTH);
	} else if (!first) {
		page_put(page, STYLE_PLAIN, "   ");
	}
	page_put_cut(page, style, text, page_room(page));
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
