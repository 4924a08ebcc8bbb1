#include "fake_daemon.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "decode.h"
#include "encode.h"
#include "frame.h"

#define WAIT_S 20

static const uint8_t db_id[DB_ID_SIZE] = "fake database";

static void violated(struct fake_daemon *f, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void violated(struct fake_daemon *f, const char *format, ...) {
	va_list args;

	if (f->violation[0] != '\0') {
		return;
	}
	va_start(args, format);
	vsnprintf(f->violation, sizeof f->violation, format, args);
	va_end(args);
}

/* ---- what it keeps ---- */

static void record_free(struct fake_record *r) {
	free((void *)r->nonzero.data);
	free((void *)r->positive.data);
}

static void forget(struct fake_daemon *f) {
	while (f->n_records > 0 && f->records[f->n_records - 1].seq > f->durable) {
		record_free(&f->records[--f->n_records]);
	}
	f->wanted = f->durable + 1;
}

static struct fake_record *record_add(
	struct fake_daemon *f, enum message_type type, uint64_t seq, uint64_t count) {
	if (f->n_records == f->records_size) {
		f->records_size = f->records_size == 0 ? 64 : 2 * f->records_size;
		f->records = realloc(f->records, f->records_size * sizeof *f->records);
		assert(f->records != NULL);
	}
	struct fake_record *r = &f->records[f->n_records++];
	*r = (struct fake_record){.type = type, .seq = seq, .count = count};
	f->wanted = seq + count;
	return r;
}

static void hang_up(struct fake_daemon *f) {
	if (f->connection >= 0) {
		close(f->connection);
		f->connection = -1;
	}
	f->in_len = 0;
}

static void die(struct fake_daemon *f) {
	hang_up(f);
	if (f->script.die_forgetful) {
		forget(f);
	}
}

/* ---- what it says ---- */

static void write_bytes(struct fake_daemon *f, const uint8_t *data, size_t len) {
	size_t most = f->script.write_max == 0 ? len : f->script.write_max;

	while (len > 0 && f->connection >= 0) {
		size_t n = len < most ? len : most;
		uint64_t left = f->script.die_after_written - f->bytes_written;
		if (f->script.die_after_written > 0 && left < n) {
			n = left;
		}
		ssize_t sent = n == 0 ? 0 : send(f->connection, data, n, MSG_NOSIGNAL);
		if (sent < 0) {
			hang_up(f);
			return;
		}
		data += sent;
		len -= (size_t)sent;
		f->bytes_written += (size_t)sent;
		if (f->script.die_after_written > 0 &&
			f->bytes_written >= f->script.die_after_written) {
			f->script.die_after_written = 0;
			die(f);
			return;
		}
	}
}

static void answer(struct fake_daemon *f, const struct message *m, const char *payload) {
	uint8_t frame[1024];
	size_t payload_len = payload == NULL ? 0 : strlen(payload);

	if (f->script.garbage.data != NULL) {
		struct text garbage = f->script.garbage;
		f->script.garbage = (struct text){0};
		write_bytes(f, (const uint8_t *)garbage.data, garbage.len);
		return;
	}
	size_t len = encode(m, (uint32_t)payload_len, frame, sizeof frame);
	assert(len > 0 && len + payload_len <= sizeof frame);
	if (payload_len > 0) {
		memcpy(frame + len, payload, payload_len);
	}
	write_bytes(f, frame, len + payload_len);
}

static struct text text(const char *s) {
	return text_of(s, strlen(s));
}

static bool refuse(struct fake_daemon *f, enum refusal_code code) {
	struct message m = {.type = MSG_REFUSAL};

	if (code == 0) {
		return false;
	}
	m.refusal.code = code;
	m.refusal.has_retry = !f->script.refuse_for_good;
	m.refusal.retry_after_ms = 10;
	m.refusal.words = text("this fake refuses");
	answer(f, &m, NULL);
	hang_up(f);
	if (f->script.n_refusals > 0 && --f->script.n_refusals == 0) {
		f->script.refuse_hello = f->script.refuse_open = 0;
	}
	return true;
}

static void ack(struct fake_daemon *f) {
	struct message m = {.type = MSG_ACK};

	f->durable = f->wanted - 1;
	m.ack.seq = f->durable + f->script.ack_too_much;
	f->script.ack_too_much = 0;
	answer(f, &m, NULL);
}

/* ---- what it hears ---- */

static void on_hello(struct fake_daemon *f) {
	struct message m = {.type = MSG_WELCOME};

	if (refuse(f, f->script.refuse_hello)) {
		return;
	}
	m.welcome.version = 1;
	m.welcome.daemon = text("fake");
	memcpy(m.welcome.db_id, db_id, sizeof db_id);
	m.welcome.header_len_max = HEADER_LEN_MAX;
	m.welcome.d_sae_max = D_SAE_MAX;
	answer(f, &m, NULL);
}

static void copy_text(char *out, size_t size, struct text from) {
	snprintf(out, size, "%.*s", (int)from.len, from.data == NULL ? "" : from.data);
}

static void note_open(struct fake_daemon *f, const struct msg_open *open) {
	f->n_opens++;
	f->last_first_seq = open->first_seq;
	f->last_had_db_id = open->has_db_id;
	copy_text(f->run, sizeof f->run, open->run);
	copy_text(f->launch, sizeof f->launch, open->launch);
	copy_text(f->project, sizeof f->project, open->project);
	copy_text(f->wandb_key, sizeof f->wandb_key, open->wandb_key);
	copy_text(f->wandb_base_url, sizeof f->wandb_base_url, open->wandb_base_url);
	f->d_sae = open->d_sae;
	f->rank = open->rank;
	f->world_size = open->world_size;
	if (open->has_db_id && memcmp(open->db_id, db_id, sizeof db_id) != 0) {
		violated(f, "OPEN names a database that is not this one");
	}
}

static void on_open(struct fake_daemon *f, const struct msg_open *open) {
	struct message m = {.type = MSG_OPENED};

	note_open(f, open);
	if (refuse(f, f->script.refuse_open)) {
		return;
	}
	if (f->has_stream && memcmp(f->stream, open->stream, sizeof f->stream) != 0) {
		violated(f, "another stream");
	}
	if (!f->has_stream) {
		f->durable = 0;
		f->wanted = 1;
	}
	f->has_stream = true;
	memcpy(f->stream, open->stream, sizeof f->stream);
	if (open->first_seq > f->wanted) { /* a gap: R6 */
		f->n_lost_before += open->first_seq - f->wanted;
		f->wanted = open->first_seq;
		f->durable = open->first_seq - 1;
	}
	m.opened.durable = f->durable;
	m.opened.wanted = f->wanted + f->script.wanted_offset;
	f->script.wanted_offset = 0;
	m.opened.attempt = 1;
	answer(f, &m, NULL);
	if (f->script.stop != NULL) {
		struct message stop = {.type = MSG_STOP};
		stop.stop.reason = text(f->script.stop);
		answer(f, &stop, NULL);
	}
}

static void on_snapshot(struct fake_daemon *f, const struct msg_snapshot *snapshot) {
	struct message m = {.type = MSG_STATE};

	if (snapshot->through_seq >= f->wanted) {
		violated(f, "SNAPSHOT for what was not sent");
	}
	m.state.token = snapshot->token;
	m.state.code = f->script.state == NULL ? 2 : 0;
	m.state.has_step = f->script.state != NULL;
	m.state.step = 41;
	m.state.words = text(f->script.state == NULL ? "no state today" : "");
	answer(f, &m, f->script.state);
}

static struct counts counts_copy(const struct counts *from) {
	struct counts copy = *from;
	uint8_t *data = malloc(from->len + 1);

	assert(data != NULL);
	if (from->len > 0) {
		memcpy(data, from->data, from->len);
	}
	copy.data = data;
	return copy;
}

static void fill_record(struct fake_record *r, const struct message *m) {
	switch (m->type) {
	case MSG_STEP:
		r->has_step = true;
		r->lap = m->step.lap;
		r->step = m->step.step;
		r->scalar = m->step.n_scalars > 0 ? m->step.scalars[0] : 0;
		r->nonzero = counts_copy(&m->step.nonzero);
		r->positive = counts_copy(&m->step.positive);
		break;
	case MSG_LOG:
		r->has_step = m->log.has_step;
		r->lap = m->log.lap;
		r->step = m->log.step;
		break;
	case MSG_RESTORE:
		r->lap = m->restore.lap;
		r->step = m->restore.step;
		break;
	case MSG_DROPPED:
		r->has_step = m->dropped.has_step;
		r->lap = m->dropped.lap;
		r->step = m->dropped.step;
		break;
	case MSG_FINISH:
		r->exit_code = m->finish.exit_code;
		r->words_len = m->finish.words.len;
		snprintf(r->words, sizeof r->words, "%.*s", (int)m->finish.words.len,
			m->finish.words.data != NULL ? m->finish.words.data : "");
		break;
	default:
		break;
	}
}

static void on_stream_message(struct fake_daemon *f, const struct message *m) {
	uint64_t seq = m->mark.seq; /* each of them begins with it */
	uint64_t count = m->type == MSG_DROPPED ? m->dropped.count : 1;

	if (seq > f->wanted) {
		violated(f, "seq %llu where %llu is wanted", (unsigned long long)seq,
			(unsigned long long)f->wanted);
		return;
	}
	if (seq + count <= f->wanted) {
		f->n_discarded++;
		return;
	}
	if (seq < f->wanted) {
		violated(f, "a DROPPED that begins below what is wanted");
	}
	fill_record(record_add(f, m->type, seq, count), m);
	if (seq == f->script.refuse_seq) {
		struct message e = {.type = MSG_ERROR};
		e.error.code = ERROR_BAD_STEP;
		e.error.words = text("not this one");
		e.error.has_seq = true;
		e.error.seq = seq;
		answer(f, &e, NULL);
	}
	if (f->script.acks == FAKE_ACK_ALL ||
		(f->script.acks == FAKE_ACK_FLUSHED && m->type == MSG_FINISH)) {
		ack(f);
	}
}

static void on_message(struct fake_daemon *f, const struct message *m) {
	switch (m->type) {
	case MSG_HELLO:
		on_hello(f);
		break;
	case MSG_OPEN:
		on_open(f, &m->open);
		break;
	case MSG_FLUSH:
		f->n_flushes++;
		if (m->flush.through_seq >= f->wanted) {
			violated(f, "FLUSH for what was not sent");
		}
		if (f->script.acks == FAKE_ACK_FLUSHED) {
			ack(f);
		}
		break;
	case MSG_SNAPSHOT:
		on_snapshot(f, &m->snapshot);
		break;
	default:
		on_stream_message(f, m);
		break;
	}
}

static void take_frames(struct fake_daemon *f) {
	size_t at = 0;

	while (f->connection >= 0) {
		struct frame_view view;
		struct message m;
		struct decode_error error;
		enum frame_result result =
			frame_next(f->in + at, f->in_len - at, PAYLOAD_LEN_MAX(D_SAE_MAX), &view);
		if (result == FRAME_PARTIAL) {
			break;
		}
		if (result != FRAME_READY || decode(f->decoder, &view, &m, &error) != DECODE_OK) {
			violated(f, "no message: %s",
				result == FRAME_READY ? error.words : "no frame");
			hang_up(f);
			return;
		}
		on_message(f, &m);
		at += view.total_len;
	}
	if (f->connection >= 0) {
		memmove(f->in, f->in + at, f->in_len - at);
		f->in_len -= at;
	}
}

static void read_some(struct fake_daemon *f) {
	size_t most = f->script.read_max == 0 ? 1u << 16 : f->script.read_max;
	uint64_t left = f->script.die_after_read - f->bytes_read;
	if (f->script.die_after_read > 0 && left < most) {
		most = left;
	}
	if (f->in_len + most > f->in_size) {
		f->in_size = 2 * (f->in_len + most);
		f->in = realloc(f->in, f->in_size);
		assert(f->in != NULL);
	}

	ssize_t n = recv(f->connection, f->in + f->in_len, most, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN) {
		return;
	}
	if (n <= 0) {
		hang_up(f);
		return;
	}
	f->in_len += (size_t)n;
	f->bytes_read += (size_t)n;
	if (f->script.die_after_read > 0 && f->bytes_read >= f->script.die_after_read) {
		f->script.die_after_read = 0;
		take_frames(f);
		die(f);
		return;
	}
	take_frames(f);
}

/* ---- the thread ---- */

static void accept_one(struct fake_daemon *f) {
	int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) {
		return;
	}
	hang_up(f);
	f->connection = fd;
	f->n_connections++;
}

