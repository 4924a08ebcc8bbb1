#include "engine_private.h"

#include "engine_say.h"

#include <stdio.h>

#include "front_news.h"
#include "log.h"
#include "log_messages.h"
#include "text.h"

#define PROJECT_MAX 128u /* of a project's name, in the log */

struct log_about engine_about(const struct engine *e, const struct run *run, const char *kind) {
	uint32_t uid = run_uid(run);

	return (struct log_about){
		.kind = kind,
		.run = run_id(run),
		.user = engine_user_name(e, uid),
		.is_of_user = true,
		.uid = uid,
	};
}

void engine_say_opened(const struct peer *peer, const struct msg_open *open, bool is_resumed) {
	const struct run *run = stream_run(peer->stream);
	struct log_about about = engine_about(peer->engine, run, LOG_RUN_STARTED);
	char project[PROJECT_MAX + 1], number[16];

	snprintf(project, sizeof project, "%.*s", (int)text_fit(open->project, PROJECT_MAX),
		open->project.data != NULL ? open->project.data : "");
	snprintf(number, sizeof number, "%u", (unsigned)about.uid);
	about.project = project;
	log_about(LOG_LEVEL_INFO, &about, "run %s %s: project=%s user=%s pid=%d rank=%u/%u",
		about.run, is_resumed ? "resumed" : "started", project,
		about.user != NULL ? about.user : number, (int)session_pid(peer->session),
		open->rank, open->world_size);
}

void engine_say_refusal(const struct engine *e, const struct session *s, struct text words) {
	const struct log_about about = {
		.kind = LOG_REFUSED,
		.user = engine_user_name(e, session_uid(s)),
		.is_of_user = true,
		.uid = session_uid(s),
	};
	log_about(LOG_LEVEL_INFO, &about, "refused pid %d of user %u: %.*s", (int)session_pid(s),
		(unsigned)session_uid(s), (int)words.len, words.data);
}

static struct log_about about_cut(
	const struct engine *e, const struct run_cut *cut, const char *kind) {
	struct log_about about = engine_about(e, cut->run, kind);

	about.project = cut->row.project;
	return about;
}

void engine_say_state(const struct engine *e, struct feed *feed, const struct run_cut *cut) {
	const char *state = cut->row.state;
	bool is_first = feed->shown_state[0] == '\0';

	if (state == NULL || strcmp(feed->shown_state, state) == 0) {
		return;
	}
	snprintf(feed->shown_state, sizeof feed->shown_state, "%s", state);
	if (is_first) {
		return; /* it was logged when it opened */
	}
	const struct log_about about = about_cut(e, cut, LOG_RUN_STATE);
	if (cut->row.step != STEP_NONE) {
		log_about(LOG_LEVEL_INFO, &about, "run %s: %s, step %u", cut->run_id, state,
			cut->row.step);
	} else {
		log_about(LOG_LEVEL_INFO, &about, "run %s: %s", cut->run_id, state);
	}
}

void engine_say_windows(const struct engine *e, const struct run_cut *cut) {
	const struct log_about about = about_cut(e, cut, LOG_WINDOW_CLOSED);

	for (const struct change *c = cut->changes.first; c != NULL; c = c->next) {
		if (c->kind == CHANGE_WINDOW) {
			log_about(LOG_LEVEL_INFO, &about,
				"run %s: sparsity window %u closed, dead=%u below_1e-5=%u",
				cut->run_id, c->window.window, c->window.dead_features,
				c->window.density.below_1e_5);
		}
	}
}

void engine_say_alerts(const struct engine *e, const struct run_cut *cut) {
	const struct log_about begins = about_cut(e, cut, LOG_ALERT_BEGINS);
	const struct log_about over = about_cut(e, cut, LOG_ALERT_OVER);

	for (const struct change *c = cut->changes.first; c != NULL; c = c->next) {
		if (c->kind == CHANGE_ALERT && c->alert.begins) {
			log_about(LOG_LEVEL_WARNING, &begins, "run %s: alert %s: %s", cut->run_id,
				c->alert.kind, c->alert.words);
		} else if (c->kind == CHANGE_ALERT) {
			log_about(LOG_LEVEL_INFO, &over, "run %s: alert %s is over: %s",
				cut->run_id, c->alert.kind, c->alert.words);
		}
	}
}

void engine_say_front(const struct engine *e, const struct run_cut *cut) {
	for (const struct front_news *n = cut->front_news; n != NULL; n = n->next) {
		const struct log_about about = {
			.kind = LOG_FRONT,
			.run = n->run_id,
			.project = cut->row.project,
			.user = engine_user_name(e, n->uid),
			.is_of_user = true,
			.uid = n->uid,
		};
		log_about(LOG_LEVEL_INFO, &about, "run %s: %s", n->run_id, n->words);
	}
}

void engine_say_lost_ranks(const struct engine *e) {
	for (struct run *run = NULL; (run = registry_next(e->registry, run)) != NULL;) {
		char words[256];
		while (run_tell_of_rank(run, engine_now(), words, sizeof words)) {
			const struct log_about about = engine_about(e, run, LOG_RANK_LOST);
			log_about(LOG_LEVEL_WARNING, &about, "run %s: %s", run_id(run), words);
		}
	}
}
