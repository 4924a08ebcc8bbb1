#include "row.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

#include "json_text.h"
#include "window_means.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static int json_put_counts(struct buf *json, const uint32_t *counts, uint32_t n) {
	int err = buf_append(json, "[", 1);
	for (uint32_t i = 0; err == 0 && i < n; i++) {
		err = buf_printf(json, "%s%" PRIu32, i > 0 ? ", " : "", counts[i]);
	}
	return err < 0 ? err : buf_append(json, "]", 1);
}

static int json_put_edges(struct buf *json, const float *edges, uint32_t n) {
	double values[WANDB_BINS + 1];
	assert(n <= ARRAY_LEN(values));
	for (uint32_t i = 0; i < n; i++) {
		values[i] = (double)edges[i];
	}
	return json_put_list(json, values, n, json_put_number);
}

static int json_put_thresholds(struct buf *json, const struct density_summary *d) {
	int err = buf_append(json, "[", 1);
	for (uint32_t i = 0; err == 0 && i < d->n_thresholds; i++) {
		err = buf_printf(json, "%s{\"density\": ", i > 0 ? ", " : "");
		if (err == 0) {
			err = json_put_number(json, d->thresholds[i]);
		}
		if (err == 0) {
			err = buf_printf(json, ", \"below\": %" PRIu32 "}", d->below[i]);
		}
	}
	return err < 0 ? err : buf_append(json, "]", 1);
}

/* Four JSON lists in one buffer: where each of them ends. */
struct window_json {
	size_t thresholds, bins, values, density;
};

static int json_put_window(
	struct buf *json, const struct density_summary *d, struct window_json *ret) {
	buf_clear(json);
	int err = json_put_thresholds(json, d);
	ret->thresholds = json->len;
	if (err == 0 && d->has_wandb) {
		err = json_put_edges(json, d->wandb_edges, WANDB_BINS + 1);
	}
	ret->bins = json->len;
	if (err == 0 && d->has_wandb) {
		err = json_put_counts(json, d->wandb_counts, WANDB_BINS);
	}
	ret->values = json->len;
	if (err == 0) {
		err = json_put_counts(json, d->fixed_counts, FIXED_BINS);
	}
	ret->density = json->len;
	return err;
}

static void put_part(struct row *row, const struct buf *json, size_t from, size_t to) {
	if (from == to) {
		row_null(row);
	} else {
		row_span(row, (const char *)json->data + from, to - from);
	}
}

static void put_window_steps(struct row *row, int64_t run, const struct change_window *w) {
	row_int(row, run);
	row_int(row, w->attempt);
	row_int(row, w->window);
	row_int(row, w->step_first);
	row_int(row, w->step_last);
	row_int(row, w->step_close);
	row_real(row, w->time);
	row_int(row, w->n_steps);
	row_int(row, w->n_steps_expected);
	row_int(row, w->flaws);
	row_uint(row, w->density.n_rows);
	row_int(row, w->density.d_sae);
	row_int(row, w->dead_features);
	row_int(row, w->revived);
	row_int(row, w->newly_dead);
}

static void put_density(struct row *row, const struct buf *json, const struct window_json *parts,
	const struct density_summary *d) {
	row_real(row, d->mean_log10);
	row_int(row, d->below_1e_5);
	row_int(row, d->below_1e_6);
	row_int(row, d->never_fired);
	row_int(row, d->above_1e_2);
	row_int(row, d->above_1e_1);
	put_part(row, json, 0, parts->thresholds);
	row_int(row, d->n_quantile_features);
	for (size_t i = 0; i < DENSITY_QUANTILES; i++) {
		row_real(row, d->n_quantile_features > 0 ? d->quantiles[i] : NAN);
	}
	put_part(row, json, parts->thresholds, parts->bins);
	put_part(row, json, parts->bins, parts->values);
	put_part(row, json, parts->values, parts->density);
}

static void put_dead_tokens(struct row *row, const struct change_window *w) {
	row_uint_if(row, w->dead_10m_tokens >= 0, (uint64_t)w->dead_10m_tokens);
}

/* The partial window of a run that had ended and goes on; an earlier version kept its means, too. */
static int drop_partial(struct writer *r, int64_t run, const struct change_window *w) {
	static const enum statement drops[] = {
		STATEMENT_DROP_PARTIAL_MEANS, STATEMENT_DROP_PARTIAL};
	int rc = SQLITE_OK;
	for (size_t i = 0; rc == SQLITE_OK && i < sizeof drops / sizeof drops[0]; i++) {
		struct row row = row_begin(r, drops[i]);
		row_int(&row, run);
		row_int(&row, w->attempt);
		row_int(&row, w->window);
		row_int(&row, FLAW_PARTIAL);
		rc = row_end(&row);
	}
	return rc;
}

/* The rows of the window's steps came before its own. By a partial window no run is compared, and to go through its steps would be
 * what the end of a run costs most. */
static int put_means(struct writer *r, int64_t run, const struct change_window *w) {
	if ((w->flaws & FLAW_PARTIAL) != 0) {
		return SQLITE_OK;
	}
	const struct window_place place = {run, w->attempt, w->window, w->step_first, w->step_last};
	struct window_means means = {0};
	int rc = window_means_add_up(r->statements[STATEMENT_WINDOW_STEPS], &place, &means);
	if (rc != SQLITE_OK) {
		return rc;
	}
	struct row row = row_begin(r, STATEMENT_WINDOW_MEANS);
	row_int(&row, run);
	row_int(&row, w->attempt);
	row_int(&row, w->window);
	row_int(&row, means.n_steps);
	row_uint_if(&row, means.n_tokens_folded >= 0, (uint64_t)means.n_tokens_folded);
	for (size_t i = 0; i < WINDOW_MEANS; i++) {
		row_real(&row, means.value[i]);
	}
	row_text(&row, means.not_finite);
	row_text(&row, means.extra);
	rc = row_end(&row);
	window_means_finish(&means);
	return rc;
}

int writer_put_window(struct writer *r, int64_t run, const struct change_window *w) {
	int rc = drop_partial(r, run, w);
	if (rc != SQLITE_OK) {
		return rc;
	}
	struct window_json parts = {0};
	struct row row = row_begin(r, STATEMENT_WINDOW);
	row_keep(&row, row_memory(json_put_window(&r->json, &w->density, &parts)));
	put_window_steps(&row, run, w);
	put_density(&row, &r->json, &parts, &w->density);
	put_dead_tokens(&row, w);
	rc = row_end(&row);
	return rc == SQLITE_OK ? put_means(r, run, w) : rc;
}
