/* Lines of facts behind a label, in columns of their own:
 *
 *   run      id q7w18f3a   project clip-b32   group l9-sweep
 *            user joe
 *
 * A line that is full goes on below. */
#pragma once

#include "document.h"
#include "render_parts.h"

#define LABEL_WIDTH 11u /* `  config   ` */

void facts_label(const char *label, struct page *page);
/* The next fact begins a line, except where a line has no end: scripts get one. */
void facts_next_line(struct page *page);

void fact_put(struct page *page, enum style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Words of any length: what does not fit on the line goes on below, broken at blanks where that is possible. */
void fact_flow(struct page *page, enum style style, const char *text);

/* `label value`; nothing where the document does not know it. */
void fact_text(const json_t *object, const char *label, const char *path, struct page *page);
void fact_number(const json_t *object, const char *label, const char *path, number_format format,
	struct page *page);
