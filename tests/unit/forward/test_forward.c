/* Many runs of one host and one W&B: turns, the budget, keys. The database is a list of numbers; W&B a web server. */
#include "forward.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forward_private.h"
#include "log.h"
#include "web_server.h"

#define RUNS_MAX 40

/* Says yes to anything: an UpsertBucket of a new run, and a file_stream that has nothing to say. */
#define YES                                                                                        \
	"{\"data\":{\"upsertBucket\":{\"inserted\":true,\"bucket\":{\"id\":\"sid\",\"name\":"      \
	"\"r\","                                                                                   \
	"\"displayName\":\"d\",\"project\":{\"name\":\"p\",\"entity\":{\"name\":\"e\"}},"          \
	"\"historyLineCount\":0}}}}"

struct stored {
	char id[RUN_ID_MAX + 1];
	int64_t lines;
	bool ended;
	struct forward_cursor cursor;
	uint32_t turn; /* the number of the visit that saved its last line */
};

struct world {
	uv_loop_t loop;
	struct web_server server;
	char base_url[64];
	struct forward *forward;
	struct stored runs[RUNS_MAX];
	size_t n_runs;
	struct forward_visit *visits[RUNS_MAX];
	size_t n_visits;
	uint32_t n_served;
	uv_check_t serve; /* visits come back a turn later, as from the worker */
	uv_idle_t keep;
	uint32_t n_fetched, n_sent_batches;
	uint32_t n_stops;
	bool closed;
	struct ledger ledger;
	bool has_ledger;
};

static struct world w;

/* ---- the database ---- */

static struct stored *stored(const char *id) {
	for (size_t i = 0; i < w.n_runs; i++) {
		if (strcmp(w.runs[i].id, id) == 0) {
			return &w.runs[i];
		}
	}
	return NULL;
}

static void save(struct stored *run, struct forward_visit *v) {
	if (v->save == FORWARD_SAVE_BASE) {
		v->cursor.base = v->server_lines - v->cursor.accepted;
		v->cursor.has_base = true;
	}
	w.n_sent_batches += v->cursor.accepted > run->cursor.accepted;
	forward_cursor_finish(&run->cursor);
	assert_int_equal(forward_cursor_copy(&run->cursor, &v->cursor), 0);
	if (run->cursor.accepted == run->lines && run->turn == 0) {
		run->turn = w.n_served;
	}
}

static void serve(struct forward_visit *v) {
	struct stored *run = stored(v->run_id);
	w.n_served++;
	if (run == NULL) {
		forward_visited(w.forward, v, -ENOENT);
		return;
	}
	if (v->save != FORWARD_SAVE_NOTHING) {
		save(run, v);
	} else {
		forward_cursor_finish(&v->cursor);
		assert_int_equal(forward_cursor_copy(&v->cursor, &run->cursor), 0);
	}
	v->lines = run->lines;
	v->ended = run->ended;
	v->uid = 1000;
	v->first = run->cursor.accepted;
	while (v->lines_max > 0 && v->n_lines < 50 && v->first + v->n_lines < run->lines) {
		assert_int_equal(buf_append(&v->content, v->n_lines > 0 ? ",\"{}\"" : "\"{}\"",
					 v->n_lines > 0 ? 5 : 4),
			0);
		v->n_lines++;
	}
	w.n_fetched += v->n_lines > 0;
	forward_visited(w.forward, v, 0);
}

static void on_serve(uv_check_t *check) {
	(void)check;
	size_t n = w.n_visits;
	for (size_t i = 0; i < n; i++) {
		if (w.forward != NULL) {
			serve(w.visits[i]);
		} else {
			forward_visit_destroy(w.visits[i]);
		}
	}
	for (size_t i = n; i < w.n_visits; i++) {
		w.visits[i - n] = w.visits[i]; /* asked for meanwhile */
	}
	w.n_visits -= n;
}

