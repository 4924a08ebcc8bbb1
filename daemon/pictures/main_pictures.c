/* sae-metricsd-pictures plot|report …: what `sae-metricsd` runs for its commands that draw. A program of its own, so that the
 * daemon maps no drawing library and looks for no fonts. */
#include <stdio.h>
#include <string.h>

#include "plot_command.h"
#include "report_command.h"
#include "subcommand.h"

int main(int argc, char **argv) {
	if (argc > 1 && strcmp(argv[1], "plot") == 0) {
		return plot_command_run(argc - 1, argv + 1);
	}
	if (argc > 1 && strcmp(argv[1], "report") == 0) {
		return report_command_run(argc - 1, argv + 1);
	}
	fputs("sae-metricsd-pictures: this is run by `sae-metricsd plot` and `report`\n", stderr);
	return EXIT_USAGE;
}
