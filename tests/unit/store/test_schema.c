#include "schema.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cut.h"
#include "db.h"

static struct db db;
static char path[256];

static int setup(void **state) {
	(void)state;
	char words[DB_WORDS_MAX];
	place_create();
	snprintf(path, sizeof path, "%s", path_of("m.db"));
	return db_open(&db, path, "0.1.0", words);
}

static int teardown(void **state) {
	(void)state;
	db_close(&db);
	place_remove();
	return 0;
}

/* What programs of others rely on: names may be added at the end of a list, never taken away. */
static const struct {
	const char *view, *columns;
} views[] = {
	{"runs",
		"id,name,project,entity,group_name,job_type,user,state,exit_code,profile,"
		"architecture,d_sae,d_in,step,n_training_tokens,n_tokens_folded,n_training_images,"
		"total_training_tokens,total_training_steps,started,last_seen,ended,config,summary,"
		"tags,notes,args,messages,dropped,late,refused,lost,missing,attempt,resumed,"
		"world_size,waiting_for,launch,host,pid,uid,program,git_commit,git_remote,sweep_id,"
		"source,key_suffix,wandb_log_frequency,feature_sampling_window,dead_feature_window,"
		"train_batch_size,context_size,thresholds,private,log_to_wandb,end_words,"
		"name_by,tags_by"},
	{"attempts", "run,attempt,launch,lap,step_first,time,restored_from"},
	{"streams", "run,stream,launch,rank,pid,applied,dropped,late,refused,lost,finished"},
	{"history", "run,attempt,line,step,key,value,kind,text,source"},
	{"histograms", "run,attempt,line,step,key,bins,values,source"},
	{"lines", "run,line,attempt,step,time,elapsed_s"},
	{"steps",
		"run,attempt,step,lap,time,elapsed_s,n_rows,ranks_missing,mse_loss,l1_loss,"
		"ghost_grad_loss,overall_loss,aux_reconstruction_loss,explained_variance,"
		"explained_variance_std,explained_variance_legacy,explained_variance_legacy_std,l0,"
		"fvu,dead_features,mean_passes_since_fired,mean_tokens_since_fired,"
		"current_learning_rate,l1_coefficient,n_training_tokens,n_training_images,"
		"n_tokens_folded,ev_count,ev_mean,ev_m2,l2_sum,tv_sum,mse_num,mse_den,lp_sum,aux_"
		"sum,"
		"n_nan_acts,computed,extra,non_finite"},
	{"windows",
		"run,attempt,window,step_first,step_last,step_close,time,n_steps,n_steps_expected,"
		"complete,flaws,n_tokens,d_sae,dead_features,revived,newly_dead,"
		"mean_log10_feature_sparsity,below_1e-5,below_1e-6,never_fired,above_1e-2,above_1e-"
		"1,"
		"thresholds,n_quantile_features,p10,p25,p50,p75,p90,wandb_bins,wandb_values,"
		"density_counts,dead_10m_tokens"},
	{"window_means",
		"run,attempt,window,step_first,step_last,complete,n_steps,n_tokens_folded,mse_loss,"
		"l1_loss,ghost_grad_loss,overall_loss,aux_reconstruction_loss,explained_variance,"
		"explained_variance_std,explained_variance_legacy,explained_variance_legacy_std,l0,"
		"fvu,dead_features,mean_passes_since_fired,mean_tokens_since_fired,current_"
		"learning_rate,l1_coefficient,ev_mean,l2_per_row,tv_per_row,mse_num_per_row,"
		"mse_den_per_row,mse_ratio,lp_per_row,weighted_lp_per_row,aux_per_row,not_finite,"
		"extra"},
	{"feature_counts",
		"run,part,feature_first,n_features,attempt,window,complete,step_last,n_tokens,"
		"counts,last_fired,totals"},
	{"deaths", "run,attempt,window,since,what,feature,last_fired"},
	{"events", "run,attempt,step,time,kind,text"},
	{"marks", "run,attempt,step,time,text,restorable"},
	{"removed", "run,what,step_last,time_last,n_rows,removed,why"},
	{"acknowledged", "run,kind,words,attempt,who,time"},
	{"alerts", "run,kind,attempt,step,time,words,over_step,over_time,over_words"},
	{"removed_runs",
		"id,name,project,user,state,step,started,last_seen,removed,why,uid,private"},
};

