#include "row.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "window_means.h"

/* A text that is a table's name alone stands for the INSERT of all its columns, in their order. */
static const char *const statement_texts[STATEMENT_COUNT] = {
	[STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
	[STATEMENT_COMMIT] = "COMMIT",
	[STATEMENT_ROLLBACK] = "ROLLBACK",
	[STATEMENT_SAVEPOINT] = "SAVEPOINT run",
	[STATEMENT_RELEASE] = "RELEASE run",
	[STATEMENT_ROLLBACK_TO] = "ROLLBACK TO run",
	[STATEMENT_EPOCH] = "SELECT epoch FROM meta WHERE id = 1",
	[STATEMENT_FIND_RUN] = "SELECT n FROM runs_data WHERE id = ?",
	/* A number is never given twice: of a run that was removed rows may still be there. */
	[STATEMENT_ADD_RUN] =
		"INSERT INTO runs_data (id, user, n) VALUES (?, ?, 1 + max(coalesce((SELECT max(n) "
		"FROM "
		"runs_data), 0), coalesce((SELECT max(n) FROM removed_runs_data), 0)))",
	[STATEMENT_UPDATE_RUN] =
		"UPDATE runs_data SET (name, project, entity, group_name, job_type, user, uid, "
		"pid, "
		"host, program, git_commit, git_remote, sweep_id, source, profile, architecture, "
		"key_suffix, launch, state, exit_code, end_words, waiting_for, private, "
		"log_to_wandb, "
		"attempt, "
		"resumed, world_size, d_sae, d_in, wandb_log_frequency, feature_sampling_window, "
		"dead_feature_window, train_batch_size, context_size, thresholds, step, "
		"n_training_tokens, n_tokens_folded, n_training_images, total_training_tokens, "
		"total_training_steps, started, last_seen, ended, messages, dropped, late, "
		"refused, "
		"lost, missing, name_given) = (CASE WHEN name_by IS NULL THEN ?1 ELSE name END, ?, "
		"?, ?, ?, "
		"coalesce(?, user), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
		"?, ?, ?, ?, ?, "
		"?, "
		"?, "
		"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
		"CASE WHEN name_by IS NULL THEN NULL ELSE ?1 END), "
		"rows_bytes = rows_bytes + ? WHERE n = ?",
	[STATEMENT_ABOUT] =
		"INSERT INTO runs_about (run, tags, notes, config, summary, args) "
		"VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run) DO UPDATE SET "
		"tags = CASE WHEN tags_by IS NULL THEN coalesce(excluded.tags, tags) ELSE tags "
		"END, "
		"tags_given = CASE WHEN tags_by IS NULL THEN NULL ELSE coalesce(excluded.tags, "
		"tags_given) "
		"END, notes = coalesce(excluded.notes, notes), "
		"config = coalesce(excluded.config, config), "
		"summary = coalesce(excluded.summary, summary), args = coalesce(excluded.args, "
		"args)",
	[STATEMENT_STOP_RUN] = "UPDATE runs_data SET state = 'stopped', ended = coalesce(ended, "
			       "last_seen) WHERE n = ?",
	[STATEMENT_STREAM] =
		"INSERT INTO streams_data VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
		"ON CONFLICT (run, stream) DO UPDATE SET (launch, rank, pid, applied, dropped, "
		"late, "
		"refused, lost, finished) = (excluded.launch, excluded.rank, excluded.pid, "
		"excluded.applied, excluded.dropped, excluded.late, excluded.refused, "
		"excluded.lost, "
		"excluded.finished)",
	[STATEMENT_STATE] = "INSERT INTO run_state VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT "
			    "(run) DO UPDATE "
			    "SET (small, d_sae, hot_slot, hot_generation, hot_checksum, base_slot, "
			    "base_generation, base_checksum) = (excluded.small, excluded.d_sae, "
			    "excluded.hot_slot, excluded.hot_generation, excluded.hot_checksum, "
			    "excluded.base_slot, excluded.base_generation, excluded.base_checksum)",
	[STATEMENT_FIND_STATE] =
		"SELECT hot_slot, hot_generation, hot_checksum, base_slot, base_generation, "
		"base_checksum FROM run_state WHERE run = ?",
	[STATEMENT_STEP] = "steps_data",
	[STATEMENT_LINE] = "lines_data",
	[STATEMENT_LAST_LATE_LINE] =
		"SELECT line FROM lines_data WHERE run = ? AND line < 0 ORDER BY line LIMIT 1",
	[STATEMENT_FIND_KEY] = "SELECT n FROM keys_data WHERE key = ?",
	[STATEMENT_ADD_KEY] = "INSERT INTO keys_data (key) VALUES (?)",
	[STATEMENT_HISTORY] = "history_data",
	[STATEMENT_HISTOGRAM] = "histograms_data",
	[STATEMENT_DROP_PARTIAL] =
		"DELETE FROM windows_data WHERE run = ? AND attempt = ? AND window >= ? "
		"AND flaws & ? <> 0",
	[STATEMENT_DROP_PARTIAL_MEANS] =
		"DELETE FROM window_means_data WHERE run = ?1 AND attempt = ?2 AND window IN "
		"(SELECT window FROM windows_data WHERE run = ?1 AND attempt = ?2 AND window >= ?3 "
		"AND flaws & ?4 <> 0)",
	[STATEMENT_WINDOW] = "windows_data",
	[STATEMENT_WINDOW_STEPS] = window_steps_sql,
	[STATEMENT_WINDOW_MEANS] = "window_means_data",
	/* As closed_window_yields. */
	[STATEMENT_FEATURES] =
		"INSERT INTO features_data VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
		"ON CONFLICT (run, part) DO UPDATE SET (attempt, window, flaws, step_last, "
		"n_tokens, n_features, counts, last_fired, totals) = (excluded.attempt, "
		"excluded.window, excluded.flaws, excluded.step_last, excluded.n_tokens, "
		"excluded.n_features, excluded.counts, excluded.last_fired, excluded.totals) "
		"WHERE excluded.flaws = 0 OR features_data.flaws <> 0 OR "
		"excluded.attempt > features_data.attempt",
	/* Of the window before, unless the run went back behind its end. */
	[STATEMENT_FEATURES_BEFORE] =
		"SELECT f.step_last, f.last_fired FROM features_data f WHERE f.run = ?1 AND f.part "
		"= ?2 AND f.step_last <= ?3 AND length(f.last_fired) = ?5 AND NOT EXISTS (SELECT 1 "
		"FROM attempts_data a WHERE a.run = f.run AND a.attempt > f.attempt AND a.attempt "
		"<= ?4 AND a.step_first <= f.step_last)",
	[STATEMENT_DEATHS] = "deaths_data",
	[STATEMENT_EVENT] = "events_data",
	[STATEMENT_ATTEMPT] = "attempts_data",
	[STATEMENT_ALERT] =
		"INSERT INTO alerts_data (run, kind, attempt, step, time, words, n) VALUES (?1, ?, "
		"?, ?, "
		"?, ?, (SELECT coalesce(max(n), 0) + 1 FROM alerts_data WHERE run = ?1))",
	[STATEMENT_ALERT_OVER] = "UPDATE alerts_data SET (over_step, over_time, over_words) = (?, "
				 "?, ?) WHERE run = ? AND "
				 "kind = ? AND over_time IS NULL",
	[STATEMENT_MARK] = "marks_data",
	[STATEMENT_FORGET_MARKS] =
		"UPDATE marks_data SET kept = 0 WHERE run = ? AND n <= ? AND kept",
	[STATEMENT_MARK_RANGE] =
		"SELECT coalesce(min(n) FILTER (WHERE kept), max(n) + 1, 1), coalesce(max(n), 0) "
		"FROM marks_data WHERE run = ?",
	[STATEMENT_FIND_FORWARD] = "SELECT lines, step FROM forwards_data WHERE run = ?",
	[STATEMENT_FORWARD] =
		"INSERT INTO forwards_data (run, lines, step, time, elapsed_s, summary, own_key) "
		"VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run) DO UPDATE SET lines = "
		"excluded.lines, "
		"step = coalesce(excluded.step, step), time = coalesce(excluded.time, time), "
		"elapsed_s = coalesce(excluded.elapsed_s, elapsed_s), summary = excluded.summary, "
		"own_key = max(own_key, excluded.own_key)",
	[STATEMENT_FORWARD_LINE] = "forward_lines_data",
};

/* INSERT INTO table VALUES (?, …), as many as it has columns. */
static int prepare_insert(sqlite3 *sql, const char *table, sqlite3_stmt **ret) {
	char *text = sqlite3_mprintf("SELECT 'INSERT INTO %s VALUES (' || group_concat('?') || ')' "
				     "FROM pragma_table_info('%q')",
		table, table);
	sqlite3_stmt *describe = NULL;
	int rc = text == NULL ? SQLITE_NOMEM : sqlite3_prepare_v2(sql, text, -1, &describe, NULL);
	if (rc == SQLITE_OK && sqlite3_step(describe) == SQLITE_ROW) {
		rc = sqlite3_prepare_v3(sql, (const char *)sqlite3_column_text(describe, 0), -1,
			SQLITE_PREPARE_PERSISTENT, ret, NULL);
	}
	int final = sqlite3_finalize(describe);
	sqlite3_free(text);
	return rc == SQLITE_OK ? final : rc;
}

int writer_prepare(struct writer *r, sqlite3 *sql) {
	*r = (struct writer){.sql = sql};
	for (size_t i = 0; i < STATEMENT_COUNT; i++) {
		const char *text = statement_texts[i];
		int rc = strchr(text, ' ') == NULL && strstr(text, "_data") != NULL
				 ? prepare_insert(sql, text, &r->statements[i])
				 : sqlite3_prepare_v3(sql, text, -1, SQLITE_PREPARE_PERSISTENT,
					   &r->statements[i], NULL);
		if (rc != SQLITE_OK) {
			writer_finish(r);
			return rc;
		}
	}
	return SQLITE_OK;
}

void writer_finish(struct writer *r) {
	for (size_t i = 0; i < STATEMENT_COUNT; i++) {
		(void)sqlite3_finalize(r->statements[i]);
		r->statements[i] = NULL;
	}
	buf_finish(&r->json);
	buf_finish(&r->deaths);
}

int writer_run(struct writer *r, enum statement statement) {
	struct row row = row_begin(r, statement);
	return row_end(&row);
}

struct row row_begin(struct writer *r, enum statement statement) {
	return (struct row){.st = r->statements[statement], .rc = SQLITE_OK};
}

void row_keep(struct row *row, int rc) {
	if (row->rc == SQLITE_OK) {
		row->rc = rc;
	}
}

void row_int(struct row *row, int64_t value) {
	row_keep(row, sqlite3_bind_int64(row->st, ++row->at, value));
}

void row_uint(struct row *row, uint64_t value) {
	row_int(row, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

void row_null(struct row *row) {
	row_keep(row, sqlite3_bind_null(row->st, ++row->at));
}

void row_uint_if(struct row *row, bool given, uint64_t value) {
	if (given) {
		row_uint(row, value);
	} else {
		row_null(row);
	}
}

void row_real(struct row *row, double value) {
	if (isfinite(value)) {
		row_keep(row, sqlite3_bind_double(row->st, ++row->at, value));
	} else {
		row_null(row);
	}
}

void row_time(struct row *row, double value) {
	if (value == 0) {
		row_null(row);
	} else {
		row_real(row, value);
	}
}

void row_text(struct row *row, const char *text) {
	row_keep(row, sqlite3_bind_text(row->st, ++row->at, text, -1, SQLITE_STATIC));
}

void row_span(struct row *row, const char *text, size_t len) {
	row_keep(row,
		sqlite3_bind_text64(row->st, ++row->at, text, len, SQLITE_STATIC, SQLITE_UTF8));
}

void row_blob(struct row *row, const void *data, size_t len) {
	row_keep(row, sqlite3_bind_blob64(row->st, ++row->at, data, len, SQLITE_STATIC));
}

void row_json(struct row *row, const struct buf *json) {
	if (json->len == 0) {
		row_null(row);
	} else {
		row_span(row, (const char *)json->data, json->len);
	}
}

static void row_reset(struct row *row) {
	(void)sqlite3_reset(row->st);
	(void)sqlite3_clear_bindings(row->st);
}

int row_end(struct row *row) {
	assert(row->at == sqlite3_bind_parameter_count(row->st));
	if (row->rc == SQLITE_OK) {
		int rc = sqlite3_step(row->st);
		row->rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
	}
	row_reset(row);
	return row->rc;
}

int row_read_int(struct row *row, int64_t *ret) {
	int rc = row->rc == SQLITE_OK ? sqlite3_step(row->st) : row->rc;
	if (rc == SQLITE_ROW) {
		*ret = sqlite3_column_int64(row->st, 0);
	}
	row_reset(row);
	return rc;
}

int row_memory(int err) {
	return err < 0 ? SQLITE_NOMEM : SQLITE_OK;
}
