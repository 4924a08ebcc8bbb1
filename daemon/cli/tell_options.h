/* The command line of a subcommand that has the daemon do something: --socket and --help, which all have, options of its own, and
 * words. */
#pragma once

#include <stdbool.h>

#include "message.h"

struct subcommand;

/* `flag` becomes true, or the value goes into the list, as a text of at most max_bytes. */
struct tell_option {
	const char *name;
	bool *flag;
	struct text_list *list;
	size_t max_bytes;
};
#define TELL_OPTIONS_MAX 4

struct tell_line {
	const char *socket; /* NULL: not given */
	char **words;
	int n_words;
	bool is_over; /* help was asked for, and printed */
};

/* An exit_status; what was wrong is said on stderr. `options` ends with one without a name. */
int tell_parse(const struct subcommand *command, int argc, char **argv,
	const struct tell_option *options, struct tell_line *ret);

/* Whether a RUN that was given may be one's id or name, or a part of it. Says so if not. */
bool tell_check_run(const struct subcommand *command, const char *word);
/* Whether a text that is to be kept may be: of so many bytes, UTF-8, without control characters. Says so if not. */
bool tell_check_text(
	const struct subcommand *command, const char *what, const char *text, size_t max_bytes);
