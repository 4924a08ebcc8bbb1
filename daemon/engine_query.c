/* QUERY: the store's report of what is committed, and over it what only the daemon knows. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "credential.h"
#include "engine_private.h"
#include "log.h"
#include "report.h"
#include "text.h"

/* ---- what only the daemon knows ---- */

static void set_number(json_t *object, const char *key, double value, bool is_known) {
	json_object_set_new(
		object, key, is_known && isfinite(value) ? json_real(value) : json_null());
}

static void set_text(json_t *object, const char *key, const char *text) {
	json_object_set_new(object, key, text[0] != '\0' ? json_string(text) : json_null());
}

/* Its rate, and the time that is left at it. */
static void lay_rate(json_t *run, const struct run_live *live) {
	json_t *rate = json_object();
	bool is_known = live->steps_per_s > 0;
	set_number(rate, "tokens_per_s", live->rows_per_s, is_known);
	set_number(rate, "steps_per_s", live->steps_per_s, is_known);
	json_object_set_new(run, "rate", rate);

	json_int_t total = json_integer_value(json_object_get(run, "total_training_steps"));
	double left = (double)total - (double)live->step - 1;
	set_number(run, "eta_s", left / live->steps_per_s,
		is_known && total > 0 && left >= 0 && strcmp(live->state, "running") == 0);
}

/* The report's alerts of a state go by the committed one. */
static void lay_alerts(json_t *run, const char *committed_state, const struct run_live *live) {
	json_t *alerts = json_object_get(run, "alerts");
	size_t i;
	json_t *alert;

	if (alerts == NULL ||
		(committed_state != NULL && strcmp(committed_state, live->state) == 0)) {
		return;
	}
	json_array_foreach(alerts, i, alert) {
		const char *kind = json_string_value(json_object_get(alert, "kind"));
		if (kind != NULL && committed_state != NULL && strcmp(kind, committed_state) == 0) {
			json_array_remove(alerts, i);
			break;
		}
	}
	json_t *words = report_state_words(live->state, live->last_step_age_s,
		json_object_get(run, "exit_code"),
		json_string_value(json_object_get(run, "end_words")));
	if (words != NULL) {
		json_array_insert_new(alerts, 0,
			json_pack("{s:s, s:o, s:O}", "kind", live->state, "words", words, "since",
				json_object_get(run, "last_seen")));
	}
}

static void lay_without(json_t *run, const struct run_live *live) {
	char words[sizeof live->without + 32];

	if (live->without[0] != '\0') {
		snprintf(words, sizeof words, "goes on without %s", live->without);
		json_array_append_new(json_object_get(run, "alerts"),
			json_pack("{s:s, s:s, s:n}", "kind", "ranks", "words", words, "since"));
	}
}

static void lay_run(json_t *object, const struct run *run) {
	struct run_live live;
	run_live(run, engine_now(), &live);

	const char *committed = json_string_value(json_object_get(object, "state"));
	char committed_state[16] = "";
	if (committed != NULL) {
		snprintf(committed_state, sizeof committed_state, "%s", committed);
	}
	json_object_set_new(object, "state", json_string(live.state));
	json_object_set_new(object, "streams_connected", json_integer(live.streams_connected));
	set_text(object, "waiting_for", live.waiting_for);
	set_text(object, "without_ranks", live.without);
	json_object_set_new(object, "bytes", json_integer((json_int_t)live.bytes));
	if (live.last_step_age_s >= 0) {
		set_number(object, "last_step_age_s", live.last_step_age_s, true);
	}
	if (live.steps_per_s > 0) {
		lay_rate(object, &live);
	}
	json_t *open_window = json_object_get(object, "open_window");
	if (json_is_object(open_window)) {
		set_number(open_window, "fill", live.window_fill, true);
	}
	lay_alerts(object, committed_state, &live);
	lay_without(object, &live);
}

