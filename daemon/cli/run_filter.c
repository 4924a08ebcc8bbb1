#include "run_filter.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "document.h"
#include "glyph.h"
#include "text.h"
#include "when.h"

/* ---- what is asked for ---- */

static bool refuse(char ret_words[RUN_FILTER_WORDS_SIZE], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool refuse(char ret_words[RUN_FILTER_WORDS_SIZE], const char *format, ...) {
	va_list args;

	va_start(args, format);
	vsnprintf(ret_words, RUN_FILTER_WORDS_SIZE, format, args);
	va_end(args);
	return false;
}

static bool read_since(
	struct run_filter *f, const char *text, double now, char ret_words[RUN_FILTER_WORDS_SIZE]) {
	return when_read(text, now, &f->since) ||
	       refuse(ret_words, "--since: expected " WHEN_EXPECTED ", not '%s'", text);
}

static bool is_state(const char *word, size_t len) {
	static const char *const states[] = {
		"running", "stalled", "finished", "failed", "crashed", "preempted", "stopped"};

	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
		if (strlen(states[i]) == len && memcmp(states[i], word, len) == 0) {
			return true;
		}
	}
	return false;
}

static bool check_states(const char *list, char ret_words[RUN_FILTER_WORDS_SIZE]) {
	for (const char *word = list;; word++) {
		size_t len = strcspn(word, ",");
		if (!is_state(word, len)) {
			return refuse(ret_words,
				"--state: expected running, stalled, finished, failed, crashed, "
				"preempted or stopped, with commas between them, not '%s'",
				word);
		}
		word += len;
		if (*word == '\0') {
			return true;
		}
	}
}

bool run_filter_add(struct run_filter *f, enum run_filter_option option, const char *value,
	double now, char ret_words[RUN_FILTER_WORDS_SIZE]) {
	struct run_filter_term term = {.option = option, .value = value};

	if (option == RUN_FILTER_SINCE) {
		return read_since(f, value, now, ret_words);
	}
	if (f->n_terms == RUN_FILTER_TERMS_MAX) {
		return refuse(ret_words, "too many conditions; what is '%s'?", value);
	}
	if (option == RUN_FILTER_STATE && !check_states(value, ret_words)) {
		return false;
	}
	if (option == RUN_FILTER_WHERE && !where_read(&term.where, value)) {
		return refuse(ret_words, "--where: expected " WHERE_EXPECTED ", not '%s'", value);
	}
	f->terms[f->n_terms++] = term;
	return true;
}

/* ---- a run ---- */

static bool tag_fits(const char *pattern, const json_t *run) {
	const json_t *tags = document_at(run, "tags");

	for (size_t i = 0; i < json_array_size(tags); i++) {
		const char *tag = json_string_value(json_array_get(tags, i));
		if (tag != NULL && where_matches(pattern, tag)) {
			return true;
		}
	}
	return false;
}

static bool state_fits(const char *list, const char *state) {
	size_t len = strlen(state);

	for (const char *word = list; *word != '\0'; word += strcspn(word, ",")) {
		word += *word == ',';
		if (strcspn(word, ",") == len && memcmp(word, state, len) == 0) {
			return true;
		}
	}
	return false;
}

static const char *place_of(enum run_filter_option option) {
	switch (option) {
	case RUN_FILTER_PROJECT:
		return "project";
	case RUN_FILTER_GROUP:
		return "group";
	case RUN_FILTER_USER:
		return "user";
	default:
		return "state";
	}
}

static bool term_fits(const struct run_filter_term *term, const json_t *run) {
	if (term->option == RUN_FILTER_WHERE) {
		return where_fits(&term->where, document_at(run, "config"));
	}
	if (term->option == RUN_FILTER_TAG) {
		return tag_fits(term->value, run);
	}
	const char *text = document_text(run, place_of(term->option));
	if (text == NULL) {
		return false;
	}
	return term->option == RUN_FILTER_STATE ? state_fits(term->value, text)
						: where_matches(term->value, text);
}

bool run_filter_fits(const struct run_filter *f, const json_t *run) {
	bool asked[RUN_FILTER_END - RUN_FILTER_PROJECT] = {0};
	bool fits[RUN_FILTER_END - RUN_FILTER_PROJECT] = {0};
	double last_seen;

	if (f->since > 0 &&
		(!document_time(run, "last_seen", &last_seen) || last_seen < f->since)) {
		return false;
	}
	for (size_t i = 0; i < f->n_terms; i++) {
		size_t kind = f->terms[i].option - RUN_FILTER_PROJECT;
		bool one_fits = term_fits(&f->terms[i], run);
		if (f->terms[i].option == RUN_FILTER_WHERE && !one_fits) {
			return false;
		}
		asked[kind] = true;
		fits[kind] = fits[kind] || one_fits;
	}
	for (size_t kind = 0; kind < sizeof asked / sizeof asked[0]; kind++) {
		if (asked[kind] && !fits[kind]) {
			return false;
		}
	}
	return true;
}

bool run_filter_asks_config(const struct run_filter *f) {
	for (size_t i = 0; i < f->n_terms; i++) {
		if (f->terms[i].option == RUN_FILTER_WHERE) {
			return true;
		}
	}
	return false;
}

/* ---- all of them ---- */

static bool any_has(const json_t *runs, const struct where *where) {
	for (size_t i = 0; i < json_array_size(runs); i++) {
		if (where_has_key(where, document_at(json_array_get(runs, i), "config"))) {
			return true;
		}
	}
	return false;
}

/* Keys are a trainer's, and these go to a terminal. */
static void put_key(struct buf *words, const char *key) {
	struct glyph glyph;

	while (glyph_next(&key, true, &glyph)) {
		(void)buf_printf(words, "%s", glyph.bytes);
	}
}

/* The keys of the first config that has any: of runs of one project it is like the others. */
static void say_keys(
	const json_t *runs, const struct where *where, char ret_words[RUN_FILTER_WORDS_SIZE]) {
	const char *between = "; there are ", *key;
	struct buf words = {0};
	const json_t *config = NULL, *value;

	(void)buf_printf(&words, "--where: no run's config has '%.*s'",
		(int)(where->key_len < 64 ? where->key_len : 64), where->key);
	for (size_t i = 0; json_object_size(config) == 0 && i < json_array_size(runs); i++) {
		config = document_at(json_array_get(runs, i), "config");
	}
	json_object_foreach((json_t *)config, key, value) {
		if (words.len < RUN_FILTER_WORDS_SIZE) {
			(void)buf_printf(&words, "%s", between);
			put_key(&words, key);
		}
		between = ", ";
	}
	const char *text = buf_text(&words);
	snprintf(ret_words, RUN_FILTER_WORDS_SIZE, "%s", text ? text : strerror(ENOMEM));
	text_mend_end(ret_words);
	buf_finish(&words);
}

bool run_filter_apply(
	const struct run_filter *f, json_t *runs, char ret_words[RUN_FILTER_WORDS_SIZE]) {
	bool known = true;

	for (size_t i = 0; i < f->n_terms && known && json_array_size(runs) > 0; i++) {
		const struct run_filter_term *term = &f->terms[i];
		known = term->option != RUN_FILTER_WHERE || any_has(runs, &term->where);
		if (!known) {
			say_keys(runs, &term->where, ret_words);
		}
	}
	for (size_t i = json_array_size(runs); i-- > 0;) {
		if (!known || !run_filter_fits(f, json_array_get(runs, i))) {
			(void)json_array_remove(runs, i);
		}
	}
	return known;
}
