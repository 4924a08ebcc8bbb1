/* For the subcommands that have a running daemon do something to a run. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "ask.h"

struct msg_query;

/* Has the daemon behind `socket` do what `query` says; NULL: the one that `status` would ask. Prints what became of it
 * in the daemon's words, on stderr where it was not done. Returns an exit_status. */
int tell_daemon(const char *command, const char *socket, const struct msg_query *query);

/* A line on stdout or stderr, of which a terminal gets nothing but printable text: names are in it. False: it was not written. */
bool tell_print(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same without a word of its own: they are the daemon's sentence, or why there is none. */
enum ask_result tell_quietly(
	const char *socket, const struct msg_query *query, char ret_words[ASK_WORDS_MAX]);
