/* Draws whom `stop --dominated` asks to stop, or would. On a screen below it those that it leaves alone; into a pipe goes the table
 * alone. Pure. */
#pragma once

#include "dominated.h"
#include "page.h"

/* What became of one. */
enum dominated_outcome { DOMINATED_ASKED = 0, DOMINATED_NOT_ASKED };

/* `outcomes`, one a run; NULL: nobody was asked, this is what would be. */
void render_dominated(
	const struct dominated *d, const enum dominated_outcome *outcomes, struct page *page);

/* Those that are left alone, a line each: where the page itself is for a program. */
void render_dominated_left(const struct dominated *d, struct page *page);
