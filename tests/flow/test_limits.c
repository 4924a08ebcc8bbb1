/* Two users of one engine: what one may, what the other has in spite of him. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "encode.h"
#include "flow.h"
#include "forget.h"
#include "log.h"
#include "log_limit.h"
#include "log_messages.h"

/* Whom no host has, so that they go by their numbers. */
#define JOE 2000001000u
#define ANA 2000001001u

static void open_as(struct trainer *t, uid_t uid) {
	trainer_connect_as(t, uid);
	trainer_open(t);
}

static void refused(struct trainer *t, uid_t uid, enum refusal_code code, const char *words) {
	struct message m = {.type = MSG_OPEN, .open = t->open};

	trainer_connect_as(t, uid);
	peer_send(&t->peer, &m, NULL, 0);
	peer_expect(&t->peer, MSG_REFUSAL, &m);
	assert_int_equal(m.refusal.code, code);
	if (memmem(m.refusal.words.data, m.refusal.words.len, words, strlen(words)) == NULL) {
		fail_msg("\"%s\" is not in \"%.*s\"", words, (int)m.refusal.words.len,
			m.refusal.words.data);
	}
	peer_close(&t->peer);
}

static void end(struct trainer *t) {
	trainer_finish(t);
	trainer_until_acked(t, t->seq);
	trainer_close(t);
}

static uint64_t held(const struct flow *f, uid_t uid, enum holding what) {
	return ledger_held(&f->ledger, uid, what);
}

static bool drop_line(
	enum log_level level, const struct log_about *about, const char *line, size_t len) {
	(void)level;
	(void)about;
	(void)line;
	(void)len;
	return true;
}

static void what_a_user_makes_the_daemon_hold_is_given_back(void **state) {
	struct flow *f = *state;
	struct trainer t;

	trainer_init(&t, f, "r", 0, 1);
	open_as(&t, JOE);
	trainer_step(&t);
	trainer_until_acked(&t, 1);
	assert_int_equal(held(f, JOE, HOLDING_CONNECTIONS), 1);
	assert_int_equal(held(f, JOE, HOLDING_RUNS), 1);
	assert_true(held(f, JOE, HOLDING_MEMORY) > 0);
	end(&t);
	while (held(f, JOE, HOLDING_RUNS) > 0 || held(f, JOE, HOLDING_CONNECTIONS) > 0) {
		flow_turn(f); /* until it is evicted */
	}
	assert_int_equal(held(f, JOE, HOLDING_MEMORY), 0);
	assert_int_equal(held(f, JOE, HOLDING_QUEUED), 0);
	assert_true(held(f, JOE, HOLDING_DATABASE) > 0);
}

static void who_has_filled_his_part_of_the_disk_opens_nothing_more(void **state) {
	struct flow *f = *state;
	struct trainer first, second, other;

	trainer_init(&first, f, "first", 0, 1);
	open_as(&first, JOE);
	trainer_step(&first);
	trainer_until_acked(&first, 1);
	uint64_t has = held(f, JOE, HOLDING_DATABASE);
	f->limits.of[HOLDING_DATABASE] = has;
	ledger_reload(&f->ledger, &f->ledger.limits);

	trainer_init(&second, f, "second", 0, 1);
	refused(&second, JOE, REFUSE_BUDGET, "user 2000001000 holds ");
	refused(&second, JOE, REFUSE_BUDGET, "; limit database = ");
	refused(&second, JOE, REFUSE_BUDGET,
		"([limits] in sae-metricsd.conf); tried again when older");
	trainer_init(&other, f, "other", 0, 1);
	open_as(&other, ANA);

	/* The run that is being trained goes on, and so does its next connection. */
	trainer_step(&first);
	trainer_until_acked(&first, 2);
	trainer_close(&first);
	open_as(&first, JOE);
	end(&first);
	end(&other);
}

static void what_cannot_be_counted_stays_as_it_was_known(void **state) {
	struct flow *f = *state;
	struct trainer t;

	trainer_init(&t, f, "r", 0, 1);
	open_as(&t, JOE);
	trainer_step(&t);
	trainer_until_acked(&t, 1);
	uint64_t has = held(f, JOE, HOLDING_DATABASE);
	assert_true(has > 0);
	(void)flow_ask(f, "ALTER TABLE runs_data RENAME COLUMN rows_bytes TO gone");
	log_set_sink(drop_line);
	count_usage(f->engine);
	log_set_sink(NULL);
	(void)flow_ask(f, "ALTER TABLE runs_data RENAME COLUMN gone TO rows_bytes");
	assert_int_equal(held(f, JOE, HOLDING_DATABASE), has);
	count_usage(f->engine);
	assert_true(held(f, JOE, HOLDING_DATABASE) > 0);
	end(&t);
}

