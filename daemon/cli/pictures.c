#include "pictures.h"

#include <stdio.h>
#include <string.h>

#include "program.h"
#include "run_filter.h"
#include "subcommand.h"

static int run_pictures(int argc, char **argv);

const struct subcommand subcommand_plot = {
	.name = "plot",
	.summary = "draw curves, densities or the Pareto front as SVG, PDF or PNG",
	.usage =
		"usage: sae-metricsd plot [options] [RUN...] -o FILE\n"
		"\n"
		"Draws a picture for a paper or a chat: FILE is an .svg, .pdf or .png, or with\n"
		"the numbers that are drawn a .json or .csv. RUN is any part of an id or a name\n"
		"that fits one run only, a whole id before any part; several are drawn over each\n"
		"other. A front without any is of all runs, or of those that options choose.\n"
		"\n"
		"  --kind KIND          curves, of every step: a band from the lowest to the\n"
		"                       highest and the mean; density of the features, a ridge a\n"
		"                       window; or front: where runs stand, L0 against the\n"
		"                       variance that is left. Default: curves, or front where no\n"
		"                       RUN is named\n"
		"  --metric M[,M...]    of curves: columns of `steps`, or the trainer's own\n"
		"                       numbers\n"
		"  --over AXIS          of curves: step (default), tokens or time\n"
		"  --y-axis SCALE       linear or log; by default as the numbers want it\n"
		"  --windows N          of density: so many at most, evenly spaced (default 12)\n"
		"  --x M, --y M         of the front: its metrics (default l0 and fvu)\n"
		"  --x-better, --y-better lower|higher   of a metric of your own\n"
		"  --at-tokens N        of the front: at so many tokens (168M), the same for all\n"
		"  --trajectory         of the front: how each run got there\n" RUN_FILTER_USAGE
		"  -o, --output FILE    where to; it is whole at any time\n"
		"  --title TEXT         above the picture\n"
		"  --dark               on a dark ground\n"
		"  --width W            in 1/96 inch (default 720)\n"
		"  --height H           the same; by default as it suits the width\n"
		"  --scale S            letters, lines and marks so many times as large\n"
		"  --dpi N              of a PNG: pixels an inch (default 192)\n"
		"  --db FILE            read this database, or all in a folder; may be given\n"
		"                       again\n"
		"  --socket PATH        ask the daemon behind this socket\n"
		"  -h, --help           this text\n"
		"\n"
		"exit status: 0 drawn, 1 failed, 2 wrong usage, 3 no daemon and no database,\n"
		"             4 no such run or more than one\n",
	.run = run_pictures,
};

const struct subcommand subcommand_report = {
	.name = "report",
	.summary = "write a page about runs, with pictures and tables, to send on",
	.usage = "usage: sae-metricsd report [options] RUN... -o FILE.html\n"
		 "\n"
		 "Writes one page of HTML that needs neither a network nor a script: the loss\n"
		 "curves, the density of the features, metrics, the config, events, and what did\n"
		 "not arrive; of several runs also where they stand and what differs. RUN is any\n"
		 "part of an id or a name that fits one run only.\n"
		 "\n"
		 "  -o, --output FILE    where to; it is whole at any time\n"
		 "  --title TEXT         at its top\n"
		 "  --at-tokens N        means and front at so many tokens: 168M\n"
		 "  --db FILE            read this database, or all in a folder; may be given\n"
		 "                       again\n"
		 "  --socket PATH        ask the daemon behind this socket\n"
		 "  -h, --help           this text\n"
		 "\n"
		 "exit status: 0 written, 1 failed, 2 wrong usage, 3 no daemon and no database,\n"
		 "             4 no such run or more than one\n",
	.run = run_pictures,
};

static int run_pictures(int argc, char **argv) {
	static const struct program pictures = {
		.name = "sae-metricsd-pictures",
		.folder = "pictures",
		.missing =
			"the part that draws is not installed: it is sae-metricsd-pictures, of the "
			"package sae-metricsd-plot, or of a build where cairo and pango are; a "
			"wheel has none",
	};

	if (program_wants_help(argc, argv)) {
		const bool report = strcmp(argv[0], subcommand_report.name) == 0;
		fputs(report ? subcommand_report.usage : subcommand_plot.usage, stdout);
		return EXIT_OK;
	}
	return program_run(&pictures, argc, argv);
}
