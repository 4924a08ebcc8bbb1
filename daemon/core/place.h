/* Where in a launch something belongs: a lap, and a step within it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct place {
	uint32_t lap;
	int64_t step; /* -1: before any */
};

static inline int place_compare(struct place a, struct place b) {
	if (a.lap != b.lap) {
		return a.lap < b.lap ? -1 : 1;
	}
	return (a.step > b.step) - (a.step < b.step);
}
