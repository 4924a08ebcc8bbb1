/* QUERY: asked of the store where it must be, and answered. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "amend.h"
#include "clock.h"
#include "credential.h"
#include "engine_private.h"
#include "report.h"
#include "text.h"

/* ---- the answer ---- */

/* An answer is its reader's until it is read. */
static bool charge_answer(struct peer *peer, size_t len, char ret_words[LEDGER_WORDS_MAX]) {
	struct tenant *t = tenant_of(peer->engine, session_uid(peer->session));
	if (t == NULL) {
		snprintf(ret_words, LEDGER_WORDS_MAX, "the daemon's memory is short");
		return false;
	}
	enum ledger_answer answer = ledger_take(t->holder, HOLDING_QUEUED, len);
	if (answer != LEDGER_TAKEN) {
		(void)ledger_say(t->holder, HOLDING_QUEUED, answer, ret_words);
		tenant_release(t);
		return false;
	}
	peer->reader = t;
	peer->answer_bytes = len;
	return true;
}

void query_answer_read(struct peer *peer) {
	struct tenant *t = peer->reader;
	if (t == NULL) {
		return;
	}
	peer->reader = NULL;
	ledger_give(t->holder, HOLDING_QUEUED, peer->answer_bytes);
	if (peer->is_last_word) {
		peer->is_last_word = false;
		tenant_answered(t);
	}
	tenant_release(t);
}

static void reply_words(struct peer *peer, uint64_t token, uint32_t code, const char *words) {
	const struct message m = {.type = MSG_REPLY,
		.reply = {.token = token, .code = code, .words = text_from(words)}};
	session_send(peer->session, &m);
}

/* Takes `json`. */
static void reply_json(struct peer *peer, struct msg_reply reply, char *json, size_t len,
	const char *words_if_too_large) {
	char words_of_limit[LEDGER_WORDS_MAX];

	if (len > REPLY_PAYLOAD_MAX) {
		free(json);
		reply_words(peer, reply.token, REFUSE_TOO_LARGE, words_if_too_large);
		return;
	}
	if (!charge_answer(peer, len, words_of_limit)) {
		free(json);
		reply_words(peer, reply.token, REFUSE_BUDGET, words_of_limit);
		return;
	}
	reply.json = (const uint8_t *)json;
	reply.json_len = len;
	session_send_payload(peer->session, &(struct message){.type = MSG_REPLY, .reply = reply},
		(uint8_t *)json, len);
}

void query_reply(struct peer *peer, uint64_t token, uint32_t code, const char *words,
	const json_t *document) {
	const struct msg_reply reply = {.token = token, .code = code, .words = text_from(words)};
	char *json = document != NULL ? json_dumps(document, JSON_COMPACT) : NULL;

	if (json == NULL) {
		reply_words(peer, token, code, words);
		return;
	}
	reply_json(peer, reply, json, strlen(json), "the answer is too large; ask for one run");
}

void query_reply_text(struct peer *peer, uint64_t token, struct buf *text) {
	const struct msg_reply reply = {.token = token, .code = REPLY_OK, .words = text_from("")};
	char *json = (char *)text->data;
	size_t len = text->len;

	*text = (struct buf){0};
	reply_json(peer, reply, json, len,
		"the answer is larger than 64 MiB: ask without trajectories, or of the database "
		"itself (--db)");
}

void query_abandon(struct query *query) {
	query->peer = NULL;
	engine_sql_abandon(query);
}

void query_is_made(struct query *query) {
	if (!query->is_made) {
		query->is_made = true;
		tenant_made(query->tenant);
	}
}

void query_free(struct query *query) {
	query_is_made(query);
	if (query->peer != NULL && query->peer->reader == query->tenant) {
		query->peer->is_last_word = true; /* the question is over when that is read */
	} else {
		tenant_answered(query->tenant);
	}
	credential_free(query->wandb_key);
	amendment_destroy(query->amendment);
	free(query->sql);
	free(query);
}

