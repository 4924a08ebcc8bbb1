/* What is committed goes on to W&B; what W&B has accepted comes back as a row. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "engine_private.h"
#include "engine_say.h"
#include "hash.h"
#include "log.h"
#include "log_messages.h"

static void on_visited(void *user, struct forward_visit *visit, int status) {
	struct engine *e = user;
	if (e->forward == NULL) {
		forward_visit_destroy(
			visit); /* closed meanwhile: what was to be saved is found out again */
		return;
	}
	forward_visited(e->forward, visit, status);
}

static int on_visit(void *user, struct forward_visit *visit) {
	struct engine *e = user;
	return store_visit(e->store, visit, on_visited, e);
}

static void on_stop(void *user, const char *id) {
	struct engine *e = user;
	struct run *run = registry_find(e->registry, id);
	if (run == NULL) {
		return; /* it has ended */
	}
	if (run_ask_to_stop(run, "stopped from W&B", engine_now()) == STOP_ASKED) {
		const struct log_about about = engine_about(e, run, LOG_STOP_ASKED);
		log_about(LOG_LEVEL_INFO, &about, "run %s: asked to stop from W&B", id);
	}
	engine_settle(e, feed_of(run));
}

static void add_one(void *user, const char *id) {
	struct engine *e = user;
	forward_add(e->forward, id);
}

static void add_open(struct engine *e) {
	int err = store_each_forward(e->store, add_one, e);
	if (err < 0) {
		log_error("the runs that W&B does not have yet cannot be listed: %s; they are "
			  "forwarded with their next commit or start",
			strerror(-err));
	}
}

void engine_forward_open(struct engine *e, const struct forward_options *options) {
	static const struct forward_callbacks callbacks = {.visit = on_visit, .on_stop = on_stop};
	struct forward_options charged = *options;
	charged.ledger = e->registry_options.ledger;
	char words[256];
	if (forward_open(e->loop, &charged, &callbacks, e, &e->forward, words) < 0) {
		snprintf(e->forward_trouble, sizeof e->forward_trouble,
			"nothing is forwarded to W&B until the next start, lines are kept: %s",
			words);
		log_error("%s", e->forward_trouble);
		return;
	}
	add_open(e);
}

void engine_forward_close(struct engine *e, struct closing *closing) {
	struct forward *forward = e->forward;
	if (forward != NULL) {
		e->forward = NULL;
		closing_hold(closing);
		forward_close(forward, closing_release, closing);
	}
}

void engine_forward_again(struct engine *e) {
	if (e->forward != NULL) {
		forward_doubt_all(e->forward);
		add_open(e);
	}
}

static uint32_t hash_names(const struct run_row *row) {
	const char *const names[] = {row->name, row->project, row->entity, row->group_name,
		row->job_type, row->host, row->program, row->git_commit, row->sweep_id};
	uint32_t hash = 1;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		hash = hash * 31 + (names[i] != NULL ? hash_text(names[i]) : 0);
	}
	return hash;
}

/* Whether it says something of itself that W&B may not know. */
static bool says_news(struct feed *feed, const struct run_row *row) {
	uint32_t names = hash_names(row);
	bool is_new = feed->names_hash != names || row->config_json != NULL || row->notes != NULL ||
		      row->tags_json != NULL || row->args_json != NULL;
	feed->names_hash = names;
	return is_new;
}

void engine_forward_committed(struct engine *e, struct feed *feed, const struct run_cut *cut) {
	if (e->forward == NULL || cut->forward_lines < 0) {
		return;
	}
	bool ended = cut->row.ended > 0 && strcmp(cut->row.state, "crashed") != 0;
	forward_note(
		e->forward, cut->run_id, cut->forward_lines, ended, says_news(feed, &cut->row));
}

void engine_forward_rejected(struct engine *e, const struct run_cut *cut) {
	if (e->forward != NULL && cut->row.forwards) {
		forward_note(e->forward, cut->run_id, 0, true, false);
	}
}

bool engine_forward_has_own_key(const struct engine *e, const char *id) {
	return e->forward != NULL && forward_has_own_key(e->forward, id);
}

void engine_key_limit_words(const struct engine *e, uint32_t uid, char ret[LEDGER_WORDS_MAX]) {
	struct holder *h = ledger_holder(e->registry_options.ledger, uid);

	if (h != NULL) {
		(void)ledger_say(h, HOLDING_KEYS, LEDGER_USER_FULL, ret);
	} else {
		snprintf(ret, LEDGER_WORDS_MAX, "memory is short");
	}
	holder_release(h);
}

void engine_forward_opened(struct engine *e, const struct run *run, const struct msg_open *open) {
	const char *id = run_id(run);

	if (e->forward == NULL || !open->log_to_wandb || open->wandb_key.len == 0) {
		return;
	}
	char server[FORWARD_SERVER_MAX], words[LEDGER_WORDS_MAX];
	const struct log_about about = engine_about(e, run, LOG_WANDB_KEY_UNUSED);
	if (!forward_is_to(e->forward, open->wandb_base_url, server)) {
		log_about(LOG_LEVEL_WARNING, &about,
			"run %s: its user's key is for %s, this daemon forwards to %s: it is "
			"not used",
			id, server, forward_base_url(e->forward));
	} else if (!forward_give_key(e->forward, id, run_uid(run), open->wandb_key, true)) {
		engine_key_limit_words(e, run_uid(run), words);
		log_about(LOG_LEVEL_WARNING, &about,
			"run %s: its user's key is not kept, and its lines wait for one: %s", id,
			words);
	}
}
