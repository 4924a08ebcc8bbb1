/* QUERY sync: its owner wants a run forwarded at once, hands over a key, or takes over what is parked. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "engine_private.h"
#include "log.h"
#include "log_messages.h"

static const char *why_not(const struct engine *e) {
	return e->forward_trouble[0] != '\0'
		       ? e->forward_trouble
		       : "this daemon forwards nothing (mode is not online): "
			 "`sae-metricsd backup`, and `sae-metricsd sync` of the copy, send what is "
			 "kept";
}

/* What becomes of the asker's key. An administrator's would put somebody else's run into his own account. */
static const char *offer_key(
	struct query *query, const struct target *t, const struct asker *asker) {
	char words[LEDGER_WORDS_MAX];

	if (query->wandb_key == NULL) {
		return query->key_note;
	}
	if (asker->uid != t->uid) {
		return "; the asker's key is not used, the run is another user's";
	}
	switch (forward_offer_key(
		query->engine->forward, t->id, t->uid, text_from(query->wandb_key))) {
	case FORWARD_KEY_TAKEN:
		return ", with its user's own key";
	case FORWARD_KEY_KEPT:
		return "; its user's own key is used if it turns out to have none";
	case FORWARD_KEY_NOT_KEPT:
		engine_key_limit_words(query->engine, asker->uid, words);
		snprintf(query->key_note, sizeof query->key_note, "; its key is not kept: %s",
			words);
		return query->key_note;
	case FORWARD_KEY_NOT_NEEDED:
		break;
	}
	return "; it has a key, another one is not used";
}

static void resume(struct query *query, const struct target *t, const struct asker *asker,
	char ret_words[512]) {
	struct forward *forward = query->engine->forward;
	char name[TARGET_ASKER_MAX];

	forward_add(forward, t->id);
	const char *about_key = offer_key(query, t, asker);
	(void)forward_resume(forward, t->id, query->take_over);
	snprintf(ret_words, 512, "run %s is tried at once%s%s", t->id,
		query->take_over ? ", behind whatever W&B has" : "", about_key);
	const struct log_about about = {
		.kind = LOG_SYNC_ASKED,
		.run = t->id,
		.user = engine_user_name(query->engine, asker->uid),
		.is_of_user = true,
		.uid = asker->uid,
	};
	log_about(LOG_LEVEL_INFO, &about, "%s: so %s asked", ret_words,
		asker->uid == t->uid ? "its user" : target_asker_name(t, asker, name));
}

static uint32_t sync_if_permitted(
	struct query *query, const struct target *t, char ret_words[512]) {
	struct asker asker = peer_asker(query->peer);
	if (!target_permits(t, &asker, "sync", ret_words)) {
		return REPLY_NOT_PERMITTED;
	}
	if (query->engine->forward == NULL) {
		snprintf(ret_words, 512, "%s", why_not(query->engine));
		return REPLY_NOT_FORWARDED;
	}
	if (!t->is_forwarded) {
		snprintf(ret_words, 512, "run %s stays local: it was begun without log_to_wandb",
			t->id);
		return REPLY_NOT_FORWARDED;
	}
	resume(query, t, &asker, ret_words);
	return REPLY_OK;
}

static void on_found(void *user, json_t *report, int status, const char *words) {
	struct query *query = user;
	struct peer *peer = query_answered(query, status, words);
	char answer[512] = "";

	if (peer != NULL) {
		struct target target = target_of(report);
		uint32_t code = sync_if_permitted(query, &target, answer);
		query_reply(peer, query->token, code, answer, NULL);
		session_resume(peer->session);
	}
	query_free(query);
}

/* All of a user's that wait for something. */
static void sync_all(struct peer *peer, const struct msg_query *query, const char *note) {
	char words[512];
	uint32_t code = REPLY_OK;
	struct forward *forward = peer->engine->forward;

	if (forward == NULL) {
		snprintf(words, sizeof words, "%s", why_not(peer->engine));
		code = REPLY_NOT_FORWARDED;
	} else {
		uint32_t n_given = 0;
		uint32_t n = forward_resume_all(
			forward, session_uid(peer->session), query->wandb_key, &n_given);
		int len = snprintf(
			words, sizeof words, "%u run%s tried at once", n, n == 1 ? " is" : "s are");
		if (query->wandb_key.len > 0) {
			snprintf(words + len, sizeof words - (size_t)len,
				", %u of them with the key that came along", n_given);
		} else {
			snprintf(words + len, sizeof words - (size_t)len, "%s", note);
		}
	}
	query_reply(peer, query->token, code, words, NULL);
}

/* A key for another server is not sent to this one, which the answer says. */
static struct msg_query usable(
	const struct peer *peer, const struct msg_query *query, char note[KEY_NOTE_MAX]) {
	const struct forward *forward = peer->engine->forward;
	struct msg_query q = *query;
	char server[FORWARD_SERVER_MAX];

	note[0] = '\0';
	if (forward != NULL && q.wandb_key.len > 0 &&
		!forward_is_to(forward, q.wandb_base_url, server)) {
		snprintf(note, KEY_NOTE_MAX,
			"; the key that came along is for %s, and not sent to %.100s", server,
			forward_base_url(forward));
		q.wandb_key = (struct text){0};
	}
	return q;
}

enum session_verdict peer_sync(struct peer *peer, const struct msg_query *query) {
	char note[KEY_NOTE_MAX];
	struct msg_query q = usable(peer, query, note);
	if (q.run.len == 0) {
		sync_all(peer, &q, note);
		return SESSION_READ_ON;
	}
	enum session_verdict verdict = query_ask(peer, &q, store_find_run, on_found);
	if (verdict == SESSION_READ_ON) {
		memcpy(peer->query->key_note, note, sizeof note);
	}
	return verdict;
}
