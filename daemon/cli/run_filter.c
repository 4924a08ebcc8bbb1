#include "run_filter.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "glyph.h"
#include "json_write.h"
#include "text.h"
#include "when.h"

/* Longest first: `<=` begins with `<`. */
static const struct {
	const char *sign;
	enum run_filter_relation relation;
} relations[] = {
	{"!=", RUN_FILTER_NOT_EQUAL},
	{"<=", RUN_FILTER_AT_MOST},
	{">=", RUN_FILTER_AT_LEAST},
	{"==", RUN_FILTER_EQUAL},
	{"=", RUN_FILTER_EQUAL},
	{"<", RUN_FILTER_LESS},
	{">", RUN_FILTER_MORE},
};
#define N_RELATIONS (sizeof relations / sizeof relations[0])

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

static bool read_where(
	struct run_filter_term *term, const char *text, char ret_words[RUN_FILTER_WORDS_SIZE]) {
	term->key = text;
	term->key_len = strcspn(text, "!=<>");
	for (size_t i = 0; i < N_RELATIONS && term->key_len > 0; i++) {
		const char *sign = text + term->key_len;
		size_t len = strlen(relations[i].sign);
		if (strncmp(sign, relations[i].sign, len) == 0) {
			term->relation = relations[i].relation;
			term->value = sign + len;
			return true;
		}
	}
	return refuse(ret_words, "--where: expected KEY=VALUE (or != < <= > >=), not '%s'", text);
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
	if (option == RUN_FILTER_WHERE && !read_where(&term, value, ret_words)) {
		return false;
	}
	f->terms[f->n_terms++] = term;
	return true;
}

/* ---- the config ---- */

/* A number all of it; "4e-4" is 0.0004. */
static bool read_number(const char *text, double *ret) {
	char *end;

	*ret = strtod(text, &end);
	return end != text && *end == '\0';
}

static bool holds(enum run_filter_relation relation, int order) {
	switch (relation) {
	case RUN_FILTER_EQUAL:
		return order == 0;
	case RUN_FILTER_NOT_EQUAL:
		return order != 0;
	case RUN_FILTER_LESS:
		return order < 0;
	case RUN_FILTER_AT_MOST:
		return order <= 0;
	case RUN_FILTER_MORE:
		return order > 0;
	default:
		return order >= 0;
	}
}

static bool number_fits(const struct run_filter_term *term, double number) {
	double wanted;

	if (!read_number(term->value, &wanted) || isnan(number) || isnan(wanted)) {
		return term->relation == RUN_FILTER_NOT_EQUAL;
	}
	return holds(term->relation, number < wanted ? -1 : number > wanted);
}

/* Letter by letter, or as a pattern. */
static bool matches(const char *pattern, const char *text) {
	return strcmp(pattern, text) == 0 || fnmatch(pattern, text, 0) == 0;
}

static bool text_fits(const struct run_filter_term *term, const char *text) {
	switch (term->relation) {
	case RUN_FILTER_EQUAL:
		return matches(term->value, text);
	case RUN_FILTER_NOT_EQUAL:
		return !matches(term->value, text);
	default:
		return holds(term->relation, strcmp(text, term->value));
	}
}

/* As JSON has it, or as Python prints it. */
static bool word_fits(const struct run_filter_term *term, const char *json, const char *python) {
	bool is_it = strcmp(term->value, json) == 0 || strcmp(term->value, python) == 0;

	return (term->relation == RUN_FILTER_EQUAL && is_it) ||
	       (term->relation == RUN_FILTER_NOT_EQUAL && !is_it);
}

/* A list or an object is what its JSON says. */
static bool json_fits(const struct run_filter_term *term, const json_t *value) {
	struct buf json = {0};
	const char *text = json_write(&json, value, JSON_ONE_LINE) == 0 ? buf_text(&json) : NULL;
	bool fits = text != NULL && text_fits(term, text);

	buf_finish(&json);
	return fits;
}

static bool value_fits(const struct run_filter_term *term, const json_t *value) {
	switch (json_typeof(value)) {
	case JSON_INTEGER:
	case JSON_REAL:
		return number_fits(term, json_number_value(value));
	case JSON_STRING:
		return text_fits(term, json_string_value(value));
	case JSON_TRUE:
		return word_fits(term, "true", "True");
	case JSON_FALSE:
		return word_fits(term, "false", "False");
	case JSON_NULL:
		return word_fits(term, "null", "None");
	default:
		return json_fits(term, value);
	}
}

static bool where_fits(const struct run_filter_term *term, const json_t *run) {
	const json_t *value = document_member(document_at(run, "config"), term->key, term->key_len);

	return value != NULL && value_fits(term, value);
}

/* ---- a run ---- */

static bool tag_fits(const char *pattern, const json_t *run) {
	const json_t *tags = document_at(run, "tags");

	for (size_t i = 0; i < json_array_size(tags); i++) {
		const char *tag = json_string_value(json_array_get(tags, i));
		if (tag != NULL && matches(pattern, tag)) {
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
		return where_fits(term, run);
	}
	if (term->option == RUN_FILTER_TAG) {
		return tag_fits(term->value, run);
	}
	const char *text = document_text(run, place_of(term->option));
	if (text == NULL) {
		return false;
	}
	return term->option == RUN_FILTER_STATE ? state_fits(term->value, text)
						: matches(term->value, text);
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

static bool any_has(const json_t *runs, const struct run_filter_term *term) {
	for (size_t i = 0; i < json_array_size(runs); i++) {
		const json_t *config = document_at(json_array_get(runs, i), "config");
		if (document_member(config, term->key, term->key_len) != NULL) {
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
static void say_keys(const json_t *runs, const struct run_filter_term *term,
	char ret_words[RUN_FILTER_WORDS_SIZE]) {
	const char *between = "; there are ", *key;
	struct buf words = {0};
	const json_t *config = NULL, *value;

	(void)buf_printf(&words, "--where: no run's config has '%.*s'",
		(int)(term->key_len < 64 ? term->key_len : 64), term->key);
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
		known = term->option != RUN_FILTER_WHERE || any_has(runs, term);
		if (!known) {
			say_keys(runs, term, ret_words);
		}
	}
	for (size_t i = json_array_size(runs); i-- > 0;) {
		if (!known || !run_filter_fits(f, json_array_get(runs, i))) {
			(void)json_array_remove(runs, i);
		}
	}
	return known;
}
