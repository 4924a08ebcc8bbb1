#include "tell_options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "subcommand.h"
#include "text.h"

enum { OPTION_SOCKET = 256, OPTION_OWN };

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
		return arguments_wrong(command->name, "too many of --", o->name);
	}
	o->list->items[o->list->count++] = text_of(optarg, strlen(optarg));
	return EXIT_OK;
}

struct parse {
	const struct subcommand *command;
	const struct tell_option *options;
	struct tell_line *line;
};

/* `word` is what getopt looked at. */
static int take_option(int option, const char *word, void *user) {
	struct parse *p = user;

	switch (option) {
	case OPTION_SOCKET:
		p->line->socket = optarg;
		return EXIT_OK;
	case 'h':
		p->line->is_over = true;
		return EXIT_OK;
	case ':':
	case '?':
		return arguments_unknown(p->command->name, option, word);
	default:
		return take_own(p->command, &p->options[option - OPTION_OWN]);
	}
}

static int take_word(const char *word, void *user) {
	struct parse *p = user;
	(void)word;

	p->line->n_words++;
	return EXIT_OK;
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
	struct parse p = {command, options, ret};

	list_longs(options, longs);
	*ret = (struct tell_line){0};
	int status = arguments_take(argc, argv, ":h", longs, take_option, take_word, &p);
	if (status == EXIT_OK && ret->is_over) {
		return print_usage(command);
	}
	ret->words = argv + argc - ret->n_words; /* getopt has put them behind the options */
	return status;
}
