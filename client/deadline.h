/* The two clocks. Deadlines are on the monotonic one, in milliseconds. */
#pragma once

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

static inline double clock_seconds(clockid_t clock) {
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline uint64_t clock_now_ms(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline struct timespec clock_timespec(uint64_t ms) {
	return (struct timespec){
		.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000,
	};
}

/* For the end of a process only: exit() may have been called in a signal's handler, in the
 * middle of a call that holds the lock and will never give it back. False: it was not to be
 * had. */
static inline bool deadline_lock(pthread_mutex_t *lock, uint64_t deadline_ms) {
	while (pthread_mutex_trylock(lock) != 0) {
		if (clock_now_ms() >= deadline_ms) {
			return false;
		}
		(void)poll(NULL, 0, 1);
	}
	return true;
}
