/* What a report says of one run: its density, figures, losses on the way, attempts, events and config. */
#pragma once

#include "report_page.h"

/* `label`: above it; NULL: it is alone, and the page has its name. */
void report_run_write(
	struct html *h, const struct report_run *r, unsigned number, const char *label);
