#include "window_means.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"

enum { AT_STEP, AT_N_ROWS, AT_N_TOKENS, AT_NON_FINITE, AT_EXTRA, AT_METRICS };
enum {
	AT_L1_COEFFICIENT = AT_METRICS + WINDOW_METRICS - 1,
	AT_EV_MEAN,
	AT_L2_SUM,
	AT_TV_SUM,
	AT_MSE_NUM,
	AT_MSE_DEN,
	AT_LP_SUM,
	AT_AUX_SUM,
	AT_END
};

/* Mostly a run has one attempt, and then nothing is looked for behind a row. */
const char window_steps_sql[] =
	"SELECT s.step, s.n_rows, s.n_tokens_folded, s.non_finite, s.extra, s.mse_loss, s.l1_loss, "
	"s.ghost_grad_loss, s.overall_loss, s.aux_reconstruction_loss, s.explained_variance, "
	"s.explained_variance_std, s.explained_variance_legacy, s.explained_variance_legacy_std, "
	"s.l0, s.fvu, s.dead_features, s.mean_passes_since_fired, s.mean_tokens_since_fired, "
	"s.current_learning_rate, s.l1_coefficient, s.ev_mean, s.l2_sum, s.tv_sum, s.mse_num, "
	"s.mse_den, s.lp_sum, s.aux_sum FROM steps_data s WHERE s.run = ?1 AND s.step BETWEEN ?3 "
	"AND ?4 AND (s.attempt = ?2 OR (s.attempt < ?2 AND NOT EXISTS (SELECT 1 FROM "
	"attempts_data a WHERE a.run = ?1 AND a.attempt > s.attempt AND a.attempt <= ?2 AND "
	"a.step_first <= s.step) AND NOT EXISTS (SELECT 1 FROM steps_data t WHERE t.run = ?1 AND "
	"t.step = s.step AND t.attempt > s.attempt AND t.attempt <= ?2))) ORDER BY s.step";

/* What a mean is over: a column, or the product of two, over another column. 0, which is the step: none. */
struct term {
	const char *name;
	int factor, times, over;
};
#define METRIC(column, name)               [(column)-AT_METRICS] = {name, column, 0, 0}
#define TERM(i, name, factor, times, over) [WINDOW_METRICS + (i)] = {name, factor, times, over}

static const struct term terms[WINDOW_MEANS] = {
	METRIC(AT_METRICS, "mse_loss"),
	METRIC(AT_METRICS + 1, "l1_loss"),
	METRIC(AT_METRICS + 2, "ghost_grad_loss"),
	METRIC(AT_METRICS + 3, "overall_loss"),
	METRIC(AT_METRICS + 4, "aux_reconstruction_loss"),
	METRIC(AT_METRICS + 5, "explained_variance"),
	METRIC(AT_METRICS + 6, "explained_variance_std"),
	METRIC(AT_METRICS + 7, "explained_variance_legacy"),
	METRIC(AT_METRICS + 8, "explained_variance_legacy_std"),
	METRIC(AT_METRICS + 9, "l0"),
	METRIC(AT_METRICS + 10, "fvu"),
	METRIC(AT_METRICS + 11, "dead_features"),
	METRIC(AT_METRICS + 12, "mean_passes_since_fired"),
	METRIC(AT_METRICS + 13, "mean_tokens_since_fired"),
	METRIC(AT_METRICS + 14, "current_learning_rate"),
	METRIC(AT_L1_COEFFICIENT, "l1_coefficient"),
	TERM(0, "ev_mean", AT_EV_MEAN, 0, 0),
	TERM(1, "l2_per_row", AT_L2_SUM, 0, AT_N_ROWS),
	TERM(2, "tv_per_row", AT_TV_SUM, 0, AT_N_ROWS),
	TERM(3, "mse_num_per_row", AT_MSE_NUM, 0, AT_N_ROWS),
	TERM(4, "mse_den_per_row", AT_MSE_DEN, 0, AT_N_ROWS),
	TERM(5, "mse_ratio", AT_MSE_NUM, 0, AT_MSE_DEN),
	TERM(6, "lp_per_row", AT_LP_SUM, 0, AT_N_ROWS),
	TERM(7, "weighted_lp_per_row", AT_L1_COEFFICIENT, AT_LP_SUM, AT_N_ROWS),
	TERM(8, "aux_per_row", AT_AUX_SUM, 0, AT_N_ROWS),
};

