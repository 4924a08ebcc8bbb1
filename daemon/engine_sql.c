/* QUERY sql: a question in SQL, of whoever may ask at all, about what he may see.
 *
 * It is answered by a process of its own, one at a time and users in turns: a function that takes an hour, a sort that takes all
 * memory, or whatever in SQLite it may break, takes nothing from the daemon, and a reader that is gone is one kill (decision 0020).
 * It waits for no commit, and neither commits nor other questions wait for it. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "engine_private.h"
#include "sql_process.h"

#define TIMEOUT_MS 10000u
#define GRACE_MS                                                                                   \
	1000u /* it ends by itself when its time is over, and can say so; where it cannot it is killed */
#define OF_A_USER 2u /* in the lane: the others' turns come soon */

struct sql_ask {
	struct list link; /* engine.sql_waiting */
	struct query *query;
	struct viewer viewer;
	struct child *child; /* NULL: it waits */
};

/* ---- the answer ---- */

static uint32_t code_of(int exit_status) {
	switch (exit_status) {
	case SQL_PROCESS_MISTAKEN:
		return ERROR_BAD_VALUE;
	case SQL_PROCESS_TOO_LONG:
		return REFUSE_BUDGET;
	case SQL_PROCESS_TOO_LARGE:
		return REFUSE_TOO_LARGE;
	default:
		return REFUSE_STORAGE;
	}
}

static void reply_failed(
	struct peer *peer, const struct query *query, struct child_result *result) {
	char words[600];
	const char *said = buf_text(&result->said);
	uint32_t code = result->is_late       ? REFUSE_BUDGET
			: result->is_too_long ? REFUSE_TOO_LARGE
					      : code_of(result->exit_status);

	if (result->is_late) {
		snprintf(words, sizeof words,
			"it takes longer than %.4g s: ask for less, or give it more time",
			query->timeout_ms / 1000.0);
	} else if (result->is_too_long) {
		snprintf(words, sizeof words, "%s", SQL_ANSWER_TOO_LARGE);
	} else if (result->err < 0 || result->signal != 0) {
		snprintf(words, sizeof words, "no process can answer it: %s",
			result->err < 0 ? uv_strerror(result->err) : "it was killed");
	} else {
		snprintf(words, sizeof words, "%s", said != NULL ? said : "memory is short");
	}
	query_reply(peer, query->token, code, words, NULL);
}

static void next(struct engine *e);

static void on_ended(void *user, struct child_result *result) {
	struct sql_ask *ask = user;
	struct query *query = ask->query;
	struct engine *e = query->engine;
	bool is_good = result->err == 0 && result->signal == 0 && result->exit_status == 0 &&
		       !result->is_late && !result->is_too_long;
	struct peer *peer = query_answered(query, 0, NULL);

	e->sql_now = NULL;
	if (peer != NULL && is_good) {
		query_reply_text(peer, query->token, &result->said);
	} else if (peer != NULL) {
		reply_failed(peer, query, result);
	}
	if (peer != NULL) {
		session_resume(peer->session);
	}
	query->sql_ask = NULL;
	query_free(query);
	free(ask);
	next(e);
}

/* ---- the lane ---- */

static int begin(struct engine *e, struct sql_ask *ask) {
	static const char *const argv[] = {"/proc/self/exe", SQL_PROCESS_COMMAND, NULL};
	json_t *request = json_pack("{s:s, s:s, s:I, s:b, s:b, s:I}", "database", e->database,
		"sql", ask->query->sql, "uid", (json_int_t)ask->viewer.uid, "sees_all",
		ask->viewer.sees_all, "all_private", ask->viewer.all_private, "timeout_ms",
		(json_int_t)ask->query->timeout_ms);
	char *text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
	const struct child_options options = {
		.argv = argv,
		.text = text,
		.len = text != NULL ? strlen(text) : 0,
		.said_max = SQL_ANSWER_MAX + 1,
		.timeout_ms = ask->query->timeout_ms + GRACE_MS,
		.on_ended = on_ended,
		.user = ask,
	};
	int err = text != NULL ? child_begin(e->loop, &options, &ask->child) : -ENOMEM;

	json_decref(request);
	free(text);
	return err;
}

