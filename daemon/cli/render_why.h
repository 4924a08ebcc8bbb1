/* Draws what `why` found (cli/why_document) on a page. Pure. */
#pragma once

#include "document.h"
#include "page.h"

void render_why(const json_t *document, struct page *page);
/* Of it the steps. */
void render_why_steps(const json_t *document, struct page *page);
