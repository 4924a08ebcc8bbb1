/* What a log call costs the trainer, against the memcpy it cannot do without.
 *
 * Three runs at once: one whose daemon reads and acks, one without a daemon, one whose daemon
 * is stopped. In each round each of them logs one step, and the same bytes are copied by
 * memcpy: interleaved, so that a noisy moment hits all alike. The two without a living daemon
 * drop their oldest steps all the time, and so write through their whole outbox; their memcpy
 * goes round a ring as large.
 *
 * "stored" is the payload as the outbox keeps it, "given" the vector as the trainer has it. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "encode.h"
#include "frame.h"
#include "sae_metrics.h"

#define RING_BYTES (64u << 20)
#define ROUNDS_MAX 2001
#define ACK_EVERY  8u

static double now_us(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void die(const char *what) {
	perror(what);
	exit(1);
}

/* ---- a daemon that reads as fast as it can, in a process of its own ---- */

struct sink {
	int fd;
	uint64_t seq, acked;
	uint8_t *in;
	size_t len, size;
};

static void sink_send(struct sink *k, const struct message *m) {
	uint8_t frame[256];
	size_t len = encode(m, 0, frame, sizeof frame);

	if (send(k->fd, frame, len, MSG_NOSIGNAL) < 0) {
		_exit(0);
	}
}

static void sink_ack(struct sink *k) {
	struct message m = {.type = MSG_ACK};

	m.ack.seq = k->acked = k->seq;
	sink_send(k, &m);
}

/* The header's array begins with a small head, then the type. */
static void sink_take(struct sink *k, const struct frame_view *frame) {
	struct message m = {0};

	switch (frame->header[1]) {
	case MSG_HELLO:
		m.type = MSG_WELCOME;
		m.welcome.version = 1;
		m.welcome.daemon = text_of("sink", 4);
		m.welcome.header_len_max = HEADER_LEN_MAX;
		m.welcome.d_sae_max = D_SAE_MAX;
		sink_send(k, &m);
		break;
	case MSG_OPEN:
		m.type = MSG_OPENED;
		m.opened.wanted = 1;
		m.opened.attempt = 1;
		sink_send(k, &m);
		break;
	case MSG_FLUSH:
		sink_ack(k);
		break;
	default:
		k->seq++;
		if (k->seq - k->acked >= ACK_EVERY || frame->header[1] == MSG_FINISH) {
			sink_ack(k);
		}
	}
}

static void sink_read(struct sink *k) {
	size_t at = 0;
	struct frame_view view;

	if (k->size - k->len < 65536) {
		k->size = k->size * 2 + (1u << 20);
		k->in = realloc(k->in, k->size);
	}
	ssize_t n = read(k->fd, k->in + k->len, k->size - k->len);
	if (n <= 0) {
		_exit(0);
	}
	k->len += (size_t)n;
	while (frame_next(k->in + at, k->len - at, UINT32_MAX, &view) == FRAME_READY) {
		sink_take(k, &view);
		at += view.total_len;
	}
	memmove(k->in, k->in + at, k->len - at);
	k->len -= at;
}

static pid_t sink_start(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
		listen(listener, 4) < 0) {
		die(path);
	}
	pid_t pid = fork();
	if (pid == 0) {
		struct sink k = {.fd = accept(listener, NULL, NULL)};
		for (;;) {
			sink_read(&k);
		}
	}
	close(listener);
	return pid;
}

/* ---- the trainer ---- */

enum { HEALTHY, ABSENT, STOPPED, N_PEERS };
static const char *const peer_names[] = {"healthy", "absent", "stopped"};
static const char *const scalar_names[] = {"mse_loss", "l1_loss", "overall_loss", "l0",
	"explained_variance", "current_learning_rate", "l2_sum", "tv_sum"};

struct bench {
	char folder[64], paths[N_PEERS][100];
	pid_t sinks[N_PEERS];
	struct saem_run *runs[N_PEERS];
};

static void bench_open(struct bench *b, uint32_t d_sae) {
	strcpy(b->folder, "/tmp/saem-bench-XXXXXX");
	if (mkdtemp(b->folder) == NULL) {
		die("mkdtemp");
	}
	for (int peer = 0; peer < N_PEERS; peer++) {
		struct saem_options options = SAEM_OPTIONS_INIT;
		snprintf(b->paths[peer], sizeof b->paths[peer], "%s/%s", b->folder,
			peer_names[peer]);
		b->sinks[peer] = peer == ABSENT ? 0 : sink_start(b->paths[peer]);
		options.socket = b->paths[peer];
		options.d_sae = d_sae;
		options.scalars = scalar_names;
		options.n_scalars = 8;
		options.outbox_bytes = RING_BYTES;
		options.when_full = SAEM_DROP_OLDEST;
		options.quiet = 1;
		if (saem_open(&options, &b->runs[peer], NULL) < 0) {
			die("saem_open");
		}
		if (peer != ABSENT && saem_flush(b->runs[peer], 10000) != SAEM_QUEUED) {
			die("saem_flush");
		}
	}
	kill(b->sinks[STOPPED], SIGSTOP);
}

static void bench_close(struct bench *b) {
	for (int peer = 0; peer < N_PEERS; peer++) {
		saem_close(b->runs[peer]);
		if (b->sinks[peer] > 0) {
			kill(b->sinks[peer], SIGKILL);
			waitpid(b->sinks[peer], NULL, 0);
			unlink(b->paths[peer]);
		}
	}
	rmdir(b->folder);
}

