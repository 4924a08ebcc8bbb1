#include "http_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_trust.h"

/* An idle connection is given up before the load balancers on the way forget it, and is asked now and then
 * whether it is still there. */
#define IDLE_MAX_S  110l
#define KEEPALIVE_S 30l

int http_scheme_of(const struct libcurl *curl, const char *url, enum http_scheme *ret) {
	char *scheme = NULL;
	CURLU *parts = curl->url();
	if (parts == NULL) {
		return -ENOMEM;
	}
	CURLUcode code = curl->url_set(parts, CURLUPART_URL, url, 0);
	if (code == CURLUE_OK) {
		code = curl->url_get(parts, CURLUPART_SCHEME, &scheme, 0);
	}
	int err = code == CURLUE_OK ? 0 : code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
	if (err == 0 && strcmp(scheme, "https") == 0) {
		*ret = SCHEME_HTTPS;
	} else if (err == 0 && strcmp(scheme, "http") == 0) {
		*ret = SCHEME_HTTP;
	} else if (err == 0) {
		err = -EINVAL;
	}
	curl->free(scheme);
	curl->url_cleanup(parts);
	return err;
}

static size_t on_body(char *data, size_t size, size_t n, void *user) {
	struct http_call *call = user;
	size_t len = size * n;
	size_t room = HTTP_ANSWER_MAX - call->answer.len;
	size_t taken = len < room ? len : room;

	/* One more for the NUL. Anything but len ends the request. */
	if (buf_reserve(&call->answer, taken + 1) < 0) {
		return 0;
	}
	(void)buf_append(&call->answer, data, taken);
	return len;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): what a number is given as is looked at, for setopt takes it unseen */
#define SET(curl, easy, code, option, value)                                                       \
	do {                                                                                       \
		_Static_assert((option) >= CURLOPTTYPE_OBJECTPOINT || _Generic((value), long       \
									       : true, default     \
									       : false),           \
			"libcurl reads a long");                                                   \
		if ((code) == CURLE_OK) {                                                          \
			(code) = curl->easy_setopt(easy, option, value);                           \
		}                                                                                  \
	} while (0)
/* NOLINTEND(bugprone-macro-parentheses) */

/* HTTP/1.1, one request a connection: one that went dead is closed together with its request, where HTTP/2
 * would go on with it for all runs. */
