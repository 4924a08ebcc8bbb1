#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "bounds.h"
#include "message.h"
#include "stop.h"
#include "subcommand.h"
#include "tell.h"
#include "tell_options.h"
#include "text.h"

static int stop_run(int argc, char **argv);

const struct subcommand subcommand_stop = {
	.name = "stop",
	.summary = "ask a run's trainer to stop",
	.usage =
		"usage: sae-metricsd stop [--reason TEXT] [--socket PATH] RUN\n"
		"       sae-metricsd stop --dominated --at-tokens N [options]\n"
		"\n"
		"Asks the trainer of a run to stop: its `should_stop` becomes true, and what it\n"
		"does then is its own affair. A trainer that is away is told when it is back. RUN\n"
		"is any part of an id or a name that fits one run only; it is yours, or you are\n"
		"an administrator. Asked again, the first reason stays. A new start of the job is\n"
		"not told.\n"
		"\n"
		"  --reason TEXT     why, for the trainer and for the run's events\n"
		"  --socket PATH     ask the daemon behind this socket\n"
		"  -h, --help        this text\n"
		"\n"
		"  --dominated       instead of RUN: those of your runs being trained that a\n"
		"                    finished run of the same project beats on both of two\n"
		"                    figures at equal tokens. Nothing prompts\n"
		"  --at-tokens N     compared after so many tokens: 168M, 1.3G; who is not there\n"
		"                    yet is left alone\n"
		"  --dry-run         say who would be asked, and the GPU-hours saved\n"
		"  --all-users       also other users' runs, for administrators\n"
		"  --x METRIC, --y METRIC   what counts: l0 and fvu; any figure of a window\n"
		"  --x-better, --y-better lower|higher   of a figure of your own\n"
		"  --json            all of it, as one JSON document\n"
		"  --color WHEN      auto, always or never; auto heeds NO_COLOR and TERM=dumb\n"
		"  --project P, --group G, --user U, --tag T, --where KEY=VALUE, --since WHEN\n"
		"                    only these runs, on both sides, as of status\n"
		"\n"
		"exit status: 0 asked (or nothing to stop), 1 one has ended or is not yours,\n"
		"             2 wrong usage, 3 no daemon, 4 no such run or more than one\n",
	.run = stop_run,
};

struct options {
	const char *run, *reason, *socket;
	bool help;
};

/* ---- what was asked for ---- */

enum { OPTION_REASON = 256, OPTION_SOCKET };

int stop_take_reason(const char *word, const char **ret) {
	const char *flaw = text_flaw(text_of(word, strlen(word)), true);

	if (flaw != NULL) {
		return arguments_wrong("stop", "--reason ", flaw);
	}
	if (strlen(word) > QUERY_REASON_MAX) {
		return arguments_wrong("stop", "--reason is longer than 256 bytes", "");
	}
	*ret = word;
	return EXIT_OK;
}

/* `word` is what getopt looked at. */
static int take_option(int option, const char *word, void *user) {
	struct options *o = user;

	switch (option) {
	case OPTION_REASON:
		return stop_take_reason(optarg, &o->reason);
	case OPTION_SOCKET:
		o->socket = optarg;
		return EXIT_OK;
	case 'h':
		o->help = true;
		return EXIT_OK;
	default:
		return arguments_unknown("stop", option, word);
	}
}

static int take_word(const char *word, void *user) {
	struct options *o = user;

	if (o->run != NULL && !o->help) {
		return arguments_wrong("stop", "one RUN is needed", "");
	}
	o->run = word;
	return EXIT_OK;
}

static int parse_options(int argc, char **argv, struct options *o) {
	static const struct option longs[] = {
		{"reason", required_argument, NULL, OPTION_REASON},
		{"socket", required_argument, NULL, OPTION_SOCKET},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int status = arguments_take(argc, argv, ":h", longs, take_option, take_word, o);

	if (status != EXIT_OK || o->help) {
		return status;
	}
	if (o->run == NULL) {
		return arguments_wrong("stop", "one RUN is needed", "");
	}
	return tell_check_run(&subcommand_stop, o->run) ? EXIT_OK : EXIT_USAGE;
}

/* It has options of its own. */
static bool is_of_dominated(int argc, char **argv) {
	bool is_given = false;

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		is_given = is_given || strcmp(argv[i], "--dominated") == 0;
	}
	return is_given;
}

static int stop_run(int argc, char **argv) {
	struct options o = {0};
	if (is_of_dominated(argc, argv)) {
		return stop_dominated(argc, argv);
	}
	int status = parse_options(argc, argv, &o);

	if (status != EXIT_OK) {
		return status;
	}
	if (o.help) {
		return fputs(subcommand_stop.usage, stdout) >= 0 && fflush(stdout) == 0
			       ? EXIT_OK
			       : EXIT_FAILED;
	}
	const struct msg_query query = {
		.what = text_of("stop", 4),
		.run = text_of(o.run, strlen(o.run)),
		.reason = o.reason != NULL ? text_of(o.reason, strlen(o.reason)) : (struct text){0},
	};
	return tell_daemon("stop", o.socket, &query);
}
