#include "program.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "subcommand.h"

/* In the folder of a build tree, or where it is installed, wherever that was moved to. */
static bool find_beside(const struct program *p, const char *here, char ret[PATH_MAX]) {
	const char *const places[] = {p->folder, PROGRAMS_FROM_BINDIR};

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		if (snprintf(ret, PATH_MAX, "%s/%s/%s", here, places[i], p->name) < PATH_MAX &&
			access(ret, X_OK) == 0) {
			return true;
		}
	}
	return false;
}

static bool find_program(const struct program *p, char ret[PATH_MAX]) {
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

	if (len > 0) {
		self[len] = '\0';
		*strrchr(self, '/') = '\0';
		if (find_beside(p, self, ret)) {
			return true;
		}
	}
	snprintf(ret, PATH_MAX, "%s/%s", PROGRAMS_FOLDER, p->name);
	return access(ret, X_OK) == 0;
}

bool program_wants_help(int argc, char **argv) {
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			return true;
		}
	}
	return false;
}

int program_run(const struct program *p, int argc, char **argv) {
	char path[PATH_MAX];

	if (!find_program(p, path)) {
		fprintf(stderr, "sae-metricsd %s: %s\n", argv[0], p->missing);
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
