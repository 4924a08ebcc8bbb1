/* A run on its way to W&B, against a database and a server of a few lines. */
#include "courier.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "introduction.h"
#include "text.h"

#define S 1000000000ull

static const struct courier_policy policy = {.transmit_ms = 15000,
	.heartbeat_ms = 30000,
	.debounce_ms = 5000,
	.settle_ms = 5000,
	.batch_max = 8u << 20};

/* The database of one run: line i is of step i + first_step, time 1000 + step. */
struct world {
	struct courier c;
	uint64_t now_ns;
	int64_t lines;
	uint32_t first_step;
	bool ended, silent;
	const char *name, *config, *retry_after; /* NULL: none */
	struct forward_cursor cursor;            /* as saved */
	int64_t refused;                         /* the line that was set aside last */
	char event[FORWARD_EVENT_MAX];
	int visits, saves;
	bool takes_no_summary;
	char told[32]; /* the name in the newest introduction, "" if it has none */
	char request
		[4096]; /* the newest stream request, in words: "offset [lines] summary complete" */
};

static struct world w;

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

/* The next thing it wants of W&B, visits made on the way; time goes on when it waits. */
static enum courier_want next_request(uint64_t until_ns) {
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

static void answer(enum courier_want want, int status, const char *body) {
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

/* To what is under way already. */
static void answer_again(int status) {
	struct http_response r = {.status = status, .body = text_of("", 0)};
	courier_answered(&w.c, COURIER_STREAM, &r, w.now_ns, 1e9, 0);
}

#define UPSERT(inserted, count)                                                                    \
	"{\"data\":{\"upsertBucket\":{\"inserted\":" inserted ",\"bucket\":{\"id\":\"sid\","       \
	"\"name\":\"r\",\"displayName\":\"d\",\"project\":{\"name\":\"p\",\"entity\":"             \
	"{\"name\":\"e\"}},\"historyLineCount\":" count "}}}}"
/* As fill() has them, a line of step s is of the time 1000 + s. */
#define STATUS(count, step, time)                                                                  \
	"{\"data\":{\"model\":{\"bucket\":{\"id\":\"sid\",\"historyLineCount\":" count             \
	",\"historyTail\":\"[\\\"{\\\\\\\"_step\\\\\\\":" step ",\\\\\\\"_timestamp\\\\\\\":" time \
	"}\\\"]\",\"wandbConfig\":\"{\\\"t\\\":{}}\"}}}}"

static int setup(void **state) {
	(void)state;
	w = (struct world){.now_ns = 1000 * S, .refused = -1};
	courier_init(&w.c, "r", &policy);
	w.c.has_key = true;
	return 0;
}

static int teardown(void **state) {
	(void)state;
	courier_finish(&w.c);
	forward_cursor_finish(&w.cursor);
	return 0;
}

static void begin_new(void) {
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("true", "0"));
}

/* Sent, with that answer. */
static void stream(int status, const char *body) {
	assert_int_equal(next_request(UINT64_MAX), COURIER_STREAM);
	answer(COURIER_STREAM, status, body);
}

static void a_new_run_is_introduced_and_its_lines_begin_at_zero(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	assert_string_equal(w.request, "0 [\"0\",\"1\",\"2\"] summary");
	assert_string_equal(w.cursor.entity, "e");
	assert_int_equal(next_request(w.now_ns), COURIER_NOTHING);
	assert_int_equal(w.cursor.accepted, 3);
	assert_int_equal(w.cursor.step, 2);
}

static void lines_go_together_every_fifteen_seconds(void **state) {
	(void)state;
	w.lines = 1;
	begin_new();
	stream(200, "{}");
	uint64_t sent_ns = w.now_ns;
	courier_note(&w.c, w.lines = 5, false, false);
	stream(200, "{}");
	assert_string_equal(w.request, "1 [\"1\",\"2\",\"3\",\"4\"]");
	assert_int_equal(w.now_ns, sent_ns + 15 * S);
}

/* Their number is written before they are read. */
static void lines_that_turn_out_to_be_others_are_asked_for_again(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	assert_int_equal(next_request(w.now_ns), COURIER_NOTHING);
	w.cursor.accepted = 5; /* another hand moved it */
	courier_note(&w.c, w.lines = 7, false, false);
	int visits = w.visits;
	stream(200, "{}");
	assert_string_equal(w.request, "5 [\"5\",\"6\"]");
	assert_int_equal(w.visits, visits + 2);
}

static void silence_is_broken_by_heartbeats_until_the_run_ends(void **state) {
	(void)state;
	begin_new();
	stream(200, "{}");
	uint64_t sent_ns = w.now_ns;
	stream(200, "{}");
	assert_string_equal(w.request, " []");
	assert_int_equal(w.now_ns, sent_ns + 30 * S);
	w.ended = true;
	courier_note(&w.c, 0, true, false);
	stream(200, "{}");
	assert_string_equal(w.request, " [] complete");
	assert_int_equal(w.now_ns, sent_ns + 30 * S);
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_true(courier_done(&w.c));
	assert_true(w.cursor.completed);
}

static void the_end_comes_with_the_last_lines(void **state) {
	(void)state;
	w.lines = 2;
	w.ended = true;
	begin_new();
	stream(200, "{}");
	assert_string_equal(w.request, "0 [\"0\",\"1\"] summary complete");
}

static void a_crashed_run_is_left_to_wandb(void **state) {
	(void)state;
	w.lines = 1;
	w.silent = true;
	begin_new();
	stream(200, "{}");
	assert_string_equal(w.request, "0 [\"0\"] summary");
	assert_int_equal(next_request(w.now_ns + 3600 * S), COURIER_NOTHING);
}

static void a_run_wandb_has_is_gone_on_with_behind_its_lines(void **state) {
	(void)state;
	w.lines = 10;
	w.first_step = 5;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "8"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("8", "7", "1007"));
	uint64_t read_ns = w.now_ns;
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	assert_int_equal(w.now_ns, read_ns + 5 * S);
	answer(COURIER_STATUS, 200, STATUS("9", "8", "1008")); /* it had not settled */
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("9", "8", "1008"));
	stream(200, "{}");
	assert_string_equal(w.request, "9 [\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"] summary");
	assert_int_equal(w.cursor.skipped, 4);
	assert_non_null(strstr(w.event, "already has 9 lines of this run, through step 8"));
}

