#include "account.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "payload.h"
#include "reply_private.h"

static const char question[] = "{\"query\":\"query Viewer { viewer { id username entity } }\","
			       "\"variables\":{},\"operationName\":\"Viewer\"}";

struct asking {
	struct account *account;
	double begun_s; /* of the wall's clock */
	uint64_t begun_ns;
};

static void copy_name(char out[ACCOUNT_NAME_SIZE], const json_t *name) {
	char words[REPLY_WORDS_MAX];
	struct reply_words w;

	reply_words_begin(&w, words);
	if (json_is_string(name)) {
		reply_words_add(&w, text_of(json_string_value(name), json_string_length(name)));
	}
	snprintf(out, ACCOUNT_NAME_SIZE, "%.*s", (int)ACCOUNT_NAME_SIZE - 1, words);
}

/* W&B answers to a key that it does not know, too: then there is nobody. */
static void read_viewer(struct account *v, struct text body) {
	json_error_t error;
	json_t *reply = reply_json(body, &error);
	const json_t *viewer = json_object_get(json_object_get(reply, "data"), "viewer");

	if (reply == NULL) {
		v->verdict = VERDICT_AGAIN;
		snprintf(v->words, sizeof v->words, "what answers there is not W&B");
	} else if (reply_has_error(reply, v->words)) {
		v->verdict = VERDICT_BAD;
	} else if (!json_is_object(viewer)) {
		v->verdict = VERDICT_KEY;
		snprintf(v->words, sizeof v->words, "it knows nobody with this key");
	} else {
		copy_name(v->username, json_object_get(viewer, "username"));
		copy_name(v->entity, json_object_get(viewer, "entity"));
	}
	json_decref(reply);
}

/* Its clock is read somewhere between the question and the answer, and rounded down to a second. */
static void read_clock(struct account *v, struct text date, double begun_s, double now_s) {
	double date_s;

	if (retry_read_date(date, now_s, &date_s)) {
		v->has_clock = true;
		v->clock_ahead_s = date_s + 0.5 - (begun_s + now_s) / 2;
	}
}

static void on_done(void *user, const struct http_response *response) {
	struct asking *a = user;
	struct account *v = a->account;

	v->took_s = (double)(clock_mono_ns() - a->begun_ns) * 1e-9;
	v->transport = response->transport;
	v->status = response->status;
	v->verdict = retry_judge(response->transport, response->status);
	memcpy(v->words, response->words, sizeof v->words);
	if (response->transport == TRANSPORT_DONE) {
		read_clock(v, response->date, a->begun_s, clock_wall());
	}
	if (v->verdict == VERDICT_ACCEPTED) {
		read_viewer(v, response->body);
	} else if (v->words[0] == '\0') {
		reply_error_words(response->body, v->words);
	}
}

static void on_closed(void *user) {
	(void)user;
}

static int post(struct http *http, const char *url, const char *key, uint32_t timeout_ms,
	struct asking *a) {
	const struct http_request request = {
		.url = url,
		.key = key,
		.body = text_of(question, strlen(question)),
		.timeout_ms = timeout_ms,
		.connect_timeout_ms = timeout_ms,
	};
	struct http_call *call;

	a->begun_s = clock_wall();
	a->begun_ns = clock_mono_ns();
	return http_post(http, &request, on_done, a, &call);
}

int account_ask(const struct http_options *options, const char *base_url, const char *key,
	uint32_t timeout_ms, struct account *ret, char ret_words[256]) {
	struct account account = {0};
	struct asking a = {.account = &account};
	struct http *http;
	struct buf url = {0};
	uv_loop_t loop;

	int err = uv_loop_init(&loop);
	if (err < 0) {
		snprintf(ret_words, 256, "%s", strerror(-err));
		return err;
	}
	err = http_open(&loop, options, &http, ret_words);
	if (err == 0) {
		err = payload_graphql_url(&url, base_url);
		err = err == 0 && buf_text(&url) == NULL ? -ENOMEM : err;
		err = err == 0 ? post(http, buf_text(&url), key, timeout_ms, &a) : err;
		if (err < 0) {
			snprintf(ret_words, 256, "%s", strerror(-err));
		}
		/* The call is all there is to wait for. */
		while (err == 0 && account.took_s == 0) {
			(void)uv_run(&loop, UV_RUN_ONCE);
		}
		http_close(http, on_closed, NULL);
	}
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&loop);
	buf_finish(&url);
	if (err == 0) {
		*ret = account;
	}
	return err;
}
