#include "crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Both threads pass points; the environment is read afresh so that a test may set it late. */
static atomic_long passed;

bool crash_is_near(const char *name) {
	const char *at = getenv("SAE_METRICSD_CRASH_AT");
	size_t len = strlen(name);
	return at != NULL && strncmp(at, name, len) == 0 && (at[len] == '\0' || at[len] == ':');
}

void crash_point(const char *name) {
	if (!crash_is_near(name)) {
		return;
	}
	const char *count = strchr(getenv("SAE_METRICSD_CRASH_AT"), ':');
	long nth = count != NULL ? strtol(count + 1, NULL, 10) : 1;
	if (atomic_fetch_add(&passed, 1) + 1 >= nth) {
		raise(SIGKILL);
	}
}