static void *fake_main(void *arg) {
	struct fake_daemon *f = arg;

	pthread_mutex_lock(&f->lock);
	while (!f->stopping) {
		struct pollfd fds[3] = {
			{.fd = f->kick, .events = POLLIN},
			{.fd = f->listener, .events = POLLIN},
			{.fd = f->script.deaf ? -1 : f->connection, .events = POLLIN},
		};
		pthread_mutex_unlock(&f->lock);
		poll(fds, 3, -1);
		pthread_mutex_lock(&f->lock);
		if (fds[0].revents != 0) {
			uint64_t kicks;
			(void)!read(f->kick, &kicks, sizeof kicks);
		}
		if (fds[2].revents != 0 && fds[2].fd == f->connection) {
			read_some(f);
		}
		if (fds[1].revents != 0) {
			accept_one(f);
		}
		pthread_cond_broadcast(&f->changed);
	}
	hang_up(f);
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

static void listen_at(struct fake_daemon *f) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof address.sun_path, "%s", f->path);
	unlink(f->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int status = bind(f->listener, (struct sockaddr *)&address, sizeof address);
	assert(status == 0);
	status = listen(f->listener, 16);
	assert(status == 0);
}

void fake_start(struct fake_daemon *f, const char *path, const struct fake_script *script) {
	*f = (struct fake_daemon){.connection = -1, .wanted = 1};
	snprintf(f->path, sizeof f->path, "%s", path);
	if (script != NULL) {
		f->script = *script;
	}
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&f->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	f->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->decoder = decoder_create();
	assert(f->decoder != NULL);
	listen_at(f);
	int error = pthread_create(&f->thread, NULL, fake_main, f);
	assert(error == 0);
}

