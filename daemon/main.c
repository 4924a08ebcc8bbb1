/* sae-metricsd COMMAND …: the table of commands, and help. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "doctor_command.h"
#include "pictures.h"
#include "serve.h"
#include "start.h"
#include "subcommand.h"
#include "sync.h"
#include "watch_command.h"

static const struct subcommand *const subcommands[] = {
	&subcommand_serve,
	&subcommand_config,
	&subcommand_start,
	&subcommand_status,
	&subcommand_watch,
	&subcommand_why,
	&subcommand_pareto,
	&subcommand_compare,
	&subcommand_export,
	&subcommand_query,
	&subcommand_import,
	&subcommand_plot,
	&subcommand_report,
	&subcommand_stop,
	&subcommand_ack,
	&subcommand_tag,
	&subcommand_rename,
	&subcommand_rm,
	&subcommand_sync,
	&subcommand_backup,
	&subcommand_doctor,
	&subcommand_answer_sql,
};
#define N_SUBCOMMANDS (sizeof subcommands / sizeof subcommands[0])

static void print_help(FILE *out) {
	fputs("usage: sae-metricsd COMMAND [options]\n\n"
	      "Exact training metrics of sparse autoencoders: kept, counted once, shown.\n\n",
		out);
	for (size_t i = 0; i < N_SUBCOMMANDS; i++) {
		if (subcommands[i]->summary != NULL) {
			fprintf(out, "  %-8s %s\n", subcommands[i]->name, subcommands[i]->summary);
		}
	}
	fputs("\n`sae-metricsd COMMAND --help` explains one; `sae-metricsd --version` says which\n"
	      "this is.\n",
		out);
}

static const struct subcommand *find(const char *name) {
	for (size_t i = 0; i < N_SUBCOMMANDS; i++) {
		if (strcmp(subcommands[i]->name, name) == 0) {
			return subcommands[i];
		}
	}
	return NULL;
}

/* Of 0, 1 and 2 what is closed is opened: else the next file would have the number, and be written to by the log. Only to
 * be read: to write there fails, as it did. */
static void open_standard_descriptors(void) {
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0) {
		(void)close(fd);
	}
}

int main(int argc, char **argv) {
	open_standard_descriptors();
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("sae-metricsd " SAE_METRICSD_VERSION);
		return EXIT_OK;
	}
	const struct subcommand *command = find(argv[1]);
	if (command == NULL) {
		fprintf(stderr, "sae-metricsd: no command \"%s\"; there are:", argv[1]);
		for (size_t i = 0; i < N_SUBCOMMANDS; i++) {
			fprintf(stderr, subcommands[i]->summary != NULL ? " %s" : "",
				subcommands[i]->name);
		}
		fputc('\n', stderr);
		return EXIT_USAGE;
	}
	return command->run(argc - 1, argv + 1);
}
