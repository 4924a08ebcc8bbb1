/* A value of a run in the status document, by the name it has everywhere (store/REPORT.md): "fvu", "below_1e-5", "user";
 * "config.lr" and "summary.eval/score" as the trainer named them; "below_0.001" of the run's own thresholds. Pure. */
#pragma once

#include "render_parts.h"

enum run_value_kind {
	RUN_VALUE_MEMBER = 0, /* at `path` */
	RUN_VALUE_TIME,       /* the same, a moment */
	RUN_VALUE_CONFIG,     /* `path`: the key in the config */
	RUN_VALUE_SUMMARY,    /* in the summary */
	RUN_VALUE_BELOW,      /* `path`: the density that features are counted below */
	RUN_VALUE_PROGRESS,   /* how far the run is */
	RUN_VALUE_ALERTS      /* how many it has */
};

struct run_value {
	enum run_value_kind kind;
	const char *path;     /* borrowed */
	number_format format; /* of a number */
};

/* False: no run has that, whatever it logs. `name` is borrowed by *ret. */
bool run_value_find(const char *name, struct run_value *ret);
/* The names of those that are no trainer's own, NULL behind the last. */
const char *run_value_name(size_t i);

/* NULL where the run does not have it, and of what is computed here. */
const json_t *run_value_json(const struct run_value *v, const json_t *run);
bool run_value_number(const struct run_value *v, const json_t *run, double *ret);

/* Writes it as it looks in a table; nothing where it is not known. */
enum style run_value_print(
	const struct run_value *v, const json_t *run, const struct look *look, struct buf *text);

/* Which comes first: numbers, then texts, then what is not a number (NaN), then what is not known, whatever the direction. */
int run_value_compare(
	const struct run_value *v, const json_t *left, const json_t *right, bool descending);
