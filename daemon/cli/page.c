#include "page.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const style_codes[] = {
	[STYLE_PLAIN] = "\033[0m",
	[STYLE_HEADING] = "\033[1m",
	[STYLE_NAME] = "\033[36m",
	[STYLE_GOOD] = "\033[32m",
	[STYLE_WARN] = "\033[33m",
	[STYLE_BAD] = "\033[31m",
	[STYLE_DENSE] = "\033[35m",
	[STYLE_DIM] = "\033[2m",
};

void page_init(struct page *p, const struct look *look) {
	*p = (struct page){.look = *look};
}

void page_finish(struct page *p) {
	buf_finish(&p->out);
}

static void page_write(struct page *p, const char *text) {
	if (p->status == 0) {
		p->status = buf_printf(&p->out, "%s", text);
	}
}

static void page_set_style(struct page *p, enum style style) {
	if (!p->look.colour || style == p->style) {
		return;
	}
	if (p->style != STYLE_PLAIN) {
		page_write(p, style_codes[STYLE_PLAIN]);
	}
	if (style != STYLE_PLAIN) {
		page_write(p, style_codes[style]);
	}
	p->style = style;
}

unsigned page_room(const struct page *p) {
	if (p->look.width == 0) {
		return UINT_MAX;
	}
	return p->column < p->look.width ? p->look.width - p->column : 0;
}

static void page_put_glyph(struct page *p, enum style style, const struct glyph *glyph) {
	if (glyph->width > page_room(p)) {
		p->column += glyph->width; /* nothing narrower may slip in behind it */
		return;
	}
	p->column += glyph->width;
	if (glyph->bytes[0] == ' ') {
		p->blanks++;
		return;
	}
	for (; p->blanks > 0; p->blanks--) {
		page_write(p, " ");
	}
	page_set_style(p, style);
	page_write(p, glyph->bytes);
}

void page_put(struct page *p, enum style style, const char *text) {
	struct glyph glyph;

	while (glyph_next(&text, p->look.utf8, &glyph)) {
		page_put_glyph(p, style, &glyph);
	}
}

void page_printf(struct page *p, enum style style, const char *format, ...) {
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	page_put(p, style, text);
}

void page_put_cut(struct page *p, enum style style, const char *text, unsigned width) {
	const char *ellipsis = p->look.utf8 ? "…" : "..";
	unsigned ellipsis_width = p->look.utf8 ? 1 : 2;
	unsigned put = 0;
	unsigned room = page_room(p);
	struct glyph glyph;

	width = width < room ? width : room;
	if (glyph_columns(text, p->look.utf8) <= width) {
		page_put(p, style, text);
		return;
	}
	if (width < ellipsis_width) {
		return;
	}
	while (glyph_next(&text, p->look.utf8, &glyph) &&
		put + glyph.width + ellipsis_width <= width) {
		page_put_glyph(p, style, &glyph);
		put += glyph.width;
	}
	page_put(p, style, ellipsis);
}

static void page_put_blanks(struct page *p, unsigned n) {
	static const struct glyph blank = {.bytes = " ", .width = 1};

	for (; n > 0; n--) {
		page_put_glyph(p, STYLE_PLAIN, &blank);
	}
}

void page_put_left(struct page *p, enum style style, const char *text, unsigned width) {
	unsigned start = p->column;

	page_put_cut(p, style, text, width);
	if (p->column - start < width) {
		page_put_blanks(p, width - (p->column - start));
	}
}

void page_put_right(struct page *p, enum style style, const char *text, unsigned width) {
	unsigned text_columns = glyph_columns(text, p->look.utf8);

	if (text_columns < width) {
		page_put_blanks(p, width - text_columns);
	}
	page_put_cut(p, style, text, width);
}

void page_tab(struct page *p, unsigned column) {
	page_put_blanks(p, p->column < column ? column - p->column : 1);
}

void page_end_line(struct page *p) {
	page_set_style(p, STYLE_PLAIN);
	page_write(p, "\n");
	p->column = 0;
	p->blanks = 0;
}

bool page_skip_style(const char **text, enum style *ret) {
	for (size_t i = 0; i < sizeof(style_codes) / sizeof(style_codes[0]); i++) {
		size_t len = strlen(style_codes[i]);
		if (strncmp(*text, style_codes[i], len) == 0) {
			*text += len;
			*ret = (enum style)i;
			return true;
		}
	}
	return false;
}

const char *page_text(struct page *p) {
	return p->status == 0 ? buf_text(&p->out) : NULL;
}
