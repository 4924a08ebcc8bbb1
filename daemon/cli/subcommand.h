/* The program's subcommands: one file a command, which opens with its entry. main.c holds the table. */
#pragma once

/* What every subcommand may exit with. */
enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	/* Neither a daemon nor a database to be had. */
	EXIT_NO_ANSWER = 3,
	/* No run matches, or more than one does. */
	EXIT_NO_SUCH_RUN = 4,
	/* --check: a listed run crashed, stalled, failed or has an alert; --fail-if-dominated: it is. */
	EXIT_NEEDS_ATTENTION = 10,
};

struct subcommand {
	const char *name;
	/* Its line in `sae-metricsd --help`; NULL: it is for programs of ours. */
	const char *summary;
	/* All of `sae-metricsd NAME --help`, last newline included. */
	const char *usage;
	/* argv[0] is the subcommand's name. Returns an exit_status. */
	int (*run)(int argc, char **argv);
};

extern const struct subcommand subcommand_status;
extern const struct subcommand subcommand_why;
extern const struct subcommand subcommand_pareto;
extern const struct subcommand subcommand_compare;
extern const struct subcommand subcommand_export;
extern const struct subcommand subcommand_query;
extern const struct subcommand subcommand_import;
extern const struct subcommand subcommand_answer_sql;
extern const struct subcommand subcommand_stop;
extern const struct subcommand subcommand_ack;
extern const struct subcommand subcommand_tag;
extern const struct subcommand subcommand_rename;
extern const struct subcommand subcommand_rm;
extern const struct subcommand subcommand_backup;
