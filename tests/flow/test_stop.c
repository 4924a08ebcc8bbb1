/* A run that somebody asks to stop: who may, who is told, and who has to come back for it. */
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "encode.h"
#include "flow.h"
#include "forget.h"
#include "text.h"

#define OTHER_UID 65533u /* any but our own, root's and the overflow's */

static struct text text(const char *s) {
	return text_of(s, strlen(s));
}

/* The reply's code; its words are copied. */
static uint32_t ask_to_stop(
	struct peer *reader, const char *run, const char *reason, char words[512]) {
	struct message m = {.type = MSG_QUERY, .query = {.token = 9, .what = text("stop")}};

	m.query.run = run != NULL ? text(run) : (struct text){0};
	m.query.reason = reason != NULL ? text(reason) : (struct text){0};
	peer_send(reader, &m, NULL, 0);
	peer_expect(reader, MSG_REPLY, &m);
	assert_int_equal(m.reply.token, 9);
	assert_int_equal(m.reply.json_len, 0);
	assert_true(m.reply.words.len > 0);
	snprintf(words, 512, "%.*s", (int)m.reply.words.len, m.reply.words.data);
	return m.reply.code;
}

/* Of one connection: one question. */
static uint32_t ask_once(struct flow *f, const char *run, const char *reason, char words[512]) {
	struct peer reader;

	reader_connect(f, &reader);
	uint32_t code = ask_to_stop(&reader, run, reason, words);
	peer_close(&reader);
	return code;
}

/* Skips acks; its reason is copied. */
static void expect_stop(struct trainer *t, char reason[512]) {
	struct message m = {0};

	do {
		assert_true(peer_read(&t->peer, &m));
	} while (m.type == MSG_ACK);
	assert_int_equal(m.type, MSG_STOP);
	snprintf(reason, 512, "%.*s", (int)m.stop.reason.len, m.stop.reason.data);
}

/* A run that the database knows of. */
static void begin(struct trainer *t, struct flow *f, const char *run) {
	trainer_init(t, f, run, 0, 1);
	trainer_join(t);
	trainer_step(t);
	trainer_until_acked(t, 1);
}

static const char *own_name(void) {
	const struct passwd *entry = getpwuid(geteuid());

	assert_non_null(entry);
	return entry->pw_name;
}

/* ---- who is told ---- */

static void every_rank_is_told_who_it_was_and_why(void **state) {
	struct flow *f = *state;
	struct trainer t[2];
	char words[512], reason[512], expected[512];

	for (uint32_t i = 0; i < 2; i++) {
		trainer_init(&t[i], f, "ab12cd34", i, 2);
		trainer_join(&t[i]);
	}
	for (uint32_t i = 0; i < 2; i++) {
		trainer_step(&t[i]);
	}
	trainer_until_acked(&t[0], 1);
	assert_int_equal(ask_once(f, "ab12", "the disk is needed", words), REPLY_OK);
	assert_string_equal(words, "run ab12cd34 is asked to stop");

	snprintf(expected, sizeof expected,
		"stopped by %s with `sae-metricsd stop`: the disk is needed", own_name());
	for (uint32_t i = 0; i < 2; i++) {
		expect_stop(&t[i], reason);
		assert_string_equal(reason, expected);
		trainer_close(&t[i]);
	}
	flow_until(
		f, 1, "SELECT count(*) FROM events WHERE kind = 'stop' AND text = '%s'", expected);
}

static void a_run_that_was_asked_to_stop_and_finishes_is_stopped(void **state) {
	struct flow *f = *state;
	struct trainer t;
	char words[512], reason[512];

	begin(&t, f, "obeys");
	assert_int_equal(ask_once(f, "obeys", NULL, words), REPLY_OK);
	expect_stop(&t, reason);
	assert_non_null(strstr(reason, "with `sae-metricsd stop`"));
	assert_null(strstr(reason, "`:"));
	trainer_finish(&t);
	flow_until(f, 1, "SELECT count(*) FROM runs WHERE state = 'stopped' AND exit_code = 0");
	trainer_close(&t);
}

