#include "ask.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "answer.h"
#include "buf.h"
#include "clock.h"
#include "encode.h"
#include "places.h"
#include "points.h"

#define QUERY_TOKEN 1u
/* SQL, a run's name, a key and whose it is, each as long as it may be, and the rest. */
#define QUERY_SIZE_MAX   (QUERY_SQL_MAX + 4u * FIELD_MAX_BYTES)
#define HELLO_SIZE_MAX   256u
#define READ_SIZE        65536u /* more at a time is not faster */
#define BACKLOG_RETRY_MS 20u    /* a unix socket whose backlog is full says EAGAIN at once */

/* One conversation. Words are set by whoever finds out why it cannot go on. */
struct ask {
	int fd;
	bool greeted;
	uint64_t deadline_ms;
	struct buf in;
	char *words;
};

static enum ask_result ask_fail(struct ask *a, enum ask_result result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static enum ask_result ask_fail(struct ask *a, enum ask_result result, const char *format, ...) {
	va_list args;

	va_start(args, format);
	vsnprintf(a->words, ASK_WORDS_MAX, format, args);
	va_end(args);
	return result;
}

static enum ask_result ask_fail_errno(struct ask *a, int error) {
	bool nobody = error == ENOENT || error == ECONNREFUSED;

	return ask_fail(a, nobody ? ASK_NO_DAEMON : ASK_FAILED, "%s",
		error == ENOENT   ? "there is no such socket"
		: error == EACCES ? "you may not connect; `sae-metricsd doctor` says what to do"
				  : strerror(error));
}

static int ask_time_left(const struct ask *a) {
	uint64_t now = clock_mono_ms();

	return now < a->deadline_ms ? (int)(a->deadline_ms - now) : 0;
}

/* Waits until the socket is ready for `events`. */
static enum ask_result ask_wait(struct ask *a, short events) {
	struct pollfd p = {.fd = a->fd, .events = events};
	int n;

	do {
		n = poll(&p, 1, ask_time_left(a));
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return ask_fail_errno(a, errno);
	}
	return n > 0 ? ASK_ANSWERED : ask_fail(a, ASK_FAILED, "it does not answer in time");
}

static enum ask_result ask_connect(struct ask *a, const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path)) {
		return ask_fail(a, ASK_NO_DAEMON, "the path is too long for a socket");
	}
	const char *flaw = places_flaw(path);
	if (flaw != NULL) {
		snprintf(a->words, ASK_WORDS_MAX, "its folder %s", flaw);
		return ASK_NO_DAEMON;
	}
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0) {
		return ask_fail_errno(a, errno);
	}
	while (connect(a->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			return ask_fail_errno(a, errno);
		}
		if (ask_time_left(a) == 0) {
			return ask_fail(a, ASK_FAILED, "it takes no connection in time");
		}
		(void)poll(NULL, 0, (int)BACKLOG_RETRY_MS);
	}
	return ASK_ANSWERED;
}

static enum ask_result ask_send(struct ask *a, const uint8_t *data, size_t len) {
	enum ask_result result = ASK_ANSWERED;

	for (size_t sent = 0; sent < len && result == ASK_ANSWERED;) {
		ssize_t n = send(a->fd, data + sent, len - sent, MSG_NOSIGNAL);
		if (n >= 0) {
			sent += (size_t)n;
		} else if (errno == EAGAIN) {
			result = ask_wait(a, POLLOUT);
		} else if (errno != EINTR) {
			result = ask_fail_errno(a, errno);
		}
	}
	return result;
}

static enum ask_result ask_read_more(struct ask *a) {
	enum ask_result result = ask_wait(a, POLLIN);

	if (result != ASK_ANSWERED) {
		return result;
	}
	if (buf_reserve(&a->in, READ_SIZE) < 0) {
		return ask_fail_errno(a, ENOMEM);
	}
	ssize_t n = recv(a->fd, a->in.data + a->in.len, READ_SIZE, 0);
	if (n == 0) {
		return ask_fail(a, ASK_FAILED, "it closed the connection");
	}
	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? ASK_ANSWERED : ask_fail_errno(a, errno);
	}
	a->in.len += (size_t)n;
	return ASK_ANSWERED;
}

/* Takes the next message. It borrows from `in`; ret_len bytes of that are it. */
static enum ask_result ask_receive(struct ask *a, struct message *ret, size_t *ret_len) {
	struct frame_view frame;
	struct decode_error error;
	enum frame_result state;