static CURLcode set_connection(const struct libcurl *curl, CURL *easy) {
	CURLcode code = CURLE_OK;
	SET(curl, easy, code, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(curl, easy, code, CURLOPT_TCP_KEEPALIVE, 1l);
	SET(curl, easy, code, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
	SET(curl, easy, code, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
	SET(curl, easy, code, CURLOPT_MAXAGE_CONN, IDLE_MAX_S);
	SET(curl, easy, code, CURLOPT_NOSIGNAL, 1l);
	/* A thread that looks up a name is left alone when its request ends; waiting for it would
	 * stop the loop as long as DNS does not answer. */
	SET(curl, easy, code, CURLOPT_QUICK_EXIT, 1l);
	return code;
}

static const char *own_list(const struct libcurl *curl) {
	const curl_version_info_data *info = curl->version_info(CURLVERSION_NOW);

	return info->age >= CURLVERSION_SEVENTH ? info->cainfo : NULL;
}

static CURLcode set_trust(
	const struct libcurl *curl, CURL *easy, const struct http_options *options) {
	CURLcode code = CURLE_OK;
	bool is_chosen = options->ca_file != NULL || options->ca_directory != NULL;
	const char *ca_file = is_chosen ? options->ca_file : http_trust_find(own_list(curl));
	if (ca_file != NULL) {
		SET(curl, easy, code, CURLOPT_CAINFO, ca_file);
		SET(curl, easy, code, CURLOPT_PROXY_CAINFO, ca_file);
	}
	if (options->ca_directory != NULL) {
		SET(curl, easy, code, CURLOPT_CAPATH, options->ca_directory);
		SET(curl, easy, code, CURLOPT_PROXY_CAPATH, options->ca_directory);
	}
	if (options->insecure) {
		SET(curl, easy, code, CURLOPT_SSL_VERIFYPEER, 0l);
		SET(curl, easy, code, CURLOPT_SSL_VERIFYHOST, 0l);
		SET(curl, easy, code, CURLOPT_PROXY_SSL_VERIFYPEER, 0l);
		SET(curl, easy, code, CURLOPT_PROXY_SSL_VERIFYHOST, 0l);
	}
	return code;
}

CURL *http_pattern_create(
	const struct libcurl *curl, const struct http_options *options, enum http_scheme scheme) {
	const char *proxy = scheme == SCHEME_HTTPS ? options->proxy_https : options->proxy_http;
	CURL *easy = curl->easy_init();
	if (easy == NULL) {
		return NULL;
	}

	CURLcode code = set_connection(curl, easy);
	if (code == CURLE_OK) {
		code = set_trust(curl, easy, options);
	}
	if (proxy != NULL) {
		SET(curl, easy, code, CURLOPT_PROXY, proxy);
		SET(curl, easy, code, CURLOPT_NOPROXY, ""); /* meant, whatever $no_proxy says */
	}
	SET(curl, easy, code, CURLOPT_POST, 1l);
	SET(curl, easy, code, CURLOPT_PROTOCOLS_STR, scheme == SCHEME_HTTPS ? "https" : "http");
	SET(curl, easy, code, CURLOPT_FOLLOWLOCATION, 0l);
	SET(curl, easy, code, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(curl, easy, code, CURLOPT_HEADEROPT,
		(long)CURLHEADER_SEPARATE); /* the key is not for proxies */
	SET(curl, easy, code, CURLOPT_USERAGENT, options->user_agent);
	SET(curl, easy, code, CURLOPT_WRITEFUNCTION, on_body);
	if (code != CURLE_OK) {
		curl->easy_cleanup(easy);
		return NULL;
	}
	return easy;
}

static CURLcode add_header(struct http_call *call, const char *line) {
	struct curl_slist *longer = call->http->curl.slist_append(call->headers, line);
	if (longer == NULL) {
		return CURLE_OUT_OF_MEMORY;
	}
	call->headers = longer;
	return CURLE_OK;
}

static void base64(const uint8_t *data, size_t len, char *out) {
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)data[i] << 16 | (n > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
				(n > 2 ? data[i + 2] : 0);
		for (size_t k = 0; k < 4; k++) {
			*out++ = digits[k <= n ? bits >> (18 - 6 * k) & 63 : 64];
		}
	}
	*out = '\0';
}

static CURLcode add_key(struct http_call *call, const char *key) {
	static const char name[] = "Authorization: Basic ", user[] = "api:";
	size_t plain_len = strlen(user) + strlen(key);
	size_t line_cap = strlen(name) + (plain_len + 2) / 3 * 4 + 1;
	char *plain = malloc(plain_len + 1), *line = malloc(line_cap);
	CURLcode code = CURLE_OUT_OF_MEMORY;

	if (plain != NULL && line != NULL) {
		snprintf(plain, plain_len + 1, "%s%s", user, key);
		memcpy(line, name, strlen(name));
		base64((const uint8_t *)plain, plain_len, line + strlen(name));
		code = add_header(call, line);
		explicit_bzero(plain, plain_len);
		explicit_bzero(line, line_cap);
	}
	free(plain);
	free(line);
	return code;
}

static CURLcode add_headers(struct http_call *call, const struct http_request *request) {
	CURLcode code = add_header(call, "Content-Type: application/json");
	if (code == CURLE_OK) {
		code = add_header(call, "Expect:"); /* none: it would cost a round trip */
	}
	for (const char *const *h = request->headers; code == CURLE_OK && h != NULL && *h != NULL;
		h++) {
		code = add_header(call, *h);
	}
	if (code == CURLE_OK && request->key != NULL) {
		code = add_key(call, request->key);
	}
	return code;
}

static CURLcode call_prepare(struct http_call *call, const struct http_request *request) {
	const struct libcurl *curl = &call->http->curl;
	CURL *easy = call->easy;
	CURLcode code = add_headers(call, request);

	SET(curl, easy, code, CURLOPT_PRIVATE, call);
	SET(curl, easy, code, CURLOPT_WRITEDATA, call);
	SET(curl, easy, code, CURLOPT_ERRORBUFFER, call->words);
	SET(curl, easy, code, CURLOPT_URL, request->url);
	SET(curl, easy, code, CURLOPT_HTTPHEADER, call->headers);
	SET(curl, easy, code, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
	SET(curl, easy, code, CURLOPT_POSTFIELDS,
		request->body.data != NULL ? request->body.data : "");
	SET(curl, easy, code, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	SET(curl, easy, code, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
	return code;
}

int http_call_create(
	struct http *h, CURL *pattern, const struct http_request *request, struct http_call **ret) {
	struct http_call *call = calloc(1, sizeof *call);
	if (call == NULL) {
		return -ENOMEM;
	}
	call->http = h;
	call->easy = h->curl.easy_duphandle(pattern);
	if (call->easy == NULL || call_prepare(call, request) != CURLE_OK) {
		http_call_destroy(call);
		return -ENOMEM;
	}
	*ret = call;
	return 0;
}

void http_call_destroy(struct http_call *call) {
	const struct libcurl *curl = &call->http->curl;

	curl->easy_cleanup(call->easy);
	for (struct curl_slist *header = call->headers; header != NULL; header = header->next) {
		explicit_bzero(header->data, strlen(header->data));
	}
	curl->slist_free_all(call->headers);
	buf_finish(&call->answer);
	free(call);
}
