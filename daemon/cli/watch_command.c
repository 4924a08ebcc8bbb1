#include "watch_command.h"

#include <stdio.h>

#include "program.h"
#include "run_filter.h"

static int run_watch(int argc, char **argv);

const struct subcommand subcommand_watch = {
	.name = "watch",
	.summary = "follow the runs on a full screen",
	.usage = "usage: sae-metricsd watch [options] [RUN]\n"
		 "\n"
		 "Runs, curves, the feature density over windows and what is amiss, on a full\n"
		 "screen of 80x24 or more, as it happens. `?` lists the keys, `q` quits.\n"
		 "RUN is the one to begin with: any part of an id or a name that fits one only.\n"
		 "\n"
		 "  --db PATH         follow database files (or folders of *.db), no daemon\n"
		 "  --socket PATH     ask the daemon behind this socket\n"
		 "  --color WHEN      auto, always or never; auto heeds NO_COLOR\n" RUN_FILTER_USAGE
		 "  -h, --help        this text\n"
		 "\n"
		 "exit status: 0 ok, 1 failed, 2 wrong usage or no terminal, 3 neither daemon\n"
		 "             nor database, 4 no such run\n",
	.run = run_watch,
};

static int run_watch(int argc, char **argv) {
	static const struct program watch = {
		.name = "sae-metricsd-watch",
		.folder = "watch",
		.missing = "the part that does this is not installed: it is sae-metricsd-watch, "
			   "which is built where ncurses is (libncurses-dev)",
	};

	if (program_wants_help(argc, argv)) {
		fputs(subcommand_watch.usage, stdout);
		return EXIT_OK;
	}
	return program_run(&watch, argc, argv);
}
