#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "message.h"
#include "subcommand.h"
#include "tell.h"
#include "text.h"

static int stop_run(int argc, char **argv);

const struct subcommand subcommand_stop = {
	.name = "stop",
	.summary = "ask a run's trainer to stop",
	.usage =
		"usage: sae-metricsd stop [options] RUN\n"
		"\n"
		"Asks the trainer of a run to stop: its `should_stop` becomes true, and what it\n"
		"does then is its own affair. A trainer that is away is told when it is back. RUN\n"
		"is any part of an id or a name that fits one run only; it is yours, or you are "
		"an\n"
		"administrator. Asked again, the first reason stays. A new start of the job is "
		"not\n"
		"told.\n"
		"\n"
		"  --reason TEXT     why, for the trainer and for the run's events\n"
		"  --socket PATH     ask the daemon behind this socket\n"
		"  -h, --help        this text\n"
		"\n"
		"exit status: 0 asked, 1 it has ended or is not yours, 2 wrong usage,\n"
		"             3 no daemon, 4 no such run or more than one\n",
	.run = stop_run,
};

struct options {
	const char *run, *reason, *socket;
	int help;
};

/* ---- what was asked for ---- */

static int usage_error(const char *what, const char *which) {
	fprintf(stderr, "sae-metricsd stop: %s%s; `sae-metricsd stop --help` lists all\n", what,
		which);
	return EXIT_USAGE;
}

enum { OPTION_REASON = 256, OPTION_SOCKET };

static int parse_reason(const char *word, struct options *o) {
	const char *flaw = text_flaw(text_of(word, strlen(word)), true);

	if (flaw != NULL) {
		return usage_error("--reason ", flaw);
	}
	if (strlen(word) > QUERY_REASON_MAX) {
		return usage_error("--reason is longer than 256 bytes", "");
	}
	o->reason = word;
	return EXIT_OK;
}

/* `word` is what getopt looked at. */
static int parse_option(int option, const char *word, struct options *o) {
	switch (option) {
	case OPTION_REASON:
		return parse_reason(optarg, o);
	case OPTION_SOCKET:
		o->socket = optarg;
		return EXIT_OK;
	case 'h':
		o->help = 1;
		return EXIT_OK;
	case ':':
		return usage_error("a value is missing behind ", word);
	default:
		return usage_error("there is no option ", word);
	}
}

static int parse_options(int argc, char **argv, struct options *o) {
	static const struct option longs[] = {
		{"reason", required_argument, NULL, OPTION_REASON},
		{"socket", required_argument, NULL, OPTION_SOCKET},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option, status = EXIT_OK;

	optind = 0; /* main may have used getopt before */
	opterr = 0;
	while (status == EXIT_OK && (option = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
		status = parse_option(option, argv[optind - 1], o);
	}
	if (status != EXIT_OK || o->help) {
		return status;
	}
	if (argc - optind != 1 || argv[optind][0] == '\0') {
		return usage_error("one RUN is needed", "");
	}
	o->run = argv[optind];
	return EXIT_OK;
}

static int stop_run(int argc, char **argv) {
	struct options o = {0};
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
