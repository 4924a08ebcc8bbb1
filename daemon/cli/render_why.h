/* Draws what `why` found (cli/why_document) on a page. Pure. */
#pragma once

#include "document.h"
#include "page.h"

void render_why(const json_t *document, struct page *page);
/* Of it the steps. */
void render_why_steps(const json_t *document, struct page *page);
/* Which features died and which came alive in its windows … */
void render_why_deaths(const json_t *document, struct page *page);
/* … and in a wave that was observed elsewhere. */
void render_why_wave(const json_t *document, const json_t *observation, struct page *page);
