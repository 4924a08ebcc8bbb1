/* The reader's side of the socket: one question, one answer, one deadline (PROTOCOL.md §3.10). */
#pragma once

#include <jansson.h>
#include <stdint.h>

#define ASK_WORDS_MAX 256

enum ask_result {
	ASK_ANSWERED = 0,
	ASK_NO_SUCH_RUN, /* words: none, or which more than one */
	ASK_NO_DAEMON,   /* nobody listens there */
	ASK_FAILED       /* somebody does, but refused, fell silent or is not a daemon of ours */
};

/* Asks the daemon behind `socket_path` for its status document. `run_part` NULL: of all runs.
 * For anything but ASK_ANSWERED ret_words is a phrase to go behind "no answer from PATH: ", or the daemon's
 * own sentence about the run. */
enum ask_result ask_status(const char *socket_path, const char *run_part, uint32_t timeout_ms,
	json_t **ret_document, char ret_words[ASK_WORDS_MAX]);
