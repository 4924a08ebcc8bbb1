#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "acknowledged.h"
#include "clock.h"
#include "db.h"
#include "report_row.h"
#include "run_match.h"

#define EVENTS_SHOWN "20"

/* ---- a run's own row ---- */

/* RUN, as far as it is in the run's own row. Members in the order of REPORT.md. */
static const char run_sql[] =
	"SELECT r.n AS _n, r.attempt AS _attempt, r.step AS _step, "
	"r.id, r.name, r.project, r.group_name AS \"group\", r.user, "
	"r.uid = :viewer AS \"own:bool\", r.host, r.pid, r.program, "
	"r.source, r.profile, r.architecture, r.state, r.exit_code, r.end_words, r.attempt, "
	"r.resumed AS \"resumed:bool\", r.world_size, r.waiting_for, "
	"r.started AS \"started:time\", r.last_seen AS \"last_seen:time\", r.ended AS "
	"\"ended:time\", "
	"max(:now - r.last_seen, 0.0) AS last_step_age_s, "
	"max(coalesce(r.ended, r.last_seen) - r.started, 0.0) AS duration_s, "
	"r.step, r.total_training_steps, r.n_training_tokens, r.total_training_tokens, "
	"r.n_tokens_folded, r.n_training_images, r.d_in, r.d_sae, r.train_batch_size, "
	"r.context_size, r.wandb_log_frequency, r.feature_sampling_window, r.dead_feature_window, "
	"a.config AS \"config:json\", a.summary AS \"summary:json\", a.tags AS \"tags:json\", "
	"a.notes, (r.private OR :all_private) AS \"private:bool\", "
	"CASE WHEN f.run IS NULL THEN 'none' ELSE 'wandb' END AS \"forward.target\", "
	"CASE WHEN f.run IS NULL THEN 'off' WHEN f.parked IS NOT NULL THEN 'refused' "
	"WHEN f.lines > f.accepted THEN 'pending' "
	"WHEN f.completed OR r.state = 'crashed' THEN 'synced' "
	"ELSE 'ok' END AS \"forward.state\", "
	"(SELECT max(:now - l.time, 0.0) FROM forward_lines_data l WHERE l.run = r.n AND "
	"l.line >= f.accepted ORDER BY l.line LIMIT 1) AS \"forward.lag_s\", "
	"coalesce(f.lines - f.accepted, 0) AS \"forward.pending_rows\", "
	"coalesce(f.accepted, 0) AS \"forward.accepted_rows\", "
	"coalesce(f.refused, 0) AS \"forward.refused_rows\", "
	"coalesce(f.skipped, 0) AS \"forward.skipped_rows\", f.url AS \"forward.url\", "
	"f.parked IS NOT NULL AS \"forward.parked:bool\", "
	"f.parked AS \"forward.words\", NULL AS \"forward.retry_in_s\", "
	"r.messages AS \"client.messages\", r.dropped AS \"client.dropped\", "
	"r.late AS \"client.late\", r.refused AS \"client.refused\", r.lost AS \"client.lost\", "
	"r.missing AS \"client.missing_steps\" "
	"FROM runs_data r LEFT JOIN runs_about a ON a.run = r.n "
	"LEFT JOIN forwards_data f ON f.run = r.n ";

static json_t *take_run(struct report *r, sqlite3_stmt *st, struct report_run *ret) {
	/* Without memory for it, every member that is set is an error, and the first stays. */
	json_t *object = json_object();
	*ret = (struct report_run){
		.n = sqlite3_column_int64(st, 0),
		.attempt = (uint32_t)sqlite3_column_int64(st, 1),
		.has_step = sqlite3_column_type(st, 2) != SQLITE_NULL,
		.step = sqlite3_column_int64(st, 2),
		.object = object,
	};
	report_take_row(r, st, object);
	report_values(r, ret);
	report_windows(r, ret);
	report_alerts(r, ret);
	acknowledged_read(r, ret);
	acknowledged_mark(object);
	return object;
}

/* ---- what only the one run asked for has ---- */

/* All rows of a query as a list of objects. */
static void report_list(
	struct report *r, const struct report_run *run, const char *name, const char *sql) {
	json_t *list = json_array();
	report_set(r, run->object, name, list);
	sqlite3_stmt *st = report_query(r, sql, 1, run->n);
	while (report_next(r, &st)) {
		json_t *row = json_object();
		report_append(r, list, row);
		report_take_row(r, st, row);
	}
}

static void report_detail(struct report *r, const struct report_run *run) {
	report_removed(r, run);
	report_curves(r, run);
	report_window_detail(r, run);
	report_list(r, run, "attempts",
		"SELECT attempt, launch, lap, step_first, time AS \"started:time\", restored_from "
		"FROM attempts_data WHERE run = ? ORDER BY attempt");
	report_list(r, run, "events",
		"SELECT time AS \"time:time\", attempt, step, kind, text FROM events_data "
		"WHERE run = ? ORDER BY n DESC LIMIT " EVENTS_SHOWN);
}

