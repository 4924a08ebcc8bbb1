/* The outbox against a model that keeps everything, and the daemon's view of what was sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode.h"
#include "encode.h"
#include "outbox.h"

#define SEQS_MAX   20000u
#define BYTES_MAX  (256u << 10)
#define STEP_FRAME (20u << 10)
#define HEADER_MAX 64u

/* ---- a model of both ends ---- */

enum fate { HELD, DROPPED_HERE };

struct said {
	enum fate fate;
	bool is_step;
	struct place place;
	size_t payload_len;
};

struct model {
	struct outbox o;
	struct decoder *decoder;
	uint64_t random;

	struct said said[SEQS_MAX]; /* by seq */
	uint64_t n_said;

	uint8_t *wire; /* of this connection, what is no whole frame yet */
	size_t wire_len, wire_size;
	uint64_t wanted, durable;
	uint64_t n_arrived, n_told_dropped;
};

static uint64_t roll(struct model *m, uint64_t n) {
	m->random = m->random * 6364136223846793005ull + 1442695040888963407ull;
	return (m->random >> 33) % n;
}

static struct model *model_create(uint64_t seed) {
	struct model *m = calloc(1, sizeof *m);

	assert_non_null(m);
	assert_int_equal(outbox_init(&m->o, BYTES_MAX, STEP_FRAME), 0);
	m->decoder = decoder_create();
	m->random = seed;
	m->wanted = 1;
	m->wire_size = 2 * BYTES_MAX;
	m->wire = malloc(m->wire_size);
	return m;
}

static void model_destroy(struct model *m) {
	outbox_finish(&m->o);
	decoder_destroy(m->decoder);
	free(m->wire);
	free(m);
}

static uint8_t byte_of(uint64_t seq, size_t i) {
	return (uint8_t)(seq * 31 + i * 7);
}

/* ---- saying ---- */

static size_t encode_restore(uint64_t seq, size_t payload_len, uint8_t *out) {
	struct message m = {.type = MSG_RESTORE};

	m.restore.seq = seq;
	return encode(&m, (uint32_t)payload_len, out, HEADER_MAX);
}

static void note_said(
	struct model *m, enum fate fate, const struct place *place, size_t payload_len) {
	m->n_said++;
	assert_int_equal(m->o.next_seq, m->n_said + 1);
	m->said[m->n_said] = (struct said){
		.fate = fate,
		.is_step = place != NULL,
		.place = place == NULL ? (struct place){0} : *place,
		.payload_len = payload_len,
	};
}

static bool say(struct model *m, size_t payload_len, const struct place *step) {
	uint8_t header[HEADER_MAX];
	uint64_t seq = m->o.next_seq;

	uint8_t *place = outbox_reserve(&m->o, sizeof header, payload_len);
	if (place == NULL) {
		return false;
	}
	assert_int_equal((uintptr_t)place % CHUNK_ALIGN, 0);
	for (size_t i = 0; i < payload_len; i++) {
		place[i] = byte_of(seq, i);
	}
	outbox_commit(&m->o, header, encode_restore(seq, payload_len, header), payload_len, step);
	note_said(m, HELD, step, payload_len);
	return true;
}

static void drop_newest(struct model *m, const struct place *step) {
	outbox_drop_newest(&m->o, step);
	note_said(m, DROPPED_HERE, step, 0);
}

/* The model's own idea of which frame goes: the oldest not acked, not dropped, and in nobody's
 * hands. */
static bool drop_oldest(struct model *m) {
	uint64_t seq = m->o.acked + 1;
	while (seq <= m->n_said &&
		(m->said[seq].fate != HELD || (seq > m->o.sent && seq <= m->o.pinned))) {
		seq++;
	}

	bool dropped = outbox_drop_oldest(&m->o);
	assert_int_equal(dropped, seq <= m->n_said);
	if (dropped) {
		m->said[seq].fate = DROPPED_HERE;
	}
	return dropped;
}

/* ---- the other end ---- */

