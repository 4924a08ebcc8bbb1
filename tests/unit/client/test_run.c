/* The public calls, against a daemon that does as it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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
	for (uint32_t i = 0; i < D_SAE; i++) {
		counts[i] = (step + i) % 300;
	}
	const struct saem_counts fired = {.type = SAEM_U32, .data = counts, .n_entries = D_SAE};
	return saem_log_step(run, step, 4096, &fired, NULL, (double[]){step, 0.5}, NULL, 2);
}

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

static void what_is_logged_arrives_in_order_and_is_acked(void **state) {
	struct fixture *x = *state;
	fake_start(&x->daemon, x->path, NULL);
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);

	for (uint32_t step = 0; step < 200; step++) {
		assert_in_range(log_step(run, step), SAEM_QUEUED, SAEM_AWAY);
	}
	assert_int_equal(saem_finish(run, 0, NULL, 10000), SAEM_QUEUED);
	saem_close(run);

	fake_stop(&x->daemon);
	assert_string_equal(x->daemon.violation, "");
	assert_int_equal(x->daemon.n_records, 201);
	for (uint32_t step = 0; step < 200; step++) {
		assert_int_equal(x->daemon.records[step].type, MSG_STEP);
		assert_int_equal(x->daemon.records[step].step, step);
	}
	assert_int_equal(x->daemon.records[200].type, MSG_FINISH);
	fake_free(&x->daemon);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_is_logged_arrives_in_order_and_is_acked, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
