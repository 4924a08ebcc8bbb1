/* The reader's side of the socket: one question, one answer, one deadline (PROTOCOL.md §3.10). */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define ASK_WORDS_MAX 512

struct msg_query;
struct points_query;

enum ask_result {
	ASK_ANSWERED = 0,
	ASK_NO_SUCH_RUN, /* words: none, or which more than one */
	ASK_REFUSED,     /* words: what it does not do, and why */
	ASK_NO_DAEMON,   /* nobody listens there */
	ASK_FAILED       /* somebody does, but refused, fell silent or is not a daemon of ours */
};

/* Asks the daemon behind `socket_path` for its status document. `run_part` NULL: of all runs.
 * For anything but ASK_ANSWERED ret_words is a phrase to go behind "no answer from PATH: ", or the daemon's
 * own sentence about the run. */
enum ask_result ask_status(const char *socket_path, const char *run_part, uint32_t timeout_ms,
	json_t **ret_document, char ret_words[ASK_WORDS_MAX]);

/* The same of where runs stand: the query "points"; whose question it is the daemon knows. */
enum ask_result ask_points(const char *socket_path, const struct points_query *points,
	uint32_t timeout_ms, json_t **ret_document, char ret_words[ASK_WORDS_MAX]);

/* The same of no more than what runs are called: the query "runs". */
enum ask_result ask_runs(const char *socket_path, uint32_t timeout_ms, json_t **ret_document,
	char ret_words[ASK_WORDS_MAX]);

/* Several questions of one connection. */
struct ask_talk {
	/* Gets the answer's document (NULL before the first question) and sets the question that follows (its token is set by ask_talk),
	 * or returns false: that was all. */
	bool (*next)(void *user, json_t *document, struct msg_query *ret);
	/* Called when a question is on its way, for what is to be done while the daemon answers it; NULL: nothing is. */
	void (*meanwhile)(void *user);
	void *user;
	uint32_t timeout_ms; /* for each answer */
};
enum ask_result ask_talk(
	const char *socket_path, const struct ask_talk *talk, char ret_words[ASK_WORDS_MAX]);

/* Asks it to do something to a run, as `query` says (its token is set here). Its words are the daemon's sentence,
 * also of what it has done; of ASK_NO_DAEMON and ASK_FAILED as above. */
enum ask_result ask_to(const char *socket_path, const struct msg_query *query, uint32_t timeout_ms,
	char ret_words[ASK_WORDS_MAX]);
