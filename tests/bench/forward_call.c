/* What a log call costs the trainer, daemon by daemon: the same step logged to each of them in turn, each time beginning
 * with another, so that a noisy moment hits all alike.
 *
 *   forward_call NAME=SOCKET…
 *
 * Prints a line a daemon, with its ratios to the first one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "sae_metrics.h"

#define PEERS_MAX 8
#define ROUNDS    3000
#define WARM      200
#define D_SAE     16384u
#define PAUSE_US  400u

static const char *const scalar_names[] = {"mse_loss", "l1_loss", "overall_loss", "l0",
	"explained_variance", "current_learning_rate", "l2_sum", "tv_sum"};

struct peer {
	char name[32];
	struct saem_run *run;
	double us[ROUNDS];
	int others; /* calls that were not simply queued */
};

static void peer_open(struct peer *p, const char *argument) {
	struct saem_options options = SAEM_OPTIONS_INIT;
	const char *socket = strchr(argument, '='), *why = "";
	snprintf(p->name, sizeof p->name, "%.*s", socket == NULL ? 0 : (int)(socket - argument),
		argument);
	options.socket = socket == NULL ? "" : socket + 1;
	options.run = "bench";
	options.d_sae = D_SAE;
	options.wandb_log_frequency = 1; /* a line a step */
	options.log_to_wandb = 1;
	options.scalars = scalar_names;
	options.n_scalars = 8;
	options.quiet = 1;
	if (saem_open(&options, &p->run, &why) < 0 || saem_flush(p->run, 10000) != SAEM_QUEUED) {
		fprintf(stderr, "forward_call: %s: no daemon %s\n", argument, why);
		exit(1);
	}
}

static void call(struct peer *p, int round, const struct saem_counts *fired) {
	const double scalars[8] = {1.0 / (3 + round), 0.2, 0.3, 60, 0.9, 4e-4, 1e3, 1e4};
	(void)usleep(PAUSE_US);
	uint64_t begun = clock_mono_ns();
	int result = saem_log_step(
		p->run, (uint32_t)(round + WARM), 4096, fired, NULL, scalars, NULL, 8);
	if (round >= 0) {
		p->us[round] = (double)(clock_mono_ns() - begun) / 1e3;
		p->others += result != SAEM_QUEUED;
	}
}

static int compare(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void report(const struct peer *p, const struct peer *first) {
	double p50 = p->us[ROUNDS / 2], p99 = p->us[ROUNDS / 100 * 99];
	printf("%10s %9.2f %9.2f %9.2f  %6.2f %6.2f  %6d\n", p->name, p50, p99, p->us[ROUNDS - 1],
		p50 / first->us[ROUNDS / 2], p99 / first->us[ROUNDS / 100 * 99], p->others);
}

int main(int argc, char **argv) {
	static struct peer peers[PEERS_MAX];
	static uint32_t counts[D_SAE];
	const struct saem_counts fired = {.type = SAEM_U32, .data = counts, .n_entries = D_SAE};
	int n = argc - 1;
	if (n < 1 || n > PEERS_MAX) {
		fprintf(stderr, "usage: forward_call NAME=SOCKET…\n");
		return 2;
	}
	for (uint32_t i = 0; i < D_SAE; i++) {
		counts[i] = i % 3 == 0 ? 1 + i % 200 : 0;
	}
	for (int i = 0; i < n; i++) {
		peer_open(&peers[i], argv[i + 1]);
	}
	for (int round = -WARM; round < ROUNDS; round++) {
		for (int i = 0; i < n; i++) {
			call(&peers[(i + round + WARM) % n], round, &fired);
		}
	}
	printf("us a call          p50       p99       max  p50 and p99 to   not\n"
	       "                                            the first one's  queued\n");
	for (int i = 0; i < n; i++) {
		qsort(peers[i].us, ROUNDS, sizeof *peers[i].us, compare);
		report(&peers[i], &peers[0]);
		(void)saem_finish(peers[i].run, 0, NULL, 10000);
		saem_close(peers[i].run);
	}
	return 0;
}
