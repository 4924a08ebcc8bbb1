/* Messages as a trainer would build them, from a few bytes of the input: what to say, then what each kind needs. Most
 * of what these bytes can be is right, so that sequences of many messages are found; what is wrong in a
 * message is for `feed`, whose bytes are nobody's. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "fuzz.h"
#include "session_world.h"

#define PAYLOAD_MAX (64u << 10)

typedef void (*say_fn)(struct talk *t, struct tape *tape, struct message *m, uint8_t *payload);

uint8_t tape_next(struct tape *tape) {
	if (tape->len == 0) {
		return 0;
	}
	tape->len--;
	return *tape->data++;
}

static struct text lit(const char *text) {
	return text_of(text, strlen(text));
}

static struct text pick(const char *const *texts, uint32_t i) {
	return texts[i] != NULL ? lit(texts[i]) : (struct text){0};
}

static double time_of(const struct talk *t) {
	return 1790000000.0 + t->next_step;
}

/* ---- who is there ---- */

static void say_hello(struct talk *t, struct tape *tape, struct message *m, uint8_t *payload) {
	uint8_t how = tape_next(tape);
	(void)t;
	(void)payload;

	m->type = MSG_HELLO;
	m->hello = (struct msg_hello){.version_min = 1 + (how >> 4 & 1),
		.version_max = 1 + (how >> 4 & 3),
		.role = (how & 1) != 0 ? ROLE_READER : ROLE_TRAINER};
}

static void name_scalars(struct msg_open *open, uint32_t how) {
	static const char *const names[] = {"mse_loss", "l1_loss", "l0", "explained_variance",
		"l1_coefficient", "ev_count", "ev_mean", "ev_m2", "l2_sum", "tv_sum", "lp_sum",
		"my own", "n_nan_acts", "current_learning_rate", "ghost_grad_loss", "other"};

	open->n_scalars = how & 7;
	for (uint32_t i = 0; i < open->n_scalars; i++) {
		open->scalars[i] = lit(names[(how * 5 + i) % 16]);
	}
}

static void say_open(struct talk *t, struct tape *tape, struct message *m, uint8_t *payload) {
	static const char *const runs[] = {"ab12cd34", "r", "other", "4th"};
	static const char *const launches[] = {"launch-1", "launch-2", "launch-3", "launch-4"};
	static const char *const profiles[] = {NULL, "saelens", "native", "prisma"};
	static const char *const resumes[] = {NULL, "never", "allow", "must"};
	static const uint32_t sizes[] = {8, 0, 2, 40};
	uint8_t who = tape_next(tape), where = tape_next(tape), how = tape_next(tape);
	uint8_t what = tape_next(tape);
	struct msg_open *open = &m->open;
	(void)t;
	(void)payload;

	m->type = MSG_OPEN;
	*open = (struct msg_open){.run = pick(runs, who & 3),
		.launch = pick(launches, who >> 2 & 3),
		.first_seq = 1 + (how >> 5),
		.rank = where & 3,
		.world_size = 1 + (where >> 2 & 3),
		.resume = pick(resumes, where >> 4 & 3),
		.d_sae = sizes[where >> 6],
		.d_in = 4,
		.profile = pick(profiles, how & 3),
		.architecture = (how & 16) != 0 ? lit("gated") : (struct text){0},
		.wandb_log_frequency = 1 + (what >> 3 & 1),
		.feature_sampling_window = 2 + (what >> 4 & 3),
		.dead_feature_window = 1,
		.train_batch_size = 2,
		.context_size = 2,
		.total_training_steps = (what & 0x40) != 0 ? 20 : 0,
		.n_thresholds = how >> 2 & 3,
		.thresholds = {0.5, 0.25, 0.001},
		.has_min_l0 = (what & 0x80) != 0,
		.has_min_explained_variance = (what & 0x80) != 0,
		.min_l0 = 1.5,
		.min_explained_variance = 0.5};
	memset(open->stream, 1 + (who >> 4), STREAM_ID_SIZE);
	open->global_rank = open->rank;
	open->global_world_size = open->world_size;
	name_scalars(open, what);
}

/* ---- a step ---- */

