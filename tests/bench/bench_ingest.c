/* How fast the daemon takes steps, against a sink that only reads its socket; and how long a step that
 * comes alone waits for its durable ack, against the host's fdatasync.
 *
 *   bench_ingest DAEMON [seconds a round [one of the names]]
 *
 * One sender writes the same prepared STEP frames, in turn to the sink and to
 * `DAEMON serve` on a database of its own, round after round; the ratio is taken within each
 * round and its median printed. The daemon decodes, checks, folds, commits and acks meanwhile. Then, in
 * turn: one STEP and a FLUSH until the ACK, and 300 bytes appended to a file and synced. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "encode.h"

#define ROUNDS_MAX  15
#define ACKS        101
#define N_SCALARS   14u
#define SINK_READ   65536
#define SEND_BUFFER (4 << 20)

static char directory[] = "/tmp/bench-ingest-XXXXXX";
static char socket_path[64], database_path[64];

static void fail(const char *what) {
	fprintf(stderr, "bench_ingest: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void write_all(int fd, const void *data, size_t len) {
	const char *at = data;
	while (len > 0) {
		ssize_t n = write(fd, at, len);
		if (n < 0) {
			fail("write");
		}
		at += n;
		len -= (size_t)n;
	}
}

/* Reads what has been answered, so that the daemon's acks never pile up. */
static void drain(int fd) {
	char bytes[4096];
	while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
	}
}

static void send_message(int fd, const struct message *m) {
	uint8_t out[4096];
	size_t len = encode(m, 0, out, sizeof out);
	write_all(fd, out, len);
}

static void await_answer(int fd) {
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (poll(&p, 1, 20000) != 1) {
		fail("no answer");
	}
	drain(fd);
}

struct sender {
	uint32_t d_sae;
	enum counts_form form;
	uint8_t *payload;
	size_t payload_len;
	uint64_t seq;
};

static size_t step_header(struct sender *s, uint8_t *out, size_t cap) {
	struct message m = {.type = MSG_STEP};
	m.step.seq = s->seq;
	m.step.step = (uint32_t)(s->seq - 1);
	m.step.time = 1.7e9;
	m.step.elapsed_s = 1.0;
	m.step.n_rows = 4096;
	m.step.n_scalars = N_SCALARS;
	for (uint32_t i = 0; i < N_SCALARS; i++) {
		m.step.scalars[i] = 0.5 + i;
		m.step.present[0] |= 1ull << i;
	}
	m.step.nonzero = (struct counts){s->form, s->d_sae, s->payload, s->payload_len};
	s->seq++;
	return encode(&m, (uint32_t)s->payload_len, out, cap);
}

/* Steps a second, measured until the last byte was taken. */
static double push(int fd, struct sender *s, double seconds) {
	uint64_t start = clock_mono_ns(), until = start + (uint64_t)(seconds * 1e9);
	uint64_t n = 0;
	uint8_t header[2048];
	do {
		size_t len = step_header(s, header, sizeof header);
		write_all(fd, header, len);
		write_all(fd, s->payload, s->payload_len);
		n++;
		if (n % 16 == 0) {
			drain(fd);
		}
	} while (clock_mono_ns() < until);
	return (double)n / ((double)(clock_mono_ns() - start) * 1e-9);
}

/* As the client does. */
static void widen(int fd) {
	int size = SEND_BUFFER;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

static int connect_to(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	for (int tries = 0; tries < 500; tries++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
			return fd;
		}
		close(fd);
		usleep(10000);
	}
	fail("connect");
	return -1;
}

static pid_t start_daemon(const char *program) {
	pid_t pid = fork();
	if (pid == 0) {
		execl(program, program, "serve", "--socket", socket_path, "--db", database_path,
			"--log-level", "error", (char *)NULL);
		fail(program);
	}
	return pid;
}

static void open_run(int fd, const char *id, uint32_t d_sae) {
	struct message hello = {.type = MSG_HELLO};
	hello.hello = (struct msg_hello){.version_min = 1, .version_max = 1, .role = ROLE_TRAINER};
	send_message(fd, &hello);
	await_answer(fd);

	static struct message open = {.type = MSG_OPEN};
	memcpy(open.open.stream, id, strlen(id));
	open.open.run = text_of(id, strlen(id));
	open.open.launch = text_of("bench", 5);
	open.open.first_seq = 1;
	open.open.world_size = open.open.global_world_size = 1;
	open.open.d_sae = d_sae;
	open.open.wandb_log_frequency = 10;
	open.open.feature_sampling_window = 1000;
	open.open.dead_feature_window = 5000;
	static const char *names[N_SCALARS] = {"mse_loss", "l1_loss", "l1_coefficient",
		"ghost_grad_loss", "overall_loss", "explained_variance", "explained_variance_std",
		"l0", "current_learning_rate", "l2_sum", "tv_sum", "lp_sum", "grad_norm", "k"};
	open.open.n_scalars = N_SCALARS;
	for (uint32_t i = 0; i < N_SCALARS; i++) {
		open.open.scalars[i] = text_of(names[i], strlen(names[i]));
	}
	send_message(fd, &open);
	await_answer(fd);
}

/* Reads one end of the pair until the other is closed. */
static pid_t start_sink(const int pair[2]) {
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[0]);
		static char bytes[SINK_READ];
		while (read(pair[1], bytes, sizeof bytes) > 0) {
		}
		_exit(0);
	}
	return pid;
}

static int by_value(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values, int n) {
	qsort(values, (size_t)n, sizeof *values, by_value);
	return values[n / 2];
}

