#include "sql_question.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "message.h"
#include "sql_views.h"
#include "text.h"

#define STEPS_BETWEEN_LOOKS 1000 /* of SQLite's machine, some microseconds */

/* Texts are at most as long as what a run is begun with; the rest is far above what anybody writes by hand. */
static const struct {
	int id, value;
} limits[] = {
	{SQLITE_LIMIT_LENGTH, 4 << 20},
	{SQLITE_LIMIT_SQL_LENGTH, 64 << 10},
	{SQLITE_LIMIT_COLUMN, 256},
	{SQLITE_LIMIT_EXPR_DEPTH, 100},
	{SQLITE_LIMIT_COMPOUND_SELECT, 50},
	{SQLITE_LIMIT_VDBE_OP, 100000},
	{SQLITE_LIMIT_FUNCTION_ARG, 100},
	{SQLITE_LIMIT_ATTACHED, 0},
	{SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 256},
	{SQLITE_LIMIT_VARIABLE_NUMBER, 0},
	{SQLITE_LIMIT_TRIGGER_DEPTH, 1},
	{SQLITE_LIMIT_WORKER_THREADS, 0},
};

/* What computes something of its arguments alone, and no more. */
static const char functions[] =
	" -> ->> abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling char coalesce concat "
	"concat_ws cos cosh count cume_dist "
	"current_date current_time current_timestamp date datetime degrees dense_rank exp "
	"first_value floor format glob group_concat hex "
	"ifnull iif instr json json_array json_array_length json_each json_extract "
	"json_group_array json_group_object json_insert "
	"json_object json_patch json_quote json_remove json_replace json_set json_tree json_type "
	"json_valid julianday lag last_value "
	"lead length like ln log log10 log2 lower ltrim max min mod nth_value ntile nullif "
	"percent_rank pi pow power printf quote "
	"radians random rank replace round row_number rtrim sign sin sinh sqrt strftime string_agg "
	"substr substring sum tan tanh time total trim trunc "
	"typeof unicode unixepoch upper ";

struct asking {
	const struct sql_question *q;
	sqlite3 *sql, *kept;
	struct sql_views views;
	uint64_t deadline_ms;
	bool is_late, is_stopped;
	char refused[128]; /* by the authorizer: what */
};

/* ---- what may be asked ---- */

static bool is_function(const char *name) {
	char word[64];

	return snprintf(word, sizeof word, " %s ", name) < (int)sizeof word &&
	       strchr(name, ' ') == NULL && strstr(functions, word) != NULL;
}

/* Without a column it may be the name of a subquery, too, which says nothing; what SQLite makes a table of by itself begins so. */
static bool may_read(const struct asking *a, const char *table, const char *column) {
	static const char *const own[] = {
		"sqlite_", "pragma_", "dbstat", "fts", "rtree", "bytecode", "tables_used"};

	if (sql_views_have(&a->views, table) || strcmp(table, "json_each") == 0 ||
		strcmp(table, "json_tree") == 0) {
		return true;
	}
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
		if (sqlite3_strnicmp(table, own[i], (int)strlen(own[i])) == 0) {
			return false;
		}
	}
	return column[0] == '\0';
}

static int refuse(struct asking *a, const char *what, const char *which) {
	if (a->refused[0] == '\0') {
		struct text text = text_of(which, strlen(which));
		char quoted[TEXT_QUOTE_SIZE];
		snprintf(a->refused, sizeof a->refused, "%s%s", what, text_quote(text, quoted));
	}
	return SQLITE_DENY;
}

static int on_authorize(void *user, int action, const char *first, const char *second,
	const char *database, const char *within) {
	struct asking *a = user;
	(void)database;
	(void)within; /* also the name of a subquery, which is the asker's to choose */

	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_READ:
		return may_read(a, first, second) ? SQLITE_OK : refuse(a, "table ", first);
	case SQLITE_FUNCTION:
		return is_function(second) ? SQLITE_OK : refuse(a, "function ", second);
	case SQLITE_PRAGMA:
		return refuse(a, "PRAGMA ", first);
	default:
		return refuse(a, "anything but SELECT", "");
	}
}

/* ---- while it runs ---- */

static int on_progress(void *user) {
	struct asking *a = user;

	a->is_stopped = a->is_stopped || (a->q->stop != NULL && atomic_load(a->q->stop));
	a->is_late = a->is_late || clock_mono_ms() >= a->deadline_ms;
	return a->is_stopped || a->is_late;
}

/* ---- preparing ---- */

