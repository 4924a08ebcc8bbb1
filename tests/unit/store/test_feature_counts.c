/* The counts of single features: written with the commit that closes their window, in parts, and read as they were. */
#include "feature_counts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "changes.h"
#include "rig.h"

#define D_SAE (2 * FEATURES_PART + 5)

static uint32_t count_at(uint32_t seed, uint32_t i) {
	return seed * 2654435761u ^ i * 40503u;
}

/* A cut with which a window closes, of values that depend on its number. */
static struct run_cut *cut_closing(
	const char *id, uint32_t d_sae, uint32_t window, uint32_t flaws) {
	struct run_cut *cut = cut_create(id, window + 1);
	cut_set_hot(cut, d_sae, window);
	cut_set_base(cut, d_sae, window);
	cut->closed = closed_window_create(d_sae);
	cut->closed->attempt = 1;
	cut->closed->window = window;
	cut->closed->flaws = flaws;
	cut->closed->since = (int64_t)window * 100 - 1;
	cut->closed->step_last = window * 100 + 98;
	cut->closed->dead_window = 500;
	cut->closed->n_rows = 409600 + window;
	for (uint32_t i = 0; i < d_sae; i++) {
		cut->closed->counts[i] = count_at(window, i);
		cut->closed->last[i] = i % 3 == 0 ? UINT32_MAX : window * 100 + i % 99;
		cut->base[i] = UINT32_MAX + (uint64_t)count_at(window + 7, i);
	}
	return cut;
}

static void check(uint32_t d_sae, uint32_t window, bool complete) {
	struct feature_counts f;
	assert_int_equal(feature_counts_read(db.sql, 1, &f), 0);
	assert_int_equal(f.d_sae, d_sae);
	assert_int_equal(f.window, window);
	assert_int_equal(f.attempt, 1);
	assert_int_equal(f.complete, complete);
	assert_int_equal(f.step_last, window * 100 + 98);
	assert_int_equal(f.n_tokens, 409600 + window);
	for (uint32_t i = 0; i < d_sae; i++) {
		assert_int_equal(f.counts[i], count_at(window, i));
		assert_int_equal(f.last[i], i % 3 == 0 ? -1 : (int)(window * 100 + i % 99));
		assert_true(f.totals[i] == UINT32_MAX + (uint64_t)count_at(window + 7, i));
	}
	feature_counts_finish(&f);
}

static void they_are_read_as_they_were_written_however_many_there_are(void **state) {
	(void)state;
	static const uint32_t sizes[] = {
		1, FEATURES_PART - 1, FEATURES_PART, FEATURES_PART + 1, D_SAE};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		if (i > 0) {
			rig_teardown(NULL);
			rig_setup(NULL);
		}
		cut_commit(cut_closing("r", sizes[i], 3, 0));
		check(sizes[i], 3, true);
	}
}

static void each_window_takes_the_place_of_the_one_before(void **state) {
	(void)state;
	for (uint32_t window = 0; window < 4; window++) {
		cut_commit(cut_closing("r", D_SAE, window, 0));
		check(D_SAE, window, true);
	}
	assert_string_equal(sql_text(path, "SELECT count(*) FROM features_data"), "3");
}

static void one_with_a_flaw_does_not_unless_nothing_complete_is_there(void **state) {
	(void)state;
	cut_commit(cut_closing("r", D_SAE, 0, FLAW_LATE));
	check(D_SAE, 0, false);
	cut_commit(cut_closing("r", D_SAE, 1, FLAW_LATE));
	check(D_SAE, 1, false);
	cut_commit(cut_closing("r", D_SAE, 2, 0));
	cut_commit(cut_closing("r", D_SAE, 3, FLAW_LATE));
	check(D_SAE, 2, true);
	struct run_cut *cut = cut_closing("r", D_SAE, 4, FLAW_RESUMED);
	cut->closed->attempt = 2;
	cut_commit(cut);
	assert_string_equal(
		sql_text(path, "SELECT DISTINCT attempt || ' ' || window FROM feature_counts"),
		"2 4");
}

