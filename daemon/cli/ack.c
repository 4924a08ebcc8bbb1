#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "bounds.h"
#include "subcommand.h"
#include "tell.h"
#include "tell_options.h"

static int acknowledge(int argc, char **argv);

const struct subcommand subcommand_ack = {
	.name = "ack",
	.summary = "acknowledge alerts, so that `status --check` passes",
	.usage = "usage: sae-metricsd ack [options] [RUN [KIND]]\n"
		 "\n"
		 "Acknowledges the alerts that are there now, of one run (of one kind), or of all\n"
		 "your runs: `status` passes over them, and `status --check` is content, until\n"
		 "something begins anew. RUN is any part of an id or a name that fits one run\n"
		 "only; it is yours, or you are an administrator. KIND is nan, stalled, crashed,\n"
		 "... as `status --json` has it.\n"
		 "\n"
		 "  --undo            take it back\n"
		 "  --socket PATH     ask the daemon behind this socket\n"
		 "  -h, --help        this text\n"
		 "\n"
		 "exit status: 0 done, or there was none, 1 it is not yours, 2 wrong usage,\n"
		 "             3 no daemon, 4 no such run or more than one\n",
	.run = acknowledge,
};

static int acknowledge(int argc, char **argv) {
	struct msg_query query = {.what = text_of("ack", 3)};
	const struct tell_option options[] = {{"undo", &query.undo, NULL, 0}, {0}};
	struct tell_line line;
	int status = tell_parse(&subcommand_ack, argc, argv, options, &line);

	if (status != EXIT_OK || line.is_over) {
		return status;
	}
	if (line.n_words > 2) {
		return arguments_wrong("ack", "one RUN and one KIND at most", "");
	}
	if (line.n_words > 0 && !tell_check_run(&subcommand_ack, line.words[0])) {
		return EXIT_USAGE;
	}
	if (line.n_words > 1 &&
		!tell_check_text(&subcommand_ack, "the kind", line.words[1], EVENT_KIND_MAX)) {
		return EXIT_USAGE;
	}
	query.run =
		line.n_words > 0 ? text_of(line.words[0], strlen(line.words[0])) : (struct text){0};
	query.kind =
		line.n_words > 1 ? text_of(line.words[1], strlen(line.words[1])) : (struct text){0};
	return tell_daemon("ack", line.socket, &query);
}