/* As after a restart: the courier is new, the database is not. */
static void restart(void) {
	(void)next_request(w.now_ns); /* what is to be saved is */
	courier_finish(&w.c);
	courier_init(&w.c, "r", &policy);
	w.c.has_key = true;
}

static void after_a_restart_the_numbers_go_on(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	w.lines = 4;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "3"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("3", "2", "1002"));
	stream(200, "{}");
	assert_string_equal(w.request, "3 [\"3\"] summary");
}

static void a_batch_whose_fate_is_unknown_is_sent_again_at_its_place(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(0, "reset by peer");
	assert_int_equal(w.c.state, COURIER_WAITING);
	restart();
	w.lines = 4;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "2"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("2", "1", "1001")); /* it had come as far: ours */
	stream(200, "{}");
	assert_string_equal(w.request, "0 [\"0\",\"1\",\"2\",\"3\"] summary");
}

static void more_lines_than_were_decided_park_the_run(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "4"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "somebody else writes it"));
	/* Also over a restart, until somebody says otherwise. */
	restart();
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_int_equal(w.c.state, COURIER_REFUSED);
	courier_resume(&w.c, true);
	courier_note(&w.c, w.lines = 6, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "4"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, STATUS("4", "3", "1003"));
	}
	stream(200, "{}");
	assert_string_equal(w.request, "4 [\"4\",\"5\"] summary");
}

static void another_line_in_our_place_parks_the_run(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "3"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("3", "77", "1077"));
	uint64_t read_ns = w.now_ns;
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	assert_int_equal(w.now_ns, read_ns + 5 * S);
	answer(COURIER_STATUS, 200, STATUS("3", "77", "1077"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "a line of step 77"));
}

static void a_tail_that_lags_behind_its_count_parks_nothing(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	courier_note(&w.c, w.lines = 4, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "3"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("3", "1", "1001"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("3", "2", "1002"));
	stream(200, "{}");
	assert_string_equal(w.request, "3 [\"3\"] summary");
	assert_null(w.cursor.parked);
}

static void another_line_where_ours_were_to_go_parks_the_run(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	w.lines = 6;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "5"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("5", "9", "1009"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("5", "9", "1009"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(
		strstr(w.cursor.parked, "a line of step 9 where this database has one of step 4"));
}

static void a_run_wandb_lost_is_not_begun_again_by_itself(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("true", "0"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "does not know this run any more"));
}

static void a_run_that_wandb_lost_before_any_line_of_ours_is_not_begun_amid_its_numbers(
	void **state) {
	(void)state;
	w.lines = 1;
	w.first_step = 5;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "8"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, STATUS("8", "7", "1007"));
	}
	restart();
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("true", "0"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "does not know this run any more"));
}

static void another_database_in_its_place_is_asked_about_anew(void **state) {
	(void)state;
	w.lines = 50;
	begin_new();
	stream(200, "{}");
	(void)next_request(w.now_ns);
	/* It was set aside; the run goes on in an empty one. */
	forward_cursor_finish(&w.cursor);
	w.cursor.db_id[0] = 1;
	w.lines = 3;
	w.first_step = 50;
	courier_note(&w.c, w.lines, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "50"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, STATUS("50", "49", "1049"));
	}
	stream(200, "{}");
	assert_string_equal(w.request, "50 [\"0\",\"1\",\"2\"]");
}

static void a_resume_while_it_is_busy_is_not_forgotten(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "4"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	restart();
	struct forward_visit *v = courier_visit(&w.c, true, w.now_ns);
	assert_non_null(v);
	courier_resume(&w.c, false);
	forward_cursor_finish(&v->cursor);
	assert_int_equal(forward_cursor_copy(&v->cursor, &w.cursor), 0);
	v->lines = w.lines;
	courier_visited(&w.c, v, 0, w.now_ns);
	forward_visit_destroy(v);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	assert_null(w.cursor.parked);
}

static void a_deleted_id_is_said_plainly_and_parked(void **state) {
	(void)state;
	w.lines = 1;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 409,
		"{\"errors\":[{\"message\":\"run e/p/r was previously created and deleted; try a "
		"new run name\"}]}");
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "previously created and deleted"));
	assert_non_null(strstr(w.event, "needs another id"));
}

