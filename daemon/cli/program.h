/* Commands that are done by a program of their own: what they map (a drawing library, the terminal's) is not for the daemon to map, which
 * is this one. */
#pragma once

#include <stdbool.h>

struct program {
	const char *name;    /* "sae-metricsd-pictures" */
	const char *folder;  /* where it is in a build tree: "pictures" */
	const char *missing; /* what to say where it is not installed */
};

/* Becomes the program, with the same arguments. Returns an exit_status where it cannot, and has said why. */
int program_run(const struct program *p, int argc, char **argv);

/* Whether --help is among the arguments: that is answered here, also where the program is not installed. */
bool program_wants_help(int argc, char **argv);