static void who_is_away_is_told_when_he_is_back_also_after_a_restart(void **state) {
	struct flow *f = *state;
	struct trainer t;
	char words[512], reason[512];

	begin(&t, f, "away");
	trainer_close(&t);
	while (server_stats(f->server)->sessions > 0) {
		flow_turn(f);
	}
	assert_int_equal(ask_once(f, "away", "enough", words), REPLY_OK);
	assert_string_equal(
		words, "run away is asked to stop; its trainer is told when it is back");
	trainer_join(&t);
	expect_stop(&t, reason);
	assert_non_null(strstr(reason, ": enough"));
	trainer_close(&t);

	flow_stop(f);
	flow_start(f);
	trainer_join(&t);
	expect_stop(&t, reason);
	assert_non_null(strstr(reason, ": enough"));
	trainer_close(&t);
}

static void a_run_that_is_in_the_database_alone_is_brought_back_for_it(void **state) {
	struct flow *f = *state;
	struct trainer t;
	char words[512], reason[512];

	begin(&t, f, "evicted");
	forget_run(f->engine, "evicted");
	trainer_close(&t);
	assert_int_equal(ask_once(f, "evicted", "enough", words), REPLY_OK);
	trainer_join(&t);
	expect_stop(&t, reason);
	assert_non_null(strstr(reason, ": enough"));
	trainer_close(&t);
}

static void a_run_that_does_not_fit_is_not_brought_back_for_it(void **state) {
	struct flow *f = *state;
	struct trainer t;
	char words[512], expected[512];

	begin(&t, f, "evicted");
	forget_run(f->engine, "evicted");
	trainer_close(&t);
	f->limits.of[HOLDING_MEMORY] = 1u << 20;
	/* That he has filled his part of the disk does not keep it from ending. */
	f->limits.of[HOLDING_DATABASE] = 1;
	ledger_reload(&f->ledger, &f->ledger.limits);
	assert_int_equal(ask_once(f, "evicted", NULL, words), REFUSE_BUDGET);
	snprintf(expected, sizeof expected,
		"run evicted cannot be stopped now: user %s holds 0 B of memory; limit memory = "
		"1.0 MiB ([limits] in sae-metricsd.conf); tried again",
		own_name());
	assert_memory_equal(words, expected, strlen(expected));
	assert_int_equal(ledger_held(&f->ledger, getuid(), HOLDING_RUNS), 0);

	f->limits.of[HOLDING_MEMORY] = LEDGER_NO_LIMIT;
	ledger_reload(&f->ledger, &f->ledger.limits);
	assert_int_equal(ask_once(f, "evicted", NULL, words), REPLY_OK);
}

static void asked_again_the_first_reason_stays(void **state) {
	struct flow *f = *state;
	struct trainer t;
	char words[512], reason[512];

	begin(&t, f, "again");
	assert_int_equal(ask_once(f, "again", "the first", words), REPLY_OK);
	assert_int_equal(ask_once(f, "again", "the second", words), REPLY_OK);
	assert_non_null(strstr(words, "run again was asked to stop before: stopped by "));
	assert_non_null(strstr(words, "the first"));
	expect_stop(&t, reason);
	trainer_step(&t);
	trainer_until_acked(&t, 2); /* and no other STOP */
	trainer_close(&t);
}

static void a_long_reason_is_cut_between_its_characters(void **state) {
	struct flow *f = *state;
	struct trainer t;
	char words[512], reason[512], given[QUERY_REASON_MAX + 1] = "";

	for (size_t i = 0; i < QUERY_REASON_MAX / 2; i++) {
		memcpy(given + 2 * i, "\u00fc", 2);
	}
	begin(&t, f, "umlauts");
	assert_int_equal(ask_once(f, "umlauts", given, words), REPLY_OK);
	expect_stop(&t, reason);
	assert_in_range(strlen(reason), 254, 255);
	assert_null(text_flaw(text(reason), true));
	trainer_close(&t);
}

/* ---- who is not ---- */

static void a_run_that_has_ended_is_not_stopped(void **state) {
	struct flow *f = *state;
	struct trainer t;
	char words[512];

	begin(&t, f, "ended");
	trainer_finish(&t);
	trainer_until_acked(&t, 2);
	assert_int_equal(ask_once(f, "ended", NULL, words), REPLY_RUN_ENDED);
	assert_string_equal(words, "run ended has ended (finished)");
	trainer_close(&t);

	flow_stop(f); /* then it is in the database alone */
	flow_start(f);
	assert_int_equal(ask_once(f, "ended", NULL, words), REPLY_RUN_ENDED);
	assert_string_equal(words, "run ended has ended (finished)");
}