static int on_visit(void *user, struct forward_visit *visit) {
	(void)user;
	assert_true(w.n_visits < RUNS_MAX);
	w.visits[w.n_visits++] = visit;
	return 0;
}

static void on_stop(void *user, const char *run_id) {
	(void)user;
	(void)run_id;
	w.n_stops++;
}

/* ---- the world ---- */

static void on_idle(uv_idle_t *idle) {
	(void)idle; /* so that a turn never waits */
}

static void open_forward(const char *key, double requests_per_s) {
	static const struct forward_callbacks callbacks = {.visit = on_visit, .on_stop = on_stop};
	struct forward_options options = {
		.base_url = w.base_url,
		.introduction = {.version = "test"},
		.key = key,
		.key_source = "the test",
		.http = {.user_agent = "test"},
		.policy = courier_default_policy,
		.request_timeout_ms = 60000,
		.requests_per_s = requests_per_s,
		.ledger = w.has_ledger ? &w.ledger : NULL,
	};
	char words[256];
	assert_int_equal(forward_open(&w.loop, &options, &callbacks, NULL, &w.forward, words), 0);
}

static int setup(void **state) {
	(void)state;
	memset(&w, 0, sizeof w);
	log_set_level(LOG_LEVEL_ERROR);
	assert_int_equal(uv_loop_init(&w.loop), 0);
	web_server_open(&w.server, &w.loop);
	snprintf(w.base_url, sizeof w.base_url, "http://127.0.0.1:%d", w.server.port);
	(void)uv_check_init(&w.loop, &w.serve);
	(void)uv_check_start(&w.serve, on_serve);
	(void)uv_idle_init(&w.loop, &w.keep);
	(void)uv_idle_start(&w.keep, on_idle);
	return 0;
}

static void on_closed(void *user) {
	(void)user;
	w.closed = true;
}

static int teardown(void **state) {
	(void)state;
	struct forward *forward = w.forward;
	w.forward = NULL;
	forward_close(forward, on_closed, NULL);
	while (!w.closed || w.n_visits > 0) {
		uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	uv_close((uv_handle_t *)&w.serve, NULL);
	uv_close((uv_handle_t *)&w.keep, NULL);
	web_server_close(&w.server);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w.loop), 0);
	for (size_t i = 0; i < w.n_runs; i++) {
		forward_cursor_finish(&w.runs[i].cursor);
	}
	if (w.has_ledger) {
		ledger_finish(&w.ledger);
	}
	return 0;
}

static char yes[512];

static void server_says_yes(void) {
	static struct web_answer answer;
	snprintf(yes, sizeof yes, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(YES),
		YES);
	answer = (struct web_answer){.bytes = yes};
	web_server_script(&w.server, &answer, 1);
}

static struct stored *add_run(const char *id, int64_t lines) {
	struct stored *run = &w.runs[w.n_runs++];
	snprintf(run->id, sizeof run->id, "%s", id);
	run->lines = lines;
	run->ended = true;
	forward_add(w.forward, id);
	return run;
}

/* r0, r1, … */
static void add_runs(int n, int64_t lines) {
	for (int i = 0; i < n; i++) {
		char id[16];
		snprintf(id, sizeof id, "r%d", i);
		add_run(id, lines);
	}
}

