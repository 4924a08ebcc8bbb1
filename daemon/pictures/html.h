/* A page of HTML being written: tags are ours, text is escaped, and whatever cannot be shown is a '?'. */
#pragma once

#include "buf.h"

struct html {
	struct buf out;
	int err; /* 0, or -ENOMEM from then on */
};

void html_tags(struct html *h, const char *tags); /* as they are */
void html_text(struct html *h, const char *text); /* NULL: nothing */
void html_printf(struct html *h, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* `tag` around a text: <h2>text</h2>. */
void html_element(struct html *h, const char *tag, const char *text);

/* A row of a table, its first cell a heading. */
void html_fact(struct html *h, const char *name, const char *value);

/* An SVG as it is in a page: without what it has as a file, its names made this page's own, so that several of them do not take
 * each other's letters. */
void html_svg(struct html *h, const struct buf *svg, unsigned number, const char *what);