static void measure(const char *name, uint32_t d_sae, enum counts_form form, double goal,
	double seconds, int rounds) {
	struct sender sink = {.d_sae = d_sae, .form = form, .seq = 1}, daemon;
	uint32_t width = form == COUNTS_U32 ? 4 : form == COUNTS_U16 ? 2 : 1;
	sink.payload_len = (size_t)d_sae * width;
	sink.payload = calloc(1, sink.payload_len);
	for (uint32_t i = 0; i < d_sae; i += 3) {
		sink.payload[(size_t)i * width] = (uint8_t)(1 + i % 200);
	}
	daemon = sink;

	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) {
		fail("socketpair");
	}
	widen(pair[0]);
	pid_t sink_pid = start_sink(pair);
	close(pair[1]);
	int fd = connect_to(socket_path);
	widen(fd);
	open_run(fd, name, d_sae);
	push(pair[0], &sink, 0.1);
	push(fd, &daemon, 0.1);

	double raw[ROUNDS_MAX], taken[ROUNDS_MAX], ratio[ROUNDS_MAX];
	for (int i = 0; i < rounds; i++) {
		raw[i] = push(pair[0], &sink, seconds);
		taken[i] = push(fd, &daemon, seconds);
		ratio[i] = taken[i] / raw[i];
	}
	double low = ratio[0], high = ratio[0];
	for (int i = 1; i < rounds; i++) {
		low = ratio[i] < low ? ratio[i] : low;
		high = ratio[i] > high ? ratio[i] : high;
	}
	double middle = median(ratio, rounds);
	printf("ingest %-10s %8.0f steps/s of %8.0f raw: ratio %.2f [%.2f..%.2f] (goal %.2f)\n",
		name, median(taken, rounds), median(raw, rounds), middle, low, high, goal);
	fflush(stdout);
	close(fd);
	close(pair[0]);
	waitpid(sink_pid, NULL, 0);
	free(sink.payload);
}

/* ---- a step alone ---- */

static double append_us(int fd) {
	static const char row[300];
	uint64_t start = clock_mono_ns();
	write_all(fd, row, sizeof row);
	if (fdatasync(fd) < 0) {
		fail("fdatasync");
	}
	return (double)(clock_mono_ns() - start) * 1e-3;
}

static double ack_us(int fd, struct sender *s) {
	uint8_t header[2048];
	uint64_t start = clock_mono_ns();
	size_t len = step_header(s, header, sizeof header);
	write_all(fd, header, len);
	write_all(fd, s->payload, s->payload_len);
	send_message(fd, &(struct message){.type = MSG_FLUSH, .flush = {s->seq - 1}});
	await_answer(fd);
	return (double)(clock_mono_ns() - start) * 1e-3;
}

static void measure_ack(const char *name, uint32_t d_sae) {
	struct sender s = {.d_sae = d_sae, .form = COUNTS_U8, .payload_len = d_sae, .seq = 1};
	s.payload = calloc(1, d_sae + 1ul);
	s.form = d_sae == 0 ? COUNTS_NONE : COUNTS_U8;
	char path[80];
	snprintf(path, sizeof path, "%s/appended", directory);
	int file = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	int fd = connect_to(socket_path);
	if (file < 0) {
		fail(path);
	}
	open_run(fd, name, d_sae);

	double acks[ACKS], appends[ACKS];
	for (int i = 0; i < ACKS; i++) {
		usleep(20000); /* each comes alone */
		acks[i] = ack_us(fd, &s);
		appends[i] = append_us(file);
	}
	double ack = median(acks, ACKS), append = median(appends, ACKS);
	printf("durable ack, d_sae %7u: %6.0f us, fdatasync %5.0f us: ratio %.2f (goal 3 and 60 "
	       "us: %.0f us)\n",
		d_sae, ack, append, ack / append, 3 * append + 60);
	fflush(stdout);
	close(fd);
	close(file);
	free(s.payload);
}

int main(int argc, char **argv) {
	if (argc < 2) {
		fprintf(stderr, "usage: bench_ingest DAEMON [seconds a round [name]]\n");
		return 2;
	}
	double seconds = argc > 2 ? strtod(argv[2], NULL) : 0.7;
	signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(directory) == NULL) {
		fail("mkdtemp");
	}
	snprintf(socket_path, sizeof socket_path, "%s/socket", directory);
	snprintf(database_path, sizeof database_path, "%s/metrics.db", directory);
	pid_t pid = start_daemon(argv[1]);

	static const struct {
		const char *name;
		uint32_t d_sae;
		enum counts_form form;
		double goal;
	} sizes[] = {
		{"16k-u32", 16384, COUNTS_U32, 0.90},
		{"131k-u32", 131072, COUNTS_U32, 0.85},
		{"1M-u32", 1048576, COUNTS_U32, 0.65},
		{"16k-u16", 16384, COUNTS_U16, 0.90},
		{"131k-u16", 131072, COUNTS_U16, 0.85},
	};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		if (argc < 4 || strcmp(argv[3], sizes[i].name) == 0) {
			measure(sizes[i].name, sizes[i].d_sae, sizes[i].form, sizes[i].goal,
				seconds, 7);
		}
	}

	if (argc < 4) {
		measure_ack("ack-0", 0);
		measure_ack("ack-16k", 16384);
		measure_ack("ack-131k", 131072);
	}

	kill(pid, SIGTERM);
	struct rusage usage;
	int status;
	wait4(pid, &status, 0, &usage);
	printf("the daemon held %ld MiB at most and ended with %d\n", usage.ru_maxrss / 1024,
		WEXITSTATUS(status));
	char command[128];
	snprintf(command, sizeof command, "rm -r %s", directory);
	return system(command) == 0 ? 0 : 1;
}
