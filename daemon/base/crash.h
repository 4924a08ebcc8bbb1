/* Named places at which a test can kill the daemon: built with -Dcrash_points=true, the process
 * whose $SAE_METRICSD_CRASH_AT is `NAME` or `NAME:N` dies of SIGKILL at that point, the N-th time it
 * gets there. In every other build a point is nothing. */
#pragma once

#include <stdbool.h>

#ifdef SAE_METRICSD_CRASH_POINTS
void crash_point(const char *name);
bool crash_is_near(const char *name);
#define CRASH_POINT(name) crash_point(name)
/* Whether the process is to die at this point some time: what leads there may come sooner. */
#define CRASH_IS_NEAR(name) crash_is_near(name)
#else
#define CRASH_POINT(name)   ((void)0)
#define CRASH_IS_NEAR(name) false
#endif