static void every_view_has_the_columns_it_is_documented_with(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
		char sql[128];
		snprintf(sql, sizeof sql, "SELECT group_concat(name) FROM pragma_table_info('%s')",
			views[i].view);
		assert_string_equal(sql_text(path, sql), views[i].columns);
		snprintf(sql, sizeof sql, "SELECT * FROM %s", views[i].view);
		assert_string_equal(sql_text(path, sql), "no row");
	}
}

static void every_view_says_what_it_is(void **state) {
	(void)state;
	assert_string_equal(sql_text(path, "SELECT count(*) FROM sqlite_schema WHERE type = 'view' "
					   "AND instr(sql, '-- ') = 0"),
		"0");
}

/* STRICT came with SQLite 3.37, which distributions in use have. One word in a view that it does not know, as 3.38's ->>, and
 * it takes the whole file for damaged. */
static void no_view_asks_for_more_than_strict_tables_do(void **state) {
	(void)state;
	assert_string_equal(
		sql_text(path, "SELECT coalesce(group_concat(name), '') FROM sqlite_schema WHERE "
			       "instr(sql, '->') > 0 OR instr(lower(sql), 'unixepoch(') > 0 OR "
			       "instr(lower(sql), 'format(') > 0 OR instr(lower(sql), 'distinct "
			       "from') > 0"),
		"");
}

static void every_table_is_strict(void **state) {
	(void)state;
	assert_string_equal(
		sql_text(path, "SELECT count(*) FROM pragma_table_list WHERE type = 'table' AND "
			       "schema = 'main' AND name NOT LIKE 'sqlite_%' AND NOT strict"),
		"0");
}

/* A value of every metric and of every sum, each found again under its own name. */
static void every_number_of_a_step_is_in_the_column_of_its_name(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("run1", 1);
	struct change_step *s = cut_step(cut, 0);
	int64_t run = 0;
	for (int m = 0; m < METRIC_COUNT; m++) {
		if (!metric_of_window((enum metric)m)) {
			step_measure(s, (enum metric)m, 1000 + m, true);
		}
	}
	for (int i = SCALAR_EV_COUNT; i < SCALAR_COUNT; i++) {
		s->scalars_present |= 1u << i;
		s->scalars[i] = 2000 + i;
	}
	assert_int_equal(writer_put_run(&db.writer, &cut->row, &run), SQLITE_OK);
	assert_int_equal(writer_put_change(&db.writer, run, cut->changes.first), SQLITE_OK);
	run_cut_destroy(cut);

	char sql[128];
	int n_metrics = 0;
	for (int m = 0; m < METRIC_COUNT; m++) {
		if (!metric_of_window((enum metric)m)) {
			snprintf(sql, sizeof sql, "SELECT CAST(\"%s\" AS INTEGER) = %d FROM steps",
				metric_name((enum metric)m), 1000 + m);
			assert_string_equal(sql_text(path, sql), "1");
			snprintf(sql, sizeof sql,
				"SELECT count(*) FROM steps, json_each(computed) WHERE value = "
				"'%s'",
				metric_name((enum metric)m));
			assert_string_equal(sql_text(path, sql), "1");
			n_metrics++;
		}
	}
	for (int i = SCALAR_EV_COUNT; i < SCALAR_COUNT; i++) {
		snprintf(sql, sizeof sql, "SELECT \"%s\" = %d FROM steps",
			scalar_name((enum scalar)i), 2000 + i);
		assert_string_equal(sql_text(path, sql), "1");
	}
	snprintf(sql, sizeof sql, "SELECT json_array_length(computed) = %d FROM steps", n_metrics);
	assert_string_equal(sql_text(path, sql), "1");
}

