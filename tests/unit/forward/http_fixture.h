/* http and a web server on one loop, and what came of a request. */
#pragma once

#include "http.h"
#include "web_server.h"

struct fixture {
	uv_loop_t loop;
	struct web_server server;
	struct http *http;
	bool closed;
	int n_files; /* open before */
};

/* A request of a test. Zeroed but for what it wants. */
struct asked {
	struct fixture *fixture;
	const char *url; /* NULL: the server's */
	const char *key;
	const char *const *headers;
	struct text body;
	uint32_t timeout_ms; /* 0: longer than a test lasts */
	void (*on_done)(struct asked *a);
	void *user; /* the test's own */
	struct http_call *call;

	uint32_t n_done;
	enum transport transport;
	int status;
	char words[256];
	struct buf answer;
	char retry_after[64], location[64]; /* "": not given */
	double rate_remaining, rate_reset_s;
};

int fixture_setup(void **state);
/* Proves that the loop is empty and that no file stays open. */
int fixture_teardown(void **state);
/* Other options than none. */
void fixture_reopen(struct fixture *f, const struct http_options *options);
void fixture_close_http(struct fixture *f);

/* One turn of the loop that waits for something to happen. */
void fixture_turn(struct fixture *f);

int ask(struct asked *a);
void ask_and_wait(struct asked *a);
void asked_finish(struct asked *a);
