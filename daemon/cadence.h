/* When a run is committed: at once when it has been quiet, else as often as what is written allows. A disk is
 * written for weeks: more commits than these buy nothing but latency. Pure: time is passed in.
 *
 * A commit of a run that wrote n bytes is followed by the next one after max(50 ms, n / run rate), at most 5 s. While a user's
 * runs together are above his part of the host's rate, each waits up to six times as long: 30 s for the largest. Users have equal
 * parts, and what one of them writes puts off nobody else's commits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CADENCE_RUN_BYTES_PER_S  (256u << 10)
#define CADENCE_HOST_BYTES_PER_S (4u << 20)
#define CADENCE_INTERVAL_MIN_NS  50000000ull
#define CADENCE_INTERVAL_MAX_NS  5000000000ull
#define CADENCE_STRETCH          6u
/* Who asks for a commit sooner leaves the disk three quarters of its time … */
#define CADENCE_REST_FACTOR 4u
/* … and where others are there, whose next ack would wait for a large commit, ninety-nine parts of a hundred: of a hundred acks one waits.
 * But no longer than a run is put off unasked, unless that would leave less than nineteen parts of twenty. */
#define CADENCE_REST_FACTOR_LARGE       100u
#define CADENCE_REST_FACTOR_LARGE_LEAST 20u

/* The host's. */
struct cadence {
	uint64_t run_bytes_per_s, host_bytes_per_s;
};

/* One user's. Zeroed: owes nothing. */
struct share {
	uint64_t paid_ns;       /* when what he wrote is paid for by his part of the host's rate */
	uint64_t rest_ns;       /* no commit of his begins before … */
	uint64_t large_rest_ns; /* … and none of a large run of his */
};

/* One run's. Zeroed: never committed, due at once. */
struct pace {
	uint64_t due_ns, latest_ns; /* the next commit: not before; at last */
};

/* The rates may be 0: as above. */
void cadence_init(struct cadence *c, uint64_t run_bytes_per_s, uint64_t host_bytes_per_s);

/* When a run with something to commit is to be committed; `urgent` when somebody waits for it; `is_large` when its commit holds up
 * others. */
uint64_t cadence_due_ns(
	const struct share *share, const struct pace *pace, bool urgent, bool is_large);

/* A run's cut of so many bytes goes into a commit that begins now; so many users share the host's rate. */
void cadence_cut(const struct cadence *c, struct share *share, struct pace *pace, size_t bytes,
	uint32_t n_sharing, uint64_t now_ns);
/* What a commit was of this user, where others are there. */
enum commit_size {
	COMMIT_SMALL = 0,    /* what is small and took long was the disk's fault */
	COMMIT_OF_LARGE,     /* one large run, or several: his small ones go on */
	COMMIT_OF_MANY_SMALL /* which are large together: all of his rest */
};

/* The commit that began at begun_ns has ended. `part` of it was this user's. */
void cadence_committed(struct share *share, uint64_t begun_ns, uint64_t now_ns, double part,
	enum commit_size size);
