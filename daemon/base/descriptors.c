#include "descriptors.h"

#include <linux/close_range.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CONNECTIONS_MIN                                                                            \
	4u /* where even the reserve is not allowed: a few are of more use than none */
#define LIMIT_UNKNOWN 1024u

uint64_t descriptors_raise(void) {
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		return LIMIT_UNKNOWN;
	}
	if (limit.rlim_cur < limit.rlim_max) {
		rlim_t before = limit.rlim_cur;
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
			return before;
		}
	}
	return limit.rlim_cur;
}

void descriptors_keep_from_programs(void) {
	(void)syscall(SYS_close_range, STDERR_FILENO + 1, UINT32_MAX, CLOSE_RANGE_CLOEXEC);
}

uint64_t descriptors_connections(uint64_t limit) {
	uint64_t spare = limit > DESCRIPTORS_RESERVED ? (limit - DESCRIPTORS_RESERVED) / 2 : 0;

	return spare > CONNECTIONS_MIN ? spare : CONNECTIONS_MIN;
}
