/* HTTP requests on the daemon's loop: libcurl's multi interface, driven by uv_poll and one timer.
 *
 * POST only; nothing is followed, so that a key never goes where it was not meant to. Many requests may be
 * under way. Callbacks come from the loop, never from within http_post. The process ignores SIGPIPE. */
#pragma once

#include <uv.h>

#include "retry.h"

#define HTTP_ANSWER_MAX (1u << 20) /* of a body: what is behind it is read and thrown away */

struct http;
struct http_call;

struct http_options {
	const char *user_agent;
	const char *proxy_http,
		*proxy_https; /* by the request's scheme; NULL: libcurl's own variables */
	const char *ca_file, *ca_directory; /* NULL: the system's */
	bool insecure;                      /* certificates are not checked */
};

struct http_request { /* borrowed until the call is done or cancelled */
	const char *url;
	const char *key;            /* NULL, or sent as Basic `api:KEY` */
	const char *const *headers; /* "Name: value" …, NULL ends; may be NULL */
	struct text body;
	uint32_t timeout_ms, connect_timeout_ms;
};

struct http_response { /* borrowed by the callback */
	enum transport transport;
	char words
		[256]; /* unless TRANSPORT_DONE: what failed, in libcurl's words, without the key */
	int status;    /* 0: none came */
	struct text body; /* NUL-terminated; its first HTTP_ANSWER_MAX bytes */
	struct text retry_after, location, date; /* header values; NULL data: not given */
	double rate_remaining, rate_reset_s;     /* RateLimit-*; NAN: not given */
};

typedef void (*http_done_fn)(void *user, const struct http_response *response);

/* 0, -ENOMEM, -ELIBACC (there is no libcurl), or -ENOTSUP (one that would stop the loop while it looks up a name); below 0
 * with words. */
int http_open(uv_loop_t *loop, const struct http_options *options, struct http **ret,
	char ret_words[256]);
/* Cancels what is under way, without callbacks. */
void http_close(struct http *h, void (*on_closed)(void *user), void *user);

/* 0, -ENOMEM, or -EINVAL (no http or https URL). */
int http_post(struct http *h, const struct http_request *request, http_done_fn on_done, void *user,
	struct http_call **ret);
/* No callback will come. Within the call's own it does nothing; after that the call is gone. */
void http_cancel(struct http_call *call);
