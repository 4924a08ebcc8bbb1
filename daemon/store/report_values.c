#include "report_row.h"

#include <string.h>

/* A trainer may give some numbers on every step and others only on those it logs: the newest of
 * each is looked for, two logged rows back and no further than this. */
#define ROWS_SEARCHED_MAX 256
#define ROWS_TIMED        64 /* over which the rate is taken */

static const char *const values[] = {
	/* as the columns of values_sql, from VALUES_AT */
	"losses.mse_loss",
	"losses.l1_loss",
	"losses.ghost_grad_loss",
	"losses.overall_loss",
	"losses.aux_reconstruction_loss",
	"metrics.l0",
	"metrics.explained_variance",
	"metrics.explained_variance_std",
	"metrics.fvu",
	"details.current_learning_rate",
	"details.l1_coefficient",
	"sparsity.dead_features",
	"sparsity.mean_passes_since_fired",
	"sparsity.mean_tokens_since_fired",
};
#define N_VALUES (sizeof values / sizeof values[0])

enum { AT_STEP, AT_TIME, AT_ROWS, AT_NON_FINITE, VALUES_AT };

static const char values_sql[] =
	"SELECT step, time, n_rows, non_finite, mse_loss, l1_loss, ghost_grad_loss, overall_loss, "
	"aux_reconstruction_loss, l0, explained_variance, explained_variance_std, fvu, "
	"current_learning_rate, l1_coefficient, dead_features, mean_passes_since_fired, "
	"mean_tokens_since_fired FROM steps_data WHERE run = ?1 AND step <= ?2 AND attempt = ?3 "
	"ORDER BY step DESC LIMIT ?4";

static json_t *column_number(sqlite3_stmt *st, int column) {
	return sqlite3_column_type(st, column) == SQLITE_INTEGER
		       ? json_integer(sqlite3_column_int64(st, column))
		       : report_number(sqlite3_column_double(st, column));
}

/* What a step has of a value: a number, the string for one that is not finite, or NULL. */
static json_t *value_of(sqlite3_stmt *st, size_t i, const json_t *non_finite) {
	int column = VALUES_AT + (int)i;
	if (sqlite3_column_type(st, column) != SQLITE_NULL) {
		return column_number(st, column);
	}
	json_t *word = json_object_get(non_finite, strchr(values[i], '.') + 1);
	return json_incref(word);
}

static json_t *non_finite_of(sqlite3_stmt *st) {
	const char *text = (const char *)sqlite3_column_text(st, AT_NON_FINITE);
	return text == NULL ? NULL : json_loads(text, 0, NULL);
}

/* Sets those of the values that are not yet found; returns how many are. */
static size_t take_values(
	struct report *r, sqlite3_stmt *st, json_t *object, bool found[N_VALUES]) {
	json_t *non_finite = non_finite_of(st);
	size_t n_found = 0;
	for (size_t i = 0; i < N_VALUES; i++) {
		json_t *value = found[i] ? NULL : value_of(st, i, non_finite);
		if (value != NULL) {
			report_set(r, object, values[i], value);
			found[i] = true;
		}
		n_found += found[i];
	}
	json_decref(non_finite);
	return n_found;
}

/* How fast it went over the last steps. */
struct pace {
	int n;
	int64_t newest_step, oldest_step, rows;
	double newest_time, oldest_time;
};

static void pace_add(struct pace *p, sqlite3_stmt *st) {
	if (p->n >= ROWS_TIMED) {
		return;
	}
	p->oldest_step = sqlite3_column_int64(st, AT_STEP);
	p->oldest_time = sqlite3_column_double(st, AT_TIME);
	if (p->n++ == 0) {
		p->newest_step = p->oldest_step;
		p->newest_time = p->oldest_time;
	}
	p->rows += sqlite3_column_int64(st, AT_ROWS);
}

static void report_pace(struct report *r, const struct report_run *run, const struct pace *p) {
	double took = p->newest_time - p->oldest_time;
	if (p->n < 2 || !(took > 0)) {
		report_set(r, run->object, "rate.tokens_per_s", json_null());
		report_set(r, run->object, "rate.steps_per_s", json_null());
		report_set(r, run->object, "eta_s", json_null());
		return;
	}
	/* n rows span n − 1 intervals. */
	double steps_per_s = (double)(p->newest_step - p->oldest_step) / took;
	double rows_per_s = (double)p->rows * (p->n - 1) / p->n / took;
	report_set(r, run->object, "rate.tokens_per_s", report_number(rows_per_s));
	report_set(r, run->object, "rate.steps_per_s", report_number(steps_per_s));

	double total =
		(double)json_integer_value(json_object_get(run->object, "total_training_steps"));
	const char *state = json_string_value(json_object_get(run->object, "state"));
	double left = total - (double)run->step - 1;
	bool known = left >= 0 && steps_per_s > 0 && state != NULL && strcmp(state, "running") == 0;
	report_set(
		r, run->object, "eta_s", known ? report_number(left / steps_per_s) : json_null());
}

int64_t report_rows_searched(int64_t logged_every) {
	int64_t logged = 2 * logged_every;
	return logged < ROWS_TIMED          ? ROWS_TIMED
	       : logged > ROWS_SEARCHED_MAX ? ROWS_SEARCHED_MAX
					    : logged;
}

void report_values(struct report *r, const struct report_run *run) {
	bool found[N_VALUES] = {false};
	struct pace pace = {0};
	sqlite3_stmt *st =
		run->has_step ? report_query_again(r, values_sql, 4, run->n, run->step,
					(int64_t)run->attempt,
					report_rows_searched(json_integer_value(json_object_get(
						run->object, "wandb_log_frequency"))))
			      : NULL;
	while (report_next(r, &st)) {
		if (pace.n == 0) {
			report_set(r, run->object, "last_step_age_s",
				report_number(r->now > sqlite3_column_double(st, AT_TIME)
						      ? r->now - sqlite3_column_double(st, AT_TIME)
						      : 0));
		}
		pace_add(&pace, st);
		if (take_values(r, st, run->object, found) == N_VALUES && pace.n >= ROWS_TIMED) {
			report_end(r, &st);
		}
	}
	for (size_t i = 0; i < N_VALUES; i++) {
		if (!found[i]) {
			report_set(r, run->object, values[i], json_null());
		}
	}
	report_pace(r, run, &pace);
}
