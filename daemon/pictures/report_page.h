/* A report: one page of HTML that needs nothing else, of what the status and the points document say of some runs, with their pictures. Pure. */
#pragma once

#include <jansson.h>

#include "html.h"

struct report_picture {
	struct buf svg;   /* empty: there is none */
	char words[1024]; /* then: why */
};

struct report_run {
	const json_t *run;   /* of the status document, in full */
	const json_t *point; /* of the points document; NULL or null: none */
	double at_tokens;    /* what the point is at, at most; 0: it is the newest */
	struct report_picture density;
};

struct report_page {
	const char *title;
	double now; /* seconds since 1970 */
	const struct report_run *runs;
	size_t n;
	struct report_picture curves, front; /* of all; the front of several */
};

/* 0 or -ENOMEM. */
int report_page_write(struct html *h, const struct report_page *page);