void fake_stop(struct fake_daemon *f) {
	fake_lock(f);
	f->stopping = true;
	fake_unlock(f);
	pthread_join(f->thread, NULL);
	close(f->listener);
	close(f->kick);
	unlink(f->path);
}

void fake_free(struct fake_daemon *f) {
	while (f->n_records > 0) {
		record_free(&f->records[--f->n_records]);
	}
	free(f->records);
	free(f->in);
	decoder_destroy(f->decoder);
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->changed);
}

void fake_crash(struct fake_daemon *f) {
	fake_lock(f);
	hang_up(f);
	forget(f);
	fake_unlock(f);
}

void fake_lock(struct fake_daemon *f) {
	pthread_mutex_lock(&f->lock);
}

void fake_unlock(struct fake_daemon *f) {
	const uint64_t once = 1;

	(void)!write(f->kick, &once, sizeof once);
	pthread_mutex_unlock(&f->lock);
}

bool fake_wait(struct fake_daemon *f, bool (*is_so)(const struct fake_daemon *f, uint64_t what),
	uint64_t what) {
	struct timespec deadline;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += WAIT_S;
	pthread_mutex_lock(&f->lock);
	int error = 0;
	while (!is_so(f, what) && error == 0) {
		error = pthread_cond_timedwait(&f->changed, &f->lock, &deadline);
	}
	bool so = is_so(f, what);
	pthread_mutex_unlock(&f->lock);
	return so;
}

bool fake_has_durable(const struct fake_daemon *f, uint64_t seq) {
	return f->durable >= seq;
}

bool fake_has_received(const struct fake_daemon *f, uint64_t seq) {
	return f->wanted > seq;
}

bool fake_has_opens(const struct fake_daemon *f, uint64_t n) {
	return f->n_opens >= n;
}

bool fake_has_connections(const struct fake_daemon *f, uint64_t n) {
	return f->n_connections >= n;
}

bool fake_has_flushes(const struct fake_daemon *f, uint64_t n) {
	return f->n_flushes >= n;
}

bool fake_is_left(const struct fake_daemon *f, uint64_t unused) {
	(void)unused;
	return f->connection < 0;
}