static json_int_t file_bytes(const char *path, const char *suffix) {
	char full[4096];
	struct stat st;
	snprintf(full, sizeof full, "%s%s", path, suffix);
	return stat(full, &st) == 0 ? (json_int_t)st.st_size : 0;
}

static json_t *refusals(const struct server_stats *stats) {
	static const char *const names[] = {
		[REFUSE_VERSION] = "version",
		[REFUSE_MALFORMED] = "malformed",
		[REFUSE_TOO_LARGE] = "too_large",
		[REFUSE_BAD_FIELD] = "bad_field",
		[REFUSE_BUDGET] = "budget",
		[REFUSE_RUN_BUSY] = "run_busy",
		[REFUSE_RANK_TAKEN] = "rank_taken",
		[REFUSE_MISMATCH] = "mismatch",
		[REFUSE_RESUME] = "resume",
		[REFUSE_OUT_OF_ORDER] = "out_of_order",
		[REFUSE_SHUTTING_DOWN] = "shutting_down",
		[REFUSE_TOO_MANY] = "too_many",
		[REFUSE_NOT_PERMITTED] = "not_permitted",
		[REFUSE_STORAGE] = "storage",
	};
	json_t *object = json_object();
	for (size_t i = 1; i < sizeof names / sizeof names[0]; i++) {
		if (stats->refused[i] > 0) {
			json_object_set_new(
				object, names[i], json_integer((json_int_t)stats->refused[i]));
		}
	}
	return object;
}

static void add_connections(const struct engine *e, json_t *daemon) {
	const struct server_stats *stats = server_stats(e->server);

	json_object_set_new(daemon, "connections", json_integer(stats->sessions));
	json_object_set_new(daemon, "messages", json_integer((json_int_t)stats->messages));
	json_object_set_new(daemon, "messages_per_s", json_real(e->messages_per_s));
	json_object_set_new(daemon, "refused", refusals(stats));
	json_object_set_new(daemon, "overdue", json_integer((json_int_t)stats->overdue));
}

static void add_database(const struct engine *e, json_t *daemon) {
	json_int_t bytes = file_bytes(e->database, "") + file_bytes(e->database, "-wal");
	const char *log_words = store_log_words(e->store);

	json_object_set_new(daemon, "database", json_string(e->database));
	json_object_set_new(daemon, "database_bytes", json_integer(bytes));
	json_object_set_new(daemon, "commit_s", json_real(store_last_commit_s(e->store)));
	json_int_t held = (json_int_t)store_held_bytes(e->store);
	json_object_set_new(
		daemon, "uncommitted_bytes", json_integer((json_int_t)e->uncut_bytes + held));
	json_object_set_new(daemon, "cadence",
		e->cadence.paid_ns > clock_mono_ns() + CADENCE_INTERVAL_MAX_NS
			? json_string("commits are further apart than 5 s: the host's write "
				      "budget is used up")
			: json_null());
	set_text(daemon, "trouble",
		e->trouble[0] != '\0' ? e->trouble
		: log_words != NULL   ? log_words
				      : e->backup_trouble);
}

void engine_tell_backup(struct engine *e, const char *words) {
	snprintf(e->backup_trouble, sizeof e->backup_trouble, "%s%s",
		words[0] != '\0' ? "no backup is made: " : "", words);
}

static json_t *daemon_facts(const struct engine *e) {
	char host[256] = "";
	(void)gethostname(host, sizeof host - 1);

	json_t *daemon = json_pack("{s:s, s:s, s:b, s:s, s:i, s:f, s:s}", "version", e->version,
		"scope", e->scope, "reachable", 1, "host", host, "pid", (int)getpid(), "uptime_s",
		clock_wall() - e->started, "socket", e->socket);
	if (daemon != NULL) {
		json_object_set_new(daemon, "forward", engine_forward_report(e));
		add_database(e, daemon);
		add_connections(e, daemon);
		json_object_set_new(
			daemon, "bytes", json_integer((json_int_t)registry_bytes(e->registry)));
	}
	return daemon;
}

