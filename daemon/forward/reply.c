#include "reply_private.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reply_line.h"

static int missing(const char *what, char ret_words[REPLY_WORDS_MAX]) {
	(void)snprintf(ret_words, REPLY_WORDS_MAX, "the answer has no %s", what);
	return -EBADMSG;
}

static int refuse_body(
	struct text body, const json_error_t *error, char ret_words[REPLY_WORDS_MAX]) {
	const char *words = body.len > 0 ? "the answer is no JSON: " : "the answer is empty";
	struct reply_words w;

	reply_words_begin(&w, ret_words);
	reply_words_add(&w, text_of(words, strlen(words)));
	reply_words_add_body(&w, body);
	return json_error_code(error) == json_error_out_of_memory ? -ENOMEM : -EBADMSG;
}

/* GraphQL may say what failed beside data: that is no success. */
static int check_data(const json_t *reply, char ret_words[REPLY_WORDS_MAX]) {
	if (!reply_has_error(reply, ret_words)) {
		return json_is_object(json_object_get(reply, "data")) ? 0
								      : missing("data", ret_words);
	}
	if (ret_words[0] == '\0') {
		(void)snprintf(ret_words, REPLY_WORDS_MAX, "an error without words");
	}
	return -EBADMSG;
}

/* A GraphQL answer that has `data`. */
static int read_answer(struct text body, json_t **ret, char ret_words[REPLY_WORDS_MAX]) {
	json_error_t error;
	json_t *reply = reply_json(body, &error);
	int err =
		reply == NULL ? refuse_body(body, &error, ret_words) : check_data(reply, ret_words);

	if (err < 0) {
		json_decref(reply);
		return err;
	}
	*ret = reply;
	return 0;
}

/* A count of lines, or -1. */
static int64_t line_count(const json_t *value) {
	if (json_is_integer(value)) {
		return json_integer_value(value) >= 0 ? json_integer_value(value) : -1;
	}
	double real = json_is_real(value) ? json_real_value(value) : -1;
	return real >= 0 && real < 9e15 && real == trunc(real) ? (int64_t)real : -1;
}

/* A copy of a text; NULL where there is none, an empty one or one with a NUL. *err becomes -ENOMEM when memory
 * is short. */
static char *copy_text(const json_t *object, const char *name, int *err) {
	const json_t *value = json_object_get(object, name);
	const char *text = json_string_value(value);

	if (text == NULL || text[0] == '\0' || strlen(text) != json_string_length(value)) {
		return NULL;
	}
	char *copy = strdup(text);
	if (copy == NULL) {
		*err = -ENOMEM;
	}
	return copy;
}

static int fill_upsert(
	struct reply_upsert *u, const json_t *payload, char ret_words[REPLY_WORDS_MAX]) {
	const json_t *bucket = json_object_get(payload, "bucket");
	const json_t *project = json_object_get(bucket, "project");
	int err = 0;

	u->storage_id = copy_text(bucket, "id", &err);
	u->run_id = copy_text(bucket, "name", &err);
	u->display_name = copy_text(bucket, "displayName", &err);
	u->project = copy_text(project, "name", &err);
	u->entity = copy_text(json_object_get(project, "entity"), "name", &err);
	u->is_new = json_is_true(json_object_get(payload, "inserted"));
	u->history_lines = line_count(json_object_get(bucket, "historyLineCount"));
	if (err < 0) {
		return err;
	}
	return u->run_id == NULL    ? missing("upsertBucket.bucket.name", ret_words)
	       : u->project == NULL ? missing("upsertBucket.bucket.project.name", ret_words)
	       : u->entity == NULL  ? missing("upsertBucket.bucket.project.entity.name", ret_words)
				    : 0;
}

int reply_read_upsert(struct text body, struct reply_upsert *ret, char ret_words[256]) {
	json_t *reply = NULL;
	struct reply_upsert u = {0};
	int err = read_answer(body, &reply, ret_words);

	if (err < 0) {
		return err;
	}
	const json_t *data = json_object_get(reply, "data");
	err = fill_upsert(&u, json_object_get(data, "upsertBucket"), ret_words);
	json_decref(reply);
	if (err < 0) {
		reply_upsert_finish(&u);
		return err;
	}
	*ret = u;
	return 0;
}

void reply_upsert_finish(struct reply_upsert *u) {
	if (u == NULL) {
		return;
	}
	free(u->storage_id);
	free(u->run_id);
	free(u->display_name);
	free(u->project);
	free(u->entity);
	*u = (struct reply_upsert){0};
}

/* ---- resuming ---- */

/* Whether a member says nothing: W&B has no lines for a run that never logged. */
static bool is_silent(const json_t *value) {
	return value == NULL || json_is_null(value) ||
	       (json_is_string(value) && json_string_length(value) == 0);
}

static bool read_line(const json_t *value, struct reply_line *ret) {
	return json_is_string(value) &&
	       reply_line_read(text_of(json_string_value(value), json_string_length(value)), ret);
}

/* A JSON text of a list of JSON texts, the newest last. */
static bool read_tail(const json_t *value, struct reply_line *ret) {
	if (is_silent(value)) {
		return true;
	}
	json_t *lines = json_is_string(value)
				? json_loadb(json_string_value(value), json_string_length(value),
					  JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL)
				: NULL;
	size_t n = json_array_size(lines);
	bool read = n > 0 ? read_line(json_array_get(lines, n - 1), ret)
			  : json_is_array(lines) || json_is_null(lines);
	json_decref(lines);
	return read;
}

static bool read_summary(const json_t *value, struct reply_line *ret) {
	return is_silent(value) || read_line(value, ret) ||
	       (json_is_string(value) && strcmp(json_string_value(value), "null") == 0);
}

static int fill_resume(
	struct reply_resume *r, const json_t *bucket, char ret_words[REPLY_WORDS_MAX]) {
	struct reply_line newest = {0}, summary = {0};

	if (!read_tail(json_object_get(bucket, "historyTail"), &newest)) {
		return missing("historyTail that can be read", ret_words);
	}
	if (!read_summary(json_object_get(bucket, "summaryMetrics"), &summary)) {
		return missing("summaryMetrics that can be read", ret_words);
	}
	const struct reply_line *said = newest.has_step ? &newest : &summary;
	*r = (struct reply_resume){
		.exists = true,
		.history_lines = line_count(json_object_get(bucket, "historyLineCount")),
		.has_step = said->has_step,
		.step = said->step,
		.has_timestamp = newest.has_timestamp,
		.timestamp = newest.timestamp,
	};
	return 0;
}

int reply_read_resume(struct text body, struct reply_resume *ret, char ret_words[256]) {
	json_t *reply = NULL;
	struct reply_resume r = {.history_lines = -1};
	int err = read_answer(body, &reply, ret_words);

	if (err < 0) {
		return err;
	}
	/* Only null says that there is none: an answer that leaves it out says nothing. */
	const json_t *model = json_object_get(json_object_get(reply, "data"), "model");
	const json_t *bucket = json_object_get(model, "bucket");
	if (json_is_object(bucket)) {
		err = fill_resume(&r, bucket, ret_words);
	} else if (!json_is_null(model) && !json_is_null(bucket)) {
		err = missing("model.bucket", ret_words);
	}
	json_decref(reply);
	if (err == 0) {
		*ret = r;
	}
	return err;
}

bool reply_says_stopped(struct text body) {
	json_error_t ignored;
	json_t *reply = reply_json(body, &ignored);
	bool stopped = json_is_true(json_object_get(reply, "stopped"));

	json_decref(reply);
	return stopped;
}
