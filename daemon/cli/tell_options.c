#include "tell_options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "subcommand.h"
#include "text.h"

enum { OPTION_SOCKET = 256, OPTION_OWN };

int tell_usage_error(const struct subcommand *command, const char *what, const char *which) {
	fprintf(stderr, "sae-metricsd %s: %s%s; `sae-metricsd %s --help` lists all\n",
		command->name, what, which, command->name);
	return EXIT_USAGE;
}

bool tell_check_text(
	const struct subcommand *command, const char *what, const char *text, size_t max_bytes) {
	const char *flaw = text_flaw(text_of(text, strlen(text)), true);
	char words[64];

	if (text[0] == '\0') {
		flaw = "is empty";
	} else if (flaw == NULL && strlen(text) > max_bytes) {
		snprintf(words, sizeof words, "is longer than %zu bytes", max_bytes);
		flaw = words;
	}
	if (flaw != NULL) {
		fprintf(stderr, "sae-metricsd %s: %s %s\n", command->name, what, flaw);
	}
	return flaw == NULL;
}

bool tell_check_run(const struct subcommand *command, const char *word) {
	return tell_check_text(command, "RUN", word, FIELD_MAX_BYTES);
}

static int take_own(const struct subcommand *command, const struct tell_option *o) {
	if (o->flag != NULL) {
		*o->flag = true;
		return EXIT_OK;
	}
	if (!tell_check_text(command, o->name, optarg, o->max_bytes)) {
		return EXIT_USAGE;
	}
	if (o->list->count == LIST_MAX) {
		return tell_usage_error(command, "too many of --", o->name);
	}
	o->list->items[o->list->count++] = text_of(optarg, strlen(optarg));
	return EXIT_OK;
}

/* `word` is what getopt looked at. */
static int take_option(const struct subcommand *command, int option, const char *word,
	const struct tell_option *options, struct tell_line *ret) {
	switch (option) {
	case OPTION_SOCKET:
		ret->socket = optarg;
		return EXIT_OK;
	case 'h':
		ret->is_over = true;
		return EXIT_OK;
	case ':':
		return tell_usage_error(command, "a value is missing behind ", word);
	case '?':
		return tell_usage_error(command, "there is no option ", word);
	default:
		return take_own(command, &options[option - OPTION_OWN]);
	}
}

static void list_longs(
	const struct tell_option *options, struct option longs[TELL_OPTIONS_MAX + 3]) {
	size_t n = 0;

	longs[n++] = (struct option){"socket", required_argument, NULL, OPTION_SOCKET};
	longs[n++] = (struct option){"help", no_argument, NULL, 'h'};
	for (int i = 0; options[i].name != NULL; i++) {
		longs[n++] = (struct option){options[i].name,
			options[i].flag != NULL ? no_argument : required_argument, NULL,
			OPTION_OWN + i};
	}
	longs[n] = (struct option){0};
}

static int print_usage(const struct subcommand *command) {
	return fputs(command->usage, stdout) >= 0 && fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}

int tell_parse(const struct subcommand *command, int argc, char **argv,
	const struct tell_option *options, struct tell_line *ret) {
	struct option longs[TELL_OPTIONS_MAX + 3];
	int option, status = EXIT_OK;

	list_longs(options, longs);
	*ret = (struct tell_line){0};
	optind = 0; /* main may have used getopt before */
	opterr = 0;
	while (status == EXIT_OK && (option = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
		status = take_option(command, option, argv[optind - 1], options, ret);
	}
	if (status == EXIT_OK && ret->is_over) {
		return print_usage(command);
	}
	ret->words = argv + optind;
	ret->n_words = argc - optind;
	return status;
}