/* As a commit brings them that had to wait for the disk. */
static void of_several_cuts_in_one_commit_the_one_counts_that_would_have_stayed(void **state) {
	(void)state;
	static const uint32_t flaws[] = {0, FLAW_LATE, 0, FLAW_LATE};
	struct batch batch;
	batch_init(&batch);
	for (uint32_t window = 0; window < 4; window++) {
		struct run_cut *cut = cut_closing("r", D_SAE, window, flaws[window]);
		batch_put(&batch, cut);
	}
	struct run_cut *behind = cut_create("r", 9);
	behind->row.d_sae = D_SAE;
	batch_put(&batch, behind);
	assert_int_equal(commit_batch(&committer, &batch), 0);
	assert_null(batch.rejected);
	batch_clear(&batch);
	check(D_SAE, 2, true);
}

static void totals_of_their_own_go_before_the_base(void **state) {
	(void)state;
	struct run_cut *cut = cut_closing("r", 4, 0, 0);
	cut->closed->totals = calloc(4, sizeof *cut->closed->totals);
	cut->closed->totals[2] = UINT64_MAX;
	cut_commit(cut);
	assert_string_equal(sql_text(path, "SELECT hex(totals) FROM feature_counts"),
		"00000000000000000000000000000000FFFFFFFFFFFFFFFF0000000000000000");
}

/* What SCHEMA.md promises to whoever reads them with something else. */
static void the_blobs_are_little_endian_arrays_one_behind_the_other(void **state) {
	(void)state;
	struct run_cut *cut = cut_closing("r", FEATURES_PART + 1, 0, 0);
	cut->closed->counts[0] = 0x01020304;
	cut->closed->counts[FEATURES_PART] = 5;
	cut->base[FEATURES_PART] = 0x0102030405060708;
	cut->closed->last[FEATURES_PART] = 258;
	cut_commit(cut);
	assert_string_equal(
		sql_text(path, "SELECT hex(substr(counts, 1, 4)) || ' ' || length(counts) "
			       "|| ' ' || n_features || ' ' || feature_first FROM "
			       "feature_counts WHERE part = 0"),
		"04030201 16384 4096 0");
	assert_string_equal(
		sql_text(path, "SELECT hex(counts) || ' ' || hex(last_fired) || ' ' || "
			       "hex(totals) || ' ' || n_features || ' ' || feature_first "
			       "FROM feature_counts WHERE part = 1"),
		"05000000 02010000 0807060504030201 1 4096");
}

static void a_run_of_which_no_window_has_closed_has_none(void **state) {
	(void)state;
	struct feature_counts f;
	struct run_cut *cut = cut_create("r", 1);
	cut_set_hot(cut, 100, 1);
	cut_commit(cut);
	assert_int_equal(feature_counts_read(db.sql, 1, &f), -ENOENT);
}

static void parts_that_do_not_fit_together_are_told(void **state) {
	(void)state;
	static const char *const spoils[] = {
		"DELETE FROM features_data WHERE part = 0",
		"DELETE FROM features_data WHERE part = 1",
		"DELETE FROM features_data WHERE part = 2",
		"UPDATE features_data SET window = 99 WHERE part = 1",
		"UPDATE features_data SET counts = x'00' WHERE part = 2",
		"UPDATE features_data SET totals = x'' WHERE part = 0",
		"UPDATE features_data SET n_features = 4 WHERE part = 2",
	};
	struct feature_counts f;
	for (size_t i = 0; i < sizeof spoils / sizeof spoils[0]; i++) {
		cut_commit(cut_closing("r", D_SAE, (uint32_t)i, 0));
		sql_run(path, spoils[i]);
		assert_int_equal(feature_counts_read(db.sql, 1, &f), -EPROTO);
	}
	cut_commit(cut_closing("r", D_SAE, 7, 0));
	check(D_SAE, 7, true);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
		T(they_are_read_as_they_were_written_however_many_there_are),
		T(each_window_takes_the_place_of_the_one_before),
		T(one_with_a_flaw_does_not_unless_nothing_complete_is_there),
		T(of_several_cuts_in_one_commit_the_one_counts_that_would_have_stayed),
		T(totals_of_their_own_go_before_the_base),
		T(the_blobs_are_little_endian_arrays_one_behind_the_other),
		T(a_run_of_which_no_window_has_closed_has_none),
		T(parts_that_do_not_fit_together_are_told),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("feature counts", tests, NULL, NULL);
}