enum session_verdict query_ask(struct peer *peer, const struct msg_query *query, query_ask_fn ask,
	store_report_fn on_report) {
	char part[256];
	struct tenant *tenant = tenant_of(peer->engine, session_uid(peer->session));
	if (tenant != NULL && !tenant_may_ask(tenant, peer)) {
		tenant_release(tenant);
		return SESSION_LATER;
	}
	struct query *asked = tenant != NULL ? calloc(1, sizeof *asked) : NULL;
	if (asked == NULL) {
		if (tenant != NULL) {
			tenant_made(tenant);
			tenant_answered(tenant);
		}
		return SESSION_CLOSE;
	}
	*asked = (struct query){.engine = peer->engine,
		.peer = peer,
		.token = query->token,
		.tenant = tenant,
		.take_over = query->take_over,
		.has_at_tokens = query->has_at_tokens,
		.at_tokens = query->at_tokens,
		.has_at_time = query->has_at_time,
		.at_time = query->at_time,
		.trajectory = query->trajectory,
		.without_config = query->without_config,

		.points = query->points};
	asked->timeout_ms = query->timeout_ms;
	if (query->sql.len > 0) {
		asked->sql = strndup(query->sql.data, query->sql.len);
	}
	if (query->wandb_key.len > 0) {
		asked->wandb_key = strndup(query->wandb_key.data, query->wandb_key.len);
	}
	snprintf(asked->reason, sizeof asked->reason, "%.*s", (int)query->reason.len,
		query->reason.data != NULL ? query->reason.data : "");
	snprintf(asked->table, sizeof asked->table, "%.*s", (int)query->table.len,
		query->table.data != NULL ? query->table.data : "");
	snprintf(asked->after, sizeof asked->after, "%.*s", (int)query->after.len,
		query->after.data != NULL ? query->after.data : "");
	snprintf(part, sizeof part, "%.*s", (int)query->run.len,
		query->run.data != NULL ? query->run.data : "");
	struct asker asker = peer_asker(peer);
	struct viewer viewer = engine_viewer(peer->engine, &asker);
	int err = ask(
		peer->engine->store, query->run.len > 0 ? part : NULL, &viewer, on_report, asked);
	if (err < 0) {
		asked->peer = NULL;
		query_free(asked);
		return SESSION_CLOSE;
	}
	peer->query = asked;
	return SESSION_READ_ON;
}

struct peer *query_answered(struct query *query, int status, const char *words) {
	struct peer *peer = query->peer;

	if (peer == NULL) {
		return NULL;
	}
	peer->query = NULL;
	if (status == REPORT_OK) {
		return peer;
	}
	if (status == REPORT_NO_SUCH_RUN) {
		query_reply(peer, query->token, REPLY_NO_SUCH_RUN, words, NULL);
	} else {
		query_reply(peer, query->token, REFUSE_STORAGE,
			words != NULL && words[0] != '\0' ? words
							  : "the database cannot be read now",
			NULL);
	}
	session_resume(peer->session);
	return NULL;
}

/* ---- what is asked ---- */

static void answer(
	struct peer *peer, const struct query *query, const json_t *report, uint64_t begun_ns) {
	query_reply(peer, query->token, REPLY_OK, "", report);
	session_spend(peer->session, clock_mono_ns() - begun_ns);
	session_resume(peer->session);
}

static void on_report(void *user, json_t *report, int status, const char *words) {
	struct query *query = user;
	uint64_t begun_ns = clock_mono_ns();
	struct peer *peer = query_answered(query, status, words);

	if (peer != NULL) {
		struct asker asker = peer_asker(peer);
		engine_report_lay(peer->engine, &asker, report);
		answer(peer, query, report, begun_ns);
	}
	query_free(query);
}

static void on_list(void *user, json_t *report, int status, const char *words) {
	struct query *query = user;
	uint64_t begun_ns = clock_mono_ns();
	struct peer *peer = query_answered(query, status, words);

	if (peer != NULL) {
		answer(peer, query, report, begun_ns);
	}
	query_free(query);
}

static int ask_status(struct store *s, const char *run_part, const struct viewer *viewer,
	store_report_fn on_report_made, void *user) {
	const struct query *query = user;

	return store_report_fine(s, run_part, query->points, viewer, on_report_made, user);
}

enum session_verdict peer_query(struct peer *peer, const struct msg_query *query) {
	if (peer->query != NULL || session_sending_payload(peer->session)) {
		return SESSION_LATER; /* one question at a time */
	}
	if (text_is(query->what, "status")) {
		return query_ask(peer, query, ask_status, on_report);
	}
	if (text_is(query->what, "runs")) {
		return query_ask(peer, query, store_list_runs, on_list);
	}
	if (text_is(query->what, "ping")) {
		query_reply(peer, query->token, REPLY_OK, "", NULL);
		return SESSION_READ_ON;
	}
	if (text_is(query->what, "stop")) {
		return peer_stop(peer, query);
	}
	if (text_is(query->what, "sync")) {
		return peer_sync(peer, query);
	}
	if (text_is(query->what, "export")) {
		return peer_export(peer, query);
	}
	if (text_is(query->what, "points")) {
		return peer_points(peer, query);
	}
	if (text_is(query->what, "sql")) {
		return peer_sql(peer, query);
	}
	if (peer_knows_amendment(query->what)) {
		return peer_amend(peer, query);
	}
	char words[200];
	snprintf(words, sizeof words,
		"no query \"%.*s\"; this daemon knows status, runs, ping, stop, sync, export, "
		"points, rm, tag, "
		"rename, ack and sql",
		(int)(query->what.len < 64 ? query->what.len : 64), query->what.data);
	query_reply(peer, query->token, REPLY_UNKNOWN_QUERY, words, NULL);
	return SESSION_READ_ON;
}