	while ((state = frame_next(a->in.data, a->in.len, REPLY_PAYLOAD_MAX, &frame)) ==
		FRAME_PARTIAL) {
		enum ask_result result = ask_read_more(a);
		if (result != ASK_ANSWERED) {
			return result;
		}
	}
	if (state != FRAME_READY || answer_read(&frame, ret, &error) != DECODE_OK) {
		return ask_fail(a, ASK_FAILED, "what listens there is not sae-metricsd");
	}
	*ret_len = frame.total_len;
	return ASK_ANSWERED;
}

/* Waits for a message of the type, past any other; a REFUSAL ends it. */
static enum ask_result ask_await(struct ask *a, enum message_type type, struct message *ret) {
	size_t len = 0;

	for (;;) {
		enum ask_result result = ask_receive(a, ret, &len);
		if (result != ASK_ANSWERED || ret->type == type) {
			return result;
		}
		if (ret->type == MSG_REFUSAL) {
			return ask_fail(a, ASK_FAILED, "%.*s", (int)ret->refusal.words.len,
				ret->refusal.words.data ? ret->refusal.words.data : "");
		}
		buf_consume(&a->in, len);
	}
}

_Static_assert(PROTO_VERSION_MIN == PROTO_VERSION_MAX,
	"a QUERY that goes along with the HELLO is the same in all versions");

static size_t encode_hello(uint8_t out[HELLO_SIZE_MAX]) {
	static const char agent[] = "sae-metricsd " SAE_METRICSD_VERSION;
	const struct message m = {
		.type = MSG_HELLO,
		.hello =
			{
				.version_min = PROTO_VERSION_MIN,
				.version_max = PROTO_VERSION_MAX,
				.role = ROLE_READER,
				.agent = text_of(agent, sizeof(agent) - 1),
				.pid = (uint32_t)getpid(),
			},
	};
	return encode(&m, 0, out, HELLO_SIZE_MAX);
}

/* The first with a HELLO before it: of a busy daemon, a WELCOME that is waited for takes as long as an answer. */
static enum ask_result ask_send_query(struct ask *a, const struct message *query) {
	uint8_t frames[HELLO_SIZE_MAX + QUERY_SIZE_MAX];
	size_t hello_len = a->greeted ? 0 : encode_hello(frames);
	size_t len = encode(query, 0, frames + hello_len, QUERY_SIZE_MAX);

	if (len == 0) {
		return ask_fail(a, ASK_FAILED, "the question is too long");
	}
	a->greeted = true;
	return ask_send(a, frames, hello_len + len);
}

static enum ask_result ask_put(struct ask *a, const struct msg_query *query) {
	struct message m = {.type = MSG_QUERY, .query = *query};

	m.query.token = QUERY_TOKEN;
	return ask_send_query(a, &m);
}

/* *ret borrows from `in`. Its words are the answer's where that is not REPLY_OK, too. */
static enum ask_result ask_take(struct ask *a, struct msg_reply *ret) {
	struct message m = {0};
	enum ask_result result = ask_await(a, MSG_REPLY, &m);

	if (result != ASK_ANSWERED) {
		return result;
	}
	*ret = m.reply;
	result = ret->code == REPLY_OK            ? ASK_ANSWERED
		 : ret->code == REPLY_NO_SUCH_RUN ? ASK_NO_SUCH_RUN
						  : ASK_REFUSED;
	return ask_fail(
		a, result, "%.*s", (int)ret->words.len, ret->words.data ? ret->words.data : "");
}

static enum ask_result ask_query(
	struct ask *a, const struct msg_query *query, struct msg_reply *ret) {
	enum ask_result result = ask_put(a, query);

	return result == ASK_ANSWERED ? ask_take(a, ret) : result;
}

static enum ask_result ask_begin(struct ask *a, const char *socket_path, uint32_t timeout_ms,
	char ret_words[ASK_WORDS_MAX]) {
	*a = (struct ask){
		.fd = -1,
		.deadline_ms = clock_mono_ms() + timeout_ms,
		.words = ret_words,
	};
	return ask_connect(a, socket_path);
}

static void ask_end(struct ask *a) {
	if (a->fd >= 0) {
		(void)close(a->fd);
	}
	buf_finish(&a->in);
}