static void a_part_that_fits_no_run_or_several_stops_none(void **state) {
	struct flow *f = *state;
	struct trainer a, b;
	char words[512];

	begin(&a, f, "one-more");
	begin(&b, f, "one-less");
	assert_int_equal(ask_once(f, "one", NULL, words), REPLY_NO_SUCH_RUN);
	assert_non_null(strstr(words, "2 runs fit 'one'"));
	assert_int_equal(ask_once(f, "two", NULL, words), REPLY_NO_SUCH_RUN);
	assert_string_equal(words, "no run fits 'two'");
	assert_int_equal(ask_once(f, NULL, NULL, words), REPLY_NO_SUCH_RUN);
	assert_string_equal(words, "which run? a part of its id or name is enough");
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM events WHERE kind = 'stop'"), 0);
	trainer_step(&a);
	trainer_until_acked(&a, 2);
	trainer_close(&a);
	trainer_close(&b);
}

static void skip_unless_root(void) {
	if (geteuid() != 0) {
		print_message("# only root can be another user\n");
		skip();
	}
}

static void become_another_user(void) {
	assert_int_equal(seteuid(OTHER_UID), 0);
}

static void a_run_of_another_user_is_not_stopped(void **state) {
	struct flow *f = *state;
	struct trainer t;
	struct peer reader;
	char words[512];

	skip_unless_root();
	begin(&t, f, "roots");
	become_another_user();
	reader_connect(f, &reader);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(ask_to_stop(&reader, "roots", "mine now", words), REPLY_NOT_PERMITTED);
	assert_string_equal(
		words, "run roots is root's; its own user and administrators may stop it");
	peer_close(&reader);
	trainer_step(&t);
	trainer_until_acked(&t, 2); /* and no STOP */
	trainer_close(&t);

	/* One that he may not even see. */
	trainer_init(&t, f, "secret", 0, 1);
	t.open.is_private = true;
	trainer_join(&t);
	trainer_step(&t);
	trainer_until_acked(&t, 1);
	become_another_user();
	reader_connect(f, &reader);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(ask_to_stop(&reader, "secret", NULL, words), REPLY_NO_SUCH_RUN);
	assert_string_equal(words, "no run fits 'secret'");
	peer_close(&reader);
	trainer_close(&t);
}

/* A run of somebody who is not root. */
static void begin_theirs(struct trainer *t, struct flow *f) {
	become_another_user();
	trainer_init(t, f, "theirs", 0, 1);
	trainer_join(t);
	assert_int_equal(seteuid(0), 0);
	trainer_step(t);
	trainer_until_acked(t, 1);
	assert_int_equal(flow_ask(f, "SELECT uid FROM runs_data"), OTHER_UID);
}

static void root_is_a_user_like_any_other(void **state) {
	struct flow *f = *state;
	struct trainer t;
	char words[512];

	skip_unless_root();
	begin_theirs(&t, f);
	assert_int_equal(ask_once(f, "theirs", NULL, words), REPLY_NOT_PERMITTED);
	assert_non_null(strstr(words, "run theirs is "));
	assert_non_null(strstr(words, "its own user and administrators may stop it"));
	trainer_close(&t);
}

static void root_stops_the_run_of_any_user_where_that_was_agreed_to(void **state) {
	struct flow *f = *state;
	struct trainer t;
	char words[512], reason[512];

	skip_unless_root();
	f->options.access.trust_root = true;
	engine_set_access(f->engine, &f->options.access);
	begin_theirs(&t, f);
	assert_int_equal(ask_once(f, "theirs", NULL, words), REPLY_OK);
	expect_stop(&t, reason);
	assert_string_equal(reason, "stopped by root with `sae-metricsd stop`");
	trainer_close(&t);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, flow_setup, flow_teardown)
	const struct CMUnitTest tests[] = {
		T(every_rank_is_told_who_it_was_and_why),
		T(a_run_that_was_asked_to_stop_and_finishes_is_stopped),
		T(who_is_away_is_told_when_he_is_back_also_after_a_restart),
		T(a_run_that_is_in_the_database_alone_is_brought_back_for_it),
		T(a_run_that_does_not_fit_is_not_brought_back_for_it),
		T(asked_again_the_first_reason_stays),
		T(a_long_reason_is_cut_between_its_characters),
		T(a_run_that_has_ended_is_not_stopped),
		T(a_part_that_fits_no_run_or_several_stops_none),
		T(a_run_of_another_user_is_not_stopped),
		T(root_is_a_user_like_any_other),
		T(root_stops_the_run_of_any_user_where_that_was_agreed_to),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
