/* Whatever the order in which the ranks' messages come, wherever the cuts are made, however often the
 * daemon is killed and connections are lost: what is committed in the end is the same.
 *
 * Each seed makes a training of one or three ranks, with steps that are dropped or refused, logs early, late
 * and without a step, marks, and laps, begun by a step or a log, whose turn may be among what is dropped. It is run once in plain
 * order, then in many disturbed ones, its clients resending from `wanted` what was not acknowledged, and
 * telling of what was dropped in other pieces. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define D_SAE     7u
#define RANKS     3u
#define ITEMS_MAX 600u
#define SEEDS     24u
#define DISTURBED 4u

enum item_kind {
	ITEM_STEP,
	ITEM_BAD_STEP,
	ITEM_DROPPED,
	ITEM_LOG,
	ITEM_EVENT,
	ITEM_MARK,
	ITEM_POISON,
	ITEM_UPDATE,
	ITEM_FINISH
};

struct item {
	enum item_kind kind;
	int64_t step; /* LOG, DROPPED: -1 none */
	uint32_t lap; /* of a STEP, dropped or not, and of a LOG */
	uint32_t random;
};

/* One rank's. */
struct script {
	uint32_t n_items;
	struct item items[ITEMS_MAX]; /* item i has seq i + 1 */
	uint32_t lap;                 /* while it is made: where it stands … */
	int64_t step;
	uint32_t n_dropping; /* … and how many of the next are dropped */
};

struct training {
	uint32_t n_ranks;
	struct script scripts[RANKS];
};

struct client {
	struct stream *stream; /* NULL: not connected */
	uint32_t next;         /* item to be sent */
	uint64_t acked;
};

struct bench {
	const struct training *training;
	struct rig rig;
	struct client clients[RANKS];
	uint64_t random;
};

static uint32_t draw(uint64_t *random, uint32_t below) {
	*random = *random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*random >> 33) % below;
}

/* ---- a training ---- */

static bool is_step(enum item_kind kind) {
	return kind == ITEM_STEP || kind == ITEM_BAD_STEP;
}

static void add(
	struct training *t, uint32_t rank, enum item_kind kind, int64_t step, uint64_t *random) {
	struct script *script = &t->scripts[rank];
	struct item *item = &script->items[script->n_items++];

	assert_true(script->n_items <= ITEMS_MAX);
	if (is_step(kind)) {
		script->lap += step <= script->step;
		script->step = step;
	}
	*item = (struct item){kind, step, script->lap, draw(random, 1u << 30)};
	if (script->n_dropping > 0 && kind != ITEM_FINISH) {
		script->n_dropping--;
		item->kind = ITEM_DROPPED;
		item->step = is_step(kind) ? step : -1;
	}
}

static void add_between(struct training *t, uint32_t rank, uint32_t step, uint64_t *random) {
	while (draw(random, 3) == 0) {
		switch (draw(random, 7)) {
		case 0:
			add(t, rank, ITEM_EVENT, step, random);
			break;
		case 1:
			add(t, rank, ITEM_POISON, step, random);
			break;
		case 2:
			add(t, rank, ITEM_LOG, -1, random);
			break;
		case 3:
			add(t, rank, ITEM_LOG, step + draw(random, 4), random);
			break;
		case 4:
			add(t, rank, ITEM_LOG, step > 3 ? step - draw(random, 4) : step, random);
			break;
		default:
			add(t, rank, ITEM_LOG, step, random);
			break;
		}
	}
}

static void add_step(struct training *t, uint32_t rank, uint32_t step, uint64_t *random) {
	uint32_t fate = draw(random, 30);

	if (fate == 1) {
		t->scripts[rank].n_dropping = 1 + draw(random, 9);
	}
	add(t, rank, fate == 0 ? ITEM_BAD_STEP : ITEM_STEP, step, random);
	add_between(t, rank, step, random);
}

/* They go back; what some of them say first is a LOG. */
static void turn(struct training *t, uint32_t step, uint64_t *random) {
	for (uint32_t rank = 0; rank < t->n_ranks; rank++) {
		struct script *script = &t->scripts[rank];
		if (draw(random, 3) == 0) {
			script->lap++;
			script->step = -1;
			add(t, rank, ITEM_LOG, step + draw(random, 2), random);
		}
		add_step(t, rank, step, random);
	}
}

