/* A page being drawn: styled text into memory, measured in columns. It keeps three promises
 * whatever is put on it: no line is wider than the screen, none ends in blanks, and nothing but printable
 * text and our own colours reaches the terminal. */
#pragma once

#include "buf.h"
#include "glyph.h"

#define LOOK_WIDE 100u /* columns: from here there is room for what is nice to have */

/* How the reader's screen is; decided once, outside, and passed in. */
struct look {
	unsigned width; /* in columns; 0: as wide as the content */
	bool screen; /* a terminal, with glyphs, a title and notes; else plain columns for scripts */
	bool utf8;
	bool colour;
	double now; /* seconds since 1970 */
};

enum style {
	STYLE_PLAIN = 0,
	STYLE_HEADING, /* bold */
	STYLE_NAME,    /* cyan */
	STYLE_GOOD,    /* green */
	STYLE_WARN,    /* yellow */
	STYLE_BAD,     /* red */
	STYLE_DENSE,   /* magenta */
	STYLE_DIM,
};

struct page {
	struct look look;
	struct buf out;
	unsigned column;  /* where the open line stands */
	unsigned blanks;  /* of it, not written yet */
	enum style style; /* in force behind the last byte */
	int status;       /* 0, or -ENOMEM from then on */
};

void page_init(struct page *p, const struct look *look);
void page_finish(struct page *p);

void page_put(struct page *p, enum style style, const char *text);
void page_printf(struct page *p, enum style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same in exactly or at most `width` columns; what is longer is cut and ends in an ellipsis. */
void page_put_left(struct page *p, enum style style, const char *text, unsigned width);
void page_put_right(struct page *p, enum style style, const char *text, unsigned width);
void page_put_cut(struct page *p, enum style style, const char *text, unsigned width);

/* Blanks up to a column; at least one when the line is past it already. */
void page_tab(struct page *p, unsigned column);
void page_end_line(struct page *p);

/* Columns still free on this line; UINT_MAX without a limit. */
unsigned page_room(const struct page *p);

/* Reads its own colours back: past one that *text begins with, and which that is; false where none stands. */
bool page_skip_style(const char **text, enum style *ret);

/* All of it, NUL-terminated; NULL when memory was short at any time. */
const char *page_text(struct page *p);
