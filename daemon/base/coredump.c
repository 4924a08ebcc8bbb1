/* Why by PR_SET_DUMPABLE, of the ways there are:
 *
 * RLIMIT_CORE 0 stops core files only: a handler behind a pipe (systemd-coredump, apport) is given the dump all the
 * same. A limit of 1 byte stops pipes, too, but not the sockets that Linux 6.16 added beside them, and cannot be set where
 * the hard limit is 0. MADV_DONTDUMP covers the pages we know of; a key also passes through read buffers, msgpack and
 * libcurl.
 *
 * The price: /proc/PID belongs to root, so that gdb, strace and perf need root, also for one's own daemon, as
 * does the name of the program in `ss -p`. For that, other programs of the same user cannot read the keys out of our
 * memory either. What /proc tells everybody (status, stat, cmdline, limits) and what we read of ourselves stays. */
#include "coredump.h"

#include <errno.h>
#include <sys/prctl.h>

int coredump_forbid(void) {
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}