static void training_make(struct training *t, uint64_t seed) {
	uint64_t random = seed * 77 + 5;
	uint32_t step = 0, laps = 0;

	*t = (struct training){.n_ranks = seed % 4 == 0 ? 1 : RANKS};
	for (uint32_t rank = 0; rank < RANKS; rank++) {
		t->scripts[rank].step = -1;
	}
	while (step < 45) {
		bool turns = step > 12 && laps < 3 && draw(&random, 15) == 0;
		bool marks = draw(&random, 6) == 0;
		for (uint32_t rank = 0; rank < t->n_ranks; rank++) {
			add_step(t, rank, step, &random);
			if (rank == 0 && marks) {
				add(t, rank, ITEM_MARK, step, &random);
			}
		}
		if (turns) {
			laps++;
			step -= draw(&random, 10);
			turn(t, step, &random);
		}
		step++;
	}
	add(t, 0, ITEM_UPDATE, -1, &random);
	for (uint32_t rank = 0; rank < t->n_ranks; rank++) {
		add(t, rank, ITEM_FINISH, -1, &random);
	}
}

/* ---- its messages ---- */

struct room {
	uint32_t counts[D_SAE], positive[D_SAE];
	struct log_entry entry;
	char key[16];
};

static struct message step_message(const struct item *item, uint64_t seq, struct room *room) {
	uint64_t random = item->random;
	uint32_t n_rows = 1 + draw(&random, 9);
	for (uint32_t i = 0; i < D_SAE; i++) {
		room->counts[i] = draw(&random, 3) == 0 ? draw(&random, n_rows + 1) : 0;
		room->positive[i] = room->counts[i] > 0 ? draw(&random, room->counts[i] + 1) : 0;
	}
	if (item->kind == ITEM_BAD_STEP) {
		room->counts[0] = n_rows + 1;
	}
	bool has_counts = draw(&random, 12) > 0 || item->kind == ITEM_BAD_STEP;
	struct message m = rig_msg_step(
		seq, (uint32_t)item->step, n_rows, has_counts ? room->counts : NULL, D_SAE);
	m.step.lap = item->lap;
	if (has_counts && draw(&random, 3) == 0) {
		m.step.positive = (struct counts){
			COUNTS_U32, D_SAE, (const uint8_t *)room->positive, sizeof room->positive};
	}
	for (int i = 0; i < 6; i++) {
		if (draw(&random, 5) == 0) {
			rig_skip_scalar(&m);
		} else {
			rig_add_scalar(&m, draw(&random, 1000) / 64.0);
		}
	}
	return m;
}

static struct message item_message(const struct item *item, uint64_t seq, struct room *room) {
	switch (item->kind) {
	case ITEM_STEP:
	case ITEM_BAD_STEP:
		return step_message(item, seq, room);
	case ITEM_LOG: {
		(void)snprintf(room->key, sizeof room->key, "key%u", item->random % 5);
		struct message m =
			rig_msg_log(seq, item->step, &room->entry, room->key, item->random / 64.0);
		m.log.lap = item->lap;
		return m;
	}
	case ITEM_MARK:
		return rig_msg_mark(seq, (uint32_t)item->step);
	case ITEM_UPDATE: {
		struct message m = {.type = MSG_UPDATE};
		m.update.seq = seq;
		m.update.summary = text_of("{\"best\":1}", 10);
		return m;
	}
	case ITEM_FINISH:
		return rig_msg_finish(seq, 0);
	default:
		return rig_msg_event(seq, "note", "word");
	}
}

/* The first `count` of the items, all of them dropped. */
static struct message dropped_message(const struct item *items, uint64_t count, uint64_t seq) {
	struct message m = rig_msg_dropped(seq, count, -1);
	for (uint64_t i = 0; i < count; i++) {
		if (items[i].step >= 0) {
			m.dropped.has_step = true;
			m.dropped.lap = items[i].lap;
			m.dropped.step = (uint32_t)items[i].step;
		}
	}
	return m;
}

/* ---- the bench ---- */

static void connect(struct bench *b, uint32_t rank) {
	static const char *const names[] = {"mse_loss", "l2_sum", "tv_sum", "mine", "l0", "other"};
	struct client *c = &b->clients[rank];
	struct msg_open open = rig_msg_open(D_SAE);
	open.rank = rank;
	open.world_size = b->training->n_ranks;
	open.feature_sampling_window = 5;
	open.first_seq = c->acked + 1;
	open.has_db_id = true;
	memcpy(open.db_id, b->rig.db_id, sizeof open.db_id);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		open.scalars[open.n_scalars++] = text_of(names[i], strlen(names[i]));
	}
	rig_stream_id(&open, (uint8_t)(rank + 1));
	c->stream = rig_must_open(&b->rig, &open);
	assert_true(b->rig.opened.durable >= c->acked);
	assert_true(b->rig.opened.wanted > c->acked);
	c->acked = b->rig.opened.durable;
	c->next = (uint32_t)(b->rig.opened.wanted - 1);
}