static void an_outage_holds_no_lines_and_backs_off(void **state) {
	(void)state;
	w.lines = 100;
	begin_new();
	stream(503, "busy");
	assert_int_equal(w.c.n_lines, 0);
	assert_int_equal(w.c.content.cap, 0);
	assert_string_equal(w.c.words, "busy (HTTP 503)");
	uint64_t before_ns = w.now_ns;
	stream(0, "no route to host");
	assert_int_equal(w.now_ns, before_ns + 2 * S);
	stream(200, "{}");
	assert_int_equal(w.now_ns, before_ns + 6 * S);
	assert_int_equal(w.c.state, COURIER_WELL);
	(void)next_request(w.now_ns);
	assert_int_equal(w.cursor.accepted, 100);
}

static void who_is_woken_and_fails_again_waits_for_his_own_time(void **state) {
	(void)state;
	w.lines = 1;
	begin_new();
	stream(503, "busy");
	courier_wake(&w.c);
	uint64_t before_ns = w.now_ns;
	stream(503, "busy");
	assert_int_equal(w.now_ns, before_ns);
	courier_wake(&w.c);
	stream(200, "{}");
	assert_int_equal(w.now_ns, before_ns + 4 * S);
	courier_note(&w.c, w.lines = 2, false, false);
	stream(503, "busy");
	before_ns = w.now_ns;
	courier_wake(&w.c); /* it had got through */
	assert_int_equal(next_request(UINT64_MAX), COURIER_STREAM);
	assert_int_equal(w.now_ns, before_ns);
}

static void a_wait_that_wandb_named_is_not_cut_short(void **state) {
	(void)state;
	w.lines = 1;
	begin_new();
	assert_int_equal(next_request(UINT64_MAX), COURIER_STREAM);
	struct buf body = {0};
	assert_int_equal(courier_stream(&w.c, &body), 0);
	buf_finish(&body);
	struct http_response r = {.status = 503, .retry_after = text_of("30", 2)};
	courier_answered(&w.c, COURIER_STREAM, &r, w.now_ns, 1e9, 0);
	courier_wake(&w.c);
	uint64_t before_ns = w.now_ns;
	assert_int_equal(next_request(UINT64_MAX), COURIER_STREAM);
	assert_int_equal(w.now_ns, before_ns + 30 * S);
}

static void after_a_long_silence_it_is_asked_whose_the_run_is(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	uint64_t heard_ns = w.now_ns;
	courier_note(&w.c, w.lines = 6, false, false);
	while (next_request(UINT64_MAX) == COURIER_STREAM) {
		assert_true(w.now_ns <= heard_ns + 60 * S);
		answer(COURIER_STREAM, 0, "no route to host");
	}
	answer(COURIER_UPSERT, 0, "no route to host");
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "5")); /* another host has gone on */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, STATUS("5", "9", "1009"));
	}
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "somebody else writes this run"));
}

static void a_silence_in_which_it_has_news_of_itself_is_one_too(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	courier_note(&w.c, w.lines = 9, false, true);
	w.now_ns += 10 * S;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 0, "no route to host");
	w.now_ns += 3600 * S;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "5")); /* another host has gone on */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, STATUS("5", "9", "1009"));
	}
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "somebody else writes this run"));
}

static void a_run_that_crashed_is_asked_about_before_it_goes_on(void **state) {
	(void)state;
	w.lines = 3;
	w.silent = true;
	begin_new();
	stream(200, "{}");
	assert_int_equal(next_request(w.now_ns + 3600 * S), COURIER_NOTHING);
	w.silent = false;
	courier_note(&w.c, w.lines = 4, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "3"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("3", "2", "1002"));
	stream(200, "{}");
	assert_string_equal(w.request, "3 [\"3\"]");
}

static void a_question_that_is_answered_ends_no_trouble_with_lines(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	uint64_t before_ns = w.now_ns;
	uint32_t n = 0;
	while (w.now_ns < before_ns + 600 * S) {
		enum courier_want want = next_request(UINT64_MAX);
		n += want == COURIER_STREAM;
		answer(want, want == COURIER_STREAM ? 500 : 200,
			want == COURIER_UPSERT ? UPSERT("false", "0") : STATUS("0", "0", "1000"));
	}
	assert_int_equal(w.c.state, COURIER_WAITING);
	assert_true(n <= 16); /* 0, 2, 6, 14, 30, 62, and once a minute */
}

static void a_refused_key_is_probed_slowly_and_nothing_is_lost(void **state) {
	(void)state;
	w.lines = 2;
	begin_new();
	stream(401, "{\"error\":\"permission denied\"}");
	assert_int_equal(w.c.state, COURIER_REFUSED);
	assert_string_equal(w.c.words, "permission denied (HTTP 401)");
	uint64_t before_ns = w.now_ns;
	stream(200, "{}");
	assert_int_equal(w.now_ns, before_ns + 60 * S);
	assert_string_equal(w.request, "0 [\"0\",\"1\"] summary");
}

static void without_a_key_it_waits_for_one(void **state) {
	(void)state;
	w.lines = 2;
	w.c.has_key = false;
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	w.c.has_key = true;
	courier_retry(&w.c);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
}

