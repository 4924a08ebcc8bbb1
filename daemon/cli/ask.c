#include "ask.h"

#include <string.h>

#include "clock.h"
#include "conversation.h"
#include "points.h"

static enum ask_result ask_query(
	struct conversation *c, const struct msg_query *query, struct msg_reply *ret) {
	enum ask_result result = conversation_put(c, query);

	return result == ASK_ANSWERED ? conversation_take(c, ret) : result;
}

static enum ask_result ask_document(
	struct conversation *c, const struct msg_query *query, json_t **ret_document) {
	struct msg_reply reply;
	enum ask_result result = ask_query(c, query, &reply);

	if (result != ASK_ANSWERED) {
		return result == ASK_REFUSED ? ASK_FAILED : result;
	}
	*ret_document = json_loadb((const char *)reply.json, reply.json_len, 0, NULL);
	return *ret_document ? ASK_ANSWERED
			     : conversation_fail(c, ASK_FAILED, "its answer cannot be understood");
}

static enum ask_result ask_for_document(const char *socket_path, const struct msg_query *query,
	uint32_t timeout_ms, json_t **ret_document, char ret_words[ASK_WORDS_MAX]) {
	struct conversation c;
	enum ask_result result = conversation_begin(&c, socket_path, timeout_ms, ret_words);

	if (result == ASK_ANSWERED) {
		result = ask_document(&c, query, ret_document);
	}
	conversation_end(&c);
	return result;
}

enum ask_result ask_status(const char *socket_path, const char *run_part, uint32_t timeout_ms,
	json_t **ret_document, char ret_words[ASK_WORDS_MAX]) {
	const struct msg_query query = {
		.what = text_of("status", 6),
		.run = run_part ? text_of(run_part, strlen(run_part)) : text_of(NULL, 0),
	};
	return ask_for_document(socket_path, &query, timeout_ms, ret_document, ret_words);
}

enum ask_result ask_runs(const char *socket_path, uint32_t timeout_ms, json_t **ret_document,
	char ret_words[ASK_WORDS_MAX]) {
	const struct msg_query query = {.what = text_of("runs", 4)};

	return ask_for_document(socket_path, &query, timeout_ms, ret_document, ret_words);
}

enum ask_result ask_points(const char *socket_path, const struct points_query *points,
	uint32_t timeout_ms, json_t **ret_document, char ret_words[ASK_WORDS_MAX]) {
	const struct msg_query query = {
		.what = text_of("points", 6),
		.has_at_tokens = points->has_at_tokens,
		.at_tokens = points->at_tokens,
		.has_at_time = points->has_at_time,
		.at_time = points->at_time,
		.trajectory = points->trajectory,
		.without_config = points->without_config,
	};
	return ask_for_document(socket_path, &query, timeout_ms, ret_document, ret_words);
}

/* One question, and its document. */
static enum ask_result ask_once(struct conversation *c, const struct msg_query *query,
	const struct ask_talk *talk, json_t **ret) {
	struct msg_reply reply;
	enum ask_result result = conversation_put(c, query);

	if (result == ASK_ANSWERED && talk->meanwhile != NULL) {
		talk->meanwhile(talk->user);
	}
	result = result == ASK_ANSWERED ? conversation_take(c, &reply) : result;
	if (result == ASK_ANSWERED) {
		*ret = json_loadb((const char *)reply.json, reply.json_len, JSON_ALLOW_NUL, NULL);
		result = *ret != NULL ? ASK_ANSWERED
				      : conversation_fail(
						c, ASK_FAILED, "its answer cannot be understood");
	}
	buf_clear(&c->in); /* nothing follows a REPLY unasked */
	return result;
}

enum ask_result ask_talk(
	const char *socket_path, const struct ask_talk *talk, char ret_words[ASK_WORDS_MAX]) {
	struct conversation c;
	struct msg_query query;
	json_t *document = NULL;
	enum ask_result result = conversation_begin(&c, socket_path, talk->timeout_ms, ret_words);

	while (result == ASK_ANSWERED && talk->next(talk->user, document, &query)) {
		json_decref(document);
		document = NULL;
		c.deadline_ms = clock_mono_ms() + talk->timeout_ms;
		result = ask_once(&c, &query, talk, &document);
	}
	json_decref(document);
	conversation_end(&c);
	return result;
}

enum ask_result ask_to(const char *socket_path, const struct msg_query *query, uint32_t timeout_ms,
	char ret_words[ASK_WORDS_MAX]) {
	struct conversation c;
	struct msg_reply reply;
	enum ask_result result = conversation_begin(&c, socket_path, timeout_ms, ret_words);

	if (result == ASK_ANSWERED) {
		result = ask_query(&c, query, &reply);
	}
	conversation_end(&c);
	return result;
}
