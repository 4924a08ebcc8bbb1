/* Whatever W&B, or somebody in its place, answers: words that come of it are fit for a log, an upsert that is read has
 * its three names, and what a line says of its place is what jansson finds there. */
#include "fuzz.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "reply.h"
#include "reply_line.h"
#include "text.h"

static void check_words(const char *words) {
	size_t len = strnlen(words, 256);

	HOLDS(len < 256);
	HOLDS(text_flaw(text_of(words, len), true) == NULL);
	HOLDS(len == 0 || (words[0] != ' ' && words[len - 1] != ' '));
}

static void check_error(struct text body) {
	char words[256];

	memset(words, 0xff, sizeof words);
	reply_error_words(body, words);
	check_words(words);
	(void)reply_says_deleted(words);
}

static void check_upsert(struct text body) {
	char words[256];
	struct reply_upsert u;
	int err = reply_read_upsert(body, &u, words);

	if (err == 0) {
		HOLDS(u.run_id[0] != '\0' && u.project[0] != '\0' && u.entity[0] != '\0');
		HOLDS(u.history_lines >= -1);
		reply_upsert_finish(&u);
		return;
	}
	HOLDS(err == -EBADMSG);
	check_words(words);
}

static void check_resume(struct text body) {
	char words[256];
	struct reply_resume r;
	int err = reply_read_resume(body, &r, words);

	if (err == 0) {
		HOLDS(r.exists || (!r.has_step && !r.has_timestamp && r.history_lines == -1));
		HOLDS(r.history_lines >= -1);
		return;
	}
	HOLDS(err == -EBADMSG);
	check_words(words);
}

static void check_step(const json_t *step, const struct reply_line *line) {
	if (json_is_integer(step)) {
		HOLDS(line->has_step && line->step == json_integer_value(step));
	} else {
		HOLDS(!line->has_step ||
			(json_is_real(step) && (double)line->step == json_real_value(step)));
	}
}

/* jansson knows no NaN, and takes "\u005fstep" for "_step": asked is what both understand. */
static void check_line(struct text body) {
	struct reply_line line;
	bool read = reply_line_read(body, &line);
	json_t *object = json_loadb(body.data, body.len, JSON_ALLOW_NUL, NULL);

	HOLDS(read || !json_is_object(object));
	if (json_is_object(object) && memchr(body.data, '\\', body.len) == NULL) {
		check_step(json_object_get(object, "_step"), &line);
		const json_t *time = json_object_get(object, "_timestamp");
		HOLDS(line.has_timestamp == json_is_number(time));
		HOLDS(!line.has_timestamp || line.timestamp == json_number_value(time));
	}
	json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	/* libFuzzer may give NULL for nothing. */
	struct text body = text_of(size > 0 ? (const char *)data : "", size);

	check_error(body);
	check_upsert(body);
	check_resume(body);
	check_line(body);
	HOLDS(!reply_says_stopped(body) || size >= strlen("{\"stopped\":true}"));
	return 0;
}
