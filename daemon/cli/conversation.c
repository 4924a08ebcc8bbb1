#include "conversation.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "answer.h"
#include "clock.h"
#include "encode.h"
#include "places.h"

#define QUERY_TOKEN 1u
/* SQL, a run's name, a key and whose it is, each as long as it may be, and the rest. */
#define QUERY_SIZE_MAX   (QUERY_SQL_MAX + 4u * FIELD_MAX_BYTES)
#define HELLO_SIZE_MAX   256u
#define READ_SIZE        65536u /* more at a time is not faster */
#define BACKLOG_RETRY_MS 20u    /* a unix socket whose backlog is full says EAGAIN at once */

enum ask_result conversation_fail(
	struct conversation *c, enum ask_result result, const char *format, ...) {
	va_list args;

	va_start(args, format);
	vsnprintf(c->words, ASK_WORDS_MAX, format, args);
	va_end(args);
	return result;
}

static enum ask_result fail_errno(struct conversation *c, int error) {
	bool nobody = error == ENOENT || error == ECONNREFUSED;

	return conversation_fail(c, nobody ? ASK_NO_DAEMON : ASK_FAILED, "%s",
		error == ENOENT   ? "there is no such socket"
		: error == EACCES ? "you may not connect; `sae-metricsd doctor` says what to do"
				  : strerror(error));
}

static int time_left(const struct conversation *c) {
	uint64_t now = clock_mono_ms();

	return now < c->deadline_ms ? (int)(c->deadline_ms - now) : 0;
}

/* Waits until the socket is ready for `events`. */
static enum ask_result wait_for(struct conversation *c, short events) {
	struct pollfd p = {.fd = c->fd, .events = events};
	int n;

	do {
		n = poll(&p, 1, time_left(c));
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return fail_errno(c, errno);
	}
	return n > 0 ? ASK_ANSWERED
		     : conversation_fail(c, ASK_FAILED, "it does not answer in time");
}

static enum ask_result connect_to(struct conversation *c, const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path)) {
		return conversation_fail(c, ASK_NO_DAEMON, "the path is too long for a socket");
	}
	const char *flaw = places_flaw(path);
	if (flaw != NULL) {
		snprintf(c->words, ASK_WORDS_MAX, "its folder %s", flaw);
		return ASK_NO_DAEMON;
	}
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0) {
		return fail_errno(c, errno);
	}
	while (connect(c->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			return fail_errno(c, errno);
		}
		if (time_left(c) == 0) {
			return conversation_fail(c, ASK_FAILED, "it takes no connection in time");
		}
		(void)poll(NULL, 0, (int)BACKLOG_RETRY_MS);
	}
	return ASK_ANSWERED;
}

static enum ask_result send_all(struct conversation *c, const uint8_t *data, size_t len) {
	enum ask_result result = ASK_ANSWERED;

	for (size_t sent = 0; sent < len && result == ASK_ANSWERED;) {
		ssize_t n = send(c->fd, data + sent, len - sent, MSG_NOSIGNAL);
		if (n >= 0) {
			sent += (size_t)n;
		} else if (errno == EAGAIN) {
			result = wait_for(c, POLLOUT);
		} else if (errno != EINTR) {
			result = fail_errno(c, errno);
		}
	}
	return result;
}

static enum ask_result read_more(struct conversation *c) {
	enum ask_result result = wait_for(c, POLLIN);

	if (result != ASK_ANSWERED) {
		return result;
	}
	if (buf_reserve(&c->in, READ_SIZE) < 0) {
		return fail_errno(c, ENOMEM);
	}
	ssize_t n = recv(c->fd, c->in.data + c->in.len, READ_SIZE, 0);
	if (n == 0) {
		return conversation_fail(c, ASK_FAILED, "it closed the connection");
	}
	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? ASK_ANSWERED : fail_errno(c, errno);
	}
	c->in.len += (size_t)n;
	return ASK_ANSWERED;
}

/* Takes the next message. It borrows from `in`; ret_len bytes of that are it. */
static enum ask_result receive(struct conversation *c, struct message *ret, size_t *ret_len) {
	struct frame_view frame;
	struct decode_error error;
	enum frame_result state;

	while ((state = frame_next(c->in.data, c->in.len, REPLY_PAYLOAD_MAX, &frame)) ==
		FRAME_PARTIAL) {
		enum ask_result result = read_more(c);
		if (result != ASK_ANSWERED) {
			return result;
		}
	}
	if (state != FRAME_READY || answer_read(&frame, ret, &error) != DECODE_OK) {
		return conversation_fail(c, ASK_FAILED, "what listens there is not sae-metricsd");
	}
	*ret_len = frame.total_len;
	return ASK_ANSWERED;
}

/* Waits for a message of the type, past any other; a REFUSAL ends it. */
static enum ask_result await(struct conversation *c, enum message_type type, struct message *ret) {
	size_t len = 0;

	for (;;) {
		enum ask_result result = receive(c, ret, &len);
		if (result != ASK_ANSWERED || ret->type == type) {
			return result;
		}
		if (ret->type == MSG_REFUSAL) {
			return conversation_fail(c, ASK_FAILED, "%.*s", (int)ret->refusal.words.len,
				ret->refusal.words.data ? ret->refusal.words.data : "");
		}
		buf_consume(&c->in, len);
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
static enum ask_result send_query(struct conversation *c, const struct message *query) {
	uint8_t frames[HELLO_SIZE_MAX + QUERY_SIZE_MAX];
	size_t hello_len = c->greeted ? 0 : encode_hello(frames);
	size_t len = encode(query, 0, frames + hello_len, QUERY_SIZE_MAX);

	if (len == 0) {
		return conversation_fail(c, ASK_FAILED, "the question is too long");
	}
	c->greeted = true;
	return send_all(c, frames, hello_len + len);
}

enum ask_result conversation_put(struct conversation *c, const struct msg_query *query) {
	struct message m = {.type = MSG_QUERY, .query = *query};

	m.query.token = QUERY_TOKEN;
	return send_query(c, &m);
}

enum ask_result conversation_take(struct conversation *c, struct msg_reply *ret) {
	struct message m = {0};
	enum ask_result result = await(c, MSG_REPLY, &m);

	if (result != ASK_ANSWERED) {
		return result;
	}
	*ret = m.reply;
	result = ret->code == REPLY_OK            ? ASK_ANSWERED
		 : ret->code == REPLY_NO_SUCH_RUN ? ASK_NO_SUCH_RUN
						  : ASK_REFUSED;
	return conversation_fail(
		c, result, "%.*s", (int)ret->words.len, ret->words.data ? ret->words.data : "");
}

enum ask_result conversation_begin(struct conversation *c, const char *socket_path,
	uint32_t timeout_ms, char ret_words[ASK_WORDS_MAX]) {
	*c = (struct conversation){
		.fd = -1,
		.deadline_ms = clock_mono_ms() + timeout_ms,
		.words = ret_words,
	};
	return connect_to(c, socket_path);
}

void conversation_end(struct conversation *c) {
	if (c->fd >= 0) {
		(void)close(c->fd);
	}
	buf_finish(&c->in);
}
