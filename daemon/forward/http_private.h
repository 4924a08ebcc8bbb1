/* What the files of http share: http.c from open to close, http_loop.c between libcurl's sockets and libuv,
 * http_call.c one request. */
#pragma once

#include "buf.h"
#include "closing.h"
#include "http.h"
#include "libcurl.h"
#include "list.h"

enum http_scheme { SCHEME_HTTP, SCHEME_HTTPS, N_SCHEMES };

struct http {
	uv_loop_t *loop;
	struct libcurl curl;
	CURLM *multi;
	CURL *patterns[N_SCHEMES]; /* what all requests have in common: each is a copy of one */
	uv_timer_t timer;
	struct list calls; /* under way */
	uint32_t n_polls;  /* whose memory is not freed yet */
	bool is_closing;   /* multi is gone */
	struct closing closing;
	void (*on_closed)(void *user);
	void *on_closed_user;
};

struct http_call {
	struct list link; /* http.calls; on none once it is being reported */
	struct http *http;
	CURL *easy;
	struct curl_slist *headers;
	struct buf answer;
	char words[CURL_ERROR_SIZE];
	http_done_fn on_done;
	void *user;
};

/* Lets libcurl watch its sockets and its time on the loop. */
int http_loop_attach(struct http *h);

/* What all requests of a scheme have in common. NULL when memory is short. */
CURL *http_pattern_create(
	const struct libcurl *curl, const struct http_options *options, enum http_scheme scheme);

/* 0, -ENOMEM, or -EINVAL. */
int http_scheme_of(const struct libcurl *curl, const char *url, enum http_scheme *ret);

/* A request that has not begun. 0 or -ENOMEM. */
int http_call_create(
	struct http *h, CURL *pattern, const struct http_request *request, struct http_call **ret);
void http_call_destroy(struct http_call *call);

/* Tells its owner, who may do anything to http. */
void http_call_report(const struct http_call *call, CURLcode code);

/* Reports every call that libcurl has brought to an end. To be done after each of libcurl's actions: what is not
 * asked for then may never be. */
void http_report_ended(struct http *h);
