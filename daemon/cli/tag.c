#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "bounds.h"
#include "subcommand.h"
#include "tell.h"
#include "tell_options.h"

static int tag_run(int argc, char **argv);

const struct subcommand subcommand_tag = {
	.name = "tag",
	.summary = "give a run tags, or take some from it",
	.usage = "usage: sae-metricsd tag [options] RUN [TAG...]\n"
		 "       sae-metricsd tag --undo [options] RUN\n"
		 "\n"
		 "Gives a run these tags, behind those it has. From then on its tags are as they\n"
		 "were set here: what its trainer says of them changes nothing any more. RUN is\n"
		 "any part of an id or a name that fits one run only; it is yours, or you are an\n"
		 "administrator.\n"
		 "\n"
		 "  --remove TAG      take this one from it; may be given several times\n"
		 "  --undo            the tags that its trainer gives it, again\n"
		 "  --socket PATH     ask the daemon behind this socket\n"
		 "  -h, --help        this text\n"
		 "\n"
		 "exit status: 0 done, 1 it is not yours or has too many, 2 wrong usage,\n"
		 "             3 no daemon, 4 no such run or more than one\n",
	.run = tag_run,
};

static int add_tags(struct text_list *list, char **words, int n) {
	for (int i = 0; i < n; i++) {
		if (!tell_check_text(&subcommand_tag, "a tag", words[i], KEY_MAX_BYTES)) {
			return EXIT_USAGE;
		}
		if (list->count == LIST_MAX) {
			return arguments_wrong("tag", "too many tags", "");
		}
		list->items[list->count++] = text_of(words[i], strlen(words[i]));
	}
	return EXIT_OK;
}

static int tag_run(int argc, char **argv) {
	struct msg_query query = {.what = text_of("tag", 3)};
	const struct tell_option options[] = {
		{"remove", NULL, &query.take, KEY_MAX_BYTES}, {"undo", &query.undo, NULL, 0}, {0}};
	struct tell_line line;
	int status = tell_parse(&subcommand_tag, argc, argv, options, &line);

	if (status != EXIT_OK || line.is_over) {
		return status;
	}
	if (line.n_words == 0) {
		return arguments_wrong("tag", "which RUN?", "");
	}
	if (!tell_check_run(&subcommand_tag, line.words[0])) {
		return EXIT_USAGE;
	}
	query.run = text_of(line.words[0], strlen(line.words[0]));
	status = add_tags(&query.add, line.words + 1, line.n_words - 1);
	if (status != EXIT_OK) {
		return status;
	}
	bool names_tags = query.add.count + query.take.count > 0;
	if (names_tags == query.undo) {
		return arguments_wrong(
			"tag", query.undo ? "--undo goes without a TAG" : "which TAG?", "");
	}
	return tell_daemon("tag", line.socket, &query);
}
