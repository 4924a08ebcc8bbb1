#include "feature_counts.h"

#include <errno.h>
#include <stdlib.h>

#include "db.h"
#include "le.h"

enum {
	AT_PART,
	AT_ATTEMPT,
	AT_WINDOW,
	AT_FLAWS,
	AT_STEP_LAST,
	AT_N_TOKENS,
	AT_N_FEATURES,
	AT_COUNTS,
	AT_LAST,
	AT_TOTALS
};

static const char features_sql[] =
	"SELECT part, attempt, window, flaws, step_last, n_tokens, n_features, counts, last_fired, "
	"totals FROM features_data WHERE run = ? ORDER BY part";

static int grow(struct feature_counts *f, uint32_t d_sae) {
	uint32_t *counts = reallocarray(f->counts, d_sae, sizeof *counts);
	f->counts = counts != NULL ? counts : f->counts;
	int32_t *last = reallocarray(f->last, d_sae, sizeof *last);
	f->last = last != NULL ? last : f->last;
	uint64_t *totals = reallocarray(f->totals, d_sae, sizeof *totals);
	f->totals = totals != NULL ? totals : f->totals;
	return counts != NULL && last != NULL && totals != NULL ? 0 : -ENOMEM;
}

/* Whether the row is the next part, of the same window, and as long as it says. */
static bool fits(const struct feature_counts *f, sqlite3_stmt *st) {
	int64_t n = sqlite3_column_int64(st, AT_N_FEATURES);

	return f->d_sae % FEATURES_PART == 0 &&
	       sqlite3_column_int64(st, AT_PART) == f->d_sae / FEATURES_PART && n > 0 &&
	       n <= FEATURES_PART && sqlite3_column_bytes(st, AT_COUNTS) == 4 * n &&
	       sqlite3_column_bytes(st, AT_LAST) == 4 * n &&
	       sqlite3_column_bytes(st, AT_TOTALS) == 8 * n &&
	       (f->d_sae == 0 || (f->attempt == sqlite3_column_int64(st, AT_ATTEMPT) &&
					 f->window == sqlite3_column_int64(st, AT_WINDOW)));
}

static int take_part(struct feature_counts *f, sqlite3_stmt *st) {
	uint32_t n = (uint32_t)sqlite3_column_int64(st, AT_N_FEATURES), first = f->d_sae;

	if (!fits(f, st)) {
		return -EPROTO;
	}
	if (grow(f, first + n) < 0) {
		return -ENOMEM;
	}
	const uint8_t *counts = sqlite3_column_blob(st, AT_COUNTS);
	const uint8_t *last = sqlite3_column_blob(st, AT_LAST);
	const uint8_t *totals = sqlite3_column_blob(st, AT_TOTALS);
	for (uint32_t i = 0; i < n; i++) {
		f->counts[first + i] = le32_load(counts + 4 * (size_t)i);
		f->last[first + i] = (int32_t)le32_load(last + 4 * (size_t)i);
		f->totals[first + i] = le64_load(totals + 8 * (size_t)i);
	}
	f->d_sae += n;
	f->attempt = sqlite3_column_int64(st, AT_ATTEMPT);
	f->window = sqlite3_column_int64(st, AT_WINDOW);
	f->complete = sqlite3_column_int64(st, AT_FLAWS) == 0;
	f->step_last = sqlite3_column_int64(st, AT_STEP_LAST);
	f->n_tokens = (uint64_t)sqlite3_column_int64(st, AT_N_TOKENS);
	return 0;
}

static int read_parts(sqlite3_stmt *st, struct feature_counts *f) {
	int rc, err = 0;

	while (err == 0 && (rc = sqlite3_step(st)) != SQLITE_DONE) {
		err = rc == SQLITE_ROW ? take_part(f, st) : db_error(sqlite3_db_handle(st), rc);
	}
	return err < 0 || f->d_sae > 0 ? err : -ENOENT;
}

/* The last part alone may be short, and the run says how many features there are. */
static int check_all(sqlite3 *sql, int64_t run, const struct feature_counts *f) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(sql, "SELECT d_sae FROM runs_data WHERE n = ?", -1, &st, NULL);
	int64_t d_sae = -1;

	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_int64(st, 1, run);
		rc = sqlite3_step(st);
		d_sae = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : -1;
	}
	(void)sqlite3_finalize(st);
	int err = db_error(sql, rc);
	return err < 0 || d_sae == f->d_sae ? err : -EPROTO;
}

int feature_counts_read(sqlite3 *sql, int64_t run, struct feature_counts *ret) {
	struct feature_counts f = {0};
	sqlite3_stmt *st = NULL;
	int err = db_error(sql, sqlite3_prepare_v2(sql, features_sql, -1, &st, NULL));

	if (err == 0) {
		(void)sqlite3_bind_int64(st, 1, run);
		err = read_parts(st, &f);
	}
	err = err < 0 ? err : check_all(sql, run, &f);
	(void)sqlite3_finalize(st);
	if (err < 0) {
		feature_counts_finish(&f);
		return err;
	}
	*ret = f;
	return 0;
}

void feature_counts_finish(struct feature_counts *f) {
	free(f->counts);
	free(f->last);
	free(f->totals);
	*f = (struct feature_counts){0};
}
