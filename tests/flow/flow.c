#include "flow.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "encode.h"
#include "log.h"

static struct text text(const char *s) {
	return text_of(s, strlen(s));
}

/* ---- the daemon's side ---- */

static const char *user_name(void *user, uint32_t uid) {
	const struct passwd *entry = getpwuid(uid);
	(void)user;

	return entry != NULL ? entry->pw_name : NULL;
}

void flow_init(struct flow *f) {
	memset(f, 0, sizeof *f);
	(void)signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	log_set_level(LOG_LEVEL_ERROR);
	snprintf(f->directory, sizeof f->directory, "/dev/shm/sae-flow-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->database, sizeof f->database, "%s/metrics.db", f->directory);
	snprintf(f->socket, sizeof f->socket, "%s/socket", f->directory);
	ledger_no_limits.of_user(NULL, 0, &f->limits);
	ledger_init(&f->ledger, &(struct ledger_limits){.host_connections = LEDGER_NO_LIMIT,
					.host_memory = LEDGER_NO_LIMIT,
					.of_user = ledger_same_for_all,
					.user = &f->limits});
	f->options = (struct engine_options){
		.database = f->database,
		.version = "0.0.0",
		.socket = f->socket,
		.scope = "user",
		.user_name = user_name,
		.registry = {.rank_grace_ms = 120000,
			.ledger = &f->ledger,
			.stall_factor_pct = 2000,
			.stall_min_ms = 60000},
	};
}

void flow_start(struct flow *f) {
	char words[256] = "";
	assert_int_equal(uv_loop_init(&f->loop), 0);
	int err = engine_open(&f->loop, &f->options, &f->engine, words);
	assert_string_equal(words, "");
	assert_int_equal(err, 0);
	assert_int_equal(server_open(&f->loop, &server_default_limits, &f->ledger,
				 &engine_session_callbacks, f->engine, &f->server),
		0);
	engine_serve(f->engine, f->server);
}

void flow_turn(struct flow *f) {
	uv_run(&f->loop, UV_RUN_ONCE);
}

static void on_engine_closed(void *user) {
	((struct flow *)user)->closed = true;
}

static void on_server_closed(void *user) {
	struct flow *f = user;
	engine_close(f->engine, on_engine_closed, f);
}

static void on_ended(void *user) {
	struct flow *f = user;
	server_close(f->server, on_server_closed, f);
}

static void close_reader(struct flow *f) {
	(void)sqlite3_close(f->reader);
	f->reader = NULL;
}

void flow_stop(struct flow *f) {
	f->closed = false;
	engine_end(f->engine, on_ended, f);
	while (!f->closed) {
		flow_turn(f);
	}
	assert_int_equal(uv_loop_close(&f->loop), 0);
	f->engine = NULL;
	close_reader(f);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void flow_finish(struct flow *f) {
	if (f->engine != NULL) {
		flow_stop(f);
	}
	close_reader(f); /* which may have been asked after the end */
	ledger_finish(&f->ledger);
	assert_int_equal(nftw(f->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int flow_setup(void **state) {
	struct flow *f = malloc(sizeof *f);

	flow_init(f);
	flow_start(f);
	*state = f;
	return 0;
}

int flow_teardown(void **state) {
	flow_finish(*state);
	free(*state);
	return 0;
}

/* ---- the database ---- */

static int64_t ask(struct flow *f, const char *sql) {
	sqlite3_stmt *st = NULL;
	int64_t value = -1;

	if (f->reader == NULL) {
		assert_int_equal(
			sqlite3_open_v2(f->database, &f->reader, SQLITE_OPEN_READWRITE, NULL),
			SQLITE_OK);
	}
	int rc = sqlite3_prepare_v2(f->reader, sql, -1, &st, NULL);
	assert_string_equal(rc == SQLITE_OK ? "" : sqlite3_errmsg(f->reader), "");
	if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL) {
		value = sqlite3_column_int64(st, 0);
	}
	(void)sqlite3_finalize(st);
	return value;
}

static void format_sql(char out[512], const char *format, va_list args) {
	assert_true(vsnprintf(out, 512, format, args) < 512);
}

int64_t flow_ask(struct flow *f, const char *sql, ...) {
	char text[512];
	va_list args;
	va_start(args, sql);
	format_sql(text, sql, args);
	va_end(args);
	return ask(f, text);
}

void flow_until(struct flow *f, int64_t value, const char *sql, ...) {
	char text[512];
	va_list args;
	va_start(args, sql);
	format_sql(text, sql, args);
	va_end(args);
	while (ask(f, text) != value) {
		flow_turn(f);
	}
}

/* ---- trainers ---- */

static void say_hello(struct peer *peer, enum peer_role role) {
	struct message hello = {.type = MSG_HELLO,
		.hello = {.version_min = PROTO_VERSION_MIN,
			.version_max = PROTO_VERSION_MAX,
			.role = role}};
	struct message welcome;
	peer_send(peer, &hello, NULL, 0);
	peer_expect(peer, MSG_WELCOME, &welcome);
}

void trainer_init(
	struct trainer *t, struct flow *f, const char *run, uint32_t rank, uint32_t world_size) {
	static const struct text scalars[] = {{"mse_loss", 8}};
	static uint32_t n_trainers;

	memset(t, 0, sizeof *t);
	t->flow = f;
	t->peer.fd = -1;
	n_trainers++;
	memcpy(t->open.stream, &n_trainers, sizeof n_trainers);
	t->open.run = text(run);
	t->open.launch = text("first");
	t->open.first_seq = 1;
	t->open.rank = t->open.global_rank = rank;
	t->open.world_size = t->open.global_world_size = world_size;
	t->open.d_sae = FLOW_D_SAE;
	t->open.wandb_log_frequency = 2;
	t->open.feature_sampling_window = 5;
	t->open.dead_feature_window = 3;
	t->open.n_scalars = 1;
	memcpy(t->open.scalars, scalars, sizeof scalars);
}

void trainer_connect(struct trainer *t) {
	int fd = peer_pair(&t->peer, &t->flow->loop);
	assert_int_equal(server_adopt(t->flow->server, fd), 0);
	say_hello(&t->peer, ROLE_TRAINER);
}

void trainer_connect_as(struct trainer *t, uid_t uid) {
	int fd = peer_pair(&t->peer, &t->flow->loop);
	assert_int_equal(server_adopt_from(t->flow->server, fd, uid, 0), 0);
	say_hello(&t->peer, ROLE_TRAINER);
}

void trainer_open(struct trainer *t) {
	struct message m = {.type = MSG_OPEN, .open = t->open};
	peer_send(&t->peer, &m, NULL, 0);
	peer_expect(&t->peer, MSG_OPENED, &m);
	t->opened = m.opened;
	t->opened.name = (struct text){0};
	t->seq = m.opened.wanted - 1;
	t->acked = m.opened.durable;
}

void trainer_join(struct trainer *t) {
	trainer_connect(t);
	trainer_open(t);
}

/* Feature i fires on i of 16 rows. */
void trainer_step(struct trainer *t) {
	uint8_t counts[FLOW_D_SAE];
	struct message m = {.type = MSG_STEP};

	for (uint32_t i = 0; i < FLOW_D_SAE; i++) {
		counts[i] = (uint8_t)i;
	}
	m.step = (struct msg_step){.seq = ++t->seq,
		.step = t->step++,
		.time = 1.7e9,
		.n_rows = 16,
		.n_scalars = 1,
		.nonzero = {.form = COUNTS_U8, .n_entries = FLOW_D_SAE, .len = FLOW_D_SAE}};
	m.step.scalars[0] = 0.5;
	m.step.present[0] = 1;
	peer_send(&t->peer, &m, counts, sizeof counts);
}

void trainer_log(struct trainer *t, const char *key, double value) {
	struct log_entry entry = {
		.key = text(key), .value = {.kind = VALUE_FLOAT, .number = value}};
	struct message m = {.type = MSG_LOG,
		.log = {.seq = ++t->seq, .time = 1.7e9, .n_entries = 1, .entries = &entry}};
	peer_send(&t->peer, &m, NULL, 0);
}

void trainer_finish(struct trainer *t) {
	struct message m = {.type = MSG_FINISH, .finish = {.seq = ++t->seq, .time = 1.7e9}};
	peer_send(&t->peer, &m, NULL, 0);
}

void trainer_flush(struct trainer *t) {
	struct message m = {.type = MSG_FLUSH, .flush = {t->seq}};
	peer_send(&t->peer, &m, NULL, 0);
}

void trainer_until_acked(struct trainer *t, uint64_t seq) {
	while (t->acked < seq) {
		struct message m;
		peer_expect(&t->peer, MSG_ACK, &m);
		assert_true(m.ack.seq > t->acked);
		t->acked = m.ack.seq;
	}
}

void trainer_close(struct trainer *t) {
	peer_close(&t->peer);
}

/* ---- readers ---- */

void reader_adopt(struct flow *f, struct peer *peer, int fd) {
	assert_int_equal(server_adopt(f->server, fd), 0);
	say_hello(peer, ROLE_READER);
}

void reader_connect(struct flow *f, struct peer *peer) {
	reader_adopt(f, peer, peer_pair(peer, &f->loop));
}

void reader_ask(struct peer *peer, const char *what, const char *run, struct message *ret) {
	struct message m = {.type = MSG_QUERY, .query = {.token = 7, .what = text(what)}};
	if (run != NULL) {
		m.query.run = text(run);
	}
	peer_send(peer, &m, NULL, 0);
	peer_expect(peer, MSG_REPLY, ret);
	assert_int_equal(ret->reply.token, 7);
}
