/* QUERY stop: the run is found as `status` finds it, in the database; its own user and administrators may stop it. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine_private.h"
#include "engine_say.h"
#include "log.h"
#include "log_messages.h"
#include "report.h"
#include "text.h"

#define REASON_SIZE 256u /* as much as a trainer keeps of it */

/* What comes of a request. */
struct outcome {
	uint32_t code;
	char words[512];
};

static bool may_live(const struct target *t) {
	return strcmp(t->state, "running") == 0 || strcmp(t->state, "stalled") == 0;
}

static struct run *fail_storage(struct outcome *ret, const char *id, const char *why) {
	ret->code = REFUSE_STORAGE;
	snprintf(ret->words, sizeof ret->words, "run %s cannot be stopped now: %s", id, why);
	return NULL;
}

/* 0, -ENOENT, or it cannot be and *ret says why. */
static int load(struct engine *e, const char *id, struct outcome *ret) {
	struct refusal refusal;
	char why[ENGINE_LOAD_WORDS];
	int err = engine_admit_load(e, id, &refusal);

	if (err > 0) {
		(void)fail_storage(ret, id, refusal.words);
		ret->code = refusal.code;
		return -EDQUOT;
	}
	if (err < 0) {
		snprintf(why, sizeof why, "%s", strerror(-err));
	} else {
		err = engine_load(e, id, why);
	}
	if (err < 0 && err != -ENOENT) {
		(void)fail_storage(ret, id, why);
	}
	return err;
}

/* In memory, where it is if anything may still come of it. NULL, and *ret says why. */
static struct run *bring(struct engine *e, const struct target *t, struct outcome *ret) {
	struct run *run = registry_find(e->registry, t->id);

	if (run == NULL && may_live(t)) {
		int err = load(e, t->id, ret);
		if (err < 0 && err != -ENOENT) {
			return NULL;
		}
		run = registry_find(e->registry, t->id);
	}
	if (run != NULL && run_broken(run)) {
		return fail_storage(ret, t->id, "it is being loaded again");
	}
	if (run == NULL) {
		ret->code = REPLY_RUN_ENDED;
		snprintf(ret->words, sizeof ret->words, "run %s has ended (%s)", t->id, t->state);
	}
	return run;
}

/* Who it was comes first: a long reason is cut. */
static void compose_reason(char out[REASON_SIZE], const char *user, const char *given) {
	int len = snprintf(out, REASON_SIZE, "stopped by %s with `sae-metricsd stop`%s", user,
		given[0] != '\0' ? ": " : "");
	struct text rest = text_from(given);

	snprintf(out + len, REASON_SIZE - (size_t)len, "%.*s",
		(int)text_fit(rest, REASON_SIZE - 1 - (size_t)len), given);
}

static void say_asked(const struct engine *e, const struct run *run, const struct asker *asker) {
	struct log_about about = engine_about(e, run, LOG_STOP_ASKED);

	about.uid = asker->uid; /* who caused it, not whose it is */
	about.user = engine_user_name(e, asker->uid);
	log_about(LOG_LEVEL_INFO, &about, "run %s: user %u asks it to stop", run_id(run),
		(unsigned)asker->uid);
}

static void stop(struct engine *e, struct run *run, const struct target *t, const char *reason,
	const struct asker *asker, struct outcome *ret) {
	struct run_live live;
	int result = run_ask_to_stop(run, reason, engine_now());

	run_live(run, engine_now(), &live);
	ret->code = REPLY_OK;
	if (result == STOP_ASKED) {
		say_asked(e, run, asker);
		feed_hurry(e,
			feed_of(run)); /* who is away is told when he is back, after a crash, too */
		snprintf(ret->words, sizeof ret->words, "run %s is asked to stop%s", t->id,
			live.streams_connected == 0 ? "; its trainer is told when it is back" : "");
	} else if (result == STOP_ASKED_BEFORE) {
		snprintf(ret->words, sizeof ret->words, "run %s was asked to stop before: %s",
			t->id, run_stop_reason(run));
	} else if (result == STOP_ENDED) {
		ret->code = REPLY_RUN_ENDED;
		snprintf(ret->words, sizeof ret->words, "run %s has ended (%s)", t->id, live.state);
	} else {
		(void)fail_storage(ret, t->id, strerror(-result));
	}
	engine_settle(e, feed_of(run));
}

static void stop_if_permitted(
	const struct query *query, const struct target *t, struct outcome *ret) {
	struct asker asker = peer_asker(query->peer);
	char reason[REASON_SIZE], name[TARGET_ASKER_MAX];

	if (!target_permits(t, &asker, "stop", ret->words)) {
		ret->code = REPLY_NOT_PERMITTED;
		return;
	}
	struct run *run = bring(query->engine, t, ret);
	if (run != NULL) {
		compose_reason(reason, target_asker_name(t, &asker, name), query->reason);
		stop(query->engine, run, t, reason, &asker, ret);
	}
}

static void on_found(void *user, json_t *report, int status, const char *words) {
	struct query *query = user;
	struct peer *peer = query_answered(query, status, words);
	struct outcome outcome = {.code = REPLY_OK};

	if (peer != NULL) {
		struct target target = target_of(report);
		stop_if_permitted(query, &target, &outcome);
		query_reply(peer, query->token, outcome.code, outcome.words, NULL);
		session_resume(peer->session);
	}
	query_free(query);
}

enum session_verdict peer_stop(struct peer *peer, const struct msg_query *query) {
	if (query->run.len == 0) {
		query_reply(peer, query->token, REPLY_NO_SUCH_RUN,
			"which run? a part of its id or name is enough", NULL);
		return SESSION_READ_ON;
	}
	return query_ask(peer, query, store_find_run, on_found);
}