/* Answers like a server that does not take line `bad` of any request. */
static void stream_around(int64_t bad, int rounds) {
	char word[32];
	snprintf(word, sizeof word, "\"%lld\"", (long long)bad);
	for (int i = 0; i < rounds; i++) {
		if (next_request(w.now_ns) != COURIER_STREAM) {
			return;
		}
		struct courier *c = &w.c;
		bool has_it = c->n_lines > 0 && w.refused != bad &&
			      memmem(c->content.data, c->content.len, word, strlen(word)) != NULL;
		answer(COURIER_STREAM, has_it ? 400 : 200,
			has_it ? "{\"error\":\"bad line\"}" : "{}");
	}
}

static void a_line_that_is_not_taken_is_found_and_set_aside(void **state) {
	(void)state;
	w.lines = 1000;
	begin_new();
	stream_around(617, 60);
	assert_int_equal(w.refused, 617);
	assert_int_equal(w.cursor.accepted, 1000);
	assert_non_null(strstr(w.event, "did not take the line of step 617: bad line (HTTP 400)"));
	assert_null(w.cursor.parked);
}

static void a_summary_that_is_not_taken_keeps_no_line_back(void **state) {
	(void)state;
	w.lines = 10;
	w.takes_no_summary = true;
	begin_new();
	for (int i = 0; i < 10 && next_request(UINT64_MAX) == COURIER_STREAM; i++) {
		answer(COURIER_STREAM, 200, "{}");
	}
	assert_int_equal(w.cursor.accepted, 10);
	assert_int_equal(w.refused, -1);
	assert_non_null(strstr(w.event, "did not take the summary"));
}

static void a_request_that_is_too_large_is_halved(void **state) {
	(void)state;
	w.lines = 64;
	begin_new();
	int tries = 0;
	for (; tries < 60 && next_request(w.now_ns) == COURIER_STREAM; tries++) {
		answer(COURIER_STREAM, w.c.n_lines > 10 ? 413 : 200, "{}");
	}
	assert_int_equal(w.cursor.accepted, 64);
	assert_int_equal(w.refused, -1);
	assert_true(tries < 40);
}

static void a_run_that_is_gone_is_asked_about_before_it_is_parked(void **state) {
	(void)state;
	w.lines = 2;
	begin_new();
	stream(404, "no such run");
	assert_null(w.c.cursor.parked);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "0"));
	stream(404, "no such run");
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_string_equal(w.cursor.parked,
		"W&B does not know this run any more: no such run (HTTP 404); "
		"`sae-metricsd sync r` tries again");
}

static void an_address_without_wandb_parks_nothing(void **state) {
	(void)state;
	w.lines = 2;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 404, "<html>nginx</html>");
	assert_null(w.c.cursor.parked);
	assert_int_equal(w.c.state, COURIER_WAITING);
}

static void garbage_is_no_answer(void **state) {
	(void)state;
	w.lines = 2;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, "<html>log in to the hotel</html>");
	assert_int_equal(w.c.state, COURIER_WAITING);
	assert_null(w.c.cursor.parked);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
}

static void news_of_itself_is_told_after_a_while(void **state) {
	(void)state;
	w.lines = 1;
	begin_new();
	stream(200, "{}");
	courier_note(&w.c, 1, false, true);
	uint64_t before_ns = w.now_ns;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	assert_int_equal(w.now_ns, before_ns + 5 * S);
}

static void the_end_is_said_again_behind_an_introduction(void **state) {
	(void)state;
	w.lines = 1;
	w.ended = true;
	begin_new();
	stream(200, "{}");
	assert_string_equal(w.request, "0 [\"0\"] summary complete");
	courier_note(&w.c, 1, true, true); /* W&B takes what comes of it for a run that goes on */
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "1"));
	stream(200, "{}");
	assert_string_equal(w.request, " [] complete");
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_true(courier_done(&w.c));
}

/* It has news of itself; what name it says then. */
static const char *told_again(void) {
	courier_note(&w.c, w.lines, w.ended, true);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "0"));
	return w.told;
}

static void what_people_change_at_wandb_is_not_changed_back(void **state) {
	(void)state;
	w.name = "one";
	begin_new();
	assert_string_equal(w.told, "one");
	stream(200, "{}");
	assert_string_equal(told_again(), ""); /* somebody may call it something else by now */
	w.name = "two";
	assert_string_equal(told_again(), "two");
	assert_string_equal(told_again(), "");
	(void)next_request(w.now_ns);
	courier_finish(&w.c); /* another daemon */
	courier_init(&w.c, "r", &policy);
	w.c.has_key = true;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "0"));
	assert_string_equal(w.told, "");
}

static void what_wandb_did_not_hear_is_said_again(void **state) {
	(void)state;
	w.name = "one";
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 0, "no answer");
	begin_new();
	assert_string_equal(w.told, "one");
}

static void a_run_wandb_has_only_now_is_told_its_name(void **state) {
	(void)state;
	w.name = "one";
	begin_new();
	stream(200, "{}");
	courier_note(&w.c, 0, false, true);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("true", "0")); /* it was deleted meanwhile */
	assert_string_equal(w.told, "");
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "0"));
	assert_string_equal(w.told, "one");
	stream(200, "{}");
}

static void a_run_that_goes_on_after_its_end_is_introduced_again(void **state) {
	(void)state;
	w.lines = 2;
	w.ended = true;
	begin_new();
	stream(200, "{}");
	(void)next_request(w.now_ns);
	assert_true(w.cursor.completed);
	w.ended = false;
	courier_note(&w.c, w.lines = 3, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "2"));
	stream(200, "{}");
	assert_string_equal(w.request, "2 [\"2\"]");
}

