#include "density_read.h"

#include <sqlite3.h>

#include "document.h"
#include "run_source.h"
#include "subcommand.h"

/* The newest attempt's, should the run have gone back and come to the same step again. */
static const char density_sql[] =
	"SELECT w.density_counts, w.never_fired, w.n_tokens FROM windows w JOIN runs_data r ON "
	"r.id = w.run "
	"WHERE r.n = ?1 AND w.step_last = ?2 AND w.complete ORDER BY w.attempt DESC LIMIT 1";

static json_t *density_json(sqlite3_stmt *st) {
	const char *text = (const char *)sqlite3_column_text(st, 0);
	json_t *counts = text ? json_loads(text, 0, NULL) : NULL;

	return counts ? json_pack("{s:{s:i, s:i, s:I, s:I, s:o}, s:I}", "histogram", "lo", -10,
				"hi", 0, "bins_per_decade",
				(json_int_t)(json_array_size(counts) / 10), "zero",
				(json_int_t)sqlite3_column_int64(st, 1), "counts", counts,
				"n_tokens", (json_int_t)sqlite3_column_int64(st, 2))
		      : NULL;
}

static json_t *query(sqlite3 *sql, int64_t run, int64_t step_last) {
	sqlite3_stmt *st = NULL;
	json_t *density = NULL;

	if (sqlite3_prepare_v2(sql, density_sql, -1, &st, NULL) == SQLITE_OK) {
		(void)sqlite3_bind_int64(st, 1, run);
		(void)sqlite3_bind_int64(st, 2, step_last);
		density = sqlite3_step(st) == SQLITE_ROW ? density_json(st) : NULL;
	}
	(void)sqlite3_finalize(st);
	return density;
}

json_t *density_read(
	const char *command, const struct source *where, const json_t *run, int64_t step_last) {
	static const char *const tables[] = {"runs_data", "windows_data", NULL};
	static const atomic_bool never;
	/* Of many files it is in one, and that is known. */
	char *database = (char *)document_text(run, "database");
	struct source of_run = {.run_part = document_text(run, "id"),
		.socket = where->socket,
		.files = {&database, database != NULL}};
	const struct run_source source = {
		.command = command, .where = &of_run, .tables = {.names = tables}, .stop = &never};
	sqlite3 *sql = NULL;
	int64_t n = 0;

	if (run_source_open(&source, &sql, &n) != EXIT_OK) {
		return NULL;
	}
	json_t *density = query(sql, n, step_last);
	(void)sqlite3_close(sql);
	return density;
}
