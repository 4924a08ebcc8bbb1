#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "bounds.h"
#include "subcommand.h"
#include "tell.h"
#include "tell_options.h"

static int rename_run(int argc, char **argv);

const struct subcommand subcommand_rename = {
	.name = "rename",
	.summary = "give a run another name",
	.usage =
		"usage: sae-metricsd rename [options] RUN NAME\n"
		"       sae-metricsd rename --undo [options] RUN\n"
		"\n"
		"From then on the run is called so: the name that its trainer gives it changes\n"
		"nothing any more. Its id stays. RUN is any part of an id or a name that fits one\n"
		"run only; it is yours, or you are an administrator.\n"
		"\n"
		"  --undo            the name that its trainer gives it, again\n"
		"  --socket PATH     ask the daemon behind this socket\n"
		"  -h, --help        this text\n"
		"\n"
		"exit status: 0 done, 1 it is not yours, 2 wrong usage, 3 no daemon,\n"
		"             4 no such run or more than one\n",
	.run = rename_run,
};

static int rename_run(int argc, char **argv) {
	struct msg_query query = {.what = text_of("rename", 6)};
	const struct tell_option options[] = {{"undo", &query.undo, NULL, 0}, {0}};
	struct tell_line line;
	int status = tell_parse(&subcommand_rename, argc, argv, options, &line);

	if (status != EXIT_OK || line.is_over) {
		return status;
	}
	if (query.undo && line.n_words != 1) {
		return arguments_wrong("rename", "--undo goes with one RUN, and no NAME", "");
	}
	if (!query.undo && line.n_words != 2) {
		return arguments_wrong("rename", "one RUN and one NAME are needed", "");
	}
	if (!tell_check_run(&subcommand_rename, line.words[0])) {
		return EXIT_USAGE;
	}
	query.run = text_of(line.words[0], strlen(line.words[0]));
	if (!query.undo) {
		if (!tell_check_text(
			    &subcommand_rename, "the name", line.words[1], FIELD_MAX_BYTES)) {
			return EXIT_USAGE;
		}
		query.name = text_of(line.words[1], strlen(line.words[1]));
	}
	return tell_daemon("rename", line.socket, &query);
}
