/* The protocol between two ranks of one run and the daemon, as a model for spin.
 *
 * Rank 0 sends   S1  LOG S2        S = a STEP, which waits until both ranks brought it;
 * rank 1 sends   S1  S2  LOG       LOG = anything else, which has its effect alone.
 * The second frame of rank 0 is one the daemon refuses (a poison frame).
 *
 * What may happen: the daemon is killed at any moment (CRASHES times), a
 * connection breaks while both ends live, its bytes staying readable in the old
 * socket (BREAKS times), an outbox is full and the newest frame is dropped, the database is
 * put back to an older copy (with -DROLLBACK), one rank's process dies (with -DDEATH).
 *
 * What must hold at the end: every frame that was given a seq is in the database
 * exactly once, as folded or as lost; and lost only if it was dropped, refused, or is a gap.
 * Along the way: nothing is folded twice, an ack speaks only of what is committed, and it never passes
 * what was sent on this connection.
 *
 * Each rule of PROTOCOL.md §4 is in force unless its NO_ flag switches it off:
 *   NO_R1 a LOG behind a waiting STEP takes effect at once
 *   NO_R2 durable is the highest received, not the end of the applied prefix
 *   NO_R3 the commit reads the live state instead of the cut's copy
 *   NO_R4 resend from durable and fold whatever comes      NO_FENCE old connections stay open
 *   NO_R5 a refused frame consumes no seq                  NO_R6 OPEN does not say what is still held
 *   NO_R7 no reserve: whoever comes first fills the memory NO_R8 a rank is missing by the clock
 *   NO_PLACE a dropped frame leaves a hole                 NO_COMMIT acks go out at the cut
 * REACH_END fails where the end is reached: a model that never gets there proves nothing.
 */
#define FRAMES 3
#ifndef OUTBOX
#define OUTBOX 2 /* frames the client can hold */
#endif
#ifndef HELD
#define HELD 2 /* frames the daemon holds unapplied, of both ranks */
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef BREAKS
#define BREAKS 1
#endif

#define AT(r, seq) ((r) * 4 + (seq))
#define IS_STEP(r, seq) ((seq) == 1 || ((r) == 0 && (seq) == 3) || ((r) == 1 && (seq) == 2))
#define STEP_OF(seq) ((seq) == 1 -> 1 : 2)
#ifdef POISON
#define IS_POISON(r, seq) ((r) == 0 && (seq) == 2)
#else
#define IS_POISON(r, seq) false
#endif

/* How a frame stands: on the wire, in memory, on disk. */
#define GOOD 0
#define DROPPED 1 /* a DROPPED record in its place */
#define GAP 2

/* The clients. */
byte given[2], freed[2], sent[2], ack_in[2];
bit connected[2], dead[2], done[2];
byte kind[8]; /* GOOD or DROPPED, as the outbox has it */
/* The wire: this connection, and what an abandoned one left readable. */
chan wire[2] = [2] of { byte, byte };
chan old_wire[2] = [2] of { byte, byte };
/* The daemon's memory. */
byte received[2], applied[2], next_step = 1;
byte folded[8], lost[8], held_kind[8];
bit early[8]; /* NO_R1: took effect before its turn */
/* The cut in flight. */
bit committing;
byte cut_applied[2], cut_next_step, cut_folded[8], cut_lost[8];
/* The disk, and an older copy of it. */
byte disk_applied[2], disk_next_step = 1, disk_folded[8], disk_lost[8];
#ifdef ROLLBACK
byte copy_applied[2], copy_next_step, copy_folded[8], copy_lost[8];
bit copied;
#endif
bit rolled_back;
byte crashes, breaks;

inline drain(c) {
	do
	:: c?_, _
	:: empty(c) -> break
	od
}

inline fold(r, seq) {
	folded[AT(r, seq)]++;
	assert(folded[AT(r, seq)] == 1)
}