/* What a DROPPED says is exactly what was dropped. */
static void hear_dropped(struct model *m, const struct msg_dropped *d) {
	const struct said *last = NULL;

	assert_int_equal(d->seq, m->wanted);
	assert_in_range(d->count, 1, m->n_said);
	for (uint64_t seq = d->seq; seq < d->seq + d->count; seq++) {
		const struct said *said = &m->said[seq];
		assert_int_equal(said->fate, DROPPED_HERE);
		last = said->is_step ? said : last;
	}
	assert_int_equal(d->has_step, last != NULL);
	if (last != NULL) {
		assert_int_equal(d->lap, last->place.lap);
		assert_int_equal(d->step, last->place.step);
	}
	m->n_told_dropped += d->count;
	m->wanted += d->count;
}

static void hear_frame(struct model *m, const struct msg_restore *r) {
	assert_int_equal(r->seq, m->wanted);
	assert_int_equal(r->state_len, m->said[r->seq].payload_len);
	for (size_t i = 0; i < r->state_len; i++) {
		if (r->state[i] != byte_of(r->seq, i)) {
			fail_msg("byte %zu of seq %llu is damaged", i, (unsigned long long)r->seq);
		}
	}
	m->n_arrived++;
	m->wanted++;
}

static void hear(struct model *m) {
	size_t at = 0;
	struct frame_view view;
	struct message message;
	struct decode_error error;

	while (frame_next(m->wire + at, m->wire_len - at, UINT32_MAX, &view) == FRAME_READY) {
		assert_int_equal(decode(m->decoder, &view, &message, &error), DECODE_OK);
		if (message.type == MSG_DROPPED) {
			hear_dropped(m, &message.dropped);
		} else if (message.type == MSG_FINISH) {
			assert_int_equal(message.finish.seq, m->wanted++);
		} else {
			hear_frame(m, &message.restore);
		}
		at += view.total_len;
	}
	memmove(m->wire, m->wire + at, m->wire_len - at);
	m->wire_len -= at;
}

/* ---- the connection ---- */

/* Writes at most `most` bytes of what is gathered, with something happening between gather and
 * wrote. */
static void carry(struct model *m, size_t most, void (*meanwhile)(struct model *m)) {
	struct iovec iov[8];
	size_t n = outbox_gather(&m->o, iov, 1 + roll(m, 8), 1 + roll(m, 65536));
	size_t written = 0;

	if (meanwhile != NULL && n > 0) {
		meanwhile(m);
	}
	for (size_t i = 0; i < n && written < most; i++) {
		size_t len = iov[i].iov_len < most - written ? iov[i].iov_len : most - written;
		assert_true(m->wire_len + len <= m->wire_size);
		memcpy(m->wire + m->wire_len, iov[i].iov_base, len);
		m->wire_len += len;
		written += len;
	}
	outbox_wrote(&m->o, written);
	hear(m);
	assert_int_equal(m->o.sent, m->wanted - 1);
	assert_int_equal(outbox_amid(&m->o), m->wire_len > 0);
}

static void acknowledge(struct model *m, uint64_t seq) {
	m->durable = seq;
	outbox_ack(&m->o, seq);
}

static void lose_connection(struct model *m, bool forgetful) {
	outbox_interrupt(&m->o);
	m->wire_len = 0;
	if (forgetful) {
		m->wanted = m->durable + 1;
	}
}

static void check(const struct model *m) {
	uint64_t n_frames = 0;
	uint64_t n_dropped = 0;

	for (uint64_t seq = 1; seq <= m->n_said; seq++) {
		n_frames += m->said[seq].fate == HELD && seq > m->o.acked;
		n_dropped += m->said[seq].fate == DROPPED_HERE;
	}
	assert_int_equal(m->o.n_frames, n_frames);
	assert_int_equal(m->o.n_dropped, n_dropped);
	assert_true(m->o.chunks.bytes <= BYTES_MAX);
	assert_int_equal(outbox_has_unsent(&m->o), m->o.sent < m->n_said);
}

