#include "row.h"

#include "feature_counts.h"
#include "le.h"

/* Room for a part's three arrays, one behind the other. */
static int put_arrays(struct buf *out, const struct closed_window *c, const uint64_t *totals,
	uint32_t first, uint32_t n) {
	buf_clear(out);
	int err = buf_reserve(out, 16 * (size_t)n);
	if (err < 0) {
		return err;
	}
	uint8_t *counts = out->data, *last = counts + 4 * (size_t)n, *all = last + 4 * (size_t)n;
	for (uint32_t i = 0; i < n; i++) {
		le32_store(counts + 4 * (size_t)i, c->counts[first + i]);
		le32_store(last + 4 * (size_t)i, c->last[first + i]);
		le64_store(all + 8 * (size_t)i, totals[first + i]);
	}
	return 0;
}

static int put_part(struct writer *r, int64_t run, const struct closed_window *c,
	const uint64_t *totals, uint32_t part) {
	uint32_t first = part * FEATURES_PART, left = c->d_sae - first;
	size_t n = left < FEATURES_PART ? left : FEATURES_PART;
	struct row row = row_begin(r, STATEMENT_FEATURES);
	int err = put_arrays(&r->json, c, totals, first, (uint32_t)n);

	row_int(&row, run);
	row_int(&row, part);
	row_int(&row, c->attempt);
	row_int(&row, c->window);
	row_int(&row, c->flaws);
	row_int(&row, c->step_last);
	row_uint(&row, c->n_rows);
	row_uint(&row, n);
	row_keep(&row, row_memory(err));
	row_blob(&row, r->json.data, 4 * n);
	row_blob(&row, r->json.data == NULL ? NULL : r->json.data + 4 * n, 4 * n);
	row_blob(&row, r->json.data == NULL ? NULL : r->json.data + 8 * n, 8 * n);
	return row_end(&row);
}

int writer_put_feature_counts(struct writer *r, int64_t run, const struct closed_window *c,
	int64_t since, const uint64_t *base) {
	uint32_t n_parts = c->d_sae / FEATURES_PART + (c->d_sae % FEATURES_PART != 0);
	const uint64_t *totals = c->totals != NULL ? c->totals : base;
	uint32_t n_left = DEATHS_MAX;
	int rc = SQLITE_OK;

	for (uint32_t part = 0; rc == SQLITE_OK && part < n_parts; part++) {
		struct deaths deaths = {0};
		rc = writer_find_deaths(r, run, c, since, part, n_left, &deaths);
		rc = rc == SQLITE_OK ? put_part(r, run, c, totals, part) : rc;
		bool is_kept = rc == SQLITE_OK && sqlite3_changes(r->sql) > 0;
		n_left -= deaths.n;
		rc = is_kept && deaths.n > 0 ? writer_put_deaths(r, run, c, part, &deaths) : rc;
	}
	return rc;
}
