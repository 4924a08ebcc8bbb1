/* The order on disk: a run's arrays are written to the slot the database does not name, synced,
 * and only then does one COMMIT name that slot and its generation.
 *
 * The daemon may be killed, and the machine may lose power, anywhere: of a slot being written anything may
 * be on disk (torn), of a slot not synced nothing need be.
 *
 * What must hold: after each restart the slot the database names is whole and of the named generation.
 *
 *   NO_OTHER  the named slot itself is overwritten
 *   NO_SYNC   COMMIT comes before the slot is synced
 *   NO_ORDER  COMMIT comes before the slot is written
 */
#define TORN 255
#define GENERATIONS 4

byte slot[2] = { 0, TORN }; /* the generation on disk */
byte named_slot, named_generation;
byte cached[2] = { 0, TORN };
bit dirty[2];

inline power_cut() {
	atomic {
		/* What was not synced may have arrived whole, torn, or not at all. */
		i = 0;
		do
		:: i < 2 ->
			if
			:: dirty[i] -> slot[i] = cached[i]
			:: dirty[i] -> slot[i] = TORN
			:: !dirty[i]
			:: dirty[i]
			fi;
			cached[i] = slot[i]; dirty[i] = 0; i++
		:: else -> break
		od;
		i = 0;
		assert(slot[named_slot] == named_generation);
		generation = named_generation
	}
}

inline write_slot() { cached[target] = TORN; dirty[target] = 1; if :: power_cut(); goto again :: true fi; cached[target] = generation }
inline sync_slot() { slot[target] = cached[target]; dirty[target] = 0 }
inline commit() { atomic { named_slot = target; named_generation = generation } }

active proctype daemon() {
	byte generation, target, i;
again:
	do
	:: generation < GENERATIONS ->
		generation++;
#ifdef NO_OTHER
		target = named_slot;
#else
		target = 1 - named_slot;
#endif
		if :: power_cut(); goto again :: true fi;
#ifdef NO_ORDER
		commit();
		if :: power_cut(); goto again :: true fi;
#endif
		write_slot();
		if :: power_cut(); goto again :: true fi;
#ifndef NO_SYNC
		sync_slot();
#endif
		if :: power_cut(); goto again :: true fi;
#ifndef NO_ORDER
		commit();
#endif
		if :: power_cut(); goto again :: true fi
	:: generation == GENERATIONS -> break
	od;
#ifdef REACH_END
	assert(false);
#endif
	skip
}
