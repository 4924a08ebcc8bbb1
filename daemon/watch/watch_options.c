#include "watch_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "clock.h"
#include "subcommand.h"

static int take_option(int option, const char *word, void *user) {
	struct watch_options *o = user;
	char words[RUN_FILTER_WORDS_SIZE];

	if (option < RUN_FILTER_PROJECT || option >= RUN_FILTER_END) {
		return read_options_take(&o->read, option, word);
	}
	return run_filter_add(
		       &o->filter, (enum run_filter_option)option, optarg, clock_wall(), words)
		       ? EXIT_OK
		       : read_options_wrong(&o->read, words, "");
}

static int take_word(const char *word, void *user) {
	struct watch_options *o = user;

	return read_options_take_run(&o->read, word);
}

int watch_options_parse(int argc, char **argv, struct watch_options *ret) {
	static const struct option longs[] = {RUN_FILTER_OPTIONS, READ_OPTIONS, {NULL, 0, NULL, 0}};

	*ret = (struct watch_options){.read = {.command = "watch"}};
	int status = arguments_take(argc, argv, ":h", longs, take_option, take_word, ret);
	if (status == EXIT_OK && !ret->read.help && (ret->read.json || ret->read.file)) {
		return read_options_wrong(&ret->read, "a screen is no document: `status` has ",
			"--json and --output");
	}
	return status;
}

int watch_options_check_terminal(void) {
	const char *term = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		fputs("sae-metricsd watch: this is no terminal; `sae-metricsd status` prints the "
		      "same into a pipe\n",
			stderr);
		return EXIT_USAGE;
	}
	if (!term || !term[0] || strcmp(term, "dumb") == 0) {
		fputs("sae-metricsd watch: a terminal of TERM=dumb has no screen to draw on; "
		      "`sae-metricsd status` prints the same\n",
			stderr);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}
