/* `status RUN --as PROFILE`: a run's figures by its own trainer's definitions beside another's. Pure. */
#pragma once

#include "document.h"
#include "page.h"

/* `own` and `other` are the run of the points document before and after restate_points_run. */
void render_restated(
	const json_t *own, const json_t *other, const char *profile, struct page *page);