static void disconnect(struct bench *b, uint32_t rank) {
	if (b->clients[rank].stream != NULL) {
		registry_disconnected(b->rig.registry, b->clients[rank].stream, b->rig.now);
		b->clients[rank].stream = NULL;
	}
}

static void kill_daemon(struct bench *b) {
	rig_crash(&b->rig, false);
	for (uint32_t rank = 0; rank < b->training->n_ranks; rank++) {
		b->clients[rank].stream = NULL;
	}
}

static void hear_acks(struct bench *b) {
	for (uint32_t rank = 0; rank < b->training->n_ranks; rank++) {
		struct client *c = &b->clients[rank];
		if (c->stream != NULL && draw(&b->random, 2) == 0) {
			assert_true(stream_durable(c->stream) >= c->acked);
			c->acked = stream_durable(c->stream);
		}
	}
}

/* How many of the items are told by one message. */
static uint32_t piece(struct bench *b, const struct script *script, uint32_t first) {
	uint32_t n = 0;
	while (first + n < script->n_items && script->items[first + n].kind == ITEM_DROPPED) {
		n++;
	}
	return n == 0 ? 1 : 1 + draw(&b->random, n);
}

/* Sends the client's next item. false: it has to wait. */
static bool send(struct bench *b, uint32_t rank) {
	struct client *c = &b->clients[rank];
	struct room room;
	if (c->stream == NULL) {
		connect(b, rank);
	}
	const struct script *script = &b->training->scripts[rank];
	if (c->next == script->n_items) {
		return false;
	}
	const struct item *item = &script->items[c->next];
	uint32_t n = piece(b, script, c->next);
	struct message m = item->kind == ITEM_DROPPED ? dropped_message(item, n, c->next + 1)
						      : item_message(item, c->next + 1, &room);
	enum apply_result result =
		item->kind == ITEM_POISON
			? registry_apply_bad(b->rig.registry, c->stream, c->next + 1, b->rig.now)
			: rig_apply(&b->rig, c->stream, &m);
	rig_give_marks(&b->rig);
	switch (result) {
	case APPLY_TAKEN:
	case APPLY_REFUSED:
		c->next += n;
		return true;
	case APPLY_LATER:
		return false;
	default:
		fail_msg("rank %u, item %u: %d", rank, c->next, result);
		return false;
	}
}

static bool is_done(const struct bench *b) {
	for (uint32_t rank = 0; rank < b->training->n_ranks; rank++) {
		const struct client *c = &b->clients[rank];
		if (c->stream == NULL || c->next < b->training->scripts[rank].n_items ||
			stream_applied(c->stream) < c->next) {
			return false;
		}
	}
	return true;
}

/* What everybody waits for. */
static void fail_stuck(struct bench *b) {
	struct run_live live;
	run_live(stream_run(b->clients[0].stream), b->rig.now, &live);
	for (uint32_t rank = 0; rank < b->training->n_ranks; rank++) {
		const struct client *c = &b->clients[rank];
		const struct item *item = &b->training->scripts[rank].items[c->next];
		print_message("# rank %u: applied %d, received %d; next %u: %d of step %d\n", rank,
			(int)stream_applied(c->stream), (int)stream_received(c->stream), c->next,
			(int)item->kind, (int)item->step);
	}
	fail_msg("stuck at step %d, waiting for %s", (int)live.step, live.waiting_for);
}

static void run_plainly(struct bench *b) {
	uint32_t idle = 0; /* rounds; one is a restore point that was waited for */
	while (!is_done(b)) {
		idle++;
		for (uint32_t rank = 0; rank < b->training->n_ranks; rank++) {
			idle = send(b, rank) ? 0 : idle;
		}
		if (idle > 1 && !is_done(b)) {
			fail_stuck(b);
		}
	}
	rig_commit(&b->rig);
}