/* ---- which runs ---- */

static void bind_int(sqlite3_stmt *st, const char *name, int64_t value) {
	(void)sqlite3_bind_int64(st, sqlite3_bind_parameter_index(st, name), value);
}

static sqlite3_stmt *query_runs(
	struct report *r, const struct report_query *query, const char *tail) {
	char sql[sizeof run_sql + 256];
	snprintf(sql, sizeof sql, "%s%s", run_sql, tail);
	sqlite3_stmt *st = report_query(r, sql, 0);
	if (st != NULL) {
		run_match_bind(st, &query->viewer);
		(void)sqlite3_bind_double(st, sqlite3_bind_parameter_index(st, ":now"), r->now);
	}
	return st;
}

static void report_all(struct report *r, const struct report_query *query, json_t *runs) {
	sqlite3_stmt *st = query_runs(
		r, query, "WHERE " RUN_VISIBLE " ORDER BY r.last_seen DESC, r.n DESC LIMIT :limit");
	if (st != NULL) {
		bind_int(st, ":limit", query->runs_max > 0 ? query->runs_max : -1);
	}
	while (report_next(r, &st)) {
		struct report_run run;
		report_append(r, runs, take_run(r, st, &run));
	}
}

/* Costs the worker next to nothing, however many runs there are: a shell asks at each press of a key. */
static void report_brief(struct report *r, const struct report_query *query, json_t *runs) {
	sqlite3_stmt *st = report_query(r,
		"SELECT r.id, r.name, r.project, r.state FROM runs_data r WHERE " RUN_VISIBLE
		" ORDER BY r.last_seen DESC, r.n DESC LIMIT :limit",
		0);
	if (st != NULL) {
		run_match_bind(st, &query->viewer);
		bind_int(st, ":limit", REPORT_BRIEF_RUNS);
	}
	while (report_next(r, &st)) {
		json_t *run = json_object();
		report_append(r, runs, run);
		report_take_row(r, st, run);
	}
}

static void report_whose(struct report *r, int64_t n, json_t *runs) {
	sqlite3_stmt *st = report_query(r,
		"SELECT r.id, r.uid, r.user, r.state, f.run IS NOT NULL AS \"forwards:bool\" FROM "
		"runs_data r "
		"LEFT JOIN forwards_data f ON f.run = r.n WHERE r.n = ?",
		1, n);
	while (report_next(r, &st)) {
		json_t *run = json_object();
		report_append(r, runs, run);
		report_take_row(r, st, run);
	}
}

static int report_one(
	struct report *r, const struct report_query *query, json_t *runs, char ret_words[256]) {
	int64_t n = 0;
	int result = run_match(r->sql, query->run_part, &query->viewer, &n, ret_words);
	if (result != RUN_MATCH_ONE) {
		return result < 0 ? result : REPORT_NO_SUCH_RUN;
	}
	if (query->whose) {
		report_whose(r, n, runs);
		return r->err;
	}
	sqlite3_stmt *st = query_runs(r, query, "WHERE r.n = :n");
	if (st != NULL) {
		bind_int(st, ":n", n);
	}
	while (report_next(r, &st)) {
		struct report_run run;
		report_append(r, runs, take_run(r, st, &run));
		report_detail(r, &run);
	}
	return r->err;
}

/* ---- the document ---- */

static int build(
	struct report *r, const struct report_query *query, json_t *document, char ret_words[256]) {
	json_t *runs = json_array();
	report_set(r, document, "schema", json_integer(REPORT_SCHEMA));
	report_set(r, document, "runs", runs);
	if (r->err < 0) {
		return r->err;
	}
	if (query->run_part != NULL && query->run_part[0] != '\0') {
		return report_one(r, query, runs, ret_words);
	}
	if (query->brief) {
		report_brief(r, query, runs);
	} else {
		report_all(r, query, runs);
	}
	return r->err;
}

int report_build(
	sqlite3 *sql, const struct report_query *query, json_t **ret, char ret_words[256]) {
	struct report r = {.sql = sql, .now = clock_wall(), .points = query->points};
	ret_words[0] = '\0';
	json_t *document = json_object();
	if (document == NULL) {
		return -ENOMEM;
	}

	/* One state of the database for all of it. */
	r.err = db_error(sql, sqlite3_exec(sql, "BEGIN", NULL, NULL, NULL));
	int result = r.err < 0 ? r.err : build(&r, query, document, ret_words);
	if (result < 0) {
		snprintf(ret_words, 256, "the database cannot be read: %s", sqlite3_errmsg(sql));
	}
	report_finish(&r);
	(void)sqlite3_exec(sql, "COMMIT", NULL, NULL, NULL);

	if (result == REPORT_OK) {
		*ret = document;
	} else {
		json_decref(document);
	}
	return result;
}
