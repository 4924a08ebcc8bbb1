#include "http.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_private.h"

/* A sweep's runs share them; what comes on top waits. W&B's servers see one address behind all of them. */
#define CONNECTIONS_MAX 16l

static bool resolver_blocks(const struct http *h) {
	return (h->curl.version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS) == 0;
}

/* Its connections are closed with it. */
static void curl_release(struct http *h) {
	(void)h->curl.multi_cleanup(h->multi);
	for (int i = 0; i < N_SCHEMES; i++) {
		h->curl.easy_cleanup(h->patterns[i]);
	}
}

static bool http_prepare(struct http *h, const struct http_options *options) {
	for (int i = 0; i < N_SCHEMES; i++) {
		h->patterns[i] = http_pattern_create(&h->curl, options, (enum http_scheme)i);
		if (h->patterns[i] == NULL) {
			return false;
		}
	}
	h->multi = h->curl.multi_init();
	return h->multi != NULL &&
	       h->curl.multi_setopt(h->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
	       h->curl.multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_MAX) ==
		       CURLM_OK &&
	       h->curl.multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX) == CURLM_OK;
}

static int curl_begin(struct http *h, char ret_words[256]) {
	int err = libcurl_load(LIBCURL_FILE, &h->curl, ret_words);
	if (err < 0) {
		return err;
	}
	/* Counted and locked by libcurl itself. Never undone: a thread that still looks up a name outlives
	 * its request. */
	if (h->curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		snprintf(ret_words, 256, "libcurl cannot be set up");
		return -ENOMEM;
	}
	if (resolver_blocks(h)) {
		snprintf(ret_words, 256,
			"this libcurl would stop the daemon while it looks up a name");
		return -ENOTSUP;
	}
	return 0;
}

int http_open(uv_loop_t *loop, const struct http_options *options, struct http **ret,
	char ret_words[256]) {
	struct http *h = calloc(1, sizeof *h);
	if (h == NULL) {
		snprintf(ret_words, 256, "memory is short");
		return -ENOMEM;
	}
	h->loop = loop;
	list_init(&h->calls);
	int err = curl_begin(h, ret_words);
	if (err == 0) {
		err = http_prepare(h, options) ? http_loop_attach(h) : -ENOMEM;
		if (err < 0) {
			snprintf(ret_words, 256, "libcurl cannot be set up: %s", strerror(-err));
			curl_release(h);
		}
	}
	if (err < 0) {
		free(h);
		return err;
	}
	*ret = h;
	return 0;
}

static void on_all_closed(void *user) {
	struct http *h = user;
	void (*on_closed)(void *) = h->on_closed;
	void *on_closed_user = h->on_closed_user;

	free(h);
	on_closed(on_closed_user);
}

/* Off libcurl's hands and ours; it is still to be destroyed. */
static void call_withdraw(struct http_call *call) {
	list_remove(&call->link);
	(void)call->http->curl.multi_remove_handle(call->http->multi, call->easy);
}

void http_close(struct http *h, void (*on_closed)(void *user), void *user) {
	assert(!h->is_closing);
	h->is_closing = true;
	h->on_closed = on_closed;
	h->on_closed_user = user;

	list_for_each(link, &h->calls) {
		struct http_call *call = container_of(link, struct http_call, link);
		call_withdraw(call);
		http_call_destroy(call);
	}
	curl_release(h);

	/* Without its connections libcurl has no socket left, so that every poll is on its way out. */
	closing_init(&h->closing, on_all_closed, h);
	for (uint32_t i = 0; i < h->n_polls; i++) {
		closing_hold(&h->closing);
	}
	closing_handle(&h->closing, (uv_handle_t *)&h->timer);
	closing_release(&h->closing);
}

int http_post(struct http *h, const struct http_request *request, http_done_fn on_done, void *user,
	struct http_call **ret) {
	enum http_scheme scheme;
	struct http_call *call = NULL;
	assert(!h->is_closing);

	int err = http_scheme_of(&h->curl, request->url, &scheme);
	if (err == 0) {
		err = http_call_create(h, h->patterns[scheme], request, &call);
	}
	if (err != 0) {
		return err;
	}
	if (h->curl.multi_add_handle(h->multi, call->easy) != CURLM_OK) {
		http_call_destroy(call);
		return -ENOMEM;
	}
	call->on_done = on_done;
	call->user = user;
	list_append(&h->calls, &call->link);
	*ret = call;
	return 0;
}

void http_cancel(struct http_call *call) {
	if (list_linked(&call->link)) {
		call_withdraw(call);
		http_call_destroy(call);
	}
}

/* The connection goes back to the others before anybody is told, who may want it for the next request. */
static void call_end(struct http_call *call, CURLcode code) {
	call_withdraw(call);
	http_call_report(call, code);
	http_call_destroy(call);
}

void http_report_ended(struct http *h) {
	CURLMsg *message;
	int n_left;

	while (!h->is_closing && (message = h->curl.multi_info_read(h->multi, &n_left)) != NULL) {
		char *call = NULL;
		if (message->msg == CURLMSG_DONE && h->curl.easy_getinfo(message->easy_handle,
							    CURLINFO_PRIVATE, &call) == CURLE_OK) {
			call_end((struct http_call *)(void *)call, message->data.result);
		}
	}
}
