/* How good the front is as a whole, and what of it is new: the hypervolume, and who joined and who left it. Pure. */
#pragma once

#include "page.h"
#include "pareto_front.h"

void render_pareto_change(const struct pareto *p, struct page *page);
