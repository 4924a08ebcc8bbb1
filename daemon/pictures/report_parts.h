/* What the parts of a report are made of: values as text, where missing is "-", tables and pictures. */
#pragma once

#include <jansson.h>

#include "format.h"
#include "html.h"
#include "report_page.h"

/* Those that runs are compared by. */
extern const char *const report_metrics[];
extern const size_t report_n_metrics;

const char *report_text(const json_t *object, const char *path);
const char *report_general(const json_t *object, const char *path, char out[FORMAT_MAX]);
const char *report_count(const json_t *object, const char *path, char out[FORMAT_MAX]);
const char *report_metric(const json_t *point, const char *metric, char out[FORMAT_MAX]);

/* `number` of the page's pictures; in place of one that there is not, why. */
void report_put_picture(
	struct html *h, const struct report_picture *p, unsigned number, const char *what);
void report_begin_table(struct html *h, const char *title);
void report_end_table(struct html *h);
void report_put_cell(struct html *h, const char *text);
