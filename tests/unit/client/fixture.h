/* A folder with a socket in it, and a run as a trainer would open it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_daemon.h"
#include "sae_metrics.h"

#define D_SAE 512u

static const char *const scalar_names[] = {"mse_loss", "l1_loss"};

struct fixture {
	char folder[64], path[96];
	struct fake_daemon daemon;
};

static int setup(void **state) {
	struct fixture *x = calloc(1, sizeof *x);

	strcpy(x->folder, "/tmp/saem-run-XXXXXX");
	assert_non_null(mkdtemp(x->folder));
	snprintf(x->path, sizeof x->path, "%s/socket", x->folder);
	*state = x;
	return 0;
}

static int teardown(void **state) {
	struct fixture *x = *state;

	rmdir(x->folder);
	free(x);
	return 0;
}

static struct saem_options options_for(const struct fixture *x) {
	struct saem_options options = SAEM_OPTIONS_INIT;

	options.socket = x->path;
	options.project = "tests";
	options.d_sae = D_SAE;
	options.scalars = scalar_names;
	options.n_scalars = 2;
	options.quiet = 1;
	return options;
}

static struct saem_run *open_run(const struct saem_options *options) {
	struct saem_run *run = NULL;
	const char *why = NULL;

	int status = saem_open(options, &run, &why);
	if (status < 0) {
		fail_msg("saem_open: %d, %s", status, why);
	}
	return run;
}

static int log_step(struct saem_run *run, uint32_t step) {
	uint32_t counts[D_SAE];
	const double scalars[] = {step, 0.5};

	for (uint32_t i = 0; i < D_SAE; i++) {
		counts[i] = (step + i) % 300;
	}
	const struct saem_counts fired = {.type = SAEM_U32, .data = counts, .n_entries = D_SAE};
	return saem_log_step(run, step, 4096, &fired, NULL, scalars, NULL, 2);
}

static inline struct saem_stats stats_of(struct saem_run *run) {
	struct saem_stats stats = {.size = sizeof stats};

	saem_get_stats(run, &stats);
	return stats;
}

/* Stops the daemon, so that what it has recorded may be looked at. */
static void stop(struct fixture *x) {
	fake_stop(&x->daemon);
	assert_string_equal(x->daemon.violation, "");
}

static inline unsigned count_entries(const char *path) {
	DIR *folder = opendir(path);
	unsigned n = 0;

	while (readdir(folder) != NULL) {
		n++;
	}
	closedir(folder);
	return n;
}

/* Descriptors this process has open. */
static inline unsigned count_descriptors(void) {
	return count_entries("/proc/self/fd");
}

/* How a program of tests ends. The sender goes a moment after the last run is closed: until then valgrind takes what it holds
 * for lost. */
static inline int end_of_tests(int failed) {
	const unsigned dots_and_main = 3;
	for (int i = 0; i < 1000 && count_entries("/proc/self/task") > dots_and_main; i++) {
		poll(NULL, 0, 10);
	}
	return failed;
}
