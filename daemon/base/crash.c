#include "crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Both threads pass points; the environment is read afresh so that a test may set it late. */
static atomic_long passed;

void crash_point(const char *name) {
	const char *at = getenv("SAE_METRICSD_CRASH_AT");
	size_t len = strlen(name);
	if (at == NULL || strncmp(at, name, len) != 0 || (at[len] != '\0' && at[len] != ':')) {
		return;
	}

	long nth = at[len] == ':' ? strtol(at + len + 1, NULL, 10) : 1;
	if (atomic_fetch_add(&passed, 1) + 1 >= nth) {
		raise(SIGKILL);
	}
}
