/* R9: steps are assembled by (run, launch, lap, step).
 *
 * Launch 0 pushes steps 1..3 from two ranks and may be killed anywhere; launch 1
 * resumes at step 2. What the killed processes had written stays readable in their
 * sockets, and is read in any order with what the new ones write.
 *
 * What must hold: no step is ever put together from two launches, and every step of the
 * launch that lived is folded exactly once.
 *
 *   NO_R9    assembly is keyed by the step alone
 *   NO_DRAIN with R9 in force, a new launch begins before the old one's sockets are drained;
 *            then steps of the ended launch are folded after the new attempt began
 */
#define CONN(launch, rank) ((launch) * 2 + (rank))
#define STEPS 3
#define FROM(launch) ((launch) == 0 -> 1 : 2)
#ifdef NO_R9
#define KEY(launch, step) (step)
#else
#define KEY(launch, step) ((launch) * 4 + (step))
#endif

chan sock[4] = [4] of { byte };
bit ended[4]; /* the process is gone, its last byte written */
bit began[2]; /* the daemon has seen a frame of this launch */
byte ranks_at[8], launch_at[8];
byte folded[8];
byte over;

proctype rank(byte launch, r) {
	byte step = FROM(launch);
	do
	:: step <= STEPS -> sock[CONN(launch, r)]!step; step++
	:: step > STEPS -> break
	:: launch == 0 -> break /* killed */
	od;
	ended[CONN(launch, r)] = 1;
	over++
}

#define DRAINED(launch) (ended[CONN(launch, 0)] && ended[CONN(launch, 1)] && \
	empty(sock[CONN(launch, 0)]) && empty(sock[CONN(launch, 1)]))
#ifdef NO_DRAIN
#define MAY_READ(launch) true
#else
#define MAY_READ(launch) ((launch) == 0 || DRAINED(0)) /* else: REFUSAL run_busy, tried again */
#endif

inline read_one(launch, r) {
	atomic {
		nempty(sock[CONN(launch, r)]) && MAY_READ(launch) ->
		sock[CONN(launch, r)]?step;
		began[launch] = 1;
		key = KEY(launch, step);
		if
		:: ranks_at[key] == 0 -> ranks_at[key] = 1 << r; launch_at[key] = launch
		:: (ranks_at[key] & (1 << r)) != 0 -> launch_at[key] = launch /* a rank twice: the newer stays */
		:: else ->
			assert(launch_at[key] == launch);
			assert(launch == 1 || !began[1]);
			ranks_at[key] = 0;
			folded[launch * 4 + step]++
		fi;
		step = 0; key = 0
	}
}

active proctype daemon() {
	byte step, key;
	run rank(0, 0);
	run rank(0, 1);
	do
	:: read_one(0, 0)
	:: read_one(0, 1)
	:: read_one(1, 0)
	:: read_one(1, 1)
	:: atomic { over == 2 -> over = 3; run rank(1, 0); run rank(1, 1) } /* the launcher restarts both */
	:: atomic {
		over == 5 && DRAINED(0) && DRAINED(1) ->
		assert(folded[4 + 2] == 1 && folded[4 + 3] == 1);
#ifdef REACH_END
		assert(false);
#endif
		break
	}
	od
}