/* Of those who wait the first who was not answered last. */
static struct sql_ask *take(struct engine *e) {
	struct sql_ask *first = NULL;

	list_for_each(link, &e->sql_waiting) {
		struct sql_ask *ask = container_of(link, struct sql_ask, link);
		if (first == NULL || (first->viewer.uid == e->sql_last_uid &&
					     ask->viewer.uid != e->sql_last_uid)) {
			first = ask;
		}
	}
	return first;
}

static void next(struct engine *e) {
	struct sql_ask *ask = e->sql_now == NULL ? take(e) : NULL;

	if (ask == NULL) {
		return;
	}
	list_remove(&ask->link);
	e->sql_now = ask;
	e->sql_last_uid = ask->viewer.uid;
	if (begin(e, ask) < 0) {
		struct child_result result = {.err = -ENOMEM};
		on_ended(ask, &result);
	}
}

static uint32_t count_of(const struct engine *e, uint32_t uid) {
	uint32_t n = e->sql_now != NULL && e->sql_now->viewer.uid == uid;

	list_for_each(link, &e->sql_waiting) {
		n += container_of(link, struct sql_ask, link)->viewer.uid == uid;
	}
	return n;
}

/* Nothing is begun from within: whoever asks is told of it only when this returns. */
static int put(struct store *s, const char *run_part, const struct viewer *viewer,
	store_report_fn on_report, void *user) {
	struct query *query = user;
	struct sql_ask *ask = calloc(1, sizeof *ask);
	(void)s;
	(void)run_part;
	(void)on_report;

	if (ask == NULL || query->sql == NULL) {
		free(ask);
		return -ENOMEM;
	}
	ask->query = query;
	ask->viewer = *viewer;
	query->sql_ask = ask;
	list_append(&query->engine->sql_waiting, &ask->link);
	query_is_made(query); /* it holds up none of his others */
	return 0;
}

enum session_verdict peer_sql(struct peer *peer, const struct msg_query *query) {
	struct msg_query asked = *query;

	asked.timeout_ms = query->timeout_ms == 0 ? TIMEOUT_MS : query->timeout_ms;
	if (query->sql.len == 0) {
		query_reply(peer, query->token, ERROR_BAD_VALUE, "which SQL? there is none", NULL);
		return SESSION_READ_ON;
	}
	if (asked.timeout_ms > QUERY_MS_MAX) {
		query_reply(peer, query->token, ERROR_BAD_VALUE,
			"a daemon gives a question at most 60 s; a file as long as one likes "
			"(--db)",
			NULL);
		return SESSION_READ_ON;
	}
	if (count_of(peer->engine, session_uid(peer->session)) >= OF_A_USER) {
		query_reply(peer, query->token, REFUSE_TOO_MANY,
			"two of your questions in SQL are being answered; ask again when one is",
			NULL);
		return SESSION_READ_ON;
	}
	enum session_verdict verdict = query_ask(peer, &asked, put, NULL);
	next(peer->engine);
	return verdict;
}

void engine_sql_abandon(struct query *query) {
	struct sql_ask *ask = query->sql_ask;

	if (ask != NULL && ask->child != NULL) {
		child_kill(ask->child);
	} else if (ask != NULL) {
		list_remove(&ask->link);
		query_free(query);
		free(ask);
	}
}

void engine_sql_close(struct engine *e, struct closing *closing) {
	struct sql_ask *now = e->sql_now;

	if (now != NULL) {
		child_close(now->child, closing);
		query_free(now->query);
		free(now);
	}
	for (struct list *link; (link = list_take_first(&e->sql_waiting)) != NULL;) {
		struct sql_ask *ask = container_of(link, struct sql_ask, link);
		query_free(ask->query);
		free(ask);
	}
}
