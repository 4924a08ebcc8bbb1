/* The program's subcommands: one file a command, which opens with its entry. main.c holds the table. */
#pragma once

/* What every subcommand may exit with. */
enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NO_ANSWER = 3, /* neither a daemon nor a database to be had */
	EXIT_NO_SUCH_RUN = 4, /* none matches, or more than one */
	EXIT_NEEDS_ATTENTION =
		10 /* --check: a run listed crashed, stalled, failed or has an alert */
};

struct subcommand {
	const char *name;
	const char *summary; /* its line in `sae-metricsd --help` */
	const char *usage; /* all of `sae-metricsd NAME --help`, newline included */
	/* argv[0] is the subcommand's name. Returns an exit_status. */
	int (*run)(int argc, char **argv);
};

extern const struct subcommand subcommand_status;
