#include "reply_private.h"

#include <string.h>

static struct text text_value(const json_t *value) {
	return text_of(json_string_value(value), json_string_length(value));
}

/* A text, or an object with a message. */
static void add_error(struct reply_words *w, const json_t *error) {
	const json_t *message = json_is_object(error) ? json_object_get(error, "message") : error;

	if (!json_is_string(message)) {
		return;
	}
	if (w->len > 0) {
		reply_words_add(w, text_of("; ", 2));
	}
	reply_words_add(w, text_value(message));
}

static bool is_error(const json_t *error) {
	return json_is_object(error) || json_string_length(error) > 0;
}

bool reply_has_error(const json_t *reply, char ret_words[REPLY_WORDS_MAX]) {
	const json_t *error = json_object_get(reply, "error");
	const json_t *errors = json_object_get(reply, "errors");
	struct reply_words w;

	if (!is_error(error) && json_array_size(errors) == 0) {
		return false;
	}
	reply_words_begin(&w, ret_words);
	add_error(&w, error);
	for (size_t i = 0; i < json_array_size(errors); i++) {
		add_error(&w, json_array_get(errors, i));
	}
	return true;
}

json_t *reply_json(struct text body, json_error_t *ret_error) {
	/* jansson takes no NULL for an empty one. */
	return json_loadb(body.data != NULL ? body.data : "", body.len, JSON_ALLOW_NUL, ret_error);
}

void reply_error_words(struct text body, char ret_words[256]) {
	json_error_t ignored;
	struct reply_words w;
	json_t *reply = reply_json(body, &ignored);
	bool said = reply_has_error(reply, ret_words) && ret_words[0] != '\0';

	json_decref(reply);
	if (!said) {
		reply_words_begin(&w, ret_words);
		reply_words_add_body(&w, body);
	}
}

bool reply_says_deleted(const char *words) {
	return strcasestr(words, "previously created and deleted") != NULL;
}
