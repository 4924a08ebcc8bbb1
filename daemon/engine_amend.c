/* QUERY rm, tag and rename: the run is found as `status` finds it, its own user and administrators may, and the store does it. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "amend.h"
#include "clock.h"
#include "engine_amend.h"
#include "engine_private.h"
#include "log.h"
#include "log_messages.h"
#include "text.h"

static const struct {
	const char *what;
	enum amendment_kind kind;
} amendments[] = {
	{"rename", AMEND_NAME},
	{"tag", AMEND_TAGS},
	{"ack", AMEND_ALERTS},
	{"rm", AMEND_REMOVE},
};
#define N_AMENDMENTS (sizeof amendments / sizeof amendments[0])

static const char *verb_of(enum amendment_kind kind) {
	static const char *const verbs[] = {
		[AMEND_NAME] = "rename",
		[AMEND_TAGS] = "tag",
		[AMEND_ALERTS] = "acknowledge alerts of",
		[AMEND_REMOVE] = "remove",
	};
	return verbs[kind];
}

/* ---- what comes of it ---- */

static uint32_t code_of(int result) {
	switch (result) {
	case AMEND_DONE:
	case AMEND_UNCHANGED:
		return REPLY_OK;
	case AMEND_NO_SUCH_RUN:
		return REPLY_NO_SUCH_RUN;
	case AMEND_GOES_ON:
		return REPLY_RUN_GOES_ON;
	case AMEND_UNSENT:
		return REPLY_UNSENT;
	case AMEND_TOO_MANY:
		return REPLY_TOO_MANY_TAGS;
	default:
		return REFUSE_STORAGE;
	}
}

static void say_done(const struct query *query, const struct asker *asker) {
	const struct amendment *a = query->amendment;
	const struct log_about about = {
		.kind = LOG_RUN_AMENDED,
		.run = a->id[0] != '\0' ? a->id : NULL,
		.user = engine_user_name(query->engine, asker->uid),
		.is_of_user = true,
		.uid = asker->uid,
	};
	log_about(LOG_LEVEL_INFO, &about, "user %u: %s", (unsigned)asker->uid, a->words);
}

void query_conclude_with(struct query *query, uint32_t code) {
	struct peer *peer = query->peer;

	list_remove(&query->removing);
	if (peer != NULL) {
		peer->query = NULL;
		query_reply(peer, query->token, code, query->amendment->words, NULL);
		session_resume(peer->session);
	}
	query_free(query);
}

void query_conclude(struct query *query, int result) {
	struct amendment *a = query->amendment;

	if (result < 0) {
		snprintf(a->words, sizeof a->words, "the database cannot be written now: %s",
			strerror(-result));
	}
	query_conclude_with(query, code_of(result));
}

void query_on_amended(void *user, int result) {
	struct query *query = user;
	struct engine *e = query->engine;

	if (result == AMEND_DONE) {
		say_done(query, &query->asker);
		if (query->amendment->kind == AMEND_REMOVE && e->on_closed == NULL) {
			engine_retention_collect(e);
			engine_count_usage(e);
		} else if (query->amendment->kind != AMEND_ALERTS && e->forward != NULL) {
			forward_retell(e->forward, query->amendment->id);
		}
	}
	query_conclude(query, result);
}

void query_amend(struct query *query, store_amend_fn on_done) {
	int err = store_amend(query->engine->store, query->amendment, on_done, query);
	if (err < 0) {
		query_conclude(query, err);
	} else if (query->peer != NULL) {
		query->peer->query = query; /* it is not answered yet */
	}
}

/* ---- the question ---- */

static void begin(struct query *query, const struct target *t) {
	struct amendment *a = query->amendment;
	char name[TARGET_ASKER_MAX];

	snprintf(a->id, sizeof a->id, "%s", t->id);
	snprintf(a->who, sizeof a->who, "%s", target_asker_name(t, &query->asker, name));
	a->look_only = a->kind == AMEND_REMOVE;
	query_amend(query, a->look_only ? query_on_looked : query_on_amended);
}

