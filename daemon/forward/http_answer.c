/* What libcurl has to say of a request's end, in our words. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_private.h"

#define CONNECTED 200 /* a proxy's status when it lets us through */

static long info_of(const struct libcurl *curl, CURL *easy, CURLINFO info) {
	long value = 0;
	return curl->easy_getinfo(easy, info, &value) == CURLE_OK ? value : 0;
}

static enum transport transport_of(const struct libcurl *curl, CURL *easy, CURLcode code) {
	switch (code) {
	case CURLE_OK:
		return TRANSPORT_DONE;
	case CURLE_COULDNT_RESOLVE_HOST:
		return TRANSPORT_NO_NAME;
	case CURLE_COULDNT_CONNECT:
		return TRANSPORT_NO_CONNECTION;
	case CURLE_OPERATION_TIMEDOUT:
		return info_of(curl, easy, CURLINFO_REQUEST_SIZE) > 0 ? TRANSPORT_TIMEOUT
								      : TRANSPORT_NO_CONNECTION;
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_PROXY:
		return TRANSPORT_PROXY;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CLIENTCERT:
	case CURLE_SSL_CRL_BADFILE:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_ISSUER_ERROR:
		return TRANSPORT_TLS;
	default:
		return info_of(curl, easy, CURLINFO_HTTP_CONNECTCODE) > CONNECTED
			       ? TRANSPORT_PROXY
			       : TRANSPORT_BROKEN;
	}
}

/* Of the newest answer: not of a 100 before it, nor of a proxy. */
static struct text header_of(const struct libcurl *curl, CURL *easy, const char *name) {
	struct curl_header *header;
	if (curl->easy_header(easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) {
		return (struct text){0};
	}
	return text_of(header->value, strlen(header->value));
}

static double number_of(const struct libcurl *curl, CURL *easy, const char *name) {
	struct text value = header_of(curl, easy, name);
	if (value.data == NULL) {
		return NAN;
	}
	char *end;
	double number = strtod(value.data, &end);
	return end != value.data && *end == '\0' && isfinite(number) && number >= 0 ? number : NAN;
}

/* Some words quote the server. */
static void fill_words(char out[256], const char *words) {
	snprintf(out, 256, "%s", words);
	for (char *c = out; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f) {
			*c = ' ';
		}
	}
}

static int status_of(const struct libcurl *curl, CURL *easy) {
	long status = info_of(curl, easy, CURLINFO_RESPONSE_CODE);
	return status < 200 ? 0 : (int)status; /* a 100 is no answer yet */
}

void http_call_report(const struct http_call *call, CURLcode code) {
	const struct libcurl *curl = &call->http->curl;
	struct http_response response = {
		.transport = transport_of(curl, call->easy, code),
		.status = status_of(curl, call->easy),
		.body = {"", 0},
		.retry_after = header_of(curl, call->easy, "Retry-After"),
		.location = header_of(curl, call->easy, "Location"),
		.date = header_of(curl, call->easy, "Date"),
		.rate_remaining = number_of(curl, call->easy, "RateLimit-Remaining"),
		.rate_reset_s = number_of(curl, call->easy, "RateLimit-Reset"),
	};
	if (code != CURLE_OK) {
		fill_words(response.words,
			call->words[0] != '\0' ? call->words : curl->easy_strerror(code));
	}
	if (call->answer.data != NULL) {
		call->answer.data[call->answer.len] = '\0';
		response.body = text_of((const char *)call->answer.data, call->answer.len);
	}
	call->on_done(call->user, &response);
}
