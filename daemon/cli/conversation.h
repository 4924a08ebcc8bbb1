/* A reader's connection to a daemon: questions go out, each is answered before the next, until a deadline. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ask.h"
#include "buf.h"
#include "message.h"

/* Words are set by whoever finds out why it cannot go on. */
struct conversation {
	int fd;
	bool greeted;
	uint64_t deadline_ms;
	struct buf in;
	char *words; /* [ASK_WORDS_MAX], borrowed */
};

/* Connects. It may be ended, whatever comes of that. */
enum ask_result conversation_begin(struct conversation *c, const char *socket_path,
	uint32_t timeout_ms, char ret_words[ASK_WORDS_MAX]);

/* Sends a question (its token is set here), and waits for its answer. *ret borrows from `in`. Words are the answer's where that is not
 * REPLY_OK, too. */
enum ask_result conversation_put(struct conversation *c, const struct msg_query *query);
enum ask_result conversation_take(struct conversation *c, struct msg_reply *ret);

/* Sets the words; returns the result. */
enum ask_result conversation_fail(struct conversation *c, enum ask_result result,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

void conversation_end(struct conversation *c);
