#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cell.h"
#include "database_file.h"
#include "document.h"
#include "sql_process.h"
#include "sql_question.h"
#include "subcommand.h"

static int answer_run(int argc, char **argv);

const struct subcommand subcommand_answer_sql = {
	.name = SQL_PROCESS_COMMAND,
	.usage = "usage: sae-metricsd answer-sql: for the daemon alone\n",
	.run = answer_run,
};

/* A million rows of four numbers can be sorted in it. */
#define MEMORY_MAX (128 << 20)
#define NICENESS   10

struct answering {
	struct buf out;
	uint64_t n_rows;
};

/* ---- the answer ---- */

static int put(struct buf *out, const char *text) {
	return buf_append(out, text, strlen(text));
}

static int put_blob(struct buf *out, const struct cell *c) {
	int err = put(out, "{\"blob\":");

	err = err < 0 ? err : cell_put_json(out, c);
	return err < 0 ? err : put(out, "}");
}

static int put_value(struct buf *out, const struct cell *c) {
	if (c->kind == CELL_BLOB) {
		return put_blob(out, c);
	}
	if (c->kind == CELL_REAL && !isfinite(c->real)) {
		return buf_printf(out, "{\"real\":\"%sInfinity\"}", c->real < 0 ? "-" : "");
	}
	return cell_put_json(out, c);
}

static int on_columns(void *user, sqlite3_stmt *st) {
	struct answering *a = user;
	int err = put(&a->out, "{\"schema\":1,\"columns\":[");

	for (int i = 0; err == 0 && i < sqlite3_column_count(st); i++) {
		const char *name = sqlite3_column_name(st, i);
		err = i > 0 ? put(&a->out, ",") : 0;
		err = err < 0 || name == NULL ? -ENOMEM
					      : cell_put_json_text(&a->out, name, strlen(name));
	}
	return err < 0 ? err : put(&a->out, "],\"rows\":[");
}

static int on_row(void *user, sqlite3_stmt *st) {
	struct answering *a = user;
	int err = put(&a->out, a->n_rows++ > 0 ? ",[" : "[");

	for (int i = 0; err == 0 && i < sqlite3_column_count(st); i++) {
		const struct cell c = cell_of_column(st, i);
		err = i > 0 ? put(&a->out, ",") : 0;
		err = err < 0 ? err : put_value(&a->out, &c);
		err = err == 0 && a->out.len > SQL_ANSWER_MAX - 16 ? -EFBIG : err;
	}
	return err < 0 ? err : put(&a->out, "]");
}

static int status_of(int result) {
	switch (result) {
	case SQL_ANSWERED:
		return EXIT_OK;
	case SQL_MISTAKEN:
		return SQL_PROCESS_MISTAKEN;
	case SQL_TOO_LONG:
		return SQL_PROCESS_TOO_LONG;
	case SQL_TOO_LARGE:
	case -EFBIG:
	case -ENOMEM:
		return SQL_PROCESS_TOO_LARGE;
	default:
		return SQL_PROCESS_FAILED;
	}
}

/* ---- the question ---- */

static int say(const char *words, int status) {
	fputs(words, stdout);
	return fflush(stdout) == 0 ? status : SQL_PROCESS_FAILED;
}

static int answer(const json_t *request, sqlite3 *sql) {
	const char *text = document_text(request, "sql");
	struct answering a = {0};
	const struct sql_question question = {
		.sql = text,
		.len = strlen(text),
		.viewer =
			{
				.uid = (uint32_t)document_count(request, "uid"),
				.sees_all = document_true(request, "sees_all"),
				.all_private = document_true(request, "all_private"),
			},
		.timeout_ms = (uint32_t)document_count(request, "timeout_ms"),
		.in_memory = true,
		.on_columns = on_columns,
		.on_row = on_row,
		.user = &a,
	};
	char words[SQL_WORDS_MAX] = "";
	int result = sql_question_ask(sql, &question, words);

	if (result == SQL_ANSWERED && put(&a.out, "]}") < 0) {
		result = -ENOMEM;
	}
	int status = status_of(result);
	if (status == EXIT_OK) {
		bool is_whole = fwrite(a.out.data, 1, a.out.len, stdout) == a.out.len &&
				fflush(stdout) == 0;
		status = is_whole ? EXIT_OK : SQL_PROCESS_FAILED;
	} else {
		status = say(words[0] != '\0' ? words : SQL_ANSWER_TOO_LARGE, status);
	}
	buf_finish(&a.out);
	return status;
}

/* Of a service that has taken all its memory one process is ended, and the daemon would pass its own place in that line on to us. */
static void offer_to_go_first(void) {
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!write(fd, "1000", strlen("1000"));
		(void)close(fd);
	}
}

static int answer_run(int argc, char **argv) {
	char words[DATABASE_WORDS_MAX];
	sqlite3 *sql = NULL;
	(void)argv;

	/* With the daemon it ends; and where that is permitted trainers and the daemon go before it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)!nice(NICENESS);
	offer_to_go_first();
	(void)sqlite3_hard_heap_limit64(MEMORY_MAX);
	json_t *request = argc == 1 ? json_loadf(stdin, 0, NULL) : NULL;
	const char *database = document_text(request, "database");
	if (database == NULL || document_text(request, "sql") == NULL) {
		json_decref(request);
		fputs(subcommand_answer_sql.usage, stderr);
		return EXIT_USAGE;
	}
	int status = database_open(database, DATABASE_CURRENT, &sql, words) == DATABASE_OK
			     ? answer(request, sql)
			     : say(words, SQL_PROCESS_FAILED);
	(void)sqlite3_close(sql);
	json_decref(request);
	return status;
}
