/* What the system lets the daemon have, judged: pure, for its tests. */
#pragma once

#include "doctor.h"

struct system_limits {          /* 0: not known; UINT64_MAX: there is none */
	uint64_t descriptors;   /* the hard limit: the daemon raises its own to that */
	uint64_t backlog;       /* net.core.somaxconn */
	uint64_t send_buffer;   /* net.core.wmem_max */
	uint64_t memory_bytes;  /* of the cgroup */
	uint64_t memory_used;   /* without the page cache, which the kernel takes back */
	uint64_t memory_wanted; /* what it may come to hold, by doctor_memory_wanted */
	bool of_daemon;         /* else of who asks */
};

/* The formula in sae-metricsd(8), MEMORY. */
uint64_t doctor_memory_wanted(uint64_t host_memory_bytes);

void doctor_judge_limits(struct doctor *d, const struct system_limits *limits);
