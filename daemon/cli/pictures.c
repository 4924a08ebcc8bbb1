#include "pictures.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run_filter.h"
#include "subcommand.h"

#define PROGRAM "sae-metricsd-pictures"

static int run_pictures(int argc, char **argv);

const struct subcommand subcommand_plot = {
	.name = "plot",
	.summary = "draw curves, densities or the Pareto front as SVG, PDF or PNG",
	.usage = "usage: sae-metricsd plot [options] [RUN…] -o FILE\n"
		 "\n"
		 "Draws a picture for a paper or a chat: FILE is an .svg, .pdf or .png, or with\n"
		 "the numbers that are drawn a .json or .csv. RUN is any part of an id or a name\n"
		 "that fits one run only, a whole id before any part; several are drawn over each\n"
		 "other. A front without any is of all runs, or of those that options choose.\n"
		 "\n"
		 "  --kind KIND          curves, of every step: a band from the lowest to the "
		 "highest\n"
		 "                       and the mean; density of the features, a ridge a window; "
		 "or\n"
		 "                       front: where runs stand, L0 against the variance that is\n"
		 "                       left. Default: curves, or front where no RUN is named\n"
		 "  --metric M[,M...]    of curves: columns of `steps`, or the trainer's own "
		 "numbers\n"
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
		 "  --db FILE            read this database, or all in a folder; may be given "
		 "again\n"
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
	.usage = "usage: sae-metricsd report [options] RUN… -o FILE.html\n"
		 "\n"
		 "Writes one page of HTML that needs neither a network nor a script: the loss\n"
		 "curves, the density of the features, metrics, the config, events, and what did\n"
		 "not arrive; of several runs also where they stand and what differs. RUN is any\n"
		 "part of an id or a name that fits one run only.\n"
		 "\n"
		 "  -o, --output FILE    where to; it is whole at any time\n"
		 "  --title TEXT         at its top\n"
		 "  --db FILE            read this database, or all in a folder; may be given "
		 "again\n"
		 "  --socket PATH        ask the daemon behind this socket\n"
		 "  -h, --help           this text\n"
		 "\n"
		 "exit status: 0 written, 1 failed, 2 wrong usage, 3 no daemon and no database,\n"
		 "             4 no such run or more than one\n",
	.run = run_pictures,
};

/* ---- where the program is ---- */

/* Beside this program in a build tree, and where it is installed, wherever that was moved to. */
static const char *const places[] = {"pictures/" PROGRAM, PICTURES_FROM_BINDIR "/" PROGRAM};

static bool find_beside(const char *folder, char ret[PATH_MAX]) {
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		if (snprintf(ret, PATH_MAX, "%s/%s", folder, places[i]) < PATH_MAX &&
			access(ret, X_OK) == 0) {
			return true;
		}
	}
	return false;
}

static bool find_program(char ret[PATH_MAX]) {
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

	if (len > 0) {
		self[len] = '\0';
		*strrchr(self, '/') = '\0';
		if (find_beside(self, ret)) {
			return true;
		}
	}
	snprintf(ret, PATH_MAX, "%s/%s", PICTURES_FOLDER, PROGRAM);
	return access(ret, X_OK) == 0;
}

/* ---- running it ---- */

static bool wants_help(int argc, char **argv) {
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			return true;
		}
	}
	return false;
}

/* The drawing libraries are another program's: this one is the daemon, too, and maps none of them. */
static int run_pictures(int argc, char **argv) {
	char path[PATH_MAX];

	if (wants_help(argc, argv)) {
		const bool report = strcmp(argv[0], subcommand_report.name) == 0;
		fputs(report ? subcommand_report.usage : subcommand_plot.usage, stdout);
		return EXIT_OK;
	}
	if (!find_program(path)) {
		fprintf(stderr,
			"sae-metricsd %s: the part that draws is not installed: it is " PROGRAM
			", of the package sae-metricsd-plot\n",
			argv[0]);
		return EXIT_FAILED;
	}
	char **arguments = calloc((size_t)argc + 2, sizeof *arguments);
	if (arguments != NULL) {
		arguments[0] = path;
		memcpy(arguments + 1, argv, (size_t)argc * sizeof *argv);
		(void)execv(path, arguments);
	}
	fprintf(stderr, "sae-metricsd %s: %s: %s\n", argv[0], path, strerror(errno));
	free(arguments);
	return EXIT_FAILED;
}