static void give_scalars(const struct talk *t, struct tape *tape, struct msg_step *step) {
	static const double values[] = {0.5, 0, 1, -1, 2, 1e300, -0.0, 16};
	uint8_t present = tape_next(tape), kinds = tape_next(tape);

	step->n_scalars = t->n_scalars;
	for (uint32_t i = 0; i < t->n_scalars && i < 8; i++) {
		if ((present >> i & 1) == 0) {
			step->scalars[i] = values[(kinds + i) & 7];
			step->present[i / 64] |= 1ull << (i % 64);
		}
	}
	if ((kinds & 0x80) != 0 && step->present[0] != 0) {
		step->scalars[0] = (kinds & 0x40) != 0 ? NAN : INFINITY;
		step->present[0] |= 1;
	}
}

static uint8_t *put_number(uint8_t *at, uint32_t value, size_t size) {
	for (size_t i = 0; i < size; i++) {
		at[i] = (uint8_t)(i < sizeof value ? value >> (8 * i) : 0);
	}
	return at + size;
}

/* Counts of at most n_rows, a byte each; returns their end. */
static uint8_t *give_dense(struct tape *tape, uint32_t n_rows, struct counts *c, uint8_t *at) {
	static const size_t sizes[] = {[COUNTS_U8] = 1, [COUNTS_U16] = 2, [COUNTS_U32] = 4};
	size_t size = sizes[c->form];

	for (uint32_t i = 0; i < c->n_entries; i++) {
		at = put_number(at, tape_next(tape) % (n_rows + 1), size);
	}
	c->len = size * c->n_entries;
	return at;
}

static uint8_t *give_pairs(
	struct tape *tape, uint32_t n_rows, uint32_t d_sae, struct counts *c, uint8_t *at) {
	size_t size = c->form == COUNTS_PAIRS16 ? 2 : 4;

	c->n_entries = tape_next(tape) % (d_sae / 2 + 1);
	for (uint32_t i = 0; i < c->n_entries; i++) {
		at = put_number(at, 2 * i, 4);
	}
	for (uint32_t i = 0; i < c->n_entries; i++) {
		at = put_number(at, tape_next(tape) % (n_rows + 1), size);
	}
	c->len = (4 + size) * c->n_entries;
	return at;
}

static uint8_t *give_counts(
	const struct talk *t, struct tape *tape, uint32_t n_rows, struct counts *c, uint8_t *at) {
	c->data = at;
	c->n_entries = t->d_sae;
	if (c->form >= COUNTS_PAIRS16) {
		return give_pairs(tape, n_rows, t->d_sae, c, at);
	}
	return c->form == COUNTS_NONE ? at : give_dense(tape, n_rows, c, at);
}

static void say_step(struct talk *t, struct tape *tape, struct message *m, uint8_t *payload) {
	static const enum counts_form forms[] = {COUNTS_U8, COUNTS_U16, COUNTS_U32, COUNTS_PAIRS16,
		COUNTS_PAIRS32, COUNTS_NONE, COUNTS_U8, COUNTS_U8};
	static const int ahead[] = {0, 0, 0, 1, -1, -2, 4, 30};
	uint8_t how = tape_next(tape);
	int64_t number = (int64_t)t->next_step + ahead[how & 7];
	struct msg_step *step = &m->step;

	/* One that goes back is of the next lap; a trainer may miscount. */
	bool back = number < (int64_t)t->next_step && (how & 7) != 4;
	m->type = MSG_STEP;
	*step = (struct msg_step){.seq = t->next_seq,
		.lap = t->lap += back,
		.step = number < 0 ? 0 : (uint32_t)number,
		.time = time_of(t),
		.elapsed_s = t->next_step * 0.5,
		.n_rows = (how & 0x40) != 0 ? 70000 : 8};
	give_scalars(t, tape, step);
	if (t->d_sae > 0 && t->d_sae <= 64) {
		step->nonzero.form = forms[how >> 3 & 7];
		bool is_signed = (how & 0x80) != 0 && step->nonzero.form != COUNTS_NONE;
		step->positive.form = is_signed ? COUNTS_U8 : COUNTS_NONE;
		payload = give_counts(t, tape, step->n_rows, &step->nonzero, payload);
		(void)give_counts(t, tape, step->n_rows, &step->positive, payload);
	}
	t->next_step = step->step + 1;
}

/* ---- what else a stream says ---- */

