#include "arguments.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "subcommand.h"

/* In the midst of a word of several letters getopt has not gone past it yet. */
static bool is_within(const char *word) {
	const char *letter = NULL;

	if (word != NULL && word[0] == '-' && word[1] != '-' && optopt > 0) {
		letter = strchr(word + 1, optopt);
	}
	return letter != NULL && letter[1] != '\0';
}

int arguments_take(int argc, char **argv, const char *letters, const struct option *longs,
	int (*take_option)(int option, const char *word, void *user),
	int (*take_word)(const char *word, void *user), void *user) {
	int option, status = EXIT_OK;

	optind = 0; /* main may have used getopt before */
	opterr = 0;
	while (status == EXIT_OK &&
		(option = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const char letter[] = {'-', (char)optopt, '\0'};
		status = take_option(option,
			option == '?' && is_within(argv[optind]) ? letter : argv[optind - 1], user);
	}
	while (status == EXIT_OK && optind < argc) {
		status = take_word(argv[optind++], user);
	}
	return status;
}

int arguments_wrong(const char *command, const char *what, const char *which) {
	fprintf(stderr, "sae-metricsd %s: %s%s; `sae-metricsd %s --help` lists all\n", command,
		what, which, command);
	return EXIT_USAGE;
}

int arguments_no_word(const char *command, const char *word) {
	return arguments_wrong(command, "takes no arguments but options; what is ", word);
}

int arguments_unknown(const char *command, int option, const char *word) {
	return arguments_wrong(command,
		option == ':' ? "a value is missing behind " : "there is no option ", word);
}