static void run_disturbed(struct bench *b) {
	uint32_t kills = 0;
	for (uint32_t turns = 0; !is_done(b); turns++) {
		uint32_t rank = draw(&b->random, b->training->n_ranks);
		uint32_t fate = draw(&b->random, 60);
		assert_true(turns < 100000);
		if (fate == 0 && kills < 40) {
			kills++;
			kill_daemon(b);
		} else if (fate == 1) {
			disconnect(b, rank);
		} else if (fate < 6) {
			rig_commit(&b->rig);
		} else if (fate < 10) {
			hear_acks(b);
		} else {
			(void)send(b, rank);
		}
	}
	rig_commit(&b->rig);
}

static void bench_start(struct bench *b, const struct training *t, uint64_t random) {
	*b = (struct bench){.training = t, .random = random};
	rig_start(&b->rig);
	for (uint32_t rank = 0; rank < t->n_ranks; rank++) {
		connect(b, rank);
	}
}

static void compare(const struct bench *have, const struct bench *want, uint64_t seed) {
	struct rig_text a = rig_sorted(&have->rig.history), b = rig_sorted(&want->rig.history);
	for (size_t i = 0; i < a.count && i < b.count; i++) {
		if (strcmp(a.lines[i], b.lines[i]) != 0) {
			fail_msg("seed %llu:\n%s\nis not\n%s", (unsigned long long)seed, a.lines[i],
				b.lines[i]);
		}
	}
	assert_int_equal(a.count, b.count);
	assert_string_equal(have->rig.row_text.lines[0], want->rig.row_text.lines[0]);
	assert_int_equal(have->rig.row.messages, want->rig.row.messages);
	assert_int_equal(have->rig.row.dropped, want->rig.row.dropped);
	assert_int_equal(have->rig.row.refused, want->rig.row.refused);
	assert_int_equal(have->rig.row.missing_steps, want->rig.row.missing_steps);
	assert_int_equal(have->rig.row.n_tokens_folded, want->rig.row.n_tokens_folded);
	assert_int_equal(have->rig.row.gap, 0);
	assert_int_equal(have->rig.row.late, 0);
	rig_text_finish(&a);
	rig_text_finish(&b);
}

static void disturbances_change_nothing(void **state) {
	struct training *t = malloc(sizeof *t);
	struct bench *plain = malloc(sizeof *plain), *disturbed = malloc(sizeof *disturbed);
	size_t n_changes = 0, n_windows = 0, n_attempts = 0;
	(void)state;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		training_make(t, seed);
		bench_start(plain, t, 0);
		run_plainly(plain);
		n_changes += plain->rig.history.count;
		n_windows += rig_count(&plain->rig, "window ");
		n_attempts += rig_count(&plain->rig, "attempt ");
		for (uint64_t i = 0; i < DISTURBED; i++) {
			bench_start(disturbed, t, seed * 1000 + i);
			run_disturbed(disturbed);
			compare(disturbed, plain, seed);
			rig_finish(&disturbed->rig);
		}
		rig_finish(&plain->rig);
	}
	print_message("# %u trainings: %zu changes, %zu windows, %zu attempts, each %u times\n",
		SEEDS, n_changes, n_windows, n_attempts, DISTURBED);
	free(t);
	free(plain);
	free(disturbed);
}

/* At every boundary between two messages: cut, killed, loaded, and nothing changed. */
static void a_run_may_be_killed_between_any_two_messages(void **state) {
	struct training *t = malloc(sizeof *t);
	struct bench *plain = malloc(sizeof *plain), *b = malloc(sizeof *b);
	(void)state;

	for (uint64_t seed = 3; seed <= 4; seed++) {
		training_make(t, seed);
		bench_start(plain, t, 0);
		run_plainly(plain);
		bench_start(b, t, 0);
		for (uint32_t rank = 0; !is_done(b); rank = rank + 1 < t->n_ranks ? rank + 1 : 0) {
			(void)send(b, rank);
			rig_commit(&b->rig);
			kill_daemon(b);
			for (uint32_t i = 0; i < t->n_ranks; i++) {
				connect(b, i);
			}
			/* What waited for another rank was no part of the cut: without this the same
			 * message would be lost for ever. */
			for (uint32_t i = 0; i < t->n_ranks; i++) {
				while (b->clients[i].next < t->scripts[i].n_items &&
					draw(&b->random, 4) > 0 && send(b, i)) {
				}
			}
		}
		rig_commit(&b->rig);
		compare(b, plain, seed);
		rig_finish(&b->rig);
		rig_finish(&plain->rig);
	}
	free(t);
	free(plain);
	free(b);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disturbances_change_nothing),
		cmocka_unit_test(a_run_may_be_killed_between_any_two_messages),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