static void drain(struct model *m) {
	while (outbox_has_unsent(&m->o)) {
		carry(m, SIZE_MAX, NULL);
	}
	assert_int_equal(m->wanted, m->o.next_seq);
}

/* ---- anything may happen, in any order ---- */

static void say_something(struct model *m) {
	struct place step = {(uint32_t)roll(m, 3), (uint32_t)m->n_said};
	bool is_step = roll(m, 3) > 0;
	size_t payload_len = roll(m, 20) == 0  ? roll(m, 3 * STEP_FRAME)
			     : roll(m, 2) == 0 ? roll(m, STEP_FRAME)
					       : roll(m, 100);

	if (m->n_said + 1 >= SEQS_MAX) {
		return;
	}
	bool drops_oldest = roll(m, 2) == 0;
	while (!say(m, payload_len, is_step ? &step : NULL)) {
		if (!drops_oldest || !drop_oldest(m)) {
			drop_newest(m, is_step ? &step : NULL);
			return;
		}
	}
}

static void drop_something(struct model *m) {
	struct place step = {(uint32_t)roll(m, 3), (uint32_t)m->n_said};

	if (m->n_said + 1 >= SEQS_MAX) {
		return;
	}
	if (roll(m, 2) == 0) {
		drop_newest(m, roll(m, 2) == 0 ? &step : NULL);
	} else {
		(void)drop_oldest(m);
	}
}

static void while_it_is_written(struct model *m) {
	for (uint64_t n = roll(m, 4); n > 0; n--) {
		if (roll(m, 3) == 0) {
			drop_something(m);
		} else {
			say_something(m);
		}
	}
}

static void anything(struct model *m, bool may_lose) {
	switch (roll(m, may_lose ? 12 : 11)) {
	case 0:
	case 1:
	case 2:
	case 3:
		say_something(m);
		break;
	case 4:
		drop_something(m);
		break;
	case 5:
	case 6:
	case 7:
		carry(m, roll(m, 4) == 0 ? roll(m, 40) : roll(m, 60000), while_it_is_written);
		break;
	case 8:
		carry(m, 0, while_it_is_written);
		break;
	case 9:
	case 10:
		acknowledge(m, m->durable + roll(m, m->o.sent - m->durable + 1));
		break;
	default:
		lose_connection(m, roll(m, 2) == 0);
		while_it_is_written(m);
		outbox_rewind(&m->o, m->wanted);
		break;
	}
}

static void play(uint64_t seed, bool may_lose) {
	struct model *m = model_create(seed);

	for (unsigned i = 0; i < 1500; i++) {
		anything(m, may_lose);
		if (i % 50 == 0) {
			check(m);
		}
	}
	drain(m);
	check(m);
	if (!may_lose) {
		assert_int_equal(m->n_arrived + m->n_told_dropped, m->n_said);
	}
	acknowledge(m, m->n_said);
	assert_int_equal(m->o.n_frames, 0);
	assert_int_equal(m->o.n_bytes, 0);
	model_destroy(m);
}

static void every_seq_arrives_once_or_is_told_dropped_exactly(void **state) {
	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		play(seed, false);
	}
}

static void lost_connections_lose_nothing_and_blame_no_frame_that_is_held(void **state) {
	(void)state;
	for (uint64_t seed = 1000; seed <= 1030; seed++) {
		play(seed, true);
	}
}

/* ---- one thing at a time ---- */

static void what_is_written_in_part_is_not_dropped(void **state) {
	struct model *m = model_create(1);
	(void)state;
	say(m, 1000, NULL);
	say(m, 1000, NULL);
	carry(m, 10, NULL);

	assert_true(drop_oldest(m)); /* the second */
	assert_int_equal(m->said[1].fate, HELD);
	assert_false(drop_oldest(m));
	drain(m);
	assert_int_equal(m->n_arrived, 1);
	assert_int_equal(m->n_told_dropped, 1);
	model_destroy(m);
}

