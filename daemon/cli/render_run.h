/* The parts of the screen of one run. */
#pragma once

#include "document.h"
#include "page.h"

/* Losses and metrics over all steps; then features over the last windows. */
void render_curves(const json_t *run, struct page *page);
void render_window_curves(const json_t *run, struct page *page);

/* How densely features fire: the last window's histogram, and what it says in numbers. */
void render_density(const json_t *run, struct page *page);
