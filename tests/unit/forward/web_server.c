#include "web_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHUNK (64u << 10)

struct peer {
	struct list link; /* web_server.peers */
	struct web_server *server;
	uv_tcp_t tcp;
	uv_write_t write;
	enum web_end end; /* after the answer being written */
	struct buf head;
	bool in_body;
	size_t body_left;
	char chunk[CHUNK];
};

static void on_peer_closed(uv_handle_t *handle) {
	struct peer *p = handle->data;
	buf_finish(&p->head);
	free(p);
}

static void peer_close(struct peer *p, bool reset) {
	if (!list_linked(&p->link)) {
		return;
	}
	list_remove(&p->link);
	p->server->n_open--;
	if (reset) {
		(void)uv_tcp_close_reset(&p->tcp, on_peer_closed);
	} else {
		uv_close((uv_handle_t *)&p->tcp, on_peer_closed);
	}
}

static void on_written(uv_write_t *write, int status) {
	struct peer *p = write->data;
	if (status != UV_ECANCELED && p->end == WEB_CLOSE) {
		peer_close(p, false);
	}
}

static void peer_answer(struct peer *p, const struct web_answer *answer) {
	if (answer->bytes == NULL) {
		if (answer->end != WEB_KEEP) {
			peer_close(p, answer->end == WEB_RESET);
		}
		return;
	}
	size_t len = answer->len > 0 ? answer->len : strlen(answer->bytes);
	uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)answer->bytes, (unsigned)len);
	if (answer->end == WEB_RESET) { /* at once: the client sees both together */
		assert_int_equal(uv_try_write((uv_stream_t *)&p->tcp, &bytes, 1), len);
		peer_close(p, true);
		return;
	}
	p->end = answer->end;
	p->write.data = p;
	assert_int_equal(uv_write(&p->write, (uv_stream_t *)&p->tcp, &bytes, 1, on_written), 0);
}

static const struct web_answer *answer_now(const struct web_server *s) {
	uint32_t last = s->n_answers - 1, now = s->n_requests - 1;
	if (s->cycles) {
		return &s->answers[now % s->n_answers];
	}
	return &s->answers[now < last ? now : last];
}

static size_t length_announced(const char *head) {
	const char *line = strcasestr(head, "\r\nContent-Length:");
	return line != NULL ? (size_t)strtoull(strchr(line, ':') + 1, NULL, 10) : 0;
}

/* How many of the bytes belong to the head. */
static size_t take_head(struct peer *p, const char *data, size_t len) {
	size_t before = p->head.len;
	assert_int_equal(buf_append(&p->head, data, len), 0);
	char *end = strstr(buf_text(&p->head), "\r\n\r\n");
	if (end == NULL) {
		return len;
	}
	struct web_server *s = p->server;
	p->head.len = (size_t)(end + 4 - (char *)p->head.data);
	buf_clear(&s->head);
	assert_int_equal(buf_append(&s->head, p->head.data, p->head.len), 0);
	s->n_requests++;
	s->body_len = 0;
	s->body_sum = 0;
	p->in_body = true;
	p->body_left = length_announced(buf_text(&s->head));
	return p->head.len - before;
}

static size_t take_body(struct peer *p, const char *data, size_t len) {
	size_t taken = len < p->body_left ? len : p->body_left;
	p->body_left -= taken;
	p->server->body_len += taken;
	for (size_t i = 0; i < taken; i++) {
		p->server->body_sum += (uint8_t)data[i];
	}
	return taken;
}

static void peer_take(struct peer *p, const char *data, size_t len) {
	while (len > 0 && list_linked(&p->link)) {
		size_t taken = p->in_body ? take_body(p, data, len) : take_head(p, data, len);
		data += taken;
		len -= taken;
		if (p->in_body && answer_now(p->server)->early) {
			(void)uv_read_stop((uv_stream_t *)&p->tcp);
			peer_answer(p, answer_now(p->server));
			return;
		}
		if (p->in_body && p->body_left == 0) {
			p->in_body = false;
			buf_clear(&p->head);
			p->server->n_whole++;
			peer_answer(p, answer_now(p->server));
		}
	}
}

static void on_room_wanted(uv_handle_t *handle, size_t wanted, uv_buf_t *ret) {
	struct peer *p = handle->data;
	(void)wanted;
	*ret = uv_buf_init(p->chunk, sizeof p->chunk);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *bytes) {
	struct peer *p = stream->data;
	if (len < 0) {
		peer_close(p, false);
	} else {
		peer_take(p, bytes->base, (size_t)len);
	}
}

static void on_connection(uv_stream_t *stream, int status) {
	struct web_server *s = stream->data;
	struct peer *p = calloc(1, sizeof *p);
	assert_int_equal(status, 0);
	assert_non_null(p);

	p->server = s;
	p->tcp.data = p;
	assert_int_equal(uv_tcp_init(stream->loop, &p->tcp), 0);
	assert_int_equal(uv_accept(stream, (uv_stream_t *)&p->tcp), 0);
	assert_int_equal(uv_read_start((uv_stream_t *)&p->tcp, on_room_wanted, on_read), 0);
	list_append(&s->peers, &p->link);
	s->n_connections++;
	s->n_open++;
}

void web_server_open(struct web_server *s, uv_loop_t *loop) {
	struct sockaddr_in address;
	int len = sizeof address;

	*s = (struct web_server){.listener.data = s};
	list_init(&s->peers);
	assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &address), 0);
	assert_int_equal(uv_tcp_init(loop, &s->listener), 0);
	assert_int_equal(uv_tcp_bind(&s->listener, (const struct sockaddr *)&address, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&s->listener, 64, on_connection), 0);
	assert_int_equal(uv_tcp_getsockname(&s->listener, (struct sockaddr *)&address, &len), 0);
	s->port = ntohs(address.sin_port);
}

void web_server_close(struct web_server *s) {
	list_for_each(link, &s->peers) {
		peer_close(container_of(link, struct peer, link), false);
	}
	uv_close((uv_handle_t *)&s->listener, NULL);
	buf_finish(&s->head);
}

void web_server_script(struct web_server *s, const struct web_answer *answers, uint32_t n) {
	s->answers = answers;
	s->n_answers = n;
	s->n_requests = 0;
	s->n_whole = 0;
}

bool web_server_heard(const struct web_server *s, const char *line) {
	char whole[512];
	snprintf(whole, sizeof whole, "%s\r\n", line);
	return s->head.data != NULL && strstr((const char *)s->head.data, whole) != NULL;
}
