#include "html.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "glyph.h"

#define DECIMALS                                                                                   \
	2u /* of a coordinate, in 1/72 inch: finer than any screen, and half as long as cairo's */

static void put(struct html *h, const char *text, size_t len) {
	h->err = h->err == 0 ? buf_append(&h->out, text, len) : h->err;
}

void html_tags(struct html *h, const char *tags) {
	put(h, tags, strlen(tags));
}

static const char *escape(char c) {
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void html_text(struct html *h, const char *text) {
	struct glyph glyph;

	while (text != NULL && glyph_next(&text, true, &glyph)) {
		const char *escaped = escape(glyph.bytes[0]);
		html_tags(h, escaped != NULL ? escaped : glyph.bytes);
	}
}

void html_printf(struct html *h, const char *format, ...) {
	char *text = NULL;
	va_list args;

	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0) {
		h->err = -ENOMEM;
		return;
	}
	html_text(h, text);
	free(text);
}

void html_element(struct html *h, const char *tag, const char *text) {
	html_tags(h, "<");
	html_tags(h, tag);
	html_tags(h, ">");
	html_text(h, text);
	html_tags(h, "</");
	put(h, tag, strcspn(tag, " ")); /* without its attributes */
	html_tags(h, ">\n");
}

void html_fact(struct html *h, const char *name, const char *value) {
	html_tags(h, "<tr><th scope=\"row\">");
	html_text(h, name);
	html_tags(h, "</th><td>");
	html_text(h, value);
	html_tags(h, "</td></tr>\n");
}

/* ---- SVG ---- */

/* Where a name of the SVG's own begins, behind one of these. */
static size_t name_begins(const char *at) {
	static const char *const marks[] = {" id=\"", "href=\"#", "url(#"};

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		if (strncmp(at, marks[i], strlen(marks[i])) == 0) {
			return strlen(marks[i]);
		}
	}
	return 0;
}

/* Behind a point: how many there are of a number. */
static size_t decimals(const char *at) {
	return at[0] == '.' ? strspn(at + 1, "0123456789") : 0;
}

void html_svg(struct html *h, const struct buf *svg, unsigned number, const char *what) {
	char *text = strndup((const char *)svg->data, svg->len), own[16];
	const char *at = text != NULL ? strstr(text, "<svg ") : NULL;

	if (at == NULL) {
		h->err = text == NULL ? -ENOMEM : h->err;
		free(text);
		return;
	}
	snprintf(own, sizeof own, "p%u-", number);
	html_tags(h, "<svg role=\"img\" aria-label=\"");
	html_text(h, what);
	html_tags(h, "\" ");
	at += strlen("<svg ");
	while (*at != '\0') {
		size_t name = name_begins(at), digits = decimals(at);
		size_t len = name > 0 ? name : digits > 0 ? 1 + digits : 1;
		put(h, at, digits > DECIMALS ? 1 + DECIMALS : len);
		html_tags(h, name > 0 ? own : "");
		at += len;
	}
	free(text);
}
