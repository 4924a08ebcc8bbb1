#include "http_fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int count_files(void) {
	int n = 0;
	DIR *directory = opendir("/proc/self/fd");
	while (readdir(directory) != NULL) {
		n++;
	}
	closedir(directory);
	return n;
}

static void open_http(struct fixture *f, const struct http_options *options) {
	char words[256];
	assert_int_equal(http_open(&f->loop, options, &f->http, words), 0);
}

int fixture_setup(void **state) {
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	assert_int_equal(uv_loop_init(&f->loop), 0);
	assert_int_equal(uv_loop_close(&f->loop), 0); /* the first one opens a pipe for good */
	f->n_files = count_files();
	assert_int_equal(uv_loop_init(&f->loop), 0);
	web_server_open(&f->server, &f->loop);
	open_http(f, &(struct http_options){.user_agent = "test/1"});
	*state = f;
	return 0;
}

static void on_closed(void *user) {
	struct fixture *f = user;
	f->closed = true;
}

void fixture_close_http(struct fixture *f) {
	f->closed = false;
	http_close(f->http, on_closed, f);
	f->http = NULL;
	assert_false(f->closed);
	while (!f->closed) {
		fixture_turn(f);
	}
}

void fixture_reopen(struct fixture *f, const struct http_options *options) {
	fixture_close_http(f);
	open_http(f, options);
}

int fixture_teardown(void **state) {
	struct fixture *f = *state;
	if (f->http != NULL) {
		fixture_close_http(f);
	}
	web_server_close(&f->server);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	assert_int_equal(count_files(), f->n_files);
	free(f);
	return 0;
}

void fixture_turn(struct fixture *f) {
	uv_run(&f->loop, UV_RUN_ONCE);
}

static void copy_text(char out[64], struct text text) {
	snprintf(out, 64, "%.*s", (int)text.len, text.data != NULL ? text.data : "");
}

static void on_done(void *user, const struct http_response *r) {
	struct asked *a = user;
	/* Of a turn whose timer brought it: what comes next in it is to wait for something else. */
	uv_stop(&a->fixture->loop);
	a->call = NULL;
	a->n_done++;
	a->transport = r->transport;
	a->status = r->status;
	memcpy(a->words, r->words, sizeof a->words);
	assert_int_equal(r->body.data[r->body.len], '\0');
	buf_clear(&a->answer);
	assert_int_equal(buf_append(&a->answer, r->body.data, r->body.len + 1), 0);
	copy_text(a->retry_after, r->retry_after);
	copy_text(a->location, r->location);
	a->rate_remaining = r->rate_remaining;
	a->rate_reset_s = r->rate_reset_s;
	if (a->on_done != NULL) {
		a->on_done(a);
	}
}

int ask(struct asked *a) {
	char url[64];
	snprintf(url, sizeof url, "http://127.0.0.1:%d/path", a->fixture->server.port);
	const struct http_request request = {
		.url = a->url != NULL ? a->url : url,
		.key = a->key,
		.headers = a->headers,
		.body = a->body,
		.timeout_ms = a->timeout_ms > 0 ? a->timeout_ms : 60000,
		.connect_timeout_ms = 30000,
	};
	uint32_t n_done = a->n_done;
	int err = http_post(a->fixture->http, &request, on_done, a, &a->call);
	assert_int_equal(a->n_done, n_done); /* callbacks come from the loop */
	return err;
}

void ask_and_wait(struct asked *a) {
	uint32_t n_done = a->n_done;
	assert_int_equal(ask(a), 0);
	while (a->n_done == n_done) {
		fixture_turn(a->fixture);
	}
}

void asked_finish(struct asked *a) {
	buf_finish(&a->answer);
}