static void what_was_gathered_stays_while_others_drop(void **state) {
	struct model *m = model_create(1);
	struct iovec iov[4];
	(void)state;
	for (int i = 0; i < 4; i++) {
		say(m, 1000, NULL);
	}
	assert_int_equal(outbox_gather(&m->o, iov, 2, SIZE_MAX), 2);
	assert_true(drop_oldest(m));
	assert_true(drop_oldest(m));
	assert_false(drop_oldest(m));
	assert_int_equal(m->said[2].fate, HELD);
	assert_int_equal(m->said[3].fate, DROPPED_HERE);

	outbox_wrote(&m->o, 0); /* the socket was full: ours again */
	assert_true(drop_oldest(m));
	assert_int_equal(m->said[1].fate, DROPPED_HERE);
	drain(m);
	model_destroy(m);
}

static void adjacent_drops_are_told_as_one(void **state) {
	struct model *m = model_create(1);
	struct iovec iov;
	(void)state;
	for (struct place step = {0, 5}; step.step < 10; step.step++) {
		say(m, 100, &step);
	}
	for (struct place step = {0, 10}; step.step < 1010; step.step++) {
		drop_newest(m, &step);
	}
	while (drop_oldest(m)) {
		/* the five before them, too */
	}

	assert_int_equal(outbox_gather(&m->o, &iov, 1, SIZE_MAX), 1);
	assert_true(iov.iov_len <= OUTBOX_SMALL_MAX);
	drain(m);
	assert_int_equal(m->n_told_dropped, 1005);
	assert_int_equal(m->o.chunks.bytes,
		m->o.chunks.spare_bytes + (m->o.chunks.filling == NULL ? 0 : 65536));
	model_destroy(m);
}

static void a_frame_dropped_after_it_was_sent_still_counts_as_sent(void **state) {
	struct model *m = model_create(1);
	(void)state;
	for (struct place step = {0, 0}; step.step < 5; step.step++) {
		say(m, 100, &step);
	}
	carry(m, SIZE_MAX, NULL);
	drain(m);
	assert_true(drop_oldest(m));
	assert_false(outbox_has_unsent(&m->o));
	acknowledge(m, 5);
	assert_int_equal(m->n_told_dropped, 0);
	model_destroy(m);
}

static void a_resent_gap_begins_where_the_daemon_wants_it(void **state) {
	struct model *m = model_create(1);
	(void)state;
	for (struct place step = {0, 0}; step.step < 6; step.step++) {
		say(m, 100, &step);
	}
	drain(m);
	for (int i = 0; i < 6; i++) {
		assert_true(drop_oldest(m));
	}
	lose_connection(m, false);
	m->wanted = 4;
	outbox_rewind(&m->o, 4);
	drain(m);
	assert_int_equal(m->n_told_dropped, 3);
	model_destroy(m);
}

static void there_is_always_room_to_end(void **state) {
	struct model *m = model_create(1);
	struct message finish = {.type = MSG_FINISH};
	uint8_t frame[OUTBOX_SMALL_MAX];
	(void)state;
	while (say(m, 30000, NULL)) {
		/* until it is full */
	}
	finish.finish.seq = m->o.next_seq;
	outbox_end(&m->o, frame, encode(&finish, 0, frame, sizeof frame));
	while (outbox_drop_oldest(&m->o)) {
		m->said[m->o.n_dropped].fate = DROPPED_HERE; /* everything but the end */
	}
	m->n_said++;
	assert_int_equal(m->o.n_dropped, m->n_said - 1);
	carry(m, SIZE_MAX, NULL);
	drain(m);
	acknowledge(m, m->n_said);
	assert_int_equal(m->o.n_frames, 0);
	model_destroy(m);
}

static void what_can_never_fit_is_known_before_anything_is_dropped(void **state) {
	struct model *m = model_create(1);
	(void)state;
	assert_true(outbox_could_hold(&m->o, HEADER_MAX, BYTES_MAX / 2));
	assert_false(outbox_could_hold(&m->o, HEADER_MAX, BYTES_MAX));
	model_destroy(m);
}