static int open_asking(struct asking *a) {
	int rc = sqlite3_open_v2(":memory:", &a->sql,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK) {
		(void)sqlite3_extended_result_codes(a->sql, 1);
		rc = sql_views_offer(&a->views, a->sql);
	}
	if (rc == SQLITE_OK && a->q->in_memory) {
		rc = sqlite3_exec(a->sql, "PRAGMA temp_store = memory", NULL, NULL, NULL);
		rc = rc == SQLITE_OK
			     ? sqlite3_exec(a->kept, "PRAGMA temp_store = memory", NULL, NULL, NULL)
			     : rc;
	}
	if (rc != SQLITE_OK) {
		return rc;
	}
	(void)sqlite3_db_config(a->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(a->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(a->sql, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		(void)sqlite3_limit(a->sql, limits[i].id, limits[i].value);
	}
	/* They are made when they are first named, which the authorizer would not permit. */
	rc = sqlite3_exec(
		a->sql, "SELECT 1 FROM json_each('[]'), json_tree('[]')", NULL, NULL, NULL);
	(void)sqlite3_set_authorizer(a->sql, on_authorize, a);
	sqlite3_progress_handler(a->sql, STEPS_BETWEEN_LOOKS, on_progress, a);
	sqlite3_progress_handler(a->kept, STEPS_BETWEEN_LOOKS, on_progress, a);
	return rc;
}

static int mistaken(char words[SQL_WORDS_MAX], const char *what) {
	snprintf(words, SQL_WORDS_MAX, "%s", what);
	return SQL_MISTAKEN;
}

static int failed(const struct asking *a, int rc, char words[SQL_WORDS_MAX]) {
	if (a->is_stopped) {
		(void)mistaken(words, "stopped");
		return SQL_STOPPED;
	}
	if (a->is_late) {
		snprintf(words, SQL_WORDS_MAX,
			"it takes longer than %.4g s: ask for less (by run, then by step), or give "
			"it more time",
			a->q->timeout_ms / 1000.0);
		return SQL_TOO_LONG;
	}
	if ((rc & 0xff) == SQLITE_NOMEM) {
		(void)mistaken(words, "it takes too much memory: sort and group less, or ask of a "
				      "file with --db");
		return SQL_TOO_LARGE;
	}
	if (a->refused[0] != '\0') {
		snprintf(words, SQL_WORDS_MAX, "not permitted: %.127s; one may SELECT from%.330s",
			a->refused, (const char *)a->views.names.data);
		return SQL_MISTAKEN;
	}
	const char *why = sqlite3_errmsg(a->sql);
	bool is_unknown = strncmp(why, "no such table", strlen("no such table")) == 0;
	snprintf(words, SQL_WORDS_MAX, "%.160s%s%.330s", why, is_unknown ? "; there are" : "",
		is_unknown ? (const char *)a->views.names.data : "");
	switch (rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_IOERR:
	case SQLITE_BUSY:
	case SQLITE_CANTOPEN:
	case SQLITE_FULL:
		return -EBADMSG;
	default:
		return SQL_MISTAKEN;
	}
}

/* Behind it there may be comments, but no other statement. */
static int check_tail(
	struct asking *a, const char *tail, const char *end, char words[SQL_WORDS_MAX]) {
	while (tail < end) {
		sqlite3_stmt *more = NULL;
		const char *next = end;
		int rc = sqlite3_prepare_v2(a->sql, tail, (int)(end - tail), &more, &next);
		bool is_statement = more != NULL || rc != SQLITE_OK;
		(void)sqlite3_finalize(more);
		if (is_statement) {
			return mistaken(words, "one statement at a time");
		}
		if (next <= tail) {
			break;
		}
		tail = next;
	}
	return SQL_ANSWERED;
}

static int prepare(struct asking *a, sqlite3_stmt **ret, char words[SQL_WORDS_MAX]) {
	const char *end = a->q->sql + a->q->len, *tail = a->q->sql;
	const char *flaw = text_flaw(text_of(a->q->sql, a->q->len), false);
	int rc = SQLITE_OK;

	if (flaw != NULL) {
		snprintf(words, SQL_WORDS_MAX, "the SQL %s", flaw);
		return SQL_MISTAKEN;
	}
	/* Comments alone are no statement, and may stand before one. */
	while (rc == SQLITE_OK && *ret == NULL && tail < end) {
		const char *next = end;
		rc = sqlite3_prepare_v2(a->sql, tail, (int)(end - tail), ret, &next);
		if (next <= tail) {
			break;
		}
		tail = next;
	}
	if (rc != SQLITE_OK) {
		return failed(a, rc, words);
	}
	if (*ret == NULL) {
		return mistaken(words, "there is no statement in it");
	}
	if (sqlite3_stmt_isexplain(*ret) != 0 || sqlite3_stmt_readonly(*ret) == 0 ||
		sqlite3_column_count(*ret) == 0) {
		return mistaken(words, "not permitted: anything but SELECT");
	}
	return check_tail(a, tail, end, words);
}

/* ---- asking ---- */

static int run(struct asking *a, sqlite3_stmt *st, char words[SQL_WORDS_MAX]) {
	int err = a->q->on_columns(a->q->user, st), rc = SQLITE_DONE;

	while (err == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		err = a->q->on_row(a->q->user, st);
		if (err == 0 && on_progress(a) != 0) {
			rc = SQLITE_INTERRUPT;
			break;
		}
	}
	if (err < 0) {
		return err;
	}
	return rc == SQLITE_DONE ? SQL_ANSWERED : failed(a, rc, words);
}

int sql_question_ask(sqlite3 *kept, const struct sql_question *q, char ret_words[SQL_WORDS_MAX]) {
	struct asking a = {
		.q = q,
		.kept = kept,
		.views = {.kept = kept, .viewer = q->viewer},
		.deadline_ms = clock_mono_ms() + q->timeout_ms,
	};
	sqlite3_stmt *st = NULL;

	int rc = open_asking(&a);
	rc = rc == SQLITE_OK ? sqlite3_exec(kept, "BEGIN", NULL, NULL, NULL) : rc;
	int result = rc == SQLITE_OK ? prepare(&a, &st, ret_words) : failed(&a, rc, ret_words);
	result = result == SQL_ANSWERED ? run(&a, st, ret_words) : result;
	(void)sqlite3_finalize(st);
	sqlite3_progress_handler(kept, 0, NULL, NULL);
	(void)sqlite3_close(a.sql);
	(void)sqlite3_exec(kept, "ROLLBACK", NULL, NULL, NULL);
	sql_views_finish(&a.views);
	return result;
}
