/* A web server on the test's own loop, on 127.0.0.1, that does with each request what it was told. */
#pragma once

#include <stdbool.h>
#include <uv.h>

#include "buf.h"
#include "list.h"

enum web_end { WEB_KEEP, WEB_CLOSE, WEB_RESET };

struct web_answer {
	const char *bytes; /* of the whole answer; NULL: none comes */
	size_t len;        /* 0: of bytes as a string */
	enum web_end end;
	bool early; /* once the head is there; what follows it is not read */
};

struct web_server {
	uv_tcp_t listener;
	struct list peers;
	const struct web_answer *answers; /* the last one is for all that come later */
	uint32_t n_answers;
	bool cycles;                                /* no: they come round again */
	uint32_t n_connections, n_open, n_requests; /* n_requests: whose head is there */
	uint32_t n_whole;                           /* whose body is there, too */
	struct buf head;                            /* of the newest request, NUL-terminated */
	size_t body_len;                            /* the same one's */
	uint64_t body_sum;
	uint16_t port;
};

void web_server_open(struct web_server *s, uv_loop_t *loop);
/* The loop must run for its handles to go. */
void web_server_close(struct web_server *s);

/* Borrowed. */
void web_server_script(struct web_server *s, const struct web_answer *answers, uint32_t n);

/* Whether the newest request has this line in its head. */
bool web_server_heard(const struct web_server *s, const char *line);
