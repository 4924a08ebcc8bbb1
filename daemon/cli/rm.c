#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "subcommand.h"
#include "tell.h"
#include "tell_options.h"

static int remove_runs(int argc, char **argv);

const struct subcommand subcommand_rm = {
	.name = "rm",
	.summary = "remove runs, with all that is kept of them",
	.usage =
		"usage: sae-metricsd rm [options] RUN...\n"
		"\n"
		"Removes runs with all that is kept of them here; what W&B has stays there. A run\n"
		"that is being trained is not removed: have it stopped first. RUN is any part of\n"
		"an id or a name that fits one run only; it is yours, or you are an\n"
		"administrator. What was removed does not come back, except from a backup.\n"
		"\n"
		"  --dry-run         say what would be removed, and what stands in the way\n"
		"  --force           also where W&B does not have all of a run yet\n"
		"  --socket PATH     ask the daemon behind this socket\n"
		"  -h, --help        this text\n"
		"\n"
		"exit status: 0 removed, 1 at least one was not, 2 wrong usage, 3 no daemon,\n"
		"             4 no such run or more than one\n",
	.run = remove_runs,
};

/* Of several, what went wrong first is the answer; the others are removed all the same, but without a daemon. */
static int remove_runs(int argc, char **argv) {
	struct msg_query query = {.what = text_of("rm", 2)};
	const struct tell_option options[] = {
		{"dry-run", &query.dry_run, NULL, 0}, {"force", &query.force, NULL, 0}, {0}};
	struct tell_line line;
	int status = tell_parse(&subcommand_rm, argc, argv, options, &line);

	if (status != EXIT_OK || line.is_over) {
		return status;
	}
	if (line.n_words == 0) {
		return arguments_wrong("rm", "which RUN?", "");
	}
	for (int i = 0; i < line.n_words; i++) {
		if (!tell_check_run(&subcommand_rm, line.words[i])) {
			return EXIT_USAGE; /* and none is removed */
		}
	}
	for (int i = 0; i < line.n_words && status != EXIT_NO_ANSWER; i++) {
		query.run = text_of(line.words[i], strlen(line.words[i]));
		int result = tell_daemon("rm", line.socket, &query);
		status = status == EXIT_OK || result == EXIT_NO_ANSWER ? result : status;
	}
	return status;
}
