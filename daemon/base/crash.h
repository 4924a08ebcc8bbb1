/* Named places at which a test can kill the daemon: built with -Dcrash_points=true, the process
 * whose $SAE_METRICSD_CRASH_AT is `NAME` or `NAME:N` dies of SIGKILL at that point, the N-th time it
 * gets there. In every other build a point is nothing. */
#pragma once

#ifdef SAE_METRICSD_CRASH_POINTS
void crash_point(const char *name);
#define CRASH_POINT(name) crash_point(name)
#else
#define CRASH_POINT(name) ((void)0)
#endif
