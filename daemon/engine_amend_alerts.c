/* QUERY ack: what is acknowledged are the alerts that `status` shows at this moment, those that only the daemon knows included. */
#include <jansson.h>
#include <stdio.h>

#include "amend.h"
#include "engine_amend.h"
#include "text.h"

static const char *text_of_member(const json_t *object, const char *key) {
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL ? text : "";
}

/* Of one run: those that are not known yet, or (undo) those that are. */
static void take_alerts(struct query *query, const json_t *run) {
	struct amendment *a = query->amendment;
	size_t i;
	json_t *alert;

	json_array_foreach(json_object_get(run, "alerts"), i, alert) {
		const char *kind = text_of_member(alert, "kind");
		bool is_known = json_object_get(alert, "acknowledged") != NULL;
		if (is_known == a->undo &&
			(query->kind[0] == '\0' || strcmp(kind, query->kind) == 0)) {
			(void)json_array_append_new(a->alerts,
				json_pack("{s:O, s:s, s:s}", "id", json_object_get(run, "id"),
					"kind", kind, "words", text_of_member(alert, "words")));
		}
	}
}

static const char *write_kind(const struct query *query, char out[EVENT_KIND_MAX + 16]) {
	if (query->kind[0] == '\0') {
		return "";
	}
	snprintf(out, EVENT_KIND_MAX + 16, " of kind %s", query->kind);
	return out;
}

static void say_which(struct query *query, const char *of) {
	struct amendment *a = query->amendment;
	size_t n = json_array_size(a->alerts), i;
	char of_kind[EVENT_KIND_MAX + 16];
	json_t *alert;

	if (n == 0) {
		snprintf(a->words, sizeof a->words, "no alert%s of %s is %s",
			write_kind(query, of_kind), of, a->undo ? "acknowledged" : "left");
		return;
	}
	int len = snprintf(a->words, sizeof a->words, "%zu alert%s of %s %s:", n, n == 1 ? "" : "s",
		of,
		n == 1    ? a->undo ? "is open again" : "is acknowledged"
		: a->undo ? "are open again"
			  : "are acknowledged");
	json_array_foreach(a->alerts, i, alert) {
		if ((size_t)len + EVENT_KIND_MAX + 8 > sizeof a->words) {
			(void)snprintf(a->words + len, sizeof a->words - (size_t)len, " …");
			break;
		}
		len += snprintf(a->words + len, sizeof a->words - (size_t)len, "%s %s",
			i > 0 ? "," : "", text_of_member(alert, "kind"));
	}
}

/* Who he is by his own runs' word; whoever has none has nothing to acknowledge. */
static void note_who(struct query *query, const json_t *run) {
	struct amendment *a = query->amendment;
	const char *user = text_of_member(run, "user");

	if (json_is_true(json_object_get(run, "own"))) {
		snprintf(a->who, sizeof a->who, "%.*s",
			(int)text_fit(text_from(user), TARGET_USER_MAX), user);
	} else {
		snprintf(a->who, sizeof a->who, "an administrator (user %u)",
			(unsigned)query->asker.uid);
	}
}

static void take_own(struct query *query, const json_t *report) {
	size_t i;
	json_t *run;

	json_array_foreach(json_object_get(report, "runs"), i, run) {
		if (json_is_true(json_object_get(run, "own"))) {
			note_who(query, run);
			take_alerts(query, run);
		}
	}
	say_which(query, "your runs");
}

/* Whether he may; else the words say so. */
static bool take_one(struct query *query, const json_t *run) {
	struct amendment *a = query->amendment;
	char of[RUN_ID_MAX + 8];

	if (!json_is_true(json_object_get(run, "own")) && !query->asker.is_admin) {
		snprintf(a->words, sizeof a->words,
			"run %s is %s's; its own user and administrators may acknowledge alerts of "
			"it",
			text_of_member(run, "id"), text_of_member(run, "user"));
		return false;
	}
	note_who(query, run);
	take_alerts(query, run);
	snprintf(of, sizeof of, "run %s", text_of_member(run, "id"));
	say_which(query, of);
	return true;
}

static bool take(struct query *query, const json_t *report) {
	if (query->is_of_one_run) {
		return take_one(query, json_array_get(json_object_get(report, "runs"), 0));
	}
	take_own(query, report);
	return true;
}

void query_on_alerts(void *user, json_t *report, int status, const char *words) {
	struct query *query = user;
	struct peer *peer = query_answered(query, status, words);

	if (peer == NULL) {
		query_free(query);
		return;
	}
	query->asker = peer_asker(peer);
	engine_report_lay(query->engine, &query->asker, report);
	bool may = take(query, report);
	if (may && json_array_size(query->amendment->alerts) > 0) {
		query_amend(query, query_on_amended);
		return;
	}
	query_reply(peer, query->token, may ? (uint32_t)REPLY_OK : (uint32_t)REPLY_NOT_PERMITTED,
		query->amendment->words, NULL);
	session_resume(peer->session);
	query_free(query);
}
