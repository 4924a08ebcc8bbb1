/* Words that go on below where the line is full. */
#pragma once

#include "page.h"

/* Broken at blanks where that is possible; the lines below begin in column `indent`. */
void flow_put(struct page *page, enum style style, const char *text, unsigned indent);
