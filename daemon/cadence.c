#include "cadence.h"

static uint64_t max_of(uint64_t a, uint64_t b) {
	return a > b ? a : b;
}

static uint64_t min_of(uint64_t a, uint64_t b) {
	return a < b ? a : b;
}

static uint64_t duration_ns(size_t bytes, uint64_t bytes_per_s) {
	return (uint64_t)((double)bytes / (double)bytes_per_s * 1e9);
}

void cadence_init(struct cadence *c, uint64_t run_bytes_per_s, uint64_t host_bytes_per_s) {
	*c = (struct cadence){
		.run_bytes_per_s = run_bytes_per_s > 0 ? run_bytes_per_s : CADENCE_RUN_BYTES_PER_S,
		.host_bytes_per_s =
			host_bytes_per_s > 0 ? host_bytes_per_s : CADENCE_HOST_BYTES_PER_S,
	};
}

uint64_t cadence_due_ns(
	const struct share *share, const struct pace *pace, bool urgent, bool is_large) {
	uint64_t rest_ns = max_of(share->rest_ns, is_large ? share->large_rest_ns : 0);

	if (urgent) {
		return rest_ns;
	}
	return max_of(rest_ns, max_of(pace->due_ns, min_of(share->paid_ns, pace->latest_ns)));
}

void cadence_cut(const struct cadence *c, struct share *share, struct pace *pace, size_t bytes,
	uint32_t n_sharing, uint64_t now_ns) {
	uint64_t interval = max_of(CADENCE_INTERVAL_MIN_NS, duration_ns(bytes, c->run_bytes_per_s));
	interval = min_of(interval, CADENCE_INTERVAL_MAX_NS);

	pace->due_ns = now_ns + interval;
	pace->latest_ns = now_ns + CADENCE_STRETCH * interval;
	share->paid_ns = max_of(share->paid_ns, now_ns) +
			 n_sharing * duration_ns(bytes, c->host_bytes_per_s);
}

void cadence_committed(struct share *share, uint64_t begun_ns, uint64_t now_ns, double part,
	enum commit_size size) {
	uint64_t took_ns = (uint64_t)((double)(now_ns - begun_ns) * part);

	share->rest_ns = begun_ns + CADENCE_REST_FACTOR * took_ns;
	if (size != COMMIT_SMALL) {
		share->large_rest_ns =
			begun_ns + max_of(CADENCE_REST_FACTOR_LARGE_LEAST * took_ns,
					   min_of(CADENCE_REST_FACTOR_LARGE * took_ns,
						   CADENCE_INTERVAL_MAX_NS));
	}
	if (size == COMMIT_OF_MANY_SMALL) {
		share->rest_ns = share->large_rest_ns;
	}
}
