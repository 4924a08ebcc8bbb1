/* A daemon's day: connections come, say something, go; commits end well or badly; the daemon is started again. Whatever
 * happens, an answer is true: what is refused is refused in words and closed, what is acked is committed, nothing
 * is applied that was not sent, a run that is read from the disk is the run that was written, what is charged adds
 * up, and when all is over nothing is left.
 *
 * The input is a list of acts. Each begins with a byte: bits 0-1 say which of four seats, bits 2-5 which act, bit 7
 * that the loop does not turn after it. What follows depends on the act:
 *
 *   0  feed     n, then n + 1 bytes: they go to the daemon as they are
 *   1  connect  a new connection takes the seat; the one before hangs up
 *   2  hang up
 *   3  deaf     reads nothing any more; or does again
 *   4  commit   how: the commit in flight ends so (enum commit_end)
 *   5  time     n: 4 << (n & 15) ms pass
 *   6  end      n: the process behind the watch number n has ended
 *   7  stop     the daemon ends as it should, and is started again
 *   8  kill     the same without its last commit
 *   9… say      a well-formed message, its seq the next one: session_say.c
 *  15  note     n, then 4n bytes: a note that the next start finds
 *
 * Feed and say connect first where nobody sits. */
#include "fuzz.h"

#include "engine_private.h"
#include "fake_clock.h"
#include "fake_store.h"
#include "session_world.h"

#define SEATS    4u
#define ACTS_MAX 120u /* an input's time stays bounded */

enum act {
	ACT_FEED,
	ACT_CONNECT,
	ACT_HANG_UP,
	ACT_DEAF,
	ACT_COMMIT,
	ACT_TIME,
	ACT_END,
	ACT_STOP,
	ACT_KILL,
	ACT_NOTE = 15,
};

struct day {
	struct world world;
	struct talk *seats[SEATS];
	struct tape tape;
};

static struct talk *connect_seat(struct day *day, uint32_t seat) {
	if (day->seats[seat] != NULL) {
		talk_hang_up(day->seats[seat]);
	}
	day->seats[seat] = talk_begin(&day->world);
	return day->seats[seat];
}

static struct talk *connected_seat(struct day *day, uint32_t seat) {
	struct talk *t = day->seats[seat];
	return t != NULL && t->fd >= 0 && !t->is_over ? t : connect_seat(day, seat);
}

static void feed(struct day *day, struct talk *t) {
	size_t len = (size_t)tape_next(&day->tape) + 1;

	len = len < day->tape.len ? len : day->tape.len;
	if (t != NULL) {
		talk_send(t, day->tape.data, len);
	}
	day->tape.data += len;
	day->tape.len -= len;
}

static void leave_note(struct day *day) {
	size_t len = (size_t)tape_next(&day->tape) * 4;

	len = len < day->tape.len ? len : day->tape.len;
	world_leave_note(&day->world, day->tape.data, len);
	day->tape.data += len;
	day->tape.len -= len;
}

static void say(struct day *day, struct talk *t) {
	if (t != NULL) {
		talk_say(t, &day->tape);
	}
}

static void act(struct day *day, uint32_t what, uint32_t seat) {
	struct world *w = &day->world;
	struct talk *t = day->seats[seat];

	switch (what) {
	case ACT_FEED:
		feed(day, connected_seat(day, seat));
		break;
	case ACT_CONNECT:
		(void)connect_seat(day, seat);
		break;
	case ACT_HANG_UP:
		if (t != NULL) {
			talk_hang_up(t);
		}
		break;
	case ACT_DEAF:
		if (t != NULL) {
			t->is_deaf = !t->is_deaf;
		}
		break;
	case ACT_COMMIT:
		fake_store_end_commit(
			w->engine->store, (enum commit_end)(tape_next(&day->tape) % COMMIT_ENDS));
		break;
	case ACT_TIME:
		fake_clock_pass(&w->loop, 4u << (tape_next(&day->tape) & 15));
		break;
	case ACT_END:
		fake_process_ends(tape_next(&day->tape));
		break;
	case ACT_STOP:
	case ACT_KILL:
		world_restart(w, what == ACT_KILL);
		break;
	case ACT_NOTE:
		leave_note(day);
		break;
	default:
		say(day, connected_seat(day, seat));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct day *day = calloc(1, sizeof *day);

	HOLDS(day != NULL);
	day->tape = (struct tape){data, size};
	world_begin(&day->world);
	for (uint32_t i = 0; i < ACTS_MAX && day->tape.len > 0; i++) {
		uint8_t head = tape_next(&day->tape);
		act(day, head >> 2 & 15, head & 3);
		if ((head & 0x80) == 0) {
			world_turn(&day->world);
		}
	}
	world_finish(&day->world);
	free(day);
	return 0;
}
