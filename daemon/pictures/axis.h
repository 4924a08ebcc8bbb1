/* One axis: from its numbers to a share of its length, and its ticks. Pure. */
#pragma once

#include "ticks.h"

struct axis {
	double low, high;
	bool log;
	struct ticks ticks;
};

enum axis_choice {
	AXIS_BY_DATA = 0, /* logarithmic where all is above 0 and spans more than AXIS_LOG_FROM */
	AXIS_LINEAR,
	AXIS_LOG /* where all is above 0 */
};
#define AXIS_LOG_FROM 30.0 /* highest / lowest: below it a linear axis shows both ends */

bool axis_is_log(enum axis_choice choice, double low, double high);

/* From low to high exactly, with at most so many ticks. */
void axis_make(double low, double high, bool log, size_t ticks_max, struct axis *ret);

/* A linear one that ends on a tick, where one is just beyond `high`: 3,000 of steps through 2,999. */
void axis_make_to_tick(double low, double high, size_t ticks_max, struct axis *ret);

/* The same with a little room at both ends, so that nothing is drawn on the frame; a linear one begins at 0 where that is near. */
void axis_make_roomy(double low, double high, bool log, size_t ticks_max, struct axis *ret);

/* Calls back for what lies between the ticks of a logarithmic axis of a few decades: 2 to 9 times a power of ten. */
void axis_minor(const struct axis *a, void (*each)(void *user, double at), void *user);

/* 0 at low, 1 at high; beyond them for what lies outside. */
double axis_share(const struct axis *a, double value);