const char *window_mean_name(uint32_t i) {
	return terms[i].name;
}

/* ---- adding up ---- */

struct sum {
	double sum;
	int64_t n, n_not_finite;
};

struct extra_sum {
	char *name;
	struct sum sum;
};

struct adding {
	struct sum sums[WINDOW_MEANS];
	struct extra_sum *extras;
	size_t n_extras, extras_cap;
	int64_t n_steps, n_tokens;
	bool failed; /* memory */
};

static void sum_add(struct sum *s, double value) {
	if (isfinite(value)) {
		s->sum += value;
		s->n++;
	} else {
		s->n_not_finite++;
	}
}

static double sum_mean(const struct sum *s) {
	return s->n > 0 ? s->sum / (double)s->n : (double)NAN;
}

/* false: the step does not have it. */
static bool read_column(sqlite3_stmt *st, int at, const json_t *non_finite, double *ret) {
	bool has = sqlite3_column_type(st, at) != SQLITE_NULL;

	*ret = has ? sqlite3_column_double(st, at) : (double)NAN;
	return has || json_object_get(non_finite, sqlite3_column_name(st, at)) != NULL;
}

static void add_term(
	struct sum *sum, const struct term *t, sqlite3_stmt *st, const json_t *non_finite) {
	double value, times = 1, over = 1;

	if (read_column(st, t->factor, non_finite, &value) &&
		(t->times == 0 || read_column(st, t->times, non_finite, &times)) &&
		(t->over == 0 || read_column(st, t->over, non_finite, &over))) {
		value = t->times == 0 ? value : value * times;
		sum_add(sum, t->over == 0 ? value : value / over);
	}
}

/* The sum under that name, most often where it was the last time. NULL: memory is short. */
static struct sum *find_extra(struct adding *a, const char *name, size_t guess) {
	if (guess < a->n_extras && strcmp(a->extras[guess].name, name) == 0) {
		return &a->extras[guess].sum;
	}
	for (size_t i = 0; i < a->n_extras; i++) {
		if (strcmp(a->extras[i].name, name) == 0) {
			return &a->extras[i].sum;
		}
	}
	if (a->n_extras == a->extras_cap) {
		size_t cap = a->extras_cap == 0 ? 16 : 2 * a->extras_cap;
		struct extra_sum *more = realloc(a->extras, cap * sizeof *more);
		if (more == NULL) {
			return NULL;
		}
		a->extras = more;
		a->extras_cap = cap;
	}
	struct extra_sum *extra = &a->extras[a->n_extras];
	*extra = (struct extra_sum){.name = strdup(name)};
	a->n_extras += extra->name != NULL;
	return extra->name != NULL ? &extra->sum : NULL;
}

static void add_extras(struct adding *a, json_t *extras) {
	size_t guess = 0;
	const char *name;
	json_t *value;

	json_object_foreach(extras, name, value) {
		struct sum *sum = find_extra(a, name, guess++);
		if (sum == NULL) {
			a->failed = true;
			return;
		}
		sum_add(sum, json_is_number(value) ? json_number_value(value) : (double)NAN);
	}
}

static json_t *column_object(sqlite3_stmt *st, int at) {
	const char *text = (const char *)sqlite3_column_text(st, at);

	return text == NULL ? NULL : json_loads(text, 0, NULL);
}

static void add_step(struct adding *a, sqlite3_stmt *st) {
	json_t *non_finite = column_object(st, AT_NON_FINITE);
	json_t *extras = column_object(st, AT_EXTRA);

	for (size_t i = 0; i < WINDOW_MEANS; i++) {
		add_term(&a->sums[i], &terms[i], st, non_finite);
	}
	add_extras(a, extras);
	a->n_steps++;
	if (sqlite3_column_type(st, AT_N_TOKENS) != SQLITE_NULL) {
		a->n_tokens = sqlite3_column_int64(st, AT_N_TOKENS);
	}
	json_decref(extras);
	json_decref(non_finite);
}

/* ---- what it came to ---- */

static int put_count(struct buf *json, const char *name, const struct sum *sum) {
	if (sum->n_not_finite == 0) {
		return 0;
	}
	int err = json_put_member(json, name);
	return err < 0 ? err : json_put_count(json, (double)sum->n_not_finite);
}