static void say_log(struct talk *t, struct tape *tape, struct message *m, uint8_t *payload) {
	static const char *const keys[] = {"eval/loss", "x", "losses/mse_loss", "note"};
	static const double counts[] = {3, 1}, edges[] = {0, 0.5, 1};
	static struct log_entry entries[2];
	uint8_t how = tape_next(tape), value = tape_next(tape);
	(void)payload;

	/* It begins a lap; or it is of one that may be over. */
	t->lap += value == 250;
	m->type = MSG_LOG;
	m->log = (struct msg_log){.seq = t->next_seq,
		.has_step = (how & 1) != 0,
		.step = (how & 1) != 0 ? t->next_step + (how >> 5) : 0,
		.time = time_of(t),
		.elapsed_s = t->next_step * 0.5,
		.n_entries = 1 + (how >> 4 & 1),
		.entries = entries,
		.lap = value == 249 ? 1 : t->lap};
	for (uint32_t i = 0; i < 2; i++) {
		entries[i].key = pick(keys, (how >> 1) & 3);
		switch ((how >> 3 & 1) + 2 * i) {
		case 0:
			entries[i].value = (struct value){.kind = VALUE_INT, .integer = value};
			break;
		case 1:
			entries[i].value = (struct value){
				.kind = VALUE_HISTOGRAM, .histogram = {2, counts, edges}};
			break;
		case 2:
			entries[i].value = (struct value){.kind = VALUE_TEXT, .text = lit("words")};
			break;
		default:
			entries[i].value = (struct value){
				.kind = VALUE_FLOAT, .number = value > 250 ? NAN : value / 8.0};
			break;
		}
	}
}

static void say_event(struct talk *t, struct tape *tape, struct message *m, uint8_t *payload) {
	uint8_t how = tape_next(tape);
	(void)payload;

	m->type = MSG_EVENT;
	m->event = (struct msg_event){.seq = t->next_seq,
		.has_step = (how & 1) != 0,
		.step = (how & 1) != 0 ? t->next_step : 0,
		.time = time_of(t),
		.kind = lit("resample"),
		.text = lit("12 dead features reset")};
}

static uint32_t last_step(const struct talk *t) {
	return t->next_step > 0 ? t->next_step - 1 : 0;
}

static void say_mark(struct talk *t, struct tape *tape, struct message *m, uint8_t *payload) {
	(void)payload;
	m->type = MSG_MARK;
	m->mark = (struct msg_mark){.seq = t->next_seq,
		.step = last_step(t) + (tape_next(tape) & 3),
		.time = time_of(t),
		.text = lit("checkpoint")};
}

static void say_update(struct talk *t, struct tape *tape, struct message *m, uint8_t *payload) {
	uint8_t how = tape_next(tape);
	struct msg_update *update = &m->update;
	(void)payload;

	m->type = MSG_UPDATE;
	*update = (struct msg_update){.seq = t->next_seq, .has_tags = (how & 1) != 0};
	update->name = (how & 2) != 0 ? lit("better name") : (struct text){0};
	update->notes = (how & 4) != 0 ? lit("") : (struct text){0};
	update->config = (how & 8) != 0 ? lit("{\"lr\": 0.001}") : (struct text){0};
	update->summary = (how & 16) != 0 ? lit("{\"best\": 1, \"x\": [2]}") : (struct text){0};
	update->tags.count = how >> 5 & 1;
	update->tags.items[0] = lit("tag");
}

static void say_dropped(struct talk *t, struct tape *tape, struct message *m, uint8_t *payload) {
	uint8_t how = tape_next(tape);
	uint64_t count = 1 + (how & 7);
	uint32_t n_steps = (how >> 3 & 7) < count ? (how >> 3 & 7) : (uint32_t)count;
	(void)payload;

	m->type = MSG_DROPPED;
	m->dropped = (struct msg_dropped){.seq = t->next_seq, .count = count};
	if (n_steps > 0) {
		t->lap += how >> 6; /* they went back so often */
		t->next_step += n_steps;
		m->dropped.has_step = true;
		m->dropped.lap = t->lap;
		m->dropped.step = last_step(t);
	}
}