static void the_newest_step_of_a_run_is_found_by_key(void **state) {
	(void)state;
	static const char plan[] = "EXPLAIN QUERY PLAN SELECT l0 FROM steps WHERE run = 'x' ORDER "
				   "BY step DESC LIMIT 1";
	sqlite3_stmt *st = NULL;
	assert_int_equal(sqlite3_prepare_v2(db.sql, plan, -1, &st, NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *detail = (const char *)sqlite3_column_text(st, 3);
		assert_null(strstr(detail, "SCAN"));
		assert_null(strstr(detail, "TEMP B-TREE"));
	}
	sqlite3_finalize(st);
}

static void inspecting_tells_whose_a_database_is(void **state) {
	(void)state;
	sqlite3 *sql = NULL;
	int version = -1;
	assert_int_equal(sqlite3_open(":memory:", &sql), SQLITE_OK);
	assert_int_equal(schema_inspect(sql, &version), SCHEMA_EMPTY);
	assert_int_equal(schema_migrate(sql), SQLITE_OK);
	assert_int_equal(schema_inspect(sql, &version), SCHEMA_CURRENT);
	assert_int_equal(version, SCHEMA_VERSION);
	assert_int_equal(schema_migrate(sql), SQLITE_OK);
	sqlite3_exec(sql, "PRAGMA user_version = 0", NULL, NULL, NULL);
	assert_int_equal(schema_inspect(sql, &version), SCHEMA_OLDER);
	sqlite3_exec(sql, "PRAGMA user_version = 1000", NULL, NULL, NULL);
	assert_int_equal(schema_inspect(sql, &version), SCHEMA_NEWER);
	sqlite3_exec(sql, "PRAGMA application_id = 1", NULL, NULL, NULL);
	assert_int_equal(schema_inspect(sql, &version), SCHEMA_FOREIGN);
	sqlite3_close(sql);
}

static void a_step_of_a_migration_that_fails_leaves_the_database_as_it_was(void **state) {
	(void)state;
	sqlite3 *sql = NULL;
	int version = -1;
	assert_int_equal(sqlite3_open(":memory:", &sql), SQLITE_OK);
	sqlite3_exec(sql, "CREATE TABLE windows_data (x)", NULL, NULL, NULL);
	assert_int_not_equal(schema_migrate(sql), SQLITE_OK);
	assert_int_equal(schema_inspect(sql, &version), SCHEMA_FOREIGN);
	assert_int_equal(version, 0);
	sqlite3_close(sql);
}

static void a_migration_that_fails_at_its_last_step_leaves_the_database_to_the_older_program(
	void **state) {
	(void)state;
	sqlite3 *sql = NULL;
	int version = -1;
	assert_int_equal(sqlite3_open(":memory:", &sql), SQLITE_OK);
	assert_int_equal(sqlite3_exec(sql, schema_1_sql, NULL, NULL, NULL), SQLITE_OK);
	char stamp[96];
	snprintf(stamp, sizeof stamp, "PRAGMA application_id = %d; PRAGMA user_version = 1",
		SCHEMA_APPLICATION_ID);
	assert_int_equal(sqlite3_exec(sql, stamp, NULL, NULL, NULL), SQLITE_OK);
	static const char of_step_5[] = "ALTER TABLE runs_data ADD COLUMN rows_bytes INTEGER";
	assert_int_equal(sqlite3_exec(sql, of_step_5, NULL, NULL, NULL), SQLITE_OK);
	assert_int_not_equal(schema_migrate(sql), SQLITE_OK);
	assert_int_equal(schema_inspect(sql, &version), SCHEMA_OLDER);
	assert_int_equal(version, 1);
	sqlite3_close(sql);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
		T(every_view_has_the_columns_it_is_documented_with),
		T(every_view_says_what_it_is),
		T(no_view_asks_for_more_than_strict_tables_do),
		T(every_table_is_strict),
		T(every_number_of_a_step_is_in_the_column_of_its_name),
		T(the_newest_step_of_a_run_is_found_by_key),
		T(inspecting_tells_whose_a_database_is),
		T(a_step_of_a_migration_that_fails_leaves_the_database_as_it_was),
		T(a_migration_that_fails_at_its_last_step_leaves_the_database_to_the_older_program),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