static void a_stop_is_passed_on(void **state) {
	(void)state;
	w.lines = 1;
	begin_new();
	stream(200, "{\"stopped\":true}");
	assert_true(w.c.stop_wanted);
}

static void a_parked_run_says_what_helps(void **state) {
	(void)state;
	w.lines = 2;
	begin_new();
	stream(200, "{}");
	w.c.introduced = false;
	w.lines = 3;
	courier_note(&w.c, 3, false, true);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "9"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "`sae-metricsd sync r --take-over` goes on"));
	assert_non_null(strstr(w.event, w.cursor.parked));
}

static bool is_whole_utf8(const char *words) {
	return text_flaw(text_of(words, strlen(words)), false) == NULL;
}

static void words_of_others_are_cut_between_characters(void **state) {
	struct buf text = {0};
	(void)state;
	assert_int_equal(buf_printf(&text, "{\"error\": \""), 0);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(buf_printf(&text, "\u00e9\u20ac"), 0);
	}
	assert_int_equal(buf_printf(&text, "\"}"), 0);
	const char *body = buf_text(&text);
	w.lines = 2;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 503, body);
	assert_true(strlen(w.c.words) > 255); /* all that there was room for, and the status */
	assert_true(is_whole_utf8(w.c.words));
	assert_non_null(strstr(w.c.words, " (HTTP 503)"));

	w.c.not_before_ns = 0;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 0, "it said \xff\x1b[2J, which is none");
	assert_string_equal(w.c.words, "it said \xef\xbf\xbd [2J, which is none");

	w.c.not_before_ns = 0;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 422, body);
	assert_true(is_whole_utf8(w.c.words));
	assert_non_null(strstr(w.c.words, "(HTTP 422); `sae-metricsd sync r` tries again"));
	buf_finish(&text);
}

static void a_note_is_not_overtaken_by_an_older_look_at_the_database(void **state) {
	(void)state;
	struct forward_visit *v = courier_visit(&w.c, true, w.now_ns);
	courier_note(&w.c, w.lines = 2, false, true);
	courier_visited(&w.c, v, -ENOENT, w.now_ns);
	forward_visit_destroy(v);
	assert_false(courier_done(&w.c));
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
}

static void once_is_all_there_is_without_waiting_for_more(void **state) {
	(void)state;
	static const struct courier_policy once = {.transmit_ms = 15000,
		.heartbeat_ms = 30000,
		.settle_ms = 5000,
		.batch_max = 8u << 20,
		.once = true};
	courier_finish(&w.c);
	courier_init(&w.c, "r", &once);
	w.c.has_key = true;
	w.lines = 5;
	begin_new();
	stream(200, "{}");
	assert_string_equal(w.request, "0 [\"0\",\"1\",\"2\",\"3\",\"4\"] summary");
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_true(courier_done(&w.c));
}

static void a_parked_run_can_be_told_to_go_on_before_it_is_known(void **state) {
	(void)state;
	w.lines = 2;
	w.cursor.parked = strdup("somebody else");
	courier_resume(&w.c, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	assert_null(w.cursor.parked);
}

static void a_backlog_goes_batch_after_batch_without_waiting(void **state) {
	(void)state;
	w.lines = 1000000;
	begin_new();
	uint64_t before_ns = w.now_ns;
	int requests = 0;
	while (next_request(w.now_ns) == COURIER_STREAM) {
		answer(COURIER_STREAM, 200, "{}");
		requests++;
	}
	assert_int_equal(w.cursor.accepted, 1000000);
	assert_int_equal(w.now_ns, before_ns);
	assert_true(requests <= 12);
}

static void two_introductions_at_once_are_tried_again(void **state) {
	(void)state;
	w.lines = 3;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 409,
		"{\"errors\":[{\"message\":\"Error 1062: Duplicate entry 'x' for key "
		"'PRIMARY'\"}]}");
	assert_null(w.c.cursor.parked);
}

static void a_run_goes_on_when_what_it_says_of_itself_is_not_taken(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	courier_note(&w.c, w.lines = 6, false, true);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 400, "{\"error\":\"config too deep\"}");
	stream(200, "{}");
	assert_string_equal(w.request, "3 [\"3\",\"4\",\"5\"]");
	assert_non_null(strstr(w.event, "config too deep"));
}

static void lines_wandb_lost_leave_no_hole(void **state) {
	(void)state;
	w.lines = 10;
	begin_new();
	stream(200, "{}");
	assert_int_equal(next_request(w.now_ns), COURIER_NOTHING);
	restart();
	w.lines = 12;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "4"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("4", "3", "1003"));
	enum courier_want want = next_request(w.now_ns + 60 * S);
	assert_int_not_equal(want, COURIER_STREAM);
}

static void a_conflict_blames_no_line(void **state) {
	(void)state;
	w.lines = 4;
	begin_new();
	stream(409, "{\"error\":\"try again\"}");
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "0"));
	stream(409, "{\"error\":\"try again\"}");
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_int_equal(w.refused, -1);
	assert_non_null(strstr(w.cursor.parked, "try again"));
}

