/* libcurl says which sockets it wants watched and when it wants to be woken; libuv does both. */
#include <stdlib.h>

#include "http_private.h"

struct watch {
	uv_poll_t poll;
	struct http *http;
	curl_socket_t fd;
};

static void on_poll_closed(uv_handle_t *handle) {
	struct watch *w = container_of((uv_poll_t *)handle, struct watch, poll);
	struct http *h = w->http;

	free(w);
	h->n_polls--;
	if (h->is_closing) {
		closing_release(&h->closing);
	}
}

static void on_poll(uv_poll_t *poll, int status, int events) {
	struct watch *w = container_of(poll, struct watch, poll);
	struct http *h = w->http;
	int n_running;

	/* An error of the socket, after which libuv watches it no more. Bytes may stand before it, such as
	 * those of a refusal: told that it may read, libcurl finds both at once. */
	if (status < 0) {
		events = UV_READABLE | UV_WRITABLE;
	}
	int mask = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
		   (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
	(void)h->curl.multi_socket_action(h->multi, w->fd, mask, &n_running);
	http_report_ended(h);
}

static struct watch *watch_open(struct http *h, curl_socket_t fd) {
	struct watch *w = calloc(1, sizeof *w);
	if (w == NULL) {
		return NULL;
	}
	if (uv_poll_init_socket(h->loop, &w->poll, fd) < 0) {
		free(w);
		return NULL;
	}
	w->http = h;
	w->fd = fd;
	h->n_polls++;
	return w;
}

/* libcurl takes its watch off a socket before it closes it, and uv_close stops the watching at once: the next
 * socket of that number finds nothing left of this one. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *assigned) {
	struct http *h = user;
	struct watch *w = assigned;
	(void)easy;

	if (what == CURL_POLL_REMOVE) {
		if (w != NULL) {
			(void)h->curl.multi_assign(h->multi, fd, NULL);
			uv_close((uv_handle_t *)&w->poll, on_poll_closed);
		}
		return 0;
	}
	if (w == NULL) {
		w = watch_open(h, fd);
		if (w == NULL) {
			/* Not watched, the request runs into its time limit; an error said
			 * here would end all the others. */
			return 0;
		}
		(void)h->curl.multi_assign(h->multi, fd, w);
	}
	int events =
		(what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	(void)uv_poll_start(&w->poll, events, on_poll); /* fails for a closing handle only */
	return 0;
}

static void on_time(uv_timer_t *timer) {
	struct http *h = container_of(timer, struct http, timer);
	int n_running;

	(void)h->curl.multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
	http_report_ended(h);
}

static int on_timeout_wanted(CURLM *multi, long timeout_ms, void *user) {
	struct http *h = user;
	(void)multi;

	if (timeout_ms < 0) {
		(void)uv_timer_stop(&h->timer);
	} else {
		(void)uv_timer_start(&h->timer, on_time, (uint64_t)timeout_ms, 0);
	}
	return 0;
}

int http_loop_attach(struct http *h) {
	CURLMcode code = CURLM_OK;
	code |= h->curl.multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	code |= h->curl.multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	code |= h->curl.multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timeout_wanted);
	code |= h->curl.multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	return code == CURLM_OK ? uv_timer_init(h->loop, &h->timer) : -ENOMEM;
}