/* The head of a stream takes effect, whatever that means for it. */
inline consume(r) {
	applied[r]++;
	if
	:: early[AT(r, applied[r])] -> early[AT(r, applied[r])] = 0
	:: else ->
		if
		:: held_kind[AT(r, applied[r])] == GOOD && !IS_POISON(r, applied[r]) -> fold(r, applied[r])
		:: else -> lost[AT(r, applied[r])]++
		fi
	fi;
	held_kind[AT(r, applied[r])] = GOOD
}

inline receive(r, seq, how) {
	if
#ifdef NO_R4
	:: seq <= applied[r] -> fold(r, seq)
	:: seq > applied[r] && seq != received[r] + 1 -> skip
#else
	:: seq <= received[r] -> skip     /* below wanted: discarded */
	:: seq > received[r] + 1 -> skip  /* above wanted: refused */
#endif
	:: seq == received[r] + 1 ->
#ifdef NO_R5
		if
		:: IS_POISON(r, seq) -> skip
		:: else -> received[r] = seq; held_kind[AT(r, seq)] = how
		fi
#else
		received[r] = seq; held_kind[AT(r, seq)] = how
#endif
	fi;
#ifdef NO_R1
	if
	:: received[r] == seq && seq > applied[r] + 1 && !IS_STEP(r, seq) && how == GOOD && !early[AT(r, seq)] ->
		fold(r, seq); early[AT(r, seq)] = 1
	:: else
	fi;
#endif
	seq = 0; how = 0
}

proctype client(byte r) {
	byte n, i;
	do
	/* The trainer logs: a seq is given whether there is room or not. */
	:: atomic {
		!dead[r] && given[r] < FRAMES ->
		n = 0; i = freed[r] + 1;
		do
		:: i <= given[r] -> n = n + (kind[AT(r, i)] == GOOD -> 1 : 0); i++
		:: i > given[r] -> break
		od;
		given[r]++;
		if
		:: n >= OUTBOX -> kind[AT(r, given[r])] = DROPPED
		:: else
		fi;
		n = 0; i = 0
	}
	/* OPEN and OPENED. */
	:: atomic {
		!dead[r] && !connected[r] && !done[r] ->
		connected[r] = 1; ack_in[r] = 0;
#ifndef NO_FENCE
		drain(old_wire[r]);
#endif
		freed[r] = (disk_applied[r] > freed[r] -> disk_applied[r] : freed[r]);
#ifndef NO_R6
		do /* what is no longer held and not here either is a gap */
		:: received[r] < freed[r] -> received[r]++; held_kind[AT(r, received[r])] = GAP
		:: else -> break
		od;
#endif
#ifdef NO_R4
		sent[r] = disk_applied[r]; received[r] = applied[r]
#else
		sent[r] = received[r]
#endif
	}
	:: atomic {
		!dead[r] && connected[r] && sent[r] < given[r] && sent[r] >= freed[r] && nfull(wire[r]) ->
		sent[r]++;
#ifdef NO_PLACE
		if
		:: kind[AT(r, sent[r])] == DROPPED
		:: else -> wire[r]!sent[r], GOOD
		fi
#else
		wire[r]!sent[r], kind[AT(r, sent[r])]
#endif
	}
	:: atomic {
		!dead[r] && connected[r] && ack_in[r] > freed[r] ->
		freed[r]++;
		assert(sent[r] >= freed[r]);
		assert(rolled_back || disk_folded[AT(r, freed[r])] + disk_lost[AT(r, freed[r])] == 1)
	}
	/* The connection breaks; its bytes stay readable. */
	:: atomic {
		!dead[r] && connected[r] && breaks < BREAKS && !done[r] ->
		breaks++; connected[r] = 0;
		do
		:: nempty(wire[r]) && nfull(old_wire[r]) -> wire[r]?n, i; old_wire[r]!n, i
		:: empty(wire[r]) || full(old_wire[r]) -> break
		od;
		drain(wire[r]); n = 0; i = 0
	}
#ifdef DEATH
	:: atomic { r == 1 && !dead[1] && !done[1] -> dead[1] = 1; connected[1] = 0 }
#endif
	:: atomic { dead[r] || (given[r] == FRAMES && freed[r] == FRAMES) -> done[r] = 1; break }
	od
}

