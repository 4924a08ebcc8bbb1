/* The clocks. Deadlines use the monotonic one; what people read, the wall's. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_mono_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Goes on while the machine sleeps: for how long nobody heard of it. */
static inline uint64_t clock_boot_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t clock_mono_ms(void) {
	return clock_mono_ns() / 1000000u;
}

/* Seconds since 1970. */
static inline double clock_wall(void) {
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
