#include "courier_world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "introduction.h"
#include "text.h"

const struct courier_policy policy = {.transmit_ms = 15000,
	.heartbeat_ms = 30000,
	.debounce_ms = 5000,
	.settle_ms = 5000,
	.batch_max = 8u << 20};

struct world w;

static void fill(struct forward_visit *v) {
	size_t begin = v->content.len;
	v->first = v->cursor.accepted;
	for (int64_t line = v->first; line < w.lines && v->n_lines < v->lines_max; line++) {
		char json[32];
		int len = snprintf(json, sizeof json, "%s\"%lld\"", v->n_lines > 0 ? "," : "",
			(long long)line);
		if (v->n_lines > 0 && v->content.len - begin + (size_t)len > v->bytes_max) {
			break;
		}
		assert_int_equal(buf_append(&v->content, json, (size_t)len), 0);
		v->last = (struct forward_line){
			w.first_step + (uint32_t)line, 1000.0 + w.first_step + (double)line};
		v->n_lines++;
	}
}

/* What spool_visit does. */
static void visit(void) {
	struct forward_visit *v = courier_visit(&w.c, true, w.now_ns);
	assert_non_null(v);
	w.visits++;
	if (v->save == FORWARD_SAVE_BASE) {
		while (v->cursor.accepted < w.lines &&
			w.first_step + v->cursor.accepted <= v->server_step) {
			v->cursor.accepted++;
			v->cursor.skipped++;
		}
		v->cursor.base = v->server_lines - v->cursor.accepted;
		v->cursor.has_base = true;
	}
	if (v->save != FORWARD_SAVE_NOTHING) {
		w.saves++;
		w.refused = v->refuse >= 0 ? v->refuse : w.refused;
		if (v->event[0] != '\0') {
			memcpy(w.event, v->event, sizeof w.event);
		}
		forward_cursor_finish(&w.cursor);
		assert_int_equal(forward_cursor_copy(&w.cursor, &v->cursor), 0);
	} else {
		forward_cursor_finish(&v->cursor);
		assert_int_equal(forward_cursor_copy(&v->cursor, &w.cursor), 0);
	}
	v->lines = w.lines;
	v->ended = w.ended;
	v->silent = w.silent;
	v->summary = strdup("{}");
	v->about.name = v->want_about && w.name != NULL ? strdup(w.name) : NULL;
	v->about.config_json = v->want_about && w.config != NULL ? strdup(w.config) : NULL;
	if (v->lines_max > 0) {
		fill(v);
	}
	if (v->look_at >= 0 && v->look_at < w.lines && v->look_at >= w.cursor.accepted) {
		v->has_looked = true;
		v->looked = (struct forward_line){w.first_step + (uint32_t)v->look_at,
			1000.0 + w.first_step + (double)v->look_at};
	}
	v->knows_expected = v->expected.step - w.first_step < w.lines &&
			    fabs(v->expected.time - 1000 - v->expected.step) < 0.001;
	courier_visited(&w.c, v, 0, w.now_ns);
	forward_visit_destroy(v);
}

enum courier_want next_request(uint64_t until_ns) {
	for (int i = 0; i < 50; i++) {
		uint64_t when_ns = 0;
		enum courier_want want = courier_next(&w.c, w.now_ns, &when_ns);
		if (want == COURIER_VISIT || want == COURIER_FETCH) {
			visit();
		} else if (want != COURIER_NOTHING) {
			return want;
		} else if (when_ns == UINT64_MAX || when_ns > until_ns) {
			w.now_ns = until_ns == UINT64_MAX ? w.now_ns : until_ns;
			return COURIER_NOTHING;
		} else {
			w.now_ns = when_ns;
		}
	}
	fail_msg("it visits for ever");
	return COURIER_NOTHING;
}

/* What stands between two words; "" when the first is not there. */
static struct text between(const char *text, const char *before, const char *behind) {
	const char *begin = strstr(text, before);
	if (begin == NULL) {
		return text_of("", 0);
	}
	begin += strlen(before);
	return text_of(begin, (size_t)(strstr(begin, behind) - begin));
}

static void read_request(struct buf *body) {
	const char *text = buf_text(body);
	struct text offset = between(text, "jsonl\":{\"offset\":", ",");
	struct text lines = between(offset.data, "[", "]");
	snprintf(w.request, sizeof w.request, "%.*s [%.*s]%s%s", (int)offset.len, offset.data,
		(int)lines.len, lines.data, strstr(text, "wandb-summary") != NULL ? " summary" : "",
		strstr(text, "complete") != NULL ? " complete" : "");
}

static void note_told(void) {
	static const struct introduction introduction = {.version = "1"};
	struct introduced made;
	assert_int_equal(introduction_make(&made, &introduction, "r", &w.c.about, &w.c.cursor), 0);
	const char *name = made.run.display_name;
	snprintf(w.told, sizeof w.told, "%s", name != NULL ? name : "");
	introduced_finish(&made);
}

void answer(enum courier_want want, int status, const char *body) {
	struct http_response r = {.status = status,
		.body = text_of(body, strlen(body)),
		.rate_remaining = NAN,
		.rate_reset_s = NAN};
	if (w.retry_after != NULL) {
		r.retry_after = text_of(w.retry_after, strlen(w.retry_after));
	}
	if (status == 0) {
		r.transport = TRANSPORT_NO_CONNECTION;
		snprintf(r.words, sizeof r.words, "%s", body);
	}
	if (want == COURIER_STREAM) {
		struct buf request = {0};
		assert_int_equal(courier_stream(&w.c, &request), 0);
		read_request(&request);
		buf_finish(&request);
		if (w.takes_no_summary && strstr(w.request, "summary") != NULL) {
			r.status = 400;
		}
	}
	if (want == COURIER_UPSERT) {
		note_told();
	}
	w.c.busy = true;
	courier_answered(&w.c, want, &r, w.now_ns, 1e9, 0);
}

void answer_again(int status) {
	struct http_response r = {.status = status, .body = text_of("", 0)};
	courier_answered(&w.c, COURIER_STREAM, &r, w.now_ns, 1e9, 0);
}

int setup(void **state) {
	(void)state;
	w = (struct world){.now_ns = 1000 * S, .refused = -1};
	courier_init(&w.c, "r", &policy);
	w.c.has_key = true;
	return 0;
}

int teardown(void **state) {
	(void)state;
	courier_finish(&w.c);
	forward_cursor_finish(&w.cursor);
	return 0;
}

void begin_new(void) {
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("true", "0"));
}

void stream(int status, const char *body) {
	assert_int_equal(next_request(UINT64_MAX), COURIER_STREAM);
	answer(COURIER_STREAM, status, body);
}

void restart(void) {
	(void)next_request(w.now_ns); /* what is to be saved is */
	courier_finish(&w.c);
	courier_init(&w.c, "r", &policy);
	w.c.has_key = true;
}

void stream_later(int status, const char *body) {
	enum courier_want want;
	while ((want = next_request(UINT64_MAX)) == COURIER_UPSERT || want == COURIER_STATUS) {
		answer(want, 200,
			want == COURIER_UPSERT ? UPSERT("false", "0") : STATUS("0", "0", "0"));
	}
	stream(status, body);
}