#ifdef NO_R7
#define ROOM(r) (received[0] - applied[0] + received[1] - applied[1] < HELD)
#else
#define ROOM(r) (received[r] == applied[r] || received[0] - applied[0] + received[1] - applied[1] < HELD)
#endif
#define HAS(r) (applied[r] < received[r])
#define HEAD(r) (applied[r] + 1)
#define STEP_READY(r) (HAS(r) && IS_STEP(r, HEAD(r)))
#ifdef NO_R8
#define MISSING(r) (!HAS(r))
#else
/* Known dead, its socket drained; or finished. */
#define MISSING(r) (!HAS(r) && done[r] && empty(wire[r]) && empty(old_wire[r]))
#endif

active proctype daemon() {
	byte seq, i, how;
	run client(0);
	run client(1);
	do
	:: atomic { nempty(wire[0]) && ROOM(0) -> wire[0]?seq, how; receive(0, seq, how) }
	:: atomic { nempty(wire[1]) && ROOM(1) -> wire[1]?seq, how; receive(1, seq, how) }
	:: atomic { nempty(old_wire[0]) && ROOM(0) -> old_wire[0]?seq, how; receive(0, seq, how) }
	:: atomic { nempty(old_wire[1]) && ROOM(1) -> old_wire[1]?seq, how; receive(1, seq, how) }
	/* The core: each stream in order, a step when both are at it. */
	:: atomic { HAS(0) && !IS_STEP(0, HEAD(0)) -> consume(0) }
	:: atomic { HAS(1) && !IS_STEP(1, HEAD(1)) -> consume(1) }
	:: atomic {
		STEP_READY(0) && STEP_READY(1) && STEP_OF(HEAD(0)) == next_step && STEP_OF(HEAD(1)) == next_step ->
		consume(0); consume(1); next_step++
	}
	:: atomic { STEP_READY(0) && STEP_OF(HEAD(0)) == next_step && MISSING(1) -> consume(0); next_step++ }
	:: atomic { STEP_READY(1) && STEP_OF(HEAD(1)) == next_step && MISSING(0) -> consume(1); next_step++ }
	/* Evidence: the other stream is already at a later step. */
	:: atomic { STEP_READY(0) && STEP_READY(1) && STEP_OF(HEAD(0)) == next_step && STEP_OF(HEAD(1)) > next_step ->
		consume(0); next_step++ }
	:: atomic { STEP_READY(0) && STEP_READY(1) && STEP_OF(HEAD(1)) == next_step && STEP_OF(HEAD(0)) > next_step ->
		consume(1); next_step++ }
	/* Late: the step was folded without it. */
	:: atomic { STEP_READY(0) && STEP_OF(HEAD(0)) < next_step -> applied[0]++; lost[AT(0, applied[0])]++; held_kind[AT(0, applied[0])] = GOOD }
	:: atomic { STEP_READY(1) && STEP_OF(HEAD(1)) < next_step -> applied[1]++; lost[AT(1, applied[1])]++; held_kind[AT(1, applied[1])] = GOOD }
	/* The cut, the commit, the acks. */
	:: atomic {
		!committing && (applied[0] != disk_applied[0] || applied[1] != disk_applied[1]) ->
		committing = 1;
#ifdef NO_R2
		cut_applied[0] = received[0]; cut_applied[1] = received[1];
#else
		cut_applied[0] = applied[0]; cut_applied[1] = applied[1];
#endif
		cut_next_step = next_step;
		i = 0;
		do :: i < 8 -> cut_folded[i] = folded[i]; cut_lost[i] = lost[i]; i++ :: else -> break od;
#ifdef NO_COMMIT
		ack_in[0] = (connected[0] -> cut_applied[0] : 0); ack_in[1] = (connected[1] -> cut_applied[1] : 0);
#endif
		i = 0
	}
	:: atomic {
		committing -> committing = 0;
		disk_applied[0] = cut_applied[0]; disk_applied[1] = cut_applied[1];
		i = 0;
#ifdef NO_R3
		do :: i < 8 -> disk_folded[i] = folded[i]; disk_lost[i] = lost[i]; i++ :: else -> break od;
		disk_next_step = next_step;
#else
		do :: i < 8 -> disk_folded[i] = cut_folded[i]; disk_lost[i] = cut_lost[i]; cut_folded[i] = 0; cut_lost[i] = 0; i++
		:: else -> break od;
		disk_next_step = cut_next_step;
#endif
		cut_applied[0] = 0; cut_applied[1] = 0; cut_next_step = 0; i = 0
	}
	/* An ack may go out to one rank and not to the other before the next crash. */
	:: atomic { connected[0] && ack_in[0] < disk_applied[0] && freed[0] < disk_applied[0] -> ack_in[0] = disk_applied[0] }
	:: atomic { connected[1] && ack_in[1] < disk_applied[1] && freed[1] < disk_applied[1] -> ack_in[1] = disk_applied[1] }
#ifdef ROLLBACK
	:: atomic {
		!copied -> copied = 1;
		copy_applied[0] = disk_applied[0]; copy_applied[1] = disk_applied[1]; copy_next_step = disk_next_step;
		i = 0;
		do :: i < 8 -> copy_folded[i] = disk_folded[i]; copy_lost[i] = disk_lost[i]; i++ :: else -> break od;
		i = 0
	}
#endif
	/* kill -9, and a new daemon on what the disk has. */
	:: atomic {
		crashes < CRASHES && !(done[0] && done[1]) -> crashes++;
		i = 0;
#ifdef ROLLBACK
		if
		:: copied && !rolled_back && !done[0] && !done[1] ->
			rolled_back = 1;
			disk_applied[0] = copy_applied[0]; disk_applied[1] = copy_applied[1]; disk_next_step = copy_next_step;
			do :: i < 8 -> disk_folded[i] = copy_folded[i]; disk_lost[i] = copy_lost[i]; i++ :: else -> break od
		:: true
		fi;
#endif
		drain(wire[0]); drain(wire[1]); drain(old_wire[0]); drain(old_wire[1]);
		connected[0] = 0; connected[1] = 0; ack_in[0] = 0; ack_in[1] = 0; committing = 0;
		next_step = disk_next_step; cut_next_step = 0; cut_applied[0] = 0; cut_applied[1] = 0;
		received[0] = disk_applied[0]; received[1] = disk_applied[1];
		applied[0] = disk_applied[0]; applied[1] = disk_applied[1];
		i = 0;
		do
		:: i < 8 ->
			folded[i] = disk_folded[i]; lost[i] = disk_lost[i]; held_kind[i] = GOOD; early[i] = 0;
			cut_folded[i] = 0; cut_lost[i] = 0; i++
		:: else -> break
		od;
		i = 0; seq = 0; how = 0
	}
	:: atomic {
		done[0] && done[1] && !committing && applied[0] == disk_applied[0] && applied[1] == disk_applied[1] &&
		!HAS(0) && !HAS(1) && empty(wire[0]) && empty(wire[1]) && empty(old_wire[0]) && empty(old_wire[1]) ->
		i = 1;
		do
		:: i <= FRAMES ->
			/* Of a live rank: everything, exactly once. Of a dead one: all it was acked. A copy put back after
			 * the last ack of a rank that is through cannot be seen by anybody. */
			assert(disk_folded[AT(0, i)] + disk_lost[AT(0, i)] == 1 || (rolled_back && !connected[0]));
			assert(dead[1] && i > freed[1] || disk_folded[AT(1, i)] + disk_lost[AT(1, i)] == 1 ||
				(rolled_back && !connected[1]));
			assert(rolled_back || disk_lost[AT(0, i)] == 0 || kind[AT(0, i)] == DROPPED || IS_POISON(0, i));
			assert(rolled_back || dead[1] || disk_lost[AT(1, i)] == 0 || kind[AT(1, i)] == DROPPED);
			i++
		:: else -> break
		od;
#ifdef REACH_END
		assert(false);
#endif
		break
	}
	od
}