static void in_steady_state_nothing_is_allocated(void **state) {
	struct model *m = model_create(1);
	(void)state;
	for (uint64_t i = 0; i < 5000; i++) {
		assert_true(say(m, 10000, NULL));
		carry(m, SIZE_MAX, NULL);
		drain(m);
		if (i % 10 == 9) {
			acknowledge(m, m->n_said);
		}
		if (i > 20) {
			assert_int_equal(m->o.chunks.bytes, 2 * 65536);
		}
	}
	model_destroy(m);
}

static void memory_that_was_needed_once_goes_back_after_a_while(void **state) {
	struct model *m = model_create(1);
	(void)state;
	while (say(m, 10000, NULL)) {
		/* the daemon is away */
	}
	assert_true(m->o.chunks.bytes > BYTES_MAX / 2);
	drain(m);
	acknowledge(m, m->n_said);
	for (int i = 0; i < 4000; i++) {
		assert_true(say(m, 100, NULL));
		drain(m);
		acknowledge(m, m->n_said);
	}
	assert_true(m->o.chunks.bytes <= 2 * 65536);
	model_destroy(m);
}

static void the_remainder_names_all_that_was_not_acked(void **state) {
	struct model *m = model_create(1);
	struct msg_dropped rest;
	(void)state;
	for (struct place step = {0, 7}; step.step < 17; step.step++) {
		say(m, 100, &step);
	}
	drop_newest(m, NULL);
	carry(m, SIZE_MAX, NULL);
	drain(m);
	acknowledge(m, 4);

	outbox_remainder(&m->o, &rest);
	assert_int_equal(rest.seq, 5);
	assert_int_equal(rest.count, 7);
	assert_true(rest.has_step);
	assert_int_equal(rest.step, 16);
	acknowledge(m, 11);
	outbox_remainder(&m->o, &rest);
	assert_int_equal(rest.count, 0);
	model_destroy(m);
}

static void a_forgotten_outbox_holds_no_memory_and_goes_on_counting(void **state) {
	struct model *m = model_create(1);
	(void)state;
	for (int i = 0; i < 20; i++) {
		say(m, 5000, NULL);
	}
	outbox_forget(&m->o);
	assert_int_equal(m->o.chunks.bytes, 0);
	assert_int_equal(m->o.n_dropped, 20);
	outbox_drop_newest(&m->o, NULL);
	assert_int_equal(m->o.next_seq, 22);
	model_destroy(m);
}

static void pressure_is_felt_at_half_and_only_for_what_was_sent(void **state) {
	struct model *m = model_create(1);
	(void)state;
	while (m->o.chunks.bytes < BYTES_MAX / 2) {
		say(m, 10000, NULL);
	}
	assert_false(outbox_pressed(&m->o));
	drain(m);
	assert_true(outbox_pressed(&m->o));
	acknowledge(m, m->n_said);
	assert_false(outbox_pressed(&m->o));
	model_destroy(m);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_seq_arrives_once_or_is_told_dropped_exactly),
		cmocka_unit_test(lost_connections_lose_nothing_and_blame_no_frame_that_is_held),
		cmocka_unit_test(what_is_written_in_part_is_not_dropped),
		cmocka_unit_test(what_was_gathered_stays_while_others_drop),
		cmocka_unit_test(adjacent_drops_are_told_as_one),
		cmocka_unit_test(a_frame_dropped_after_it_was_sent_still_counts_as_sent),
		cmocka_unit_test(a_resent_gap_begins_where_the_daemon_wants_it),
		cmocka_unit_test(there_is_always_room_to_end),
		cmocka_unit_test(what_can_never_fit_is_known_before_anything_is_dropped),
		cmocka_unit_test(in_steady_state_nothing_is_allocated),
		cmocka_unit_test(memory_that_was_needed_once_goes_back_after_a_while),
		cmocka_unit_test(the_remainder_names_all_that_was_not_acked),
		cmocka_unit_test(a_forgotten_outbox_holds_no_memory_and_goes_on_counting),
		cmocka_unit_test(pressure_is_felt_at_half_and_only_for_what_was_sent),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
