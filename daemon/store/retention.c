#include "retention.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "duration.h"

/* A pass looks at every run. The shortest time that is set is kept to its hundredth. */
#define PASS_PART   100u
#define PASS_MIN_MS 1000u
#define PASS_MAX_MS 600000u

const struct retention retention_none = {
	.steps_s = RETENTION_FOREVER,
	.windows_s = RETENTION_FOREVER,
	.runs_s = RETENTION_FOREVER,
	.max_db_bytes = UINT64_MAX,
};

static uint64_t age_of(const struct retention *r, enum retention_what what) {
	switch (what) {
	case RETENTION_STEPS:
	case RETENTION_LINES:
		return r->steps_s;
	case RETENTION_WINDOWS:
		return r->windows_s;
	case RETENTION_RUN:
		return r->runs_s;
	case RETENTION_N_WHAT:
		break;
	}
	return RETENTION_FOREVER;
}

static uint64_t shortest_age(const struct retention *r) {
	uint64_t shortest = r->steps_s < r->windows_s ? r->steps_s : r->windows_s;
	return shortest < r->runs_s ? shortest : r->runs_s;
}

bool retention_is_set(const struct retention *r) {
	return shortest_age(r) != RETENTION_FOREVER || r->max_db_bytes != UINT64_MAX;
}

double retention_before(const struct retention *r, enum retention_what what, double now) {
	uint64_t age_s = age_of(r, what);
	return age_s == RETENTION_FOREVER ? -INFINITY : now - (double)age_s;
}

static bool waits(const struct retention *r, const struct retention_run *run) {
	return run->waits_for_wandb && !r->wandb_off;
}

int64_t retention_lines_limit(const struct retention *r, const struct retention_run *run) {
	return waits(r, run) ? run->accepted_step : INT64_MAX;
}

/* A comparison with NAN is false: what is not there does not go. */
bool retention_takes(const struct retention *r, const struct retention_run *run,
	enum retention_what what, double before) {
	switch (what) {
	case RETENTION_STEPS:
		return run->steps_from < run->steps_limit && run->step_time < before;
	case RETENTION_LINES:
		return run->line_time < before && run->line_step < retention_lines_limit(r, run);
	case RETENTION_WINDOWS:
		return run->window_time < before;
	case RETENTION_RUN:
		return run->ended && !waits(r, run) && run->quiet_since < before;
	case RETENTION_N_WHAT:
		break;
	}
	return false;
}

int64_t retention_curve_stride(int64_t n_steps) {
	int64_t stride = 1;
	while (n_steps / stride > RETENTION_CURVE_STEPS) {
		stride *= 2;
	}
	return stride;
}

bool retention_presses(const struct retention *r, uint64_t used_bytes, bool pressed_before) {
	if (r->max_db_bytes == UINT64_MAX) {
		return false;
	}
	uint64_t goal = r->max_db_bytes - r->max_db_bytes / 10;
	return used_bytes > (pressed_before ? goal : r->max_db_bytes);
}

uint64_t retention_pass_ms(const struct retention *r) {
	uint64_t age_s = shortest_age(r);
	if (age_s >= PASS_MAX_MS / 1000 * PASS_PART) {
		return PASS_MAX_MS;
	}
	uint64_t ms = age_s * 1000 / PASS_PART;
	return ms > PASS_MIN_MS ? ms : PASS_MIN_MS;
}

/* As people write sizes. */
static void write_size(char out[RETENTION_WHY_SIZE], uint64_t bytes) {
	static const char units[] = "TGMK";
	for (unsigned i = 0; units[i] != '\0'; i++) {
		uint64_t unit = 1ull << (40 - 10 * i);
		if (bytes >= unit && bytes % unit == 0) {
			snprintf(out, RETENTION_WHY_SIZE, "max_db = %" PRIu64 "%c", bytes / unit,
				units[i]);
			return;
		}
	}
	snprintf(out, RETENTION_WHY_SIZE, "max_db = %" PRIu64, bytes);
}

char *retention_why(const struct retention *r, enum retention_what what, bool by_size,
	char out[RETENTION_WHY_SIZE]) {
	static const char *const keys[RETENTION_N_WHAT] = {
		[RETENTION_STEPS] = "steps",
		[RETENTION_LINES] = "steps",
		[RETENTION_WINDOWS] = "windows",
		[RETENTION_RUN] = "runs",
	};
	char age[DURATION_TEXT_SIZE];

	if (by_size) {
		write_size(out, r->max_db_bytes);
	} else {
		snprintf(out, RETENTION_WHY_SIZE, "%s = %s", keys[what],
			duration_write(age, age_of(r, what) * 1000));
	}
	return out;
}
