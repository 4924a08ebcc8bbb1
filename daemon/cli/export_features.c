#include "export_features.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "feature_counts.h"

/* Below it a feature is of the ultra-low cluster, above the other one dense. In a window of at most a million rows a feature that fired
 * at all has a density of 1e-6 or more: nothing in it can be told to be ultra-low. */
#define ULTRA_LOW 1e-6
#define DENSE     0.1

enum column {
	COLUMN_RUN = 0,
	COLUMN_ATTEMPT,
	COLUMN_WINDOW,
	COLUMN_STEP_LAST,
	COLUMN_COMPLETE,
	COLUMN_N_TOKENS,
	COLUMN_FEATURE,
	COLUMN_COUNT,
	COLUMN_DENSITY,
	COLUMN_LOG10_DENSITY,
	COLUMN_LAST_FIRED,
	COLUMN_TOTAL,
	COLUMN_CLASS,
	COLUMNS
};

const char *const export_features_names[] = {"run", "attempt", "window", "step_last", "complete",
	"n_tokens", "feature", "count", "density", "log10_density", "last_fired", "total", "class",
	NULL};

struct chosen {
	enum column columns[EXPORT_COLUMNS_MAX];
	const char *names[EXPORT_COLUMNS_MAX];
	size_t n;
};

/* ---- a row ---- */

static struct cell of_text(const char *text) {
	return (struct cell){.kind = CELL_TEXT, .bytes = text, .len = strlen(text)};
}

static struct cell of_integer(int64_t value) {
	return (struct cell){.kind = CELL_INTEGER, .integer = value};
}

static struct cell of_real(double value) {
	return (struct cell){.kind = CELL_REAL, .real = value};
}

static const char *class_of(uint32_t count, double density) {
	return count == 0            ? "dead"
	       : density < ULTRA_LOW ? "ultra-low"
	       : density > DENSE     ? "dense"
				     : "normal";
}

static void fill(
	const struct feature_counts *f, const char *id, uint32_t i, struct cell ret[COLUMNS]) {
	double density = f->n_tokens > 0 ? f->counts[i] / (double)f->n_tokens : 0;

	ret[COLUMN_RUN] = of_text(id);
	ret[COLUMN_ATTEMPT] = of_integer(f->attempt);
	ret[COLUMN_WINDOW] = of_integer(f->window);
	ret[COLUMN_STEP_LAST] = of_integer(f->step_last);
	ret[COLUMN_COMPLETE] = of_integer(f->complete);
	ret[COLUMN_N_TOKENS] = of_integer((int64_t)f->n_tokens);
	ret[COLUMN_FEATURE] = of_integer(i);
	ret[COLUMN_COUNT] = of_integer(f->counts[i]);
	ret[COLUMN_DENSITY] = of_real(density);
	ret[COLUMN_LOG10_DENSITY] = f->counts[i] > 0 ? of_real(log10(density)) : (struct cell){0};
	ret[COLUMN_LAST_FIRED] = f->totals[i] > 0 ? of_integer(f->last[i]) : (struct cell){0};
	ret[COLUMN_TOTAL] = of_integer((int64_t)f->totals[i]);
	ret[COLUMN_CLASS] = of_text(class_of(f->counts[i], density));
}

/* ---- columns ---- */

static void choose(struct chosen *c, const char *name, size_t len) {
	for (size_t i = 0; i < COLUMNS && c->n < EXPORT_COLUMNS_MAX; i++) {
		if (name == NULL || (strlen(export_features_names[i]) == len &&
					    memcmp(export_features_names[i], name, len) == 0)) {
			c->names[c->n] = export_features_names[i];
			c->columns[c->n++] = (enum column)i;
		}
	}
}

/* `columns` are known to be there. */
static void choose_all(struct chosen *c, const char *columns) {
	for (const char *name = columns; name != NULL; name++) {
		size_t len = strcspn(name, ",");
		choose(c, name, len);
		name += len;
		if (*name == '\0') {
			break;
		}
	}
	if (columns == NULL) {
		choose(c, NULL, 0);
	}
}

/* ---- all ---- */

static int write_rows(const struct feature_counts *f, const char *id, const struct chosen *c,
	const atomic_bool *stop, struct row_output *out) {
	struct cell all[COLUMNS], cells[EXPORT_COLUMNS_MAX];
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < f->d_sae; i++) {
		fill(f, id, i, all);
		for (size_t k = 0; k < c->n; k++) {
			cells[k] = all[c->columns[k]];
		}
		err = row_output_put(out, c->names, cells, c->n);
		err = err == 0 && atomic_load(stop) ? -EINTR : err;
	}
	return err;
}

int export_features_write(sqlite3 *sql, int64_t run, const char *id,
	const struct export_choice *choice, bool with_heading, const atomic_bool *stop,
	struct row_output *out) {
	struct feature_counts f = {0};
	struct chosen c = {0};

	choose_all(&c, choice->columns);
	int err = with_heading ? row_output_heading(out, c.names, c.n) : 0;
	int found = err == 0 ? feature_counts_read(sql, run, &f) : err;
	if (found < 0) {
		return err < 0 ? err : found == -ENOENT || found == -EPROTO ? -ENOENT : -EBADMSG;
	}
	err = write_rows(&f, id, &c, stop, out);
	feature_counts_finish(&f);
	return err;
}
