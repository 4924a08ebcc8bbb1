/* What all commands that read have in common: where from, and how what they print is to look. */
#pragma once

#include <getopt.h>
#include <stddef.h>

#include "source.h"
#include "terminal.h"

struct read_options {
	const char *command; /* who speaks on stderr: "status" */
	struct source source;
	enum colour_choice colour;
	const char *file; /* NULL: stdout */
	bool json, help;
};

enum {
	READ_OPTION_DB = 512,
	READ_OPTION_SOCKET,
	READ_OPTION_COLOR,
	READ_OPTION_JSON,
	READ_OPTION_OUTPUT
};

/* Members of a command's `struct option` table. */
#define READ_OPTIONS                                                                               \
	{"db", required_argument, NULL, READ_OPTION_DB},                                           \
		{"socket", required_argument, NULL, READ_OPTION_SOCKET},                           \
		{"color", required_argument, NULL, READ_OPTION_COLOR},                             \
		{"json", no_argument, NULL, READ_OPTION_JSON},                                     \
		{"output", required_argument, NULL, READ_OPTION_OUTPUT}, {                         \
		"help", no_argument, NULL, 'h'                                                     \
	}

/* What getopt_long returned, and the word it looked at: one of these, an unknown option or one without its value, of which
 * it says so. Returns an exit_status. */
int read_options_take(struct read_options *o, int option, const char *word);

/* A word that is no option. Behind --db what is there is a database: a shell turns one pattern into many words. An
 * empty one is wrong. */
int read_options_take_word(struct read_options *o, const char *word, bool *ret_is_database);
/* The same for a command of one run: what is no database is that RUN, and a second one is wrong. */
int read_options_take_run(struct read_options *o, const char *word);

/* Says it, and where to read more. Returns EXIT_USAGE. */
int read_options_wrong(const struct read_options *o, const char *what, const char *which);

void read_options_finish(struct read_options *o);

/* All of a command's output, to stdout or to --output's file, which is whole at any time. Returns an exit_status, and has
 * said what went wrong. */
int read_options_print(const struct read_options *o, const char *text, size_t len);
/* The same of a JSON document, indented; NULL: it could not be made. */
int read_options_print_json(const struct read_options *o, const json_t *document);
/* The same of a page, of which begin_page makes an empty one that looks as it is to; end_page is its end, too. */
void read_options_begin_page(const struct read_options *o, struct page *ret);
int read_options_end_page(const struct read_options *o, struct page *page);

/* Remarks that a screen shows among what it prints go to stderr where there is no screen. False: there is one; else *ret is a page
 * for them, which read_options_end_remarks prints. */
bool read_options_begin_remarks(const struct read_options *o, struct page *ret);
void read_options_end_remarks(struct page *page);

/* How a page is to look. */
struct look read_options_look(const struct read_options *o);
