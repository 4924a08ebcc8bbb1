#include "query_source.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "document.h"
#include "message.h"
#include "paths.h"
#include "places.h"
#include "sql_question.h"
#include "subcommand.h"

/* Others' questions may be answered first. */
#define TURN_MS 120000u

static int say(const char *about, const char *words, int status) {
	fprintf(stderr, "sae-metricsd query: %s%s%s\n", about, about[0] != '\0' ? ": " : "", words);
	return status;
}

/* ---- a file ---- */

static int on_columns(void *user, sqlite3_stmt *st) {
	const char *names[QUERY_COLUMNS_MAX];
	int n = sqlite3_column_count(st);

	for (int i = 0; i < n && i < (int)QUERY_COLUMNS_MAX; i++) {
		names[i] = sqlite3_column_name(st, i);
	}
	return query_output_begin(user, names, (size_t)n);
}

static int on_row(void *user, sqlite3_stmt *st) {
	struct query_output *out = user;
	struct cell cells[QUERY_COLUMNS_MAX];

	for (size_t i = 0; i < out->n; i++) {
		cells[i] = cell_of_column(st, (int)i);
	}
	return query_output_row(out, cells);
}

static int ask_file(const char *path, const struct query_ask *ask, struct query_output *out) {
	const struct sql_question question = {
		.sql = ask->sql,
		.len = ask->len,
		.viewer = database_viewer(path),
		.timeout_ms = ask->timeout_ms,
		.stop = ask->stop,
		.on_columns = on_columns,
		.on_row = on_row,
		.user = out,
	};
	char words[SQL_WORDS_MAX > DATABASE_WORDS_MAX ? SQL_WORDS_MAX : DATABASE_WORDS_MAX];
	sqlite3 *sql = NULL;
	enum database_result opened = database_open(path, DATABASE_CURRENT, &sql, words);

	if (words[0] != '\0') {
		(void)say(path, words, EXIT_OK);
	}
	if (opened != DATABASE_OK) {
		return EXIT_NO_ANSWER;
	}
	words[0] = '\0';
	int result = sql_question_ask(sql, &question, words);
	(void)sqlite3_close(sql);
	if (result == SQL_ANSWERED) {
		return EXIT_OK;
	}
	return say("", words[0] != '\0' ? words : strerror(-result), EXIT_FAILED);
}

/* ---- a daemon ---- */

struct asked {
	const struct query_ask *ask;
	struct query_output *out;
	bool is_asked;
	int err;
};

static int take_row(struct query_output *out, const json_t *row) {
	struct cell cells[QUERY_COLUMNS_MAX];

	if (json_array_size(row) != out->n) {
		return -EBADMSG;
	}
	for (size_t i = 0; i < out->n; i++) {
		cells[i] = cell_of_json(json_array_get(row, i));
	}
	return query_output_row(out, cells);
}

static int take_answer(struct query_output *out, const json_t *answer) {
	const json_t *columns = json_object_get(answer, "columns"),
		     *rows = json_object_get(answer, "rows");
	const char *names[QUERY_COLUMNS_MAX];
	size_t n = json_array_size(columns);

	for (size_t i = 0; i < n && i < QUERY_COLUMNS_MAX; i++) {
		names[i] = json_string_value(json_array_get(columns, i));
		if (names[i] == NULL) {
			return -EBADMSG;
		}
	}
	int err = n > 0 ? query_output_begin(out, names, n) : -EBADMSG;
	for (size_t i = 0; err == 0 && i < json_array_size(rows); i++) {
		err = take_row(out, json_array_get(rows, i));
	}
	return err;
}

static bool on_answer(void *user, json_t *answer, struct msg_query *ret) {
	struct asked *a = user;

	if (a->is_asked) {
		a->err = take_answer(a->out, answer);
		return false;
	}
	a->is_asked = true;
	*ret = (struct msg_query){
		.what = text_of("sql", 3),
		.sql = text_of(a->ask->sql, a->ask->len),
		.timeout_ms = a->ask->timeout_ms,
	};
	return true;
}

static int ask_daemon(const char *socket, const struct query_ask *ask, struct query_output *out,
	enum ask_result *ret) {
	struct asked a = {.ask = ask, .out = out};
	const struct ask_talk talk = {
		.next = on_answer, .user = &a, .timeout_ms = ask->timeout_ms + TURN_MS};
	char words[ASK_WORDS_MAX];
	*ret = ask_talk(socket, &talk, words);

	switch (*ret) {
	case ASK_ANSWERED:
		return a.err == 0 ? EXIT_OK
				  : say(socket,
					    a.err == -EBADMSG ? "its answer cannot be understood"
							      : strerror(-a.err),
					    EXIT_FAILED);
	case ASK_NO_DAEMON:
		return EXIT_NO_ANSWER;
	case ASK_FAILED:
		return say(socket, words, EXIT_FAILED);
	default:
		return say("", words, EXIT_FAILED);
	}
}

static int ask_named(const char *socket, const struct query_ask *ask, struct query_output *out) {
	enum ask_result result;
	int status = ask_daemon(socket, ask, out, &result);

	return status == EXIT_NO_ANSWER ? say(socket, "nobody answers there", status) : status;
}

static int ask_default(const struct query_ask *ask, struct query_output *out) {
	const char *override = paths_socket_override();
	struct places_sockets sockets;
	enum ask_result result;

	places_find_sockets(&sockets);
	for (size_t i = 0; i < (override != NULL ? 1 : sockets.n); i++) {
		int status = ask_daemon(
			override != NULL ? override : sockets.path[i], ask, out, &result);
		if (result != ASK_NO_DAEMON) {
			return status;
		}
	}
	return say("",
		"there is no database that can be read, and no daemon answers; name one with --db "
		"FILE",
		EXIT_NO_ANSWER);
}

int query_source_ask(
	const struct source *where, const struct query_ask *ask, struct query_output *out) {
	char path[PATH_MAX];

	if (where->files.n > 0) {
		return ask_file(where->files.paths[0], ask, out);
	}
	if (where->socket != NULL) {
		return ask_named(where->socket, ask, out);
	}
	if (database_default(path) && access(path, R_OK) == 0) {
		return ask_file(path, ask, out);
	}
	return ask_default(ask, out);
}
