#include "ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

uint64_t id_hash(uint64_t hash, const void *data, size_t len) {
	const uint8_t *bytes = data;

	hash = hash == 0 ? 0xcbf29ce484222325ull : hash;
	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ bytes[i]) * 0x100000001b3ull;
	}
	return hash;
}

/* Spreads every bit over all of them (the finalizer of splitmix64). */
static uint64_t mix(uint64_t x) {
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

void id_random(void *out, size_t n) {
	if (getrandom(out, n, GRND_NONBLOCK) == (ssize_t)n) {
		return;
	}

	/* Early in a machine's life: unlike, if not unguessable. */
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t state = id_hash(id_hash(0, &now, sizeof now), &(pid_t){getpid()}, sizeof(pid_t));
	state ^= (uintptr_t)out;
	for (size_t i = 0; i < n; i++) {
		state += 0x9e3779b97f4a7c15ull;
		((uint8_t *)out)[i] = (uint8_t)mix(state);
	}
}

void id_run_from(uint64_t seed, char out[RUN_ID_OURS + 1]) {
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";

	uint64_t x = mix(seed);
	for (size_t i = 0; i < RUN_ID_OURS; i++) {
		out[i] = digits[x % 36];
		x /= 36;
	}
	out[RUN_ID_OURS] = '\0';
}

void id_run_random(char out[RUN_ID_OURS + 1]) {
	uint64_t seed;

	id_random(&seed, sizeof seed);
	id_run_from(seed, out);
}

static const char *environment(const char *name, const char *fallback) {
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? fallback : value;
}

/* Too long a one would be cut, and two jobs might be taken for one. */
static bool launcher_fill(struct launcher *l, const char *kind, const char *job, const char *step,
	const char *restart) {
	int job_len = snprintf(
		l->job, sizeof l->job, "%s/%s%s%s", kind, job, step[0] == '\0' ? "" : ".", step);
	int launch_len = snprintf(l->launch, sizeof l->launch, "%s/%s", l->job, restart);

	return job_len < (int)sizeof l->job && launch_len < (int)sizeof l->launch;
}

bool id_launcher(struct launcher *ret) {
	/* "none" is torchrun's default, the same for every job that did not name itself. */
	const char *torch = environment("TORCHELASTIC_RUN_ID", "none");
	if (strcmp(torch, "none") != 0) {
		return launcher_fill(
			ret, "torchrun", torch, "", environment("TORCHELASTIC_RESTART_COUNT", "0"));
	}

	const char *slurm = environment("SLURM_JOB_ID", NULL);
	if (slurm != NULL) {
		return launcher_fill(ret, "slurm", slurm, environment("SLURM_STEP_ID", "0"),
			environment("SLURM_RESTART_COUNT", "0"));
	}
	return false;
}
