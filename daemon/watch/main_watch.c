/* sae-metricsd-watch watch …: what `sae-metricsd watch` runs. A program of its own, so that the daemon maps no terminal's library. */
#include <stdio.h>
#include <string.h>

#include "subcommand.h"
#include "watch.h"

int main(int argc, char **argv) {
	if (argc > 1 && strcmp(argv[1], "watch") == 0) {
		return watch_run(argc - 1, argv + 1);
	}
	fputs("sae-metricsd-watch: this is run by `sae-metricsd watch`\n", stderr);
	return EXIT_USAGE;
}
