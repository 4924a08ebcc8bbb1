#include "run.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "opening_check.h"
#include "say.h"
#include "sender.h"
#include "step.h"

#define OUTBOX_BYTES_DEFAULT (64ull << 20)
#define OUTBOX_STEPS_DEFAULT 16u
#define OUTBOX_STEPS_MIN     2u
#define OUTBOX_STEPS_RANKS   6u /* who waits for room, and may be 4 steps ahead of another rank */

/* ---- lifetime ---- */

bool run_is_inert(const struct saem_run *run) {
	return run == NULL || run->off || run->generation != sender_generation();
}

double run_elapsed_s(const struct saem_run *run) {
	return clock_seconds(CLOCK_MONOTONIC) - run->opened_at_s;
}

static void run_destroy(struct saem_run *run) {
	if (!run->off) {
		link_finish(&run->link);
		stream_finish(&run->stream);
	}
	opening_finish(&run->opening);
	free(run);
}

void run_ref(struct saem_run *run) {
	__atomic_fetch_add(&run->refs, 1, __ATOMIC_RELAXED);
}

void run_unref(struct saem_run *run) {
	if (__atomic_sub_fetch(&run->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		run_destroy(run);
	}
}

struct saem_run *run_of(struct link *l) {
	return (struct saem_run *)(void *)((char *)l - offsetof(struct saem_run, link));
}

static void on_gone(struct link *l) {
	run_unref(run_of(l));
}

int run_misused(struct saem_run *run, const char *format, ...) {
	char words[STREAM_WORDS_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof words, format, args);
	va_end(args);
	pthread_mutex_lock(&run->stream.lock);
	stream_say(&run->stream, "%s", words);
	pthread_mutex_unlock(&run->stream.lock);
	return -EINVAL;
}

/* ---- opening ---- */

static bool environment_is(const char *name, const char *value) {
	const char *found = getenv(name);

	return found != NULL && strcmp(found, value) == 0;
}

/* Where a daemon may be: only where we are told, else where one is when nobody says where. */
static bool find_sockets(struct saem_run *run, const char *given, char *words) {
	const char *path = given != NULL ? given : getenv("SAE_METRICS_SOCKET");
	struct link_paths paths = {0};
	struct places_sockets *sockets = &run->sockets;

	if (path != NULL && path[0] != '\0') {
		int len = snprintf(sockets->path[0], sizeof sockets->path[0], "%s", path);
		if (len >= (int)sizeof sockets->path[0]) {
			return opening_fail(words,
				"socket: %d bytes, expected a path of at most %zu", len,
				sizeof sockets->path[0] - 1);
		}
		sockets->n = 1;
	} else {
		places_find_sockets(sockets);
	}
	for (size_t i = 0; i < sockets->n; i++) {
		paths.path[i] = sockets->path[i];
	}
	link_init(&run->link, &run->stream, &run->opening, &paths);
	return true;
}

static bool size_outbox(
	const struct saem_run *run, const struct saem_options *o, uint64_t *ret, char *words) {
	const struct msg_open *open = &run->opening.open;
	bool waits_for_ranks = o->when_full == SAEM_WAIT && open->world_size > 1;
	uint64_t step_bytes = outbox_bytes_min(step_frame_max(open)) / 2;
	uint64_t least = step_bytes * (waits_for_ranks ? OUTBOX_STEPS_RANKS : OUTBOX_STEPS_MIN);
	uint64_t usual = step_bytes * OUTBOX_STEPS_DEFAULT;

	if (usual < OUTBOX_BYTES_DEFAULT) {
		usual = OUTBOX_BYTES_DEFAULT;
	}
	if (o->outbox_bytes != 0 && o->outbox_bytes < least) {
		return opening_fail(words,
			"outbox_bytes is %llu; expected at least %llu for d_sae %u",
			(unsigned long long)o->outbox_bytes, (unsigned long long)least,
			open->d_sae);
	}
	*ret = o->outbox_bytes == 0 ? usual : o->outbox_bytes;
	return true;
}

static int run_init(struct saem_run *run, const struct saem_options *o, char *words) {
	uint64_t outbox_bytes = 0;

	if ((unsigned)o->when_full > SAEM_WAIT) {
		opening_fail(words, "when_full is %d; expected one of enum saem_when_full",
			(int)o->when_full);
		return -EINVAL;
	}
	int status = opening_init(&run->opening, o, words);
	if (status < 0) {
		return status;
	}
	run->opening.quiet = run->opening.quiet || environment_is("SAE_METRICS_QUIET", "1");
	run->off = environment_is("SAE_METRICS", "off");
	if (run->off) {
		return 0;
	}

	if (!find_sockets(run, o->socket, words) || !size_outbox(run, o, &outbox_bytes, words)) {
		opening_finish(&run->opening);
		return -EINVAL;
	}
	status = stream_init(
		&run->stream, outbox_bytes, step_frame_max(&run->opening.open), sender_wake);
	if (status < 0) {
		opening_finish(&run->opening);
		return status;
	}
	run->stream.when_full = o->when_full;
	run->stream.when_full_wait_ms = o->when_full_wait_ms;
	run->link.on_gone = on_gone;
	run->opened_at_s = clock_seconds(CLOCK_MONOTONIC);
	return 0;
}

static void run_start(struct saem_run *run) {
	int status = sender_add(&run->link);
	if (status == 0) {
		run_ref(run); /* the sender's: it lets go only of what was closed */
		return;
	}

	/* A trainer at its limit of threads trains on without us. */
	pthread_mutex_lock(&run->stream.lock);
	stream_say(&run->stream, "no thread could be started: %s", strerror(-status));
	stream_refuse(&run->stream);
	pthread_mutex_unlock(&run->stream.lock);
	if (!run->opening.quiet) {
		say("run %s: no thread could be started (%s), training goes on without it",
			run->opening.run, strerror(-status));
	}
}

int saem_open(const struct saem_options *given, struct saem_run **ret_run, const char **ret_why) {
	static _Thread_local char words[OPENING_WORDS_SIZE];
	struct saem_options options = {0};

	if (given == NULL || ret_run == NULL || given->size <= offsetof(struct saem_options, run)) {
		if (ret_why != NULL) {
			*ret_why = "expected options begun with SAEM_OPTIONS_INIT, and where the "
				   "run goes";
		}
		return -EINVAL;
	}
	/* An older caller's structure is shorter, a newer one's longer: what both know is taken. */
	memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
	sender_prepare(run_finish_all);
	struct saem_run *run = calloc(1, sizeof *run);
	if (run == NULL) {
		return -ENOMEM;
	}
	run->refs = 1;
	run->generation = sender_generation();
	int status = run_init(run, &options, words);
	if (status < 0) {
		free(run);
		if (ret_why != NULL) {
			*ret_why = status == -EINVAL ? words : strerror(-status);
		}
		return status;
	}

	if (!run->off) {
		run_start(run);
	}
	*ret_run = run;
	return 0;
}

const char *saem_id(const struct saem_run *run) {
	return run == NULL ? NULL : run->opening.run;
}

const char *saem_name(const struct saem_run *run) {
	return run == NULL ? NULL : opening_name(&run->opening);
}

const char *saem_version(void) {
	return SAE_METRICSD_VERSION;
}

int saem_daemon_answers(void) {
	char socket[PLACES_SOCKET_SIZE];

	return places_find_daemon(socket);
}

/* ---- asking ---- */

int saem_flush(struct saem_run *run, uint32_t timeout_ms) {
	if (run_is_inert(run)) {
		return SAEM_INERT;
	}

	struct stream *s = &run->stream;
	uint64_t deadline_ms = clock_now_ms() + timeout_ms;
	pthread_mutex_lock(&s->lock);
	int result = s->outbox.ended ? SAEM_INERT
				     : stream_await_ack(s, s->outbox.next_seq - 1, deadline_ms);
	pthread_mutex_unlock(&s->lock);
	return result;
}

int saem_state(struct saem_run *run, uint32_t timeout_ms, void **ret_state, size_t *ret_len,
	int64_t *ret_step) {
	struct snapshot snapshot = {0};
	if (run_is_inert(run)) {
		return SAEM_INERT;
	}

	struct stream *s = &run->stream;
	uint64_t deadline_ms = clock_now_ms() + timeout_ms;
	pthread_mutex_lock(&s->lock);
	int result = s->outbox.ended ? SAEM_INERT : stream_await_state(s, deadline_ms, &snapshot);
	pthread_mutex_unlock(&s->lock);
	if (result != SAEM_QUEUED) {
		return result;
	}
	if (snapshot.keepsake == NULL) {
		return snapshot.code != 0 ? SAEM_REFUSED : -ENOMEM;
	}
	*ret_state = snapshot.keepsake;
	*ret_len = snapshot.len;
	*ret_step = snapshot.step;
	return SAEM_QUEUED;
}

void saem_free(void *memory) {
	free(memory);
}

int saem_should_stop(struct saem_run *run, const char **ret_reason) {
	if (run_is_inert(run)) {
		return 0;
	}

	pthread_mutex_lock(&run->stream.lock);
	bool stop = run->stream.stop;
	pthread_mutex_unlock(&run->stream.lock);
	if (stop && ret_reason != NULL) {
		*ret_reason = run->stream.stop_reason; /* never changed again */
	}
	return stop;
}

static void fill_stats(struct stream *s, struct saem_stats *ret) {
	const struct outbox *o = &s->outbox;

	ret->messages = o->next_seq - 1;
	ret->acked = o->acked;
	ret->dropped = o->n_dropped;
	ret->refused = s->n_refused;
	ret->outbox_bytes = o->n_bytes;
	ret->outbox_bytes_max = o->chunks.bytes_max;
	ret->outbox_frames = o->n_frames;
	ret->bytes_sent = s->bytes_sent;
	ret->connects = s->connects;
	ret->connected = s->connected;
	ret->last_step = s->last_step;
	ret->attempt = s->attempt;
	ret->resumed = s->resumed;
	memcpy(ret->words, s->words, sizeof ret->words);
}

int saem_get_stats(struct saem_run *run, struct saem_stats *ret) {
	struct saem_stats stats = {.last_step = -1};
	if (ret == NULL) {
		return -EINVAL;
	}
	size_t size = ret->size < sizeof stats ? ret->size : sizeof stats;

	if (!run_is_inert(run)) {
		pthread_mutex_lock(&run->stream.lock);
		fill_stats(&run->stream, &stats);
		pthread_mutex_unlock(&run->stream.lock);
	}
	stats.size = ret->size;
	memcpy(ret, &stats, size);
	return run_is_inert(run) ? SAEM_INERT : SAEM_QUEUED;
}