static void on_found(void *user, json_t *report, int status, const char *words) {
	struct query *query = user;
	struct peer *peer = query_answered(query, status, words);
	char refused[512];

	if (peer == NULL) {
		query_free(query);
		return;
	}
	struct target target = target_of(report);
	query->asker = peer_asker(peer);
	if (target_permits(&target, &query->asker, verb_of(query->amendment->kind), refused)) {
		begin(query, &target);
		return;
	}
	query_reply(peer, query->token, REPLY_NOT_PERMITTED, refused, NULL);
	session_resume(peer->session);
	query_free(query);
}

static json_t *list_json(const struct text_list *list) {
	json_t *array = json_array();
	for (uint32_t i = 0; i < list->count; i++) {
		(void)json_array_append_new(
			array, json_stringn(list->items[i].data, list->items[i].len));
	}
	return array;
}

static struct amendment *amendment_of(enum amendment_kind kind, const struct msg_query *query) {
	struct amendment *a = calloc(1, sizeof *a);
	if (a == NULL) {
		return NULL;
	}
	a->kind = kind;
	a->now = clock_wall();
	a->name = query->name.len > 0 ? json_stringn(query->name.data, query->name.len) : NULL;
	a->add = list_json(&query->add);
	a->take = list_json(&query->take);
	a->alerts = json_array();
	a->undo = query->undo;
	a->force = query->force;
	bool is_whole = a->add != NULL && a->take != NULL && a->alerts != NULL &&
			json_array_size(a->add) == query->add.count &&
			json_array_size(a->take) == query->take.count &&
			(a->name != NULL) == (query->name.len > 0);
	if (!is_whole) {
		amendment_destroy(a);
		return NULL;
	}
	return a;
}

/* NULL, or what is missing. */
static const char *flaw_of(enum amendment_kind kind, const struct msg_query *query) {
	if (kind != AMEND_ALERTS && query->run.len == 0) {
		return "which run? a part of its id or name is enough";
	}
	if (kind == AMEND_NAME && (query->name.len == 0) != query->undo) {
		return query->undo ? "either its trainer's name again, or another"
				   : "what is it to be called?";
	}
	if (kind == AMEND_TAGS && (query->add.count + query->take.count == 0) != query->undo) {
		return query->undo ? "either its trainer's tags again, or others" : "which tags?";
	}
	return NULL;
}

static enum session_verdict ask(
	struct peer *peer, const struct msg_query *query, enum amendment_kind kind) {
	const char *flaw = flaw_of(kind, query);
	if (flaw != NULL) {
		query_reply(peer, query->token,
			query->run.len == 0 ? (uint32_t)REPLY_NO_SUCH_RUN
					    : (uint32_t)ERROR_BAD_VALUE,
			flaw, NULL);
		return SESSION_READ_ON;
	}
	struct amendment *a = amendment_of(kind, query);
	if (a == NULL) {
		return SESSION_CLOSE;
	}
	enum session_verdict verdict =
		kind == AMEND_ALERTS ? query_ask(peer, query, store_report, query_on_alerts)
				     : query_ask(peer, query, store_find_run, on_found);
	if (verdict != SESSION_READ_ON) {
		amendment_destroy(a);
		return verdict;
	}
	peer->query->amendment = a;
	peer->query->dry_run = query->dry_run;
	peer->query->is_of_one_run = query->run.len > 0;
	snprintf(peer->query->kind, sizeof peer->query->kind, "%.*s", (int)query->kind.len,
		query->kind.data != NULL ? query->kind.data : "");
	return SESSION_READ_ON;
}

static size_t find_amendment(struct text what) {
	size_t i = 0;
	while (i < N_AMENDMENTS && !text_is(what, amendments[i].what)) {
		i++;
	}
	return i;
}

bool peer_knows_amendment(struct text what) {
	return find_amendment(what) < N_AMENDMENTS;
}

enum session_verdict peer_amend(struct peer *peer, const struct msg_query *query) {
	return ask(peer, query, amendments[find_amendment(query->what)].kind);
}
