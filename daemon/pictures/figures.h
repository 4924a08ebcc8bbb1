/* The figures that a picture is drawn of (picture.h), from what databases have. */
#pragma once

#include <jansson.h>

#include "axis.h"
#include "pareto_front.h"
#include "run_steps.h"

#define FIGURES_WORDS_SIZE STEPS_WORDS_SIZE

/* Those that are drawn when none is named: of these the first FIGURES_PANELS with a value. */
extern const char *const figures_metrics[];
extern const size_t figures_n_metrics;
#define FIGURES_PANELS 4u

/* Pure: of runs that were read with these metrics. `all`: of every metric, also one without a value. NULL: short of
 * memory, or no step has any (then words say so). */
json_t *figures_of_curves(const struct run_steps *runs, size_t n, const char *const *metrics,
	bool all, enum steps_over over, enum axis_choice axis, double width,
	char ret_words[FIGURES_WORDS_SIZE]);

/* A run as all figures have it; a name that is no UTF-8 is none. */
json_t *figures_run(const char *id, const char *name);

json_t *figures_of_ridges(void);

/* Adds a run to them, if it is not among them: `most` of its complete windows that stand, the newest among them, evenly spaced. 0, -ENOMEM, -ENOENT with
 * words when it has none, or -EIO with words. */
int figures_add_ridges(json_t *figures, sqlite3 *sql, int64_t run, size_t most,
	char ret_words[FIGURES_WORDS_SIZE]);

struct front_wanted {
	struct pareto_query query; /* judged as `pareto` judges */
	enum axis_choice axis;     /* of y; that of x is logarithmic where it can be */
	bool trajectory;
};

/* Pure, of all runs of a points document. 0; -ENOENT with words when no run can be drawn; or -ENOMEM. */
int figures_of_front(const json_t *points, const struct front_wanted *wanted, json_t **ret,
	char ret_words[FIGURES_WORDS_SIZE]);

/* Appends them as a table, a row a drawn number. 0 or -ENOMEM. */
struct buf;
int figures_write_csv(struct buf *out, const json_t *figures);