static void a_count_that_lags_does_not_lead_over_our_own_lines(void **state) {
	(void)state;
	w.lines = 10;
	begin_new();
	stream(200, "{}");
	assert_int_equal(next_request(w.now_ns), COURIER_NOTHING);
	courier_resume(&w.c, true);
	w.lines = 12;
	courier_note(&w.c, 12, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "6"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, STATUS("6", "5", "1005")); /* lags */
	}
	enum courier_want want = next_request(w.now_ns + 60 * S);
	if (want == COURIER_STREAM) {
		answer(COURIER_STREAM, 200, "{}");
	}
	assert_true(strncmp(w.request, "6 ", 2) != 0);
}

static void what_a_run_says_of_itself_after_its_end_is_told(void **state) {
	(void)state;
	w.lines = 2;
	w.ended = true;
	begin_new();
	stream(200, "{}");
	while (!courier_done(&w.c)) {
		assert_int_not_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	}
	courier_note(&w.c, 2, true, true); /* tags or notes of a run that has ended */
	enum courier_want want = next_request(w.now_ns + 1000 * S);
	assert_int_equal(want, COURIER_UPSERT);
}

static void a_tail_that_lags_skips_no_fewer_steps_than_there_are_lines(void **state) {
	(void)state;
	w.lines = 10;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "10"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200,
			STATUS("10", "7", "1007")); /* ten lines cannot end at step 7 */
	}
	assert_int_equal(next_request(w.now_ns), COURIER_STREAM);
	answer(COURIER_STREAM, 200, "{}");
	assert_int_equal(w.cursor.skipped, 10);
}

static void a_crashed_run_that_wandb_has_all_of_is_let_go(void **state) {
	(void)state;
	w.lines = 2;
	begin_new();
	stream(200, "{}");
	w.silent = true;
	courier_note(&w.c, 2, false, false);
	assert_int_equal(next_request(w.now_ns + 100000 * S), COURIER_NOTHING);
	assert_true(courier_done(&w.c));
}

static void another_database_is_another_conversation(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	assert_int_equal(next_request(w.now_ns), COURIER_NOTHING);
	/* set aside as damaged: the new file knows nothing but the lines from now on */
	forward_cursor_finish(&w.cursor);
	w.cursor.db_id[0] = 7;
	w.lines = 2;
	w.first_step = 3;
	w.ended = true;
	courier_note(&w.c, 2, true, false);
	enum courier_want want = next_request(w.now_ns + 60 * S);
	assert_int_equal(want, COURIER_UPSERT);
}

static void a_run_begun_anew_at_wandb_is_not_sent_with_a_hole(void **state) {
	(void)state;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "1000"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, STATUS("1000", "999", "1999"));
	}
	assert_int_equal(next_request(w.now_ns), COURIER_STREAM);
	answer(COURIER_STREAM, 404,
		"{}"); /* deleted meanwhile, or the server's disk was put back */
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("true", "0"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "does not know this run any more"));
}

