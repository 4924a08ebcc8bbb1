/* The parts of the screen of one run. */
#pragma once

#include "document.h"
#include "page.h"

/* Losses and metrics over all steps; then features over the last windows. */
void render_curves(const json_t *run, struct page *page);
void render_window_curves(const json_t *run, struct page *page);

/* How densely features fire: the last window's histogram, and what it says in numbers. */
void render_density(const json_t *run, struct page *page);

/* `  label    ` in the first columns of a line. */
void render_label(const char *label, struct page *page);
/* One item of a line of facts behind a label; goes on in the next line when this one is full. */
void render_fact(struct page *page, enum style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