#define TURN_UNTIL(condition)                                                                      \
	for (int turn = 0; !(condition); turn++) {                                                 \
		if (turn > 2000000) {                                                              \
			fail_msg("never: " #condition);                                            \
		}                                                                                  \
		uv_run(&w.loop, UV_RUN_NOWAIT);                                                    \
	}

static bool all_completed(void) {
	for (size_t i = 0; i < w.n_runs; i++) {
		if (!w.runs[i].cursor.completed) {
			return false;
		}
	}
	return true;
}

/* ---- the tests ---- */

static void every_run_comes_to_its_end(void **state) {
	(void)state;
	server_says_yes();
	open_forward("key", 1000);
	for (int i = 0; i < 30; i++) {
		char id[16];
		snprintf(id, sizeof id, "r%d", i);
		add_run(id, 10 * i);
	}
	TURN_UNTIL(all_completed());
	for (size_t i = 0; i < w.n_runs; i++) {
		assert_int_equal(w.runs[i].cursor.accepted, w.runs[i].lines);
		assert_non_null(strstr(w.runs[i].cursor.url, "/e/p/runs/r"));
	}
	TURN_UNTIL(forward_busy(w.forward) == 0);
	struct forward_view view;
	assert_false(forward_look(w.forward, "r1", 0, &view)); /* nothing is held of it any more */
}

static void a_long_backlog_keeps_nobody_waiting(void **state) {
	(void)state;
	server_says_yes();
	open_forward("key", 100000);
	struct stored *runs[13];
	for (int i = 0; i < 12; i++) {
		char id[16];
		snprintf(id, sizeof id, "long%d", i);
		runs[i] = add_run(id, 5000); /* a hundred batches each */
	}
	runs[12] = add_run("short", 1);
	TURN_UNTIL(all_completed());
	for (int i = 0; i < 12; i++) {
		assert_true(runs[12]->turn < runs[i]->turn);
	}
	assert_true(runs[12]->turn < 200);
}

static void requests_stay_within_the_hosts_budget(void **state) {
	(void)state;
	server_says_yes();
	open_forward("key", 5); /* ten at first, then one every 200 ms */
	add_runs(20, 1);
	uint64_t begun_ms = uv_now(&w.loop);
	while (uv_now(&w.loop) - begun_ms < 500) {
		uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	assert_in_range(w.server.n_requests, 10, 10 + 5);
}

static const struct courier *first_in_line(void) {
	return &container_of(w.forward->runs.next, struct forwarded, link)->courier;
}

static bool anybody_is_introduced(void) {
	list_for_each(link, &w.forward->runs) {
		if (container_of(link, struct forwarded, link)->courier.introduced) {
			return true;
		}
	}
	return false;
}

static void who_has_asked_goes_before_the_others(void **state) {
	(void)state;
	server_says_yes();
	open_forward("key", 1000);
	add_runs(30, 1);
	TURN_UNTIL(anybody_is_introduced());
	assert_true(first_in_line()->introduced); /* its answer is fresh */
	TURN_UNTIL(all_completed());
}

static void when_nobody_answers_one_request_at_a_time_finds_out(void **state) {
	(void)state;
	static const struct web_answer answers[] = {
		{.bytes = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"}, {.bytes = NULL}};
	web_server_script(&w.server, answers, 2);
	open_forward("key", 1000);
	add_run("first", 1);
	struct forward_view view;
	TURN_UNTIL(forward_look(w.forward, "first", 0, &view) && view.state == FORWARD_WAITING);
	add_runs(20, 1);
	TURN_UNTIL(w.server.n_requests == 2);
	for (int i = 0; i < 2000; i++) {
		uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(w.server.n_requests, 2);
	struct forward_sum sum;
	forward_look_all(w.forward, 0, NULL, &sum);
	assert_int_equal(sum.worst.state, FORWARD_WAITING);
	assert_string_equal(sum.worst.words, "HTTP 503");
}

static void a_host_that_asks_for_time_gets_it_from_all_runs(void **state) {
	(void)state;
	static const struct web_answer answer = {
		.bytes = "HTTP/1.1 429 Slow\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n"};
	web_server_script(&w.server, &answer, 1);
	open_forward("key", 1000);
	add_run("first", 1);
	struct forward_view view;
	TURN_UNTIL(forward_look(w.forward, "first", 0, &view) && view.state == FORWARD_WAITING);
	add_run("second", 1);
	for (int i = 0; i < 5000; i++) {
		uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(w.server.n_requests, 1);
	assert_true(view.retry_in_s > 3500);
}

static bool is_refused(const char *id) {
	struct forward_view view;
	return forward_look(w.forward, id, 0, &view) && view.state == FORWARD_REFUSED;
}

static void an_offered_key_that_is_refused_too_binds_nobody(void **state) {
	(void)state;
	static struct web_answer answers[3] = {
		{.bytes = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"},
		{.bytes = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"}};
	server_says_yes();
	answers[2] = (struct web_answer){.bytes = yes};
	web_server_script(&w.server, answers, 3);
	open_forward("key", 1000);
	struct stored *run = add_run("first", 1);
	TURN_UNTIL(is_refused("first"));
	assert_int_equal(
		forward_offer_key(w.forward, "first", 1000, text_of("his", 3)), FORWARD_KEY_TAKEN);
	assert_true(forward_resume(w.forward, "first", false));
	assert_false(forward_has_own_key(w.forward, "first"));
	TURN_UNTIL(w.server.n_requests == 2 && is_refused("first"));
	assert_true(forward_resume(w.forward, "first", false));
	TURN_UNTIL(all_completed());
	assert_false(run->cursor.own_key);
	assert_true(
		web_server_heard(&w.server, "Authorization: Basic YXBpOmtleQ==")); /* the host's */
}

static void a_users_own_key_is_for_his_run_alone(void **state) {
	(void)state;
	server_says_yes();
	open_forward(NULL, 1000);
	struct stored *run = add_run("first", 1);
	add_run("second", 1);
	(void)forward_give_key(w.forward, "first", 1000, text_of("his", 3), false);
	TURN_UNTIL(run->cursor.completed);
	assert_true(web_server_heard(&w.server, "Authorization: Basic YXBpOmhpcw=="));
	struct forward_view view;
	assert_true(forward_look(w.forward, "second", 0, &view));
	assert_int_equal(view.state, FORWARD_WAITING);
	assert_non_null(strstr(view.words, "a W&B key"));
	assert_int_equal(forward_busy(w.forward), 0);
	uint32_t n_given = 0;
	assert_int_equal(forward_resume_all(w.forward, 1000, text_of("hers", 4), &n_given), 1);
	assert_int_equal(n_given, 1);
	TURN_UNTIL(all_completed());
	assert_true(web_server_heard(&w.server, "Authorization: Basic YXBpOmhlcnM="));
}

/* Counted once a run, however often it changes, and given back with the run. */
static void a_user_has_so_many_keys_here_at_once(void **state) {
	(void)state;
	static struct holdings limits = {{[HOLDING_KEYS] = 1}};
	ledger_init(&w.ledger,
		&(struct ledger_limits){.of_user = ledger_same_for_all, .user = &limits});
	w.has_ledger = true;
	server_says_yes();
	open_forward(NULL, 1000);
	add_run("first", 1);
	add_run("second", 1);
	assert_true(forward_give_key(w.forward, "first", 1000, text_of("his", 3), false));
	assert_true(forward_give_key(w.forward, "first", 1000, text_of("new", 3), false));
	assert_false(forward_give_key(w.forward, "second", 1000, text_of("his", 3), false));
	assert_int_equal(forward_offer_key(w.forward, "second", 1000, text_of("his", 3)),
		FORWARD_KEY_NOT_KEPT);
	assert_int_equal(ledger_held(&w.ledger, 1000, HOLDING_KEYS), 1);
	struct forward_view view;
	TURN_UNTIL(!forward_look(w.forward, "first", 0, &view));
	while (ledger_held(&w.ledger, 1000, HOLDING_KEYS) > 0) {
		uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	assert_true(forward_give_key(w.forward, "second", 1000, text_of("his", 3), false));
	TURN_UNTIL(all_completed());
}

/* The host's may be another account's. */
static void a_run_whose_key_is_not_kept_does_not_go_with_the_hosts(void **state) {
	(void)state;
	static struct holdings limits = {{[HOLDING_KEYS] = 0}};
	ledger_init(&w.ledger,
		&(struct ledger_limits){.of_user = ledger_same_for_all, .user = &limits});
	w.has_ledger = true;
	server_says_yes();
	open_forward("hosts", 1000);
	add_run("another", 1);
	add_run("his", 1);
	assert_false(forward_give_key(w.forward, "his", 1000, text_of("his", 3), true));
	assert_true(forward_has_own_key(w.forward, "his"));
	struct forward_view view;
	TURN_UNTIL(forward_look(w.forward, "his", 0, &view) && view.state == FORWARD_WAITING);
	TURN_UNTIL(!forward_look(w.forward, "another", 0, &view));
	assert_true(forward_look(w.forward, "his", 0, &view));
	assert_int_equal(view.state, FORWARD_WAITING);
	assert_non_null(strstr(view.words, "a W&B key"));
}

static void a_key_that_is_offered_is_for_a_run_that_needs_one(void **state) {
	(void)state;
	static const char hers[] = "Authorization: Basic YXBpOmhlcnM=";
	server_says_yes();
	open_forward("key", 1000);
	add_run("well", 1);
	assert_int_equal(forward_offer_key(w.forward, "well", 1000, text_of("hers", 4)),
		FORWARD_KEY_KEPT); /* nobody has looked yet */
	TURN_UNTIL(all_completed());
	assert_false(web_server_heard(&w.server, hers));

	struct stored *run = add_run("lost", 1);
	run->cursor.own_key = true; /* and it went with a daemon that is no more */
	assert_int_equal(
		forward_offer_key(w.forward, "lost", 1000, text_of("hers", 4)), FORWARD_KEY_KEPT);
	TURN_UNTIL(all_completed());
	assert_true(web_server_heard(&w.server, hers));
}

static void a_run_that_is_parked_keeps_its_key(void **state) {
	(void)state;
	struct forward_view view;
	server_says_yes();
	open_forward("key", 1000);
	add_run("parked", 1)->cursor.parked = strdup("somebody else writes it, too");
	TURN_UNTIL(forward_look(w.forward, "parked", 0, &view));
	assert_int_equal(forward_offer_key(w.forward, "parked", 1000, text_of("hers", 4)),
		FORWARD_KEY_NOT_NEEDED);
	assert_false(forward_is_unanswered(w.forward, "parked"));
	assert_true(forward_resume(w.forward, "parked", false));
	assert_true(forward_is_unanswered(w.forward, "parked")); /* parked again, for all we know */
	TURN_UNTIL(all_completed());
	assert_false(web_server_heard(&w.server, "Authorization: Basic YXBpOmhlcnM="));
}

static void a_key_that_is_refused_gives_way_to_the_one_that_is_offered(void **state) {
	(void)state;
	static const struct web_answer no = {
		.bytes = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"};
	struct forward_view view;
	uint32_t n_given = 0;
	web_server_script(&w.server, &no, 1);
	open_forward("key", 1000);
	add_run("first", 1);
	TURN_UNTIL(forward_look(w.forward, "first", 0, &view) && view.state == FORWARD_REFUSED);
	server_says_yes();
	assert_int_equal(forward_resume_all(w.forward, 999, text_of("his", 3), &n_given), 0);
	assert_int_equal(forward_resume_all(w.forward, 1000, text_of("hers", 4), &n_given), 1);
	assert_int_equal(n_given, 1);
	TURN_UNTIL(all_completed());
	assert_true(web_server_heard(&w.server, "Authorization: Basic YXBpOmhlcnM="));
	assert_false(web_server_heard(&w.server, "Authorization: Basic YXBpOmhpcw=="));
	assert_true(w.runs[0].cursor.own_key);
}

static void visit_and_rest(void) {
	uint32_t served = w.n_served;
	TURN_UNTIL(w.n_served > served && w.n_visits == 0);
	for (int i = 0; i < 100; i++) {
		uv_run(&w.loop, UV_RUN_NOWAIT);
	}
}

/* A trainer opens its run and gives a key; the commit comes later. */
static void a_key_is_kept_until_the_commit_that_it_was_given_for(void **state) {
	(void)state;
	server_says_yes();
	open_forward(NULL, 1000);
	(void)forward_give_key(w.forward, "fresh", 1000, text_of("his", 3), true);
	visit_and_rest(); /* nobody knows the run yet */
	struct stored *run = add_run("fresh", 1);
	forward_note(w.forward, "fresh", 1, true, true);
	TURN_UNTIL(run->cursor.completed);

	forward_note(w.forward, "fresh", 1, true, false);
	struct forward_view view;
	TURN_UNTIL(!forward_look(w.forward, "fresh", 0, &view)); /* W&B has it to its end */
	(void)forward_give_key(w.forward, "fresh", 1000, text_of("hers", 4), true);
	visit_and_rest(); /* there is nothing to be done yet */
	run->lines = 2;
	forward_note(w.forward, "fresh", 2, true, true);
	TURN_UNTIL(web_server_heard(&w.server, "Authorization: Basic YXBpOmhlcnM="));
}

static void what_is_doubted_under_way_is_looked_at_anew(void **state) {
	(void)state;
	server_says_yes();
	open_forward("key", 1000);
	add_runs(20, 200);
	TURN_UNTIL(w.server.n_requests > 3);
	forward_doubt_all(w.forward);
	TURN_UNTIL(all_completed());
}

static void lines_are_fetched_only_when_they_can_be_sent(void **state) {
	(void)state;
	static const struct web_answer silence = {.bytes = NULL};
	server_says_yes();
	open_forward("key", 1000);
	add_runs(30, 1000);
	TURN_UNTIL(w.server.n_requests > 40);
	web_server_script(&w.server, &silence, 1);
	for (int i = 0; i < 3000; i++) {
		uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	uint32_t before = w.n_fetched;
	for (int i = 0; i < 3000; i++) {
		uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(w.n_fetched, before);
	assert_true(w.n_fetched - w.n_sent_batches <= FORWARD_IN_FLIGHT_MAX + 1);
}

static void a_stop_comes_once(void **state) {
	(void)state;
	static char bytes[256];
	static struct web_answer answers[2];
	server_says_yes();
	snprintf(bytes, sizeof bytes,
		"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"stopped\":true}");
	answers[0] = (struct web_answer){.bytes = yes};
	answers[1] = (struct web_answer){.bytes = bytes};
	web_server_script(&w.server, answers, 2);
	open_forward("key", 1000);
	add_run("first", 1);
	TURN_UNTIL(w.n_stops > 0 && all_completed());
	assert_int_equal(w.n_stops, 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(every_run_comes_to_its_end),
		TEST(a_long_backlog_keeps_nobody_waiting),
		TEST(requests_stay_within_the_hosts_budget),
		TEST(an_offered_key_that_is_refused_too_binds_nobody),
		TEST(who_has_asked_goes_before_the_others),
		TEST(when_nobody_answers_one_request_at_a_time_finds_out),
		TEST(a_host_that_asks_for_time_gets_it_from_all_runs),
		TEST(a_users_own_key_is_for_his_run_alone),
		TEST(a_user_has_so_many_keys_here_at_once),
		TEST(a_run_whose_key_is_not_kept_does_not_go_with_the_hosts),
		TEST(a_key_that_is_offered_is_for_a_run_that_needs_one),
		TEST(a_run_that_is_parked_keeps_its_key),
		TEST(a_key_that_is_refused_gives_way_to_the_one_that_is_offered),
		TEST(a_key_is_kept_until_the_commit_that_it_was_given_for),
		TEST(what_is_doubted_under_way_is_looked_at_anew),
		TEST(lines_are_fetched_only_when_they_can_be_sent),
		TEST(a_stop_comes_once),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
