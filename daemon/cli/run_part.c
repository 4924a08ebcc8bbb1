#include "run_part.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

#define NAMED_MAX 3u /* in the sentence about a part that fits several */

/* How a part may fit, the surest first: a whole id, a whole name, then the beginning or end of an id, then any part of
 * either. The first that fits any run decides. */
#define WAYS 4u

static bool ends_with(const char *text, const char *end) {
	size_t len = strlen(text), end_len = strlen(end);

	return end_len <= len && strcmp(text + len - end_len, end) == 0;
}

static bool fits(unsigned way, const char *id, const char *name, const char *part) {
	switch (way) {
	case 0:
		return strcmp(id, part) == 0;
	case 1:
		return strcmp(name, part) == 0;
	case 2:
		return strncmp(id, part, strlen(part)) == 0 || ends_with(id, part);
	default:
		return strstr(id, part) != NULL || strstr(name, part) != NULL;
	}
}

static const char *text_or_empty(const json_t *run, const char *path) {
	const char *text = document_text(run, path);

	return text ? text : "";
}

struct found {
	size_t n, first;
	char ids[128]; /* of the first few */
};

static struct found find_all(const json_t *runs, unsigned way, const char *part) {
	struct found f = {0};

	for (size_t i = 0; i < json_array_size(runs); i++) {
		const json_t *run = json_array_get(runs, i);
		const char *id = text_or_empty(run, "id");
		if (!fits(way, id, text_or_empty(run, "name"), part)) {
			continue;
		}
		size_t len = strlen(f.ids);
		if (f.n < NAMED_MAX) {
			snprintf(f.ids + len, sizeof(f.ids) - len, "%s%.24s", len > 0 ? ", " : "",
				id);
		}
		f.first = f.n == 0 ? i : f.first;
		f.n++;
	}
	return f;
}

size_t run_part_find(const json_t *runs, const char *part, char ret_words[RUN_PART_WORDS_SIZE]) {
	char quoted[TEXT_QUOTE_SIZE];
	struct found f = {0};

	for (unsigned way = 0; f.n == 0 && way < WAYS; way++) {
		f = find_all(runs, way, part);
	}
	if (f.n == 1) {
		return f.first;
	}
	(void)text_quote(text_of(part, strlen(part)), quoted);
	if (f.n == 0) {
		snprintf(ret_words, RUN_PART_WORDS_SIZE, "no run fits '%s'", quoted);
	} else {
		snprintf(ret_words, RUN_PART_WORDS_SIZE, "%zu runs fit '%s': %s%s", f.n, quoted,
			f.ids, f.n > NAMED_MAX ? ", …" : "");
	}
	return RUN_PART_NONE;
}

static bool has(const json_t *runs, const json_t *run) {
	for (size_t i = 0; i < json_array_size(runs); i++) {
		if (json_array_get(runs, i) == run) {
			return true;
		}
	}
	return false;
}

int run_part_keep(
	json_t *document, const char *const *parts, size_t n, char ret_words[RUN_PART_WORDS_SIZE]) {
	const json_t *runs = json_object_get(document, "runs");
	json_t *kept = json_array();

	for (size_t i = 0; i < n; i++) {
		size_t at = run_part_find(runs, parts[i], ret_words);
		if (at == RUN_PART_NONE) {
			json_decref(kept);
			return -ESRCH;
		}
		json_t *run = json_array_get(runs, at);
		(void)(has(kept, run) ? 0 : json_array_append(kept, run));
	}
	if (json_object_set_new(document, "runs", kept) < 0) {
		snprintf(ret_words, RUN_PART_WORDS_SIZE, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	return 0;
}
