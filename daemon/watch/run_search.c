#include "run_search.h"

#include <stddef.h>
#include <string.h>

#include "document.h"

static bool has_word(const char *text, const char *word, size_t len) {
	for (; text && *text; text++) {
		if (strncasecmp(text, word, len) == 0) {
			return true;
		}
	}
	return false;
}

static bool has_tag(const json_t *run, const char *word, size_t len) {
	const json_t *tags = document_at(run, "tags");

	for (size_t i = 0; i < json_array_size(tags); i++) {
		if (has_word(json_string_value(json_array_get(tags, i)), word, len)) {
			return true;
		}
	}
	return false;
}

static bool word_fits(const char *word, size_t len, const char *label, const json_t *run) {
	static const char *const members[] = {"id", "project", "group", "user", "state"};
	bool fits = has_word(label, word, len) || has_tag(run, word, len);

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && !fits; i++) {
		fits = has_word(document_text(run, members[i]), word, len);
	}
	return fits;
}

bool run_search_fits(const char *text, const char *label, const json_t *run) {
	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		size_t len = strcspn(text, " ");
		if (!word_fits(text, len, label, run)) {
			return false;
		}
		text += len;
	}
	return true;
}