static void say_finish(struct talk *t, struct tape *tape, struct message *m, uint8_t *payload) {
	static const char *const states[] = {NULL, "finished", "failed", "preempted"};
	static const char *const words[] = {NULL, "", "SIGTERM", "ValueError: the loss is NaN"};
	uint8_t how = tape_next(tape);
	(void)payload;

	m->type = MSG_FINISH;
	m->finish = (struct msg_finish){.seq = t->next_seq,
		.exit_code = how >> 2,
		.state = pick(states, how & 3),
		.time = time_of(t),
		.words = pick(words, how >> 6)};
}

static void say_restore(struct talk *t, struct tape *tape, struct message *m, uint8_t *payload) {
	const struct world *w = t->world;
	size_t len = w->state_len < PAYLOAD_MAX ? w->state_len : PAYLOAD_MAX;

	m->type = MSG_RESTORE;
	t->lap += t->next_step > 0; /* the first begins none */
	m->restore = (struct msg_restore){.seq = t->next_seq,
		.lap = t->lap,
		.step = w->state_step,
		.time = time_of(t),
		.state = payload,
		.state_len = len};
	uint8_t where = tape_next(tape), flip = tape_next(tape);
	if (len > 0) {
		memcpy(payload, w->state, len);
		payload[where % len] ^= flip;
	}
	t->next_step = w->state_step + 1;
}

/* ---- what it asks ---- */

static uint64_t last_seq_said(const struct talk *t) {
	return t->next_seq - 1;
}

static void say_flush(struct talk *t, struct tape *tape, struct message *m, uint8_t *payload) {
	(void)payload;
	m->type = MSG_FLUSH;
	m->flush.through_seq = last_seq_said(t) + (tape_next(tape) & 1);
}

static void say_snapshot(struct talk *t, struct tape *tape, struct message *m, uint8_t *payload) {
	uint8_t how = tape_next(tape);
	(void)payload;
	m->type = MSG_SNAPSHOT;
	m->snapshot = (struct msg_snapshot){how, last_seq_said(t) + (how & 1)};
}

static void say_query(struct talk *t, struct tape *tape, struct message *m, uint8_t *payload) {
	static const char *const whats[] = {
		"status", "ping", "status", "what", "stop", "stop", "stop", "sync"};
	static const char *const runs[] = {
		NULL, NULL, "ab12", "nobody's", "ab12", "other", NULL, "ab12"};
	uint8_t how = tape_next(tape);
	(void)t;
	(void)payload;

	m->type = MSG_QUERY;
	m->query = (struct msg_query){
		.token = how, .what = pick(whats, how & 7), .run = pick(runs, how & 7)};
	m->query.reason = pick((const char *const[]){NULL, "enough"}, how >> 3 & 1);
	if (how >= 224) {
		m->query.what = text_of("points", 6);
		m->query.trajectory = (how & 1) != 0;
		m->query.has_at_tokens = (how & 2) != 0;
		m->query.has_at_time = (how & 8) != 0;
		m->query.without_config = (how & 4) != 0;
	}
}

static void say(struct talk *t, struct tape *tape, uint32_t kind, uint8_t *payload) {
	static const say_fn kinds[] = {say_step, say_hello, say_open, say_log, say_event, say_mark,
		say_update, say_dropped, say_finish, say_restore, say_flush, say_snapshot,
		say_query};
	struct message m;
	uint8_t header[4096];

	memset(&m, 0, sizeof m);
	kinds[kind < sizeof kinds / sizeof kinds[0] ? kind : 0](t, tape, &m, payload);
	size_t payload_len = message_payload_len(&m);
	size_t len = encode(&m, (uint32_t)payload_len, header, sizeof header);
	HOLDS(len > 0 && payload_len <= PAYLOAD_MAX);
	if (message_has_seq(m.type)) {
		uint64_t last =
			m.type == MSG_DROPPED ? t->next_seq + m.dropped.count - 1 : t->next_seq;
		t->next_seq = last + 1;
	}
	talk_send(t, header, len);
	talk_send(t, payload, payload_len);
}

/* A step needs no more than its own byte; 13 joins at once, as trainers do. */
void talk_say(struct talk *t, struct tape *tape) {
	uint8_t *payload = malloc(PAYLOAD_MAX);
	uint32_t kind = tape_next(tape) & 15;

	HOLDS(payload != NULL);
	if (kind == 13) {
		struct tape trainer = {0};
		say(t, &trainer, 1, payload);
		kind = 2;
	}
	say(t, tape, kind, payload);
	free(payload);
}