static int put_not_finite(const struct adding *a, struct buf *json) {
	int err = 0;
	for (size_t i = 0; err == 0 && i < WINDOW_MEANS; i++) {
		err = put_count(json, terms[i].name, &a->sums[i]);
	}
	for (size_t i = 0; err == 0 && i < a->n_extras; i++) {
		err = put_count(json, a->extras[i].name, &a->extras[i].sum);
	}
	return err;
}

static int put_extras(const struct adding *a, struct buf *json) {
	int err = 0;
	for (size_t i = 0; err == 0 && i < a->n_extras; i++) {
		double mean = sum_mean(&a->extras[i].sum);
		if (isfinite(mean)) {
			err = json_put_member(json, a->extras[i].name);
			err = err < 0 ? err : json_put_number(json, mean);
		}
	}
	return err;
}

/* An object of those members as a text of its own; none: NULL. */
static int keep_object(
	const struct adding *a, int (*put)(const struct adding *a, struct buf *json), char **ret) {
	struct buf json = {0};
	int err = put(a, &json);
	if (err == 0 && json.len > 0) {
		err = buf_append(&json, "}", 1);
		*ret = err == 0 ? buf_text(&json) : NULL;
		if (*ret != NULL) {
			return SQLITE_OK; /* the buffer's memory is the text's */
		}
		err = -1;
	}
	buf_finish(&json);
	return err < 0 ? SQLITE_NOMEM : SQLITE_OK;
}

static int conclude(const struct adding *a, struct window_means *ret) {
	struct window_means m = {.n_steps = a->n_steps, .n_tokens_folded = a->n_tokens};

	for (size_t i = 0; i < WINDOW_MEANS; i++) {
		m.value[i] = sum_mean(&a->sums[i]);
	}
	int rc = a->failed ? SQLITE_NOMEM : keep_object(a, put_not_finite, &m.not_finite);
	rc = rc == SQLITE_OK ? keep_object(a, put_extras, &m.extra) : rc;
	if (rc != SQLITE_OK) {
		window_means_finish(&m);
		return rc;
	}
	*ret = m;
	return SQLITE_OK;
}

static void adding_finish(struct adding *a) {
	for (size_t i = 0; i < a->n_extras; i++) {
		free(a->extras[i].name);
	}
	free(a->extras);
}

int window_means_add_up(
	sqlite3_stmt *st, const struct window_place *place, struct window_means *ret) {
	struct adding a = {.n_tokens = -1};
	int rc = SQLITE_ROW;

	(void)sqlite3_bind_int64(st, 1, place->run);
	(void)sqlite3_bind_int64(st, 2, place->attempt);
	(void)sqlite3_bind_int64(st, 3, place->step_first);
	(void)sqlite3_bind_int64(st, 4, place->step_last);
	while (!a.failed && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		add_step(&a, st);
	}
	(void)sqlite3_reset(st);
	rc = rc == SQLITE_DONE || a.failed ? conclude(&a, ret) : rc;
	adding_finish(&a);
	return rc;
}

/* ---- what was kept ---- */

static char *column_copy(sqlite3_stmt *st, int at, int *rc) {
	const char *text = (const char *)sqlite3_column_text(st, at);
	char *copy = text == NULL ? NULL : strdup(text);

	*rc = text != NULL && copy == NULL ? SQLITE_NOMEM : *rc;
	return copy;
}

int window_means_take(sqlite3_stmt *st, int at, struct window_means *ret) {
	struct window_means m = {.n_steps = sqlite3_column_int64(st, at)};
	int rc = SQLITE_OK, texts = at + 2 + (int)WINDOW_MEANS;

	m.n_tokens_folded = sqlite3_column_type(st, at + 1) == SQLITE_NULL
				    ? -1
				    : sqlite3_column_int64(st, at + 1);
	for (int i = 0; i < (int)WINDOW_MEANS; i++) {
		bool has = sqlite3_column_type(st, at + 2 + i) != SQLITE_NULL;
		m.value[i] = has ? sqlite3_column_double(st, at + 2 + i) : (double)NAN;
	}
	m.not_finite = column_copy(st, texts, &rc);
	m.extra = column_copy(st, texts + 1, &rc);
	if (rc != SQLITE_OK) {
		window_means_finish(&m);
		return rc;
	}
	*ret = m;
	return SQLITE_OK;
}

void window_means_finish(struct window_means *m) {
	free(m->not_finite);
	free(m->extra);
	*m = (struct window_means){0};
}