static void an_end_that_wandb_knows_is_not_told_again(void **state) {
	(void)state;
	w.lines = 2;
	w.ended = true;
	begin_new();
	stream(200, "{}");
	restart();
	courier_note(&w.c, 2, true, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_true(courier_done(&w.c));
}

/* As stream, where it may be so long ago that W&B, which has no line yet, is asked first whose the run is. */
static void stream_later(int status, const char *body) {
	enum courier_want want;
	while ((want = next_request(UINT64_MAX)) == COURIER_UPSERT || want == COURIER_STATUS) {
		answer(want, 200,
			want == COURIER_UPSERT ? UPSERT("false", "0") : STATUS("0", "0", "0"));
	}
	stream(status, body);
}

static void a_bad_hour_of_wandbs_costs_no_line(void **state) {
	(void)state;
	w.lines = 2;
	begin_new();
	for (int i = 0; i < 8; i++) {
		stream_later(400, "proxy has a bad hour");
	}
	assert_int_equal(w.refused, -1);
	assert_null(w.c.cursor.parked);
	assert_int_equal(w.c.state, COURIER_WAITING);
	for (int i = 0; i < 8 && w.cursor.accepted < 2; i++) {
		stream_later(200, "{}");
		(void)next_request(w.now_ns);
	}
	assert_int_equal(w.cursor.accepted, 2);
}

static void a_config_that_is_not_taken_is_left_out(void **state) {
	(void)state;
	w.lines = 2;
	w.config = "{\"deep\":1}";
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	assert_non_null(w.c.about.config_json);
	answer(COURIER_UPSERT, 413, "{\"error\":\"too large\"}");
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	assert_null(w.c.about.config_json);
	assert_non_null(strstr(w.event, "did not take the run's config: too large (HTTP 413)"));
	answer(COURIER_UPSERT, 200, UPSERT("true", "0"));
	stream(200, "{}");
	assert_string_equal(w.request, "0 [\"0\",\"1\"] summary");
}

static void a_key_given_while_the_old_one_is_asked_with_is_tried_at_once(void **state) {
	(void)state;
	w.lines = 1;
	begin_new();
	assert_int_equal(next_request(UINT64_MAX), COURIER_STREAM);
	struct buf request = {0};
	assert_int_equal(courier_stream(&w.c, &request), 0); /* under way */
	buf_finish(&request);
	courier_retry(&w.c);
	answer_again(401);
	uint64_t before_ns = w.now_ns;
	stream(200, "{}");
	assert_int_equal(w.now_ns, before_ns);
}

static void nobody_is_asked_again_without_a_pause(void **state) {
	(void)state;
	w.lines = 1;
	w.retry_after = "0";
	begin_new();
	uint64_t before_ns = w.now_ns;
	stream(503, "");
	stream(401, "");
	assert_true(w.now_ns - before_ns >= S);
	before_ns = w.now_ns;
	stream_later(200, "{}");
	assert_true(w.now_ns - before_ns >= 60 * S);
}

static void a_time_that_was_told_is_kept_to_whoever_else_gets_through(void **state) {
	(void)state;
	w.lines = 1;
	w.retry_after = "3600";
	begin_new();
	stream(503, "");
	courier_wake(&w.c);
	assert_int_equal(next_request(w.now_ns + 3599 * S), COURIER_NOTHING);
}

static void the_summary_goes_with_the_line_it_is_of(void **state) {
	(void)state;
	w.lines = 5;
	begin_new();
	w.c.lines_max = 3;
	stream(200, "{}");
	assert_string_equal(w.request, "0 [\"0\",\"1\",\"2\"]");
	stream(200, "{}");
	assert_string_equal(w.request, "3 [\"3\",\"4\"] summary");
}

static void who_has_asked_and_waits_his_turn_does_not_ask_again(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	courier_note(&w.c, w.lines = 4, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "3"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("3", "2", "1002"));
	w.now_ns += 200 * S; /* others have long requests */
	stream(200, "{}");
	assert_string_equal(w.request, "3 [\"3\"] summary");

	courier_note(&w.c, w.lines = 5, false, false);
	w.now_ns += 200 * S; /* it was silent */
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
}

static void who_has_asked_and_fails_asks_again(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(0, "no route to host");
	w.now_ns += 200 * S;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
}

/* The count may lag, and then the tail. Returns how long it took until it was parked, or sent. */
static uint64_t read_a_tail(int n_reads, const char *tail) {
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	courier_note(&w.c, w.lines = 4, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "2"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("2", "1", "1001"));
	uint64_t begun_ns = w.now_ns;
	while (next_request(UINT64_MAX) == COURIER_STATUS) {
		answer(COURIER_STATUS, 200, n_reads-- > 0 ? tail : STATUS("3", "2", "1002"));
	}
	return w.now_ns - begun_ns;
}

static void a_tail_may_lag_as_long_as_a_count(void **state) {
	(void)state;
	assert_true(read_a_tail(11, STATUS("3", "1", "1001")) <= 60 * S);
	assert_null(w.cursor.parked);
	assert_int_equal(next_request(UINT64_MAX), COURIER_STREAM);
}

static void a_tail_of_an_older_line_parks_the_run_in_the_end(void **state) {
	(void)state;
	assert_true(read_a_tail(1000, STATUS("3", "1", "1001")) <= 70 * S);
	assert_non_null(
		strstr(w.cursor.parked, "a line of step 1 where this database has one of step 2"));
}

static void a_tail_that_is_no_line_of_ours_does_not_lag(void **state) {
	(void)state;
	assert_true(read_a_tail(1000, STATUS("3", "1", "1007")) <= 10 * S);
	assert_non_null(strstr(w.cursor.parked, "a line of step 1 where"));
}

static void a_count_may_lag_behind_its_tail_too(void **state) {
	(void)state;
	w.lines = 4;
	begin_new();
	stream(200, "{}");
	restart();
	courier_note(&w.c, w.lines = 6, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "4"));
	for (int i = 0; i < 6;
		i++) { /* a batch that arrived before the restart counts only later */
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, STATUS("4", "5", "1005"));
	}
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("6", "5", "1005"));
	stream(200, "{}");
	assert_null(w.cursor.parked);
}

static void whom_another_host_keeps_waiting_is_told_so(void **state) {
	static const char *const counts[] = {STATUS("4", "3", "1003"), STATUS("5", "4", "1004"),
		STATUS("6", "5", "1005"), STATUS("7", "6", "1006")};
	(void)state;
	w.lines = 10;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "4"));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(w.c.state, COURIER_WELL);
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, counts[i]);
	}
	assert_int_equal(w.c.state, COURIER_WAITING);
	assert_non_null(strstr(w.c.words, "somebody else writes this run, W&B has 7 lines"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, counts[3]);
	assert_int_equal(w.c.state, COURIER_WELL);
	stream(200, "{}");
	assert_string_equal(w.request, "7 [\"7\",\"8\",\"9\"] summary");
}

static void a_config_that_is_not_taken_keeps_no_name_back_later_either(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	w.config = "{\"deep\":1}";
	w.name = "new name";
	courier_note(&w.c, w.lines = 6, false, true);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 400, "{\"error\":\"config too deep\"}");
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "3"));
	assert_string_equal(w.told, "new name");
}