static enum ask_result ask_document(
	struct ask *a, const struct msg_query *query, json_t **ret_document) {
	struct msg_reply reply;
	enum ask_result result = ask_query(a, query, &reply);

	if (result != ASK_ANSWERED) {
		return result == ASK_REFUSED ? ASK_FAILED : result;
	}
	*ret_document = json_loadb((const char *)reply.json, reply.json_len, 0, NULL);
	return *ret_document ? ASK_ANSWERED
			     : ask_fail(a, ASK_FAILED, "its answer cannot be understood");
}

static enum ask_result ask_for_document(const char *socket_path, const struct msg_query *query,
	uint32_t timeout_ms, json_t **ret_document, char ret_words[ASK_WORDS_MAX]) {
	struct ask a;
	enum ask_result result = ask_begin(&a, socket_path, timeout_ms, ret_words);

	if (result == ASK_ANSWERED) {
		result = ask_document(&a, query, ret_document);
	}
	ask_end(&a);
	return result;
}

enum ask_result ask_status(const char *socket_path, const char *run_part, uint32_t timeout_ms,
	json_t **ret_document, char ret_words[ASK_WORDS_MAX]) {
	const struct msg_query query = {
		.what = text_of("status", 6),
		.run = run_part ? text_of(run_part, strlen(run_part)) : text_of(NULL, 0),
	};
	return ask_for_document(socket_path, &query, timeout_ms, ret_document, ret_words);
}

enum ask_result ask_runs(const char *socket_path, uint32_t timeout_ms, json_t **ret_document,
	char ret_words[ASK_WORDS_MAX]) {
	const struct msg_query query = {.what = text_of("runs", 4)};

	return ask_for_document(socket_path, &query, timeout_ms, ret_document, ret_words);
}

enum ask_result ask_points(const char *socket_path, const struct points_query *points,
	uint32_t timeout_ms, json_t **ret_document, char ret_words[ASK_WORDS_MAX]) {
	const struct msg_query query = {
		.what = text_of("points", 6),
		.has_at_tokens = points->has_at_tokens,
		.at_tokens = points->at_tokens,
		.has_at_time = points->has_at_time,
		.at_time = points->at_time,
		.trajectory = points->trajectory,
		.without_config = points->without_config,
	};
	return ask_for_document(socket_path, &query, timeout_ms, ret_document, ret_words);
}

/* One question, and its document. */
static enum ask_result ask_once(
	struct ask *a, const struct msg_query *query, const struct ask_talk *talk, json_t **ret) {
	struct msg_reply reply;
	enum ask_result result = ask_put(a, query);

	if (result == ASK_ANSWERED && talk->meanwhile != NULL) {
		talk->meanwhile(talk->user);
	}
	result = result == ASK_ANSWERED ? ask_take(a, &reply) : result;
	if (result == ASK_ANSWERED) {
		*ret = json_loadb((const char *)reply.json, reply.json_len, JSON_ALLOW_NUL, NULL);
		result = *ret != NULL ? ASK_ANSWERED
				      : ask_fail(a, ASK_FAILED, "its answer cannot be understood");
	}
	buf_clear(&a->in); /* nothing follows a REPLY unasked */
	return result;
}

enum ask_result ask_talk(
	const char *socket_path, const struct ask_talk *talk, char ret_words[ASK_WORDS_MAX]) {
	struct ask a;
	struct msg_query query;
	json_t *document = NULL;
	enum ask_result result = ask_begin(&a, socket_path, talk->timeout_ms, ret_words);

	while (result == ASK_ANSWERED && talk->next(talk->user, document, &query)) {
		json_decref(document);
		document = NULL;
		a.deadline_ms = clock_mono_ms() + talk->timeout_ms;
		result = ask_once(&a, &query, talk, &document);
	}
	json_decref(document);
	ask_end(&a);
	return result;
}

enum ask_result ask_to(const char *socket_path, const struct msg_query *query, uint32_t timeout_ms,
	char ret_words[ASK_WORDS_MAX]) {
	struct ask a;
	struct msg_reply reply;
	enum ask_result result = ask_begin(&a, socket_path, timeout_ms, ret_words);

	if (result == ASK_ANSWERED) {
		result = ask_query(&a, query, &reply);
	}
	ask_end(&a);
	return result;
}