static void lay_over(struct engine *e, json_t *report) {
	size_t i;
	json_t *object;

	json_object_set_new(report, "daemon", daemon_facts(e));
	json_array_foreach(json_object_get(report, "runs"), i, object) {
		const char *id = json_string_value(json_object_get(object, "id"));
		struct run *run = id != NULL ? registry_find(e->registry, id) : NULL;
		if (run != NULL) {
			lay_run(object, run);
		}
		if (id != NULL) {
			engine_forward_lay(e, id, object);
		}
	}
}

/* ---- the answer ---- */

void query_reply(struct peer *peer, uint64_t token, uint32_t code, const char *words,
	const json_t *document) {
	struct msg_reply reply = {.token = token, .code = code, .words = text_from(words)};
	char *json = document != NULL ? json_dumps(document, JSON_COMPACT) : NULL;

	if (json == NULL) {
		session_send(peer->session, &(struct message){.type = MSG_REPLY, .reply = reply});
		return;
	}
	reply.json = (const uint8_t *)json;
	reply.json_len = strlen(json);
	if (reply.json_len > REPLY_PAYLOAD_MAX) {
		free(json);
		reply.json = NULL;
		reply.json_len = 0;
		reply.code = REFUSE_TOO_LARGE;
		reply.words = text_from("the answer is too large; ask for one run");
		session_send(peer->session, &(struct message){.type = MSG_REPLY, .reply = reply});
		return;
	}
	session_send_payload(peer->session, &(struct message){.type = MSG_REPLY, .reply = reply},
		(uint8_t *)json, reply.json_len);
}

void query_abandon(struct query *query) {
	query->peer = NULL;
}

void query_free(struct query *query) {
	credential_free(query->wandb_key);
	free(query);
}

enum session_verdict query_ask(struct peer *peer, const struct msg_query *query, query_ask_fn ask,
	store_report_fn on_report) {
	char part[256];
	struct query *asked = calloc(1, sizeof *asked);
	if (asked == NULL) {
		return SESSION_CLOSE;
	}
	*asked = (struct query){.engine = peer->engine,
		.peer = peer,
		.token = query->token,
		.take_over = query->take_over};
	if (query->wandb_key.len > 0) {
		asked->wandb_key = strndup(query->wandb_key.data, query->wandb_key.len);
	}
	snprintf(asked->reason, sizeof asked->reason, "%.*s", (int)query->reason.len,
		query->reason.data != NULL ? query->reason.data : "");
	snprintf(part, sizeof part, "%.*s", (int)query->run.len,
		query->run.data != NULL ? query->run.data : "");
	int err = ask(peer->engine->store, query->run.len > 0 ? part : NULL,
		session_uid(peer->session), on_report, asked);
	if (err < 0) {
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

static void on_report(void *user, json_t *report, int status, const char *words) {
	struct query *query = user;
	struct peer *peer = query_answered(query, status, words);

	if (peer != NULL) {
		lay_over(peer->engine, report);
		query_reply(peer, query->token, REPLY_OK, "", report);
		session_resume(peer->session);
	}
	query_free(query);
}

enum session_verdict peer_query(struct peer *peer, const struct msg_query *query) {
	if (peer->query != NULL || session_sending_payload(peer->session)) {
		return SESSION_LATER; /* one question at a time */
	}
	if (text_is(query->what, "status")) {
		return query_ask(peer, query, store_report, on_report);
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
	char words[160];
	snprintf(words, sizeof words,
		"no query \"%.*s\"; this daemon knows status, ping, stop and sync",
		(int)(query->what.len < 64 ? query->what.len : 64), query->what.data);
	query_reply(peer, query->token, REPLY_UNKNOWN_QUERY, words, NULL);
	return SESSION_READ_ON;
}
