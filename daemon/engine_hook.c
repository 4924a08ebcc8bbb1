#include "engine_hook.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "engine_private.h"
#include "front_news.h"
#include "report.h"

#define STATES_TOLD 3u

/* Borrowed. Of the whole host's: no run, nor whose it is. */
struct news {
	const char *run, *name, *project, *user, *kind, *words;
	uint32_t uid;
	bool begins;
	double time;
};

/* ---- what it is told ---- */

static char *variable(const char *name, const char *value) {
	char *text = NULL;
	return asprintf(&text, "%s=%s", name, value != NULL ? value : "") < 0 ? NULL : text;
}

/* Nothing of our own environment: a key may be in it. NULL when memory is short. */
static char **environment_of(const struct news *n, const char *state) {
	const char *const pairs[][2] = {
		{"PATH", "/usr/local/bin:/usr/bin:/bin"},
		{"LANG", "C.UTF-8"},
		{"SAE_RUN", n->run},
		{"SAE_NAME", n->name},
		{"SAE_PROJECT", n->project},
		{"SAE_USER", n->user},
		{"SAE_ALERT", n->kind},
		{"SAE_STATE", state},
		{"SAE_WORDS", n->words},
	};
	const size_t count = sizeof pairs / sizeof pairs[0];
	char **environment = calloc(count + 1, sizeof *environment);

	for (size_t i = 0; environment != NULL && i < count; i++) {
		environment[i] = variable(pairs[i][0], pairs[i][1]);
		if (environment[i] == NULL) {
			while (i > 0) {
				free(environment[--i]);
			}
			free(environment);
			return NULL;
		}
	}
	return environment;
}

static char *input_of(const struct news *n, const char *state) {
	json_t *document = json_pack("{s:i, s:s?, s:s?, s:s?, s:s?, s:o, s:s, s:s, s:s, s:f}",
		"schema", REPORT_SCHEMA, "run", n->run, "name", n->name, "project", n->project,
		"user", n->user, "uid", n->run != NULL ? json_integer(n->uid) : json_null(),
		"alert", n->kind, "state", state, "words", n->words, "time", n->time);
	char *text = document != NULL ? json_dumps(document, JSON_COMPACT) : NULL;

	json_decref(document);
	return text;
}

static void tell(struct engine *e, const struct news *n) {
	const char *state = n->begins ? "begin" : "end";

	hook_tell(&e->hook, hook_call_create(environment_of(n, state), input_of(n, state)));
}

/* ---- what has happened ---- */

static struct news news_of(const struct engine *e, const struct run_cut *cut) {
	return (struct news){
		.run = cut->run_id,
		.name = cut->row.name,
		.project = cut->row.project,
		.user = engine_user_name(e, cut->row.uid),
		.uid = cut->row.uid,
		.time = clock_wall(),
	};
}

static void tell_change(struct engine *e, const struct run_cut *cut, const struct change *c) {
	struct news n = news_of(e, cut);

	if (c->kind == CHANGE_ALERT) {
		n.kind = c->alert.kind;
		n.words = c->alert.words;
		n.begins = c->alert.begins;
		n.time = c->alert.time;
		tell(e, &n);
	} else if (c->kind == CHANGE_EVENT && strcmp(c->event.kind, "nan") == 0) {
		n.kind = c->event.kind;
		n.words = c->event.text != NULL ? c->event.text : "";
		n.begins = true; /* it has no end */
		n.time = c->event.time;
		tell(e, &n);
	}
}

/* It is news, and has no end. */
static void tell_front(struct engine *e, const struct run_cut *cut) {
	for (const struct front_news *front = cut->front_news; front != NULL; front = front->next) {
		tell(e, &(struct news){
				.run = front->run_id,
				.name = front->name,
				.project = cut->row.project,
				.user = engine_user_name(e, front->uid),
				.uid = front->uid,
				.kind = front->joined ? "front_joined" : "front_left",
				.words = front->words,
				.begins = true,
				.time = front->time,
			});
	}
}