/* ---- measuring ---- */

enum { WARM_STORED, WARM_GIVEN, RING_STORED, N_COPIES };

struct times {
	double calls[N_PEERS][ROUNDS_MAX], copies[N_COPIES][ROUNDS_MAX];
};

static int compare(const void *a, const void *b) {
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double percentile(double *times, int n, double share) {
	qsort(times, (size_t)n, sizeof *times, compare);
	return times[(int)(share * (n - 1))];
}

static void copy_round(struct times *t, int round, const void *given, size_t given_len,
	size_t stored_len, uint8_t *ring) {
	static size_t at;
	uint8_t *warm = ring + RING_BYTES;

	double began = now_us();
	memcpy(warm, given, stored_len);
	double stored = now_us();
	memcpy(warm, given, given_len);
	double both = now_us();
	at = at + stored_len > RING_BYTES ? 0 : at;
	memcpy(ring + at, given, stored_len);
	double end = now_us();
	at += stored_len;
	__asm__ volatile("" : : "r"(ring) : "memory");
	t->copies[WARM_STORED][round] = stored - began;
	t->copies[WARM_GIVEN][round] = both - stored;
	t->copies[RING_STORED][round] = end - both;
}

static void measure(uint32_t d_sae, const char *type_name, enum saem_counts_type type,
	const void *given, size_t given_len, size_t stored_len, int rounds, unsigned pause_us) {
	static struct times t;
	struct bench b;
	uint8_t *ring = malloc(RING_BYTES + 8 * (size_t)d_sae);
	const struct saem_counts fired = {.type = type, .data = given, .n_entries = d_sae};
	const double scalars[8] = {0.1, 0.2, 0.3, 60, 0.9, 4e-4, 1e3, 1e4};

	memset(ring, 1, RING_BYTES + 8 * (size_t)d_sae);
	bench_open(&b, d_sae);
	for (int i = -rounds / 4; i < rounds; i++) { /* the first quarter fills the outboxes */
		int round = i < 0 ? 0 : i;
		for (int peer = 0; peer < N_PEERS; peer++) {
			if (pause_us > 0) {
				usleep(pause_us);
			}
			double began = now_us();
			saem_log_step(b.runs[peer], (uint32_t)(i + rounds), 4096, &fired, NULL,
				scalars, NULL, 8);
			t.calls[peer][round] = now_us() - began;
		}
		copy_round(&t, round, given, given_len, stored_len, ring);
	}
	bench_close(&b);
	free(ring);

	double warm = percentile(t.copies[WARM_STORED], rounds, 0.5);
	double whole = percentile(t.copies[WARM_GIVEN], rounds, 0.5);
	double cold = percentile(t.copies[RING_STORED], rounds, 0.5);
	for (int peer = 0; peer < N_PEERS; peer++) {
		double p50 = percentile(t.calls[peer], rounds, 0.5);
		double p99 = percentile(t.calls[peer], rounds, 0.99);
		double copy = peer == HEALTHY ? warm : cold;
		printf("%8u %4s %6s %8s  %8.2f %9.2f  %8.2f %8.2f  %5.2f %5.2f\n", d_sae, type_name,
			pause_us > 0 ? "paced" : "", peer_names[peer], p50, p99, copy, whole,
			(p50 - 1) / copy, p50 / whole);
	}
}

static void measure_types(uint32_t d_sae, uint32_t every, int rounds) {
	uint32_t *u32 = malloc(4 * (size_t)d_sae);
	uint64_t *u64 = malloc(8 * (size_t)d_sae);
	float *f32 = malloc(4 * (size_t)d_sae);
	uint32_t n_nonzero = 0;
	for (uint32_t i = 0; i < d_sae; i++) {
		uint32_t scattered = i * 2654435761u >> 8;
		u32[i] = scattered % every == 0 ? 1 + scattered % 900 : 0;
		f32[i] = (float)u32[i];
		u64[i] = u32[i];
		n_nonzero += u32[i] != 0;
	}

	uint32_t n = 0;
	size_t stored = counts_size(counts_smallest(900, n_nonzero, d_sae, &n), n_nonzero, d_sae);
	measure(d_sae, "u32", SAEM_U32, u32, 4 * (size_t)d_sae, stored, rounds, 0);
	measure(d_sae, "f32", SAEM_F32, f32, 4 * (size_t)d_sae, stored, rounds, 0);
	measure(d_sae, "i64", SAEM_I64, u64, 8 * (size_t)d_sae, stored, rounds, 0);
	measure(d_sae, "u32", SAEM_U32, u32, 4 * (size_t)d_sae, stored, rounds / 4, 500);
	free(u32);
	free(u64);
	free(f32);
}

int main(void) {
	printf("us a call; goal: (p50 - 1 us) / memcpy of what is stored at most 1.3\n\n"
	       "   d_sae type          peer       p50       p99  memcpy of           ratio to\n"
	       "                                                stored    given  store given\n");
	measure_types(16384, 1, 2000);
	measure_types(131072, 1, 800);
	measure_types(1048576, 1, 200);
	printf("\none feature in ten fires (pairs)\n");
	measure_types(16384, 10, 2000);
	measure_types(131072, 10, 800);
	measure_types(1048576, 10, 200);
	return 0;
}