static void a_bad_hour_of_wandbs_costs_no_summary(void **state) {
	(void)state;
	w.lines = 2;
	w.ended = true;
	begin_new();
	stream(400, "bad"); /* with the summary; without it: */
	stream(200, "{}");
	for (int i = 0; i < 60 && !w.cursor.completed; i++) {
		enum courier_want want = next_request(UINT64_MAX);
		int status = want == COURIER_STREAM && i < 40 ? 400 : 200;
		answer(want, status,
			want == COURIER_UPSERT ? UPSERT("false", "2") : STATUS("2", "1", "1001"));
		(void)next_request(w.now_ns);
	}
	assert_null(strstr(w.event, "did not take the summary"));
	assert_true(w.cursor.completed);
	assert_non_null(strstr(w.request, "summary complete"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_new_run_is_introduced_and_its_lines_begin_at_zero),
		TEST(lines_go_together_every_fifteen_seconds),
		TEST(lines_that_turn_out_to_be_others_are_asked_for_again),
		TEST(silence_is_broken_by_heartbeats_until_the_run_ends),
		TEST(the_end_comes_with_the_last_lines),
		TEST(a_crashed_run_is_left_to_wandb),
		TEST(a_run_wandb_has_is_gone_on_with_behind_its_lines),
		TEST(after_a_restart_the_numbers_go_on),
		TEST(a_batch_whose_fate_is_unknown_is_sent_again_at_its_place),
		TEST(more_lines_than_were_decided_park_the_run),
		TEST(another_line_in_our_place_parks_the_run),
		TEST(a_tail_that_lags_behind_its_count_parks_nothing),
		TEST(another_line_where_ours_were_to_go_parks_the_run),
		TEST(a_run_wandb_lost_is_not_begun_again_by_itself),
		TEST(a_run_that_wandb_lost_before_any_line_of_ours_is_not_begun_amid_its_numbers),
		TEST(another_database_in_its_place_is_asked_about_anew),
		TEST(a_resume_while_it_is_busy_is_not_forgotten),
		TEST(a_deleted_id_is_said_plainly_and_parked),
		TEST(an_outage_holds_no_lines_and_backs_off),
		TEST(who_is_woken_and_fails_again_waits_for_his_own_time),
		TEST(a_wait_that_wandb_named_is_not_cut_short),
		TEST(after_a_long_silence_it_is_asked_whose_the_run_is),
		TEST(a_silence_in_which_it_has_news_of_itself_is_one_too),
		TEST(a_run_that_crashed_is_asked_about_before_it_goes_on),
		TEST(a_question_that_is_answered_ends_no_trouble_with_lines),
		TEST(a_refused_key_is_probed_slowly_and_nothing_is_lost),
		TEST(without_a_key_it_waits_for_one),
		TEST(a_line_that_is_not_taken_is_found_and_set_aside),
		TEST(a_summary_that_is_not_taken_keeps_no_line_back),
		TEST(a_request_that_is_too_large_is_halved),
		TEST(a_run_that_is_gone_is_asked_about_before_it_is_parked),
		TEST(an_address_without_wandb_parks_nothing),
		TEST(garbage_is_no_answer),
		TEST(news_of_itself_is_told_after_a_while),
		TEST(the_end_is_said_again_behind_an_introduction),
		TEST(what_people_change_at_wandb_is_not_changed_back),
		TEST(what_wandb_did_not_hear_is_said_again),
		TEST(a_run_wandb_has_only_now_is_told_its_name),
		TEST(a_run_that_goes_on_after_its_end_is_introduced_again),
		TEST(a_stop_is_passed_on),
		TEST(a_parked_run_says_what_helps),
		TEST(words_of_others_are_cut_between_characters),
		TEST(a_note_is_not_overtaken_by_an_older_look_at_the_database),
		TEST(once_is_all_there_is_without_waiting_for_more),
		TEST(a_parked_run_can_be_told_to_go_on_before_it_is_known),
		TEST(a_backlog_goes_batch_after_batch_without_waiting),
		TEST(two_introductions_at_once_are_tried_again),
		TEST(a_run_goes_on_when_what_it_says_of_itself_is_not_taken),
		TEST(lines_wandb_lost_leave_no_hole),
		TEST(a_conflict_blames_no_line),
		TEST(a_count_that_lags_does_not_lead_over_our_own_lines),
		TEST(what_a_run_says_of_itself_after_its_end_is_told),
		TEST(a_tail_that_lags_skips_no_fewer_steps_than_there_are_lines),
		TEST(a_crashed_run_that_wandb_has_all_of_is_let_go),
		TEST(another_database_is_another_conversation),
		TEST(a_run_begun_anew_at_wandb_is_not_sent_with_a_hole),
		TEST(an_end_that_wandb_knows_is_not_told_again),
		TEST(a_bad_hour_of_wandbs_costs_no_line),
		TEST(a_config_that_is_not_taken_is_left_out),
		TEST(a_key_given_while_the_old_one_is_asked_with_is_tried_at_once),
		TEST(nobody_is_asked_again_without_a_pause),
		TEST(a_time_that_was_told_is_kept_to_whoever_else_gets_through),
		TEST(the_summary_goes_with_the_line_it_is_of),
		TEST(who_has_asked_and_waits_his_turn_does_not_ask_again),
		TEST(who_has_asked_and_fails_asks_again),
		TEST(a_tail_may_lag_as_long_as_a_count),
		TEST(a_tail_of_an_older_line_parks_the_run_in_the_end),
		TEST(a_tail_that_is_no_line_of_ours_does_not_lag),
		TEST(a_count_may_lag_behind_its_tail_too),
		TEST(whom_another_host_keeps_waiting_is_told_so),
		TEST(a_config_that_is_not_taken_keeps_no_name_back_later_either),
		TEST(a_bad_hour_of_wandbs_costs_no_summary),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