/* NULL: a state that is nobody's alert. */
static const char *alert_of_state(const char *state) {
	static const char *const states[STATES_TOLD] = {"stalled", "crashed", "failed"};

	for (size_t i = 0; i < STATES_TOLD; i++) {
		if (strcmp(states[i], state) == 0) {
			return states[i];
		}
	}
	return NULL;
}

/* As `status` says it. */
static json_t *words_of_state(const struct run_row *row) {
	json_t *exit_code = row->has_exit_code ? json_integer(row->exit_code) : json_null();
	json_t *words = report_state_words(
		row->state, clock_wall() - row->last_seen, exit_code, row->end_words);

	json_decref(exit_code);
	return words;
}

static void tell_state(struct engine *e, struct feed *feed, const struct run_cut *cut) {
	const char *state = cut->row.state;
	const char *before = alert_of_state(feed->told_state), *now = alert_of_state(state);
	struct news n = news_of(e, cut);
	char words[64];

	if (strcmp(feed->told_state, state) == 0) {
		return;
	}
	if (before != NULL) {
		snprintf(words, sizeof words, "it is %s", state);
		n.kind = before;
		n.words = words;
		tell(e, &n);
	}
	if (now != NULL) {
		json_t *as_shown = words_of_state(&cut->row);
		n.kind = now;
		n.words = json_string_value(as_shown);
		n.begins = true;
		tell(e, &n);
		json_decref(as_shown);
	}
	snprintf(feed->told_state, sizeof feed->told_state, "%s", state);
}

void engine_hook_committed(struct engine *e, struct feed *feed, const struct run_cut *cut) {
	if (!hook_is_set(&e->hook)) {
		return;
	}
	for (const struct change *c = cut->changes.first; c != NULL; c = c->next) {
		tell_change(e, cut, c);
	}
	tell_front(e, cut);
	if (cut->row.state != NULL) {
		tell_state(e, feed, cut);
	}
}

static void look_at(struct engine *e, struct feed *feed) {
	struct forward_view view;

	if (!forward_look(e->forward, run_id(feed->run), clock_wall(), &view)) {
		return; /* nobody knows yet */
	}
	bool is_refused = view.parked || (view.own && view.state == FORWARD_REFUSED);
	if (is_refused != feed->told_refused) {
		const struct news n = {
			.run = run_id(feed->run),
			.user = engine_user_name(e, run_uid(feed->run)),
			.uid = run_uid(feed->run),
			.kind = "forward_refused",
			.words = is_refused ? view.words : "it is not refused any longer",
			.begins = is_refused,
			.time = clock_wall(),
		};
		feed->told_refused = is_refused;
		tell(e, &n);
	}
}

/* Then no run is forwarded that has none of its own. */
static void look_at_key(struct engine *e) {
	struct forward_sum sum;

	forward_look_all(e->forward, clock_wall(), NULL, &sum);
	bool is_refused = sum.worst.state == FORWARD_REFUSED;
	if (is_refused != e->told_key_refused) {
		const struct news n = {
			.kind = "forward_refused",
			.words = is_refused ? sum.worst.words : "it is not refused any longer",
			.begins = is_refused,
			.time = clock_wall(),
		};
		e->told_key_refused = is_refused;
		tell(e, &n);
	}
}

void engine_hook_tick(struct engine *e) {
	if (!hook_is_set(&e->hook) || e->forward == NULL) {
		return;
	}
	look_at_key(e);
	list_for_each(link, &e->feeds) {
		look_at(e, container_of(link, struct feed, link));
	}
}

json_t *engine_hook_report(const struct engine *e) {
	const struct hook_counts *c = &e->hook.counts;

	if (!hook_is_set(&e->hook)) {
		return json_null();
	}
	return json_pack("{s:I, s:I, s:I}", "run", (json_int_t)c->run, "failed",
		(json_int_t)c->failed, "dropped", (json_int_t)c->dropped);
}
