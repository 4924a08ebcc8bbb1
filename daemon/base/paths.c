#include "paths.h"

#include <stdio.h>
#include <stdlib.h>

static const char *environment(const char *name) {
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

/* "" where the folder is not known or the whole does not fit. */
static void join(char out[PATH_MAX], const char *folder, const char *rest) {
	int n = folder ? snprintf(out, PATH_MAX, "%s%s", folder, rest) : 0;

	if (n <= 0 || n >= PATH_MAX) {
		out[0] = '\0';
	}
}

void paths_system(struct paths *ret) {
	join(ret->socket, "/run", "/sae-metricsd/socket");
	join(ret->database, "/var/lib", "/sae-metricsd/metrics.db");
}

void paths_user(struct paths *ret) {
	const char *state = environment("XDG_STATE_HOME");

	join(ret->socket, environment("XDG_RUNTIME_DIR"), "/sae-metricsd/socket");
	if (state) {
		join(ret->database, state, "/sae-metricsd/metrics.db");
	} else {
		join(ret->database, environment("HOME"), "/.local/state/sae-metricsd/metrics.db");
	}
}

const char *paths_socket_override(void) {
	return environment("SAE_METRICS_SOCKET");
}