/* A note of a run that is on disk; returns its file. */
static void leave_note(struct flow *f, const char *run, char file[160]) {
	uint8_t frames[4096];
	size_t len = 0;
	char folder[112];
	struct trainer t;
	const struct message hello = {.type = MSG_HELLO,
		.hello = {.version_min = PROTO_VERSION_MIN,
			.version_max = PROTO_VERSION_MAX,
			.role = ROLE_TRAINER}};

	trainer_init(&t, f, run, 0, 1);
	const struct message open = {.type = MSG_OPEN, .open = t.open};
	len += encode(&hello, 0, frames + len, sizeof frames - len);
	len += encode(&open, 0, frames + len, sizeof frames - len);
	snprintf(folder, sizeof folder, "%s.notes", f->socket);
	assert_int_equal(mkdir(folder, 0700), 0);
	int at = snprintf(file, 160, "%s/", folder);
	for (size_t i = 0; i < STREAM_ID_SIZE; i++) {
		at += snprintf(file + at, 160 - (size_t)at, "%02x", t.open.stream[i]);
	}
	FILE *out = fopen(file, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(frames, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

/* A quarter above it he waits like for a disk that is full; until he may have more. */
static void far_above_it_his_runs_wait_and_nobody_elses(void **state) {
	struct flow *f = *state;
	struct trainer t, other;

	trainer_init(&t, f, "t", 0, 1);
	trainer_init(&other, f, "other", 0, 1);
	open_as(&t, JOE);
	open_as(&other, ANA);
	trainer_step(&t);
	trainer_until_acked(&t, 1);
	f->limits.of[HOLDING_DATABASE] = held(f, JOE, HOLDING_DATABASE) / 2;
	ledger_reload(&f->ledger, &f->ledger.limits);

	trainer_step(&t);
	trainer_flush(&t);
	struct holdings before = f->limits;
	f->limits.of[HOLDING_DATABASE] = LEDGER_NO_LIMIT;
	list_for_each(link, &f->ledger.holders) {
		struct holder *h = container_of(link, struct holder, link);
		h->limits = h->uid == ANA ? f->limits : before;
	}
	for (int i = 0; i < 3; i++) {
		trainer_step(&other);
		trainer_until_acked(&other, other.seq);
	}
	assert_int_equal(t.acked, 1);
	ledger_reload(&f->ledger, &f->ledger.limits);
	trainer_step(&other); /* its commit looks for who waits */
	trainer_until_acked(&t, 2);
	end(&t);
	end(&other);
}

/* A run of Joe's is in the database, and no longer in memory; whoever opens it anew is *ret. */
static void keep_run(struct flow *f, struct trainer *ret) {
	trainer_init(ret, f, "kept", 0, 1);
	open_as(ret, JOE);
	trainer_step(ret);
	trainer_until_acked(ret, 1);
	end(ret);
	while (held(f, JOE, HOLDING_RUNS) > 0) {
		flow_turn(f);
	}
	trainer_init(ret, f, "kept", 0, 1);
}

static void a_run_that_does_not_fit_is_not_even_loaded(void **state) {
	struct flow *f = *state;
	struct trainer t;

	keep_run(f, &t);
	f->limits.of[HOLDING_MEMORY] = 1u << 20;
	ledger_reload(&f->ledger, &f->ledger.limits);
	refused(&t, JOE, REFUSE_BUDGET,
		"user 2000001000 holds 0 B of memory; limit memory = 1.0 MiB");
	assert_int_equal(held(f, JOE, HOLDING_RUNS), 0);
}

static void nor_for_a_note(void **state) {
	struct flow *f = *state;
	struct trainer t;
	char file[160];

	trainer_init(&t, f, "kept", 0, 1);
	trainer_join(&t);
	trainer_step(&t);
	trainer_until_acked(&t, 1);
	end(&t);
	flow_stop(f);
	leave_note(f, "kept", file);
	f->ledger.limits.host_memory = 1u << 20;
	flow_start(f);
	assert_int_equal(held(f, getuid(), HOLDING_RUNS), 0);
	assert_int_equal(access(file, F_OK), 0);

	flow_stop(f);
	f->ledger.limits.host_memory = LEDGER_NO_LIMIT;
	flow_start(f);
	assert_int_equal(held(f, getuid(), HOLDING_RUNS), 1);
	while (access(file, F_OK) == 0) {
		flow_turn(f);
	}
}

/* His opening another's run charges nobody, and costs no reading. */
static void anothers_run_is_not_loaded(void **state) {
	struct flow *f = *state;
	struct trainer t;

	keep_run(f, &t);
	refused(&t, ANA, REFUSE_NOT_PERMITTED, "belongs to another user");
	assert_int_equal(held(f, JOE, HOLDING_RUNS), 0);
	assert_int_equal(held(f, ANA, HOLDING_RUNS), 0);
}

#define LARGE_D_SAE (1u << 17)

static void large_step(struct trainer *t) {
	static const uint8_t counts[LARGE_D_SAE] = {1};
	struct message m = {.type = MSG_STEP,
		.step = {.seq = ++t->seq,
			.step = t->step++,
			.time = 1.7e9,
			.n_rows = 16,
			.n_scalars = 1,
			.nonzero = {
				.form = COUNTS_U8, .n_entries = LARGE_D_SAE, .len = LARGE_D_SAE}}};

	peer_send(&t->peer, &m, counts, sizeof counts);
}

/* Its commits are large and rare where others are there: it is read on until the next. */
static void beside_others_a_large_run_goes_on_while_its_user_rests(void **state) {
	struct flow *f = *state;
	struct trainer large, other;
	enum { N = 100 };

	trainer_init(&other, f, "other", 0, 1);
	open_as(&other, ANA);
	trainer_init(&large, f, "large", 0, 1);
	large.open.d_sae = LARGE_D_SAE;
	open_as(&large, JOE);
	for (int i = 0; i < N; i++) {
		large_step(&large);
	}
	trainer_flush(&large);
	trainer_until_acked(&large, N);
	list_for_each(link, &f->ledger.holders) {
		assert_int_equal(
			container_of(link, struct holder, link)->refused.of[HOLDING_QUEUED], 0);
	}
	trainer_close(&large);
	trainer_close(&other);
}

static void nor_do_his_small_runs_rest_for_a_large_one(void **state) {
	struct flow *f = *state;
	struct trainer large, small, other;

	trainer_init(&other, f, "other", 0, 1);
	open_as(&other, ANA);
	trainer_init(&large, f, "large", 0, 1);
	large.open.d_sae = LARGE_D_SAE;
	open_as(&large, JOE);
	large_step(&large);
	trainer_until_acked(&large, 1);
	let_large_rest(f->engine, JOE);
	trainer_init(&small, f, "small", 0, 1);
	open_as(&small, JOE);
	large_step(&large);
	trainer_flush(&large);
	for (int i = 1; i <= 3; i++) {
		trainer_step(&small);
		trainer_flush(&small);
		trainer_until_acked(&small, i);
	}
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM steps"), 4);
	trainer_close(&small);
	trainer_close(&large);
	trainer_close(&other);
}

static void refusals_are_counted_where_they_are_seen(void **state) {
	struct flow *f = *state;
	struct trainer t, second;
	struct peer reader;
	struct message m;

	f->limits.of[HOLDING_RUNS] = 1;
	trainer_init(&t, f, "one", 0, 1);
	trainer_join(&t);
	trainer_init(&second, f, "two", 0, 1);
	ledger_reload(&f->ledger, &f->ledger.limits);
	refused(&second, getuid(), REFUSE_TOO_MANY, "limit runs = 1");
	reader_connect(f, &reader);
	reader_ask(&reader, "status", NULL, &m);
	assert_non_null(memmem(m.reply.json, m.reply.json_len,
		"\"runs\":{\"held\":1,\"limit\":1,\"refused\":1}", 38));
	peer_close(&reader);
	end(&t);
}

/* ---- keys, and what is said of them ---- */

static unsigned n_unused, n_asked;

static bool count_lines(
	enum log_level level, const struct log_about *about, const char *line, size_t len) {
	(void)level;
	(void)line;
	(void)len;
	if (about != NULL && about->kind != NULL) {
		n_unused += strcmp(about->kind, LOG_WANDB_KEY_UNUSED) == 0;
		n_asked += strcmp(about->kind, LOG_SYNC_ASKED) == 0;
	}
	return true;
}

/* Where nobody listens: nothing comes of it but words. */
static int setup_forwarding(void **state) {
	static const struct forward_options nowhere = {
		.base_url = "http://127.0.0.1:9",
		.introduction = {.version = "test"},
		.http = {.user_agent = "test"},
		.request_timeout_ms = 1000,
		.requests_per_s = 1,
	};
	struct flow *f = malloc(sizeof *f);

	flow_init(f);
	f->options.forward = &nowhere;
	f->options.registry.forwards = true;
	flow_start(f);
	log_set_level(LOG_LEVEL_INFO);
	log_set_sink(count_lines);
	n_unused = n_asked = 0;
	*state = f;
	return 0;
}

static int teardown_forwarding(void **state) {
	int result = flow_teardown(state);
	log_set_sink(NULL);
	return result;
}

static uint32_t sync_with(struct peer *reader, const char *run, const char *key, char words[512]) {
	struct message m = {.type = MSG_QUERY,
		.query = {.token = 9,
			.what = text_of("sync", 4),
			.run = text_of(run, strlen(run)),
			.wandb_base_url = text_of("http://127.0.0.1:9", 18)}};

	if (key != NULL) {
		m.query.wandb_key = text_of(key, strlen(key));
	}
	peer_send(reader, &m, NULL, 0);
	peer_expect(reader, MSG_REPLY, &m);
	snprintf(words, 512, "%.*s", (int)m.reply.words.len, m.reply.words.data);
	return m.reply.code;
}

static void begin_for_wandb(struct trainer *t, struct flow *f, const char *run) {
	trainer_init(t, f, run, 0, 1);
	t->open.log_to_wandb = true;
	trainer_join(t);
	trainer_step(t);
	trainer_until_acked(t, 1);
}

static void who_has_as_many_keys_as_he_may_is_told_so(void **state) {
	struct flow *f = *state;
	struct trainer first, second;
	struct peer reader;
	char words[512];

	f->limits.of[HOLDING_KEYS] = 1;
	ledger_reload(&f->ledger, &f->ledger.limits);
	begin_for_wandb(&first, f, "first");
	begin_for_wandb(&second, f, "second");
	reader_connect(f, &reader);
	assert_int_equal(sync_with(&reader, "first", "his", words), REPLY_OK);
	assert_string_equal(words, "run first is tried at once, with its user's own key");
	assert_int_equal(held(f, getuid(), HOLDING_KEYS), 1);
	assert_int_equal(sync_with(&reader, "second", "his", words), REPLY_OK);
	assert_non_null(strstr(words, "run second is tried at once; its key is not kept: user "));
	assert_non_null(strstr(words, " holds 1 W&B keys; limit keys = 1 ([limits]"));
	peer_close(&reader);
	trainer_close(&first);
	trainer_close(&second);
}

static void nobody_floods_the_log_with_what_he_asks_or_brings(void **state) {
	struct flow *f = *state;
	struct trainer t;
	struct peer reader;
	char words[512];

	begin_for_wandb(&t, f, "r");
	t.open.wandb_key = text_of("his", 3);
	t.open.wandb_base_url = text_of("https://elsewhere", 17);
	reader_connect(f, &reader);
	for (unsigned i = 0; i < 2 * LOG_LIMIT_BURST; i++) {
		trainer_close(&t);
		trainer_join(&t);
		assert_int_equal(sync_with(&reader, "r", NULL, words), REPLY_OK);
	}
	assert_in_range(n_unused, LOG_LIMIT_BURST / 2, LOG_LIMIT_BURST + LOG_LIMIT_BURST / 2);
	assert_in_range(n_asked, LOG_LIMIT_BURST / 2, LOG_LIMIT_BURST + LOG_LIMIT_BURST / 2);
	peer_close(&reader);
	trainer_close(&t);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, flow_setup, flow_teardown)
#define F(f) cmocka_unit_test_setup_teardown(f, setup_forwarding, teardown_forwarding)
	const struct CMUnitTest tests[] = {
		T(what_a_user_makes_the_daemon_hold_is_given_back),
		T(who_has_filled_his_part_of_the_disk_opens_nothing_more),
		T(what_cannot_be_counted_stays_as_it_was_known),
		T(far_above_it_his_runs_wait_and_nobody_elses),
		T(a_run_that_does_not_fit_is_not_even_loaded),
		T(nor_for_a_note),
		T(anothers_run_is_not_loaded),
		T(beside_others_a_large_run_goes_on_while_its_user_rests),
		T(nor_do_his_small_runs_rest_for_a_large_one),
		T(refusals_are_counted_where_they_are_seen),
		F(who_has_as_many_keys_as_he_may_is_told_so),
		F(nobody_floods_the_log_with_what_he_asks_or_brings),
	};
#undef T
#undef F
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
