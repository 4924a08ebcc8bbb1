/* The public calls, against a daemon that does as it is told. */
#include "fixture.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <time.h>

#include "counts.h"
#include "decode.h"
#include "frame.h"
#include "sender.h"

#define PATIENCE_MS 60000u /* for what must happen: a slow machine is no failure */

static uint64_t now_ms(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void log_number(struct saem_run *run, int64_t step) {
	const struct saem_value value = {.key = "a", .kind = SAEM_INT, .integer = step};

	assert_in_range(saem_log(run, step, &value, 1), SAEM_QUEUED, SAEM_AWAY);
}

/* ---- the ordinary way ---- */

static void what_is_logged_arrives_in_order_and_is_acked(void **state) {
	struct fixture *x = *state;
	fake_start(&x->daemon, x->path, NULL);
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);

	for (uint32_t step = 0; step < 200; step++) {
		assert_in_range(log_step(run, step), SAEM_QUEUED, SAEM_AWAY);
	}
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_QUEUED);
	struct saem_stats stats = stats_of(run);
	assert_int_equal(stats.messages, 201);
	assert_int_equal(stats.acked, 201);
	assert_int_equal(stats.outbox_frames, 0);
	saem_close(run);

	stop(x);
	assert_int_equal(x->daemon.n_records, 201);
	for (uint32_t step = 0; step < 200; step++) {
		assert_int_equal(x->daemon.records[step].type, MSG_STEP);
		assert_int_equal(x->daemon.records[step].step, step);
		assert_true(x->daemon.records[step].scalar == step);
		assert_int_equal(x->daemon.records[step].nonzero.form, COUNTS_U16);
	}
	assert_int_equal(x->daemon.records[200].type, MSG_FINISH);
	fake_free(&x->daemon);
}

static void everything_a_trainer_can_say_is_a_message_of_the_protocol(void **state) {
	static const enum message_type expected[] = {MSG_STEP, MSG_STEP, MSG_DROPPED, MSG_LOG,
		MSG_EVENT, MSG_MARK, MSG_UPDATE, MSG_UPDATE, MSG_FINISH};
	struct fixture *x = *state;
	fake_start(&x->daemon, x->path, NULL);
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);
	static const double counts[] = {1, 2, 3};
	static const double edges[] = {0, 1, 2, 3};
	const struct saem_value values[] = {
		{.key = "a", .kind = SAEM_FLOAT, .number = NAN},
		{.key = "b", .kind = SAEM_INT, .integer = -7},
		{.key = "c", .kind = SAEM_TEXT, .text = "words"},
		{.key = "d", .kind = SAEM_TEXT},
		{.key = "e", .kind = SAEM_HISTOGRAM, .counts = counts, .edges = edges, .n_bins = 3},
	};
	static const uint32_t few[] = {9, 8};
	static const uint32_t where[] = {3, 500};
	const struct saem_counts pairs = {SAEM_PAIRS_U32, few, where, 2};
	const uint8_t has[] = {0, 1};
	static const char *const tags[] = {"one", "two", NULL};

	log_step(run, 0);
	saem_log_step(run, 1, 10, &pairs, &pairs, edges, has, 2);
	assert_int_equal(saem_skip(run, 2), SAEM_DROPPED);
	saem_log(run, SAEM_NO_STEP, values, 5);
	saem_event(run, 2, "resample", NULL);
	saem_mark(run, 2, "checkpoint 1");
	saem_update(run, "another name", NULL, NULL, "{}");
	saem_update_tags(run, tags);
	assert_int_equal(saem_finish(run, 3, "preempted", PATIENCE_MS), SAEM_QUEUED);
	saem_close(run);

	stop(x);
	assert_int_equal(x->daemon.n_records, 9);
	for (size_t i = 0; i < 9; i++) {
		assert_int_equal(x->daemon.records[i].type, expected[i]);
	}
	assert_int_equal(x->daemon.records[1].nonzero.form, COUNTS_PAIRS16);
	assert_int_equal(x->daemon.records[1].nonzero.n_entries, 2);
	assert_true(x->daemon.records[2].has_step);
	assert_int_equal(x->daemon.records[8].exit_code, 3);
	fake_free(&x->daemon);
}

static void a_trainer_that_begins_again_says_so_with_what_comes_next(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_for(x);
	fake_start(&x->daemon, x->path, NULL);
	struct saem_run *run = open_run(&options);
	static const struct {
		enum message_type
			type; /* EVENT: saem_begin_attempt, and no message; DROPPED: a skip */
		uint32_t step, lap;
	} said[] = {{MSG_EVENT, 0, 0}, {MSG_LOG, 9, 0}, {MSG_LOG, 4, 0}, {MSG_EVENT, 0, 0},
		{MSG_EVENT, 0, 0}, {MSG_LOG, 4, 1}, {MSG_EVENT, 0, 0}, {MSG_STEP, 7, 2},
		{MSG_STEP, 7, 3}, {MSG_LOG, 2, 3}, {MSG_EVENT, 0, 0}, {MSG_STEP, 8, 4},
		{MSG_EVENT, 0, 0}, {MSG_DROPPED, 9, 5}, {MSG_LOG, 9, 5}, {MSG_DROPPED, 8, 6},
		{MSG_LOG, 8, 6}};
	size_t n_messages = 0;

	for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
		if (said[i].type == MSG_EVENT) {
			assert_int_equal(saem_begin_attempt(run), SAEM_QUEUED);
		} else if (said[i].type == MSG_LOG) {
			log_number(run, said[i].step);
		} else if (said[i].type == MSG_STEP) {
			log_step(run, said[i].step);
		} else {
			assert_int_equal(saem_skip(run, said[i].step), SAEM_DROPPED);
		}
	}
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_QUEUED);
	assert_int_equal(saem_begin_attempt(run), SAEM_INERT);
	saem_close(run);

	stop(x);
	for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
		const struct fake_record *r = &x->daemon.records[n_messages];
		if (said[i].type == MSG_EVENT) {
			continue;
		}
		assert_int_equal(r->type, said[i].type);
		assert_int_equal(r->step, said[i].step);
		assert_int_equal(r->lap, said[i].lap);
		n_messages++;
	}
	assert_int_equal(x->daemon.records[n_messages].type, MSG_FINISH);
	fake_free(&x->daemon);
}

static void laps_are_counted_whatever_becomes_of_a_step(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {.state = "0123456789"}; /* of step 41 */
	struct saem_options options = options_for(x);
	fake_start(&x->daemon, x->path, &script);
	struct saem_run *run = open_run(&options);
	void *bytes = NULL;
	size_t len = 0;
	int64_t step;
	static const struct {
		enum message_type type; /* DROPPED: by a skip */
		uint32_t step, lap;
	} said[] = {{MSG_RESTORE, 41, 0}, {MSG_STEP, 42, 0}, {MSG_STEP, 5, 1}, {MSG_DROPPED, 6, 1},
		{MSG_STEP, 6, 2}, {MSG_DROPPED, 2, 3}, {MSG_STEP, 3, 3}, {MSG_STEP, 3, 4},
		{MSG_RESTORE, 41, 5}, {MSG_STEP, 42, 5}, {MSG_RESTORE, 41, 6}, {MSG_RESTORE, 41, 7},
		{MSG_STEP, 40, 8}};
	const size_t n = sizeof said / sizeof said[0];

	assert_int_equal(saem_state(run, PATIENCE_MS, &bytes, &len, &step), SAEM_QUEUED);
	for (size_t i = 0; i < n; i++) {
		if (said[i].type == MSG_DROPPED) {
			assert_int_equal(saem_skip(run, said[i].step), SAEM_DROPPED);
		} else if (said[i].type == MSG_RESTORE) {
			assert_int_equal(saem_restore(run, bytes, len), SAEM_QUEUED);
		} else {
			log_step(run, said[i].step);
		}
		/* A step that is not taken is not said: it counts for nothing. */
		assert_int_equal(saem_log_step(run, 0, 0, NULL, NULL, NULL, NULL, 0), -EINVAL);
	}
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_QUEUED);
	saem_close(run);
	saem_free(bytes);

	stop(x);
	for (size_t i = 0; i < n; i++) {
		const struct fake_record *r = &x->daemon.records[i];
		assert_int_equal(r->type, said[i].type);
		assert_int_equal(r->step, said[i].step);
		assert_int_equal(r->lap, said[i].lap);
	}
	fake_free(&x->daemon);
}

static void many_values_are_one_message_and_too_many_none(void **state) {
	struct fixture *x = *state;
	fake_start(&x->daemon, x->path, NULL);
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);
	static struct saem_value values[1025];
	static char keys[1025][16];
	static double bins[513];

	for (size_t i = 0; i < 1025; i++) {
		snprintf(keys[i], sizeof keys[i], "key/%zu", i);
		values[i] = (struct saem_value){.key = keys[i], .kind = SAEM_FLOAT, .number = 1};
	}
	assert_in_range(saem_log(run, 5, values, 1024), SAEM_QUEUED, SAEM_AWAY);
	assert_int_equal(saem_log(run, 5, values, 1025), -EINVAL);
	for (size_t i = 0; i < 40; i++) {
		values[i].kind = SAEM_HISTOGRAM;
		values[i].counts = values[i].edges = bins;
		values[i].n_bins = 512;
	}
	assert_in_range(saem_log(run, 5, values, 12), SAEM_QUEUED, SAEM_AWAY);
	assert_int_equal(saem_log(run, 5, values, 40), -EINVAL);
	assert_non_null(strstr(stats_of(run).words, "too much for one message"));
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_QUEUED);
	saem_close(run);
	stop(x);
	assert_int_equal(x->daemon.n_records, 3);
	fake_free(&x->daemon);
}

static void the_form_of_the_counts_follows_the_counts(void **state) {
	static const struct {
		uint32_t every, value;
		enum counts_form form;
	} shapes[] = {
		{1, 1, COUNTS_U8},
		{1, 255, COUNTS_U8},
		{1, 256, COUNTS_U16},
		{1, 3, COUNTS_U8},
		{100, 70000, COUNTS_PAIRS32},
		{1, 70000, COUNTS_U32},
		{100, 3, COUNTS_PAIRS16},
		{1, 70000, COUNTS_U32},
		{1, 1, COUNTS_U8},
	};
	struct fixture *x = *state;
	fake_start(&x->daemon, x->path, NULL);
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);
	uint32_t counts[D_SAE];
	const struct saem_counts fired = {.type = SAEM_U32, .data = counts, .n_entries = D_SAE};
	const double scalars[2] = {0};

	for (uint32_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
		for (uint32_t k = 0; k < D_SAE; k++) {
			counts[k] = k % shapes[i].every == 0 ? shapes[i].value : 0;
		}
		/* twice: guessed wrong, then right */
		saem_log_step(run, 2 * i, 100000, &fired, &fired, scalars, NULL, 2);
		saem_log_step(run, 2 * i + 1, 100000, &fired, NULL, scalars, NULL, 2);
	}
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_QUEUED);
	saem_close(run);
	stop(x);
	for (uint32_t i = 0; i + 1 < x->daemon.n_records; i++) {
		assert_int_equal(x->daemon.records[i].nonzero.form, shapes[i / 2].form);
	}
	fake_free(&x->daemon);
}

#define RANDOM_STEPS 400u

/* What feature i of a vector of that seed counts: from one in a thousand to all, from 1 to
 * 100,000. */
static uint32_t random_count(uint32_t seed, uint32_t i) {
	static const uint32_t every[] = {1, 2, 3, 6, 10, 1000};
	static const uint32_t limit[] = {1, 255, 256, 65535, 100000};
	uint32_t mixed = (i + 1) * 2654435761u ^ (seed + 1) * 40503u * 65537u;

	mixed ^= mixed >> 15;
	return mixed % every[seed / 3 % 6] == 0 ? 1 + (mixed >> 8) % limit[seed / 7 % 5] : 0;
}

static void check_counts(const struct counts *c, uint32_t seed) {
	uint32_t dense[D_SAE] = {0};
	size_t width = c->form == COUNTS_U8                                 ? 1
		       : c->form == COUNTS_U16 || c->form == COUNTS_PAIRS16 ? 2
									    : 4;
	bool pairs = c->form == COUNTS_PAIRS16 || c->form == COUNTS_PAIRS32;
	uint32_t max = 0;
	uint32_t n_nonzero = 0;
	uint32_t n_entries = 0;

	assert_null(counts_check(c, D_SAE, 100000));
	for (uint32_t i = 0; i < c->n_entries; i++) {
		uint32_t index = i;
		if (pairs) {
			memcpy(&index, c->data + 4 * i, 4);
		}
		memcpy(&dense[index], c->data + (pairs ? 4 * c->n_entries : 0) + width * i, width);
	}
	for (uint32_t i = 0; i < D_SAE; i++) {
		uint32_t count = random_count(seed, i);
		assert_int_equal(dense[i], count);
		max = count > max ? count : max;
		n_nonzero += count != 0;
	}
	assert_int_equal(c->form, counts_smallest(max, n_nonzero, D_SAE, &n_entries));
	assert_int_equal(c->n_entries, n_entries);
}

static void counts_arrive_exactly_whatever_shape_they_change_to(void **state) {
	struct fixture *x = *state;
	fake_start(&x->daemon, x->path, NULL);
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);
	const double scalars[2] = {0};

	for (uint32_t step = 0; step < RANDOM_STEPS; step++) {
		uint32_t u32[D_SAE];
		double f64[D_SAE];
		for (uint32_t i = 0; i < D_SAE; i++) {
			u32[i] = random_count(step, i);
			f64[i] = random_count(step + 11, i);
		}
		const struct saem_counts fired = {
			.type = SAEM_U32, .data = u32, .n_entries = D_SAE};
		const struct saem_counts positive = {
			.type = SAEM_F64, .data = f64, .n_entries = D_SAE};
		assert_in_range(saem_log_step(run, step, 100000, &fired,
					step % 5 == 0 ? NULL : &positive, scalars, NULL, 2),
			SAEM_QUEUED, SAEM_AWAY);
	}
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_QUEUED);
	saem_close(run);
	stop(x);
	assert_int_equal(x->daemon.n_records, RANDOM_STEPS + 1);
	for (uint32_t step = 0; step < RANDOM_STEPS; step++) {
		check_counts(&x->daemon.records[step].nonzero, step);
		if (step % 5 != 0) {
			check_counts(&x->daemon.records[step].positive, step + 11);
		}
	}
	fake_free(&x->daemon);
}

static void expect_words(struct saem_run *run, const char *expected) {
	struct saem_stats stats = stats_of(run);

	if (strstr(stats.words, expected) == NULL) {
		fail_msg("expected \"%s\", got \"%s\"", expected, stats.words);
	}
}

static void a_misused_call_does_nothing_and_says_why(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);
	uint32_t counts[D_SAE] = {0};
	struct saem_counts fired = {.type = SAEM_U32, .data = counts, .n_entries = D_SAE};
	const double scalars[2] = {0};

#define MISUSED(expected, call)                                                                    \
	assert_int_equal(call, -EINVAL);                                                           \
	expect_words(run, expected)
	MISUSED("step is 2147483646",
		saem_log_step(run, 2147483646, 1, NULL, NULL, scalars, NULL, 2));
	MISUSED("n_rows is 0", saem_log_step(run, 0, 0, NULL, NULL, scalars, NULL, 2));
	MISUSED("3 scalars", saem_log_step(run, 0, 1, NULL, NULL, scalars, NULL, 3));
	MISUSED("scalars is NULL", saem_log_step(run, 0, 1, NULL, NULL, NULL, NULL, 2));
	assert_int_equal(saem_get_stats(run, NULL), -EINVAL);
	MISUSED("positive: expected only beside fired",
		saem_log_step(run, 0, 1, NULL, &fired, scalars, NULL, 2));
	fired.n_entries = D_SAE - 1;
	MISUSED("fired: 511 entries, expected exactly d_sae, 512",
		saem_log_step(run, 0, 1, &fired, NULL, scalars, NULL, 2));
	fired.type = SAEM_PAIRS_U32;
	MISUSED("fired: its numbers are NULL",
		saem_log_step(run, 0, 1, &fired, NULL, scalars, NULL, 2));
	fired.n_entries = D_SAE + 1;
	MISUSED("expected at most d_sae", saem_log_step(run, 0, 1, &fired, NULL, scalars, NULL, 2));
	fired.type = 11;
	MISUSED("fired: type is 11", saem_log_step(run, 0, 1, &fired, NULL, scalars, NULL, 2));
	fired = (struct saem_counts){.type = SAEM_U32, .data = counts, .n_entries = D_SAE};
	counts[77] = 9;
	MISUSED("fired[77] is 9, above n_rows 8",
		saem_log_step(run, 0, 8, &fired, NULL, scalars, NULL, 2));
	MISUSED("step is 2147483646", saem_skip(run, 2147483646));
	MISUSED("step is -2", saem_event(run, -2, "kind", "text"));
	MISUSED("kind: 0 bytes", saem_event(run, 0, NULL, "text"));
	MISUSED("text \"?\" is not UTF-8", saem_event(run, 0, "kind", "\xff"));
	MISUSED("0 values", saem_log(run, 0, NULL, 0));
	struct saem_value value = {.key = "a\nb", .kind = SAEM_FLOAT};
	MISUSED("key \"a?b\"", saem_log(run, 0, &value, 1));
	value = (struct saem_value){.key = "k", .kind = 9};
	MISUSED("k: kind is 9", saem_log(run, 0, &value, 1));
	value = (struct saem_value){.key = "k", .kind = SAEM_HISTOGRAM, .n_bins = 513};
	MISUSED("k: a histogram of 513 bins", saem_log(run, 0, &value, 1));
	MISUSED("state is \"happy\"", saem_finish(run, 0, "happy", 0));
#undef MISUSED
	assert_int_equal(saem_restore(run, "not a state", 11), -EBADMSG);
	assert_int_equal(stats_of(run).messages, 0);
	saem_close(run);

	options.d_sae = 0;
	run = open_run(&options);
	assert_int_equal(saem_log_step(run, 0, 8, &fired, NULL, scalars, NULL, 2), -EINVAL);
	assert_int_equal(saem_log_step(run, 0, 8, NULL, NULL, scalars, NULL, 2), SAEM_AWAY);
	saem_close(run);
}

static void what_is_null_where_something_is_needed_is_refused(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_for(x), nothing = {0};
	struct saem_run *run = NULL;
	const char *why = NULL;

	assert_int_equal(saem_open(NULL, &run, &why), -EINVAL);
	assert_non_null(strstr(why, "SAEM_OPTIONS_INIT"));
	assert_int_equal(saem_open(&options, NULL, NULL), -EINVAL);
	assert_int_equal(saem_open(&nothing, &run, &why), -EINVAL);
	assert_non_null(strstr(why, "SAEM_OPTIONS_INIT"));
	options.scalars = NULL;
	options.n_scalars = 2;
	assert_int_equal(saem_open(&options, &run, &why), -EINVAL);
	assert_non_null(strstr(why, "scalars is NULL; expected 2 names"));
	options = options_for(x);
	options.n_thresholds = 1;
	assert_int_equal(saem_open(&options, &run, &why), -EINVAL);
	assert_non_null(strstr(why, "thresholds is NULL"));
}

static void an_option_that_cannot_be_is_refused_with_a_sentence(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_for(x);
	struct saem_run *run = NULL;
	const char *why = NULL;
	char path[200];

	options.outbox_bytes = 1000;
	assert_int_equal(saem_open(&options, &run, &why), -EINVAL);
	assert_non_null(strstr(why, "outbox_bytes is 1000; expected at least 131072"));
	options = options_for(x);
	options.when_full = 3;
	assert_int_equal(saem_open(&options, &run, &why), -EINVAL);
	assert_non_null(strstr(why, "when_full is 3"));
	options = options_for(x);
	memset(path, 'p', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	options.socket = path;
	assert_int_equal(saem_open(&options, &run, &why), -EINVAL);
	assert_non_null(strstr(why, "socket: 199 bytes"));
	assert_int_equal(saem_open(&options, &run, NULL), -EINVAL);
	assert_null(run);

	/* Who waits for room while other ranks are ahead needs more of it. */
	options = options_for(x);
	options.outbox_bytes = 2 * 65536;
	options.world_size = 2;
	options.launch = "test";
	options.when_full = SAEM_WAIT;
	assert_int_equal(saem_open(&options, &run, &why), -EINVAL);
	assert_non_null(strstr(why, "expected at least 393216"));
}

static void an_older_caller_s_shorter_options_are_enough(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_for(x);

	options.outbox_bytes = 1; /* what an older caller does not know is not looked at */
	options.size = offsetof(struct saem_options, outbox_bytes);
	struct saem_run *run = open_run(&options);
	assert_int_equal(log_step(run, 0), SAEM_AWAY);
	struct saem_stats stats = {.size = offsetof(struct saem_stats, acked), .acked = 77};
	saem_get_stats(run, &stats);
	assert_int_equal(stats.messages, 1);
	assert_int_equal(stats.acked, 77);
	saem_close(run);
}

/* ---- a full outbox ---- */

static struct saem_options small_outbox(const struct fixture *x, enum saem_when_full when_full) {
	struct saem_options options = options_for(x);

	options.outbox_bytes = 2 * 65536;
	options.when_full = when_full;
	return options;
}

static void fill(struct saem_run *run, uint32_t *step) {
	while (stats_of(run).dropped == 0) {
		log_step(run, (*step)++);
	}
}

static void the_newest_are_dropped_in_their_place(void **state) {
	struct fixture *x = *state;
	struct saem_options options = small_outbox(x, SAEM_DROP_NEWEST);
	struct saem_run *run = open_run(&options);
	uint32_t step = 0;

	fill(run, &step);
	assert_int_equal(log_step(run, step++), SAEM_DROPPED);
	fake_start(&x->daemon, x->path, NULL);
	while (saem_flush(run, PATIENCE_MS) != SAEM_QUEUED) {
		/* the daemon has only just begun */
	}
	assert_int_equal(log_step(run, step++), SAEM_QUEUED);
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_QUEUED);
	assert_int_equal(stats_of(run).dropped, 2);
	saem_close(run);

	stop(x);
	assert_int_equal(x->daemon.n_records, step - 2 + 2);
	const struct fake_record *dropped = &x->daemon.records[step - 3];
	assert_int_equal(dropped->type, MSG_DROPPED);
	assert_int_equal(dropped->count, 2);
	assert_int_equal(dropped->lap, 0);
	assert_int_equal(dropped->step, step - 2);
	fake_free(&x->daemon);
}

static void the_oldest_are_dropped_and_the_latest_arrive(void **state) {
	struct fixture *x = *state;
	struct saem_options options = small_outbox(x, SAEM_DROP_OLDEST);
	struct saem_run *run = open_run(&options);

	for (uint32_t step = 0; step < 1000; step++) {
		assert_int_equal(log_step(run, step), SAEM_AWAY);
	}
	uint64_t dropped = stats_of(run).dropped;
	assert_in_range(dropped, 800, 990);
	fake_start(&x->daemon, x->path, NULL);
	while (saem_flush(run, PATIENCE_MS) != SAEM_QUEUED) {
		/* the daemon has only just begun */
	}
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_QUEUED);
	saem_close(run);

	stop(x);
	assert_int_equal(x->daemon.records[0].type, MSG_DROPPED);
	assert_int_equal(x->daemon.records[0].count, dropped);
	assert_int_equal(x->daemon.records[0].step, dropped - 1);
	assert_int_equal(x->daemon.records[1].step, dropped);
	assert_int_equal(x->daemon.records[x->daemon.n_records - 2].step, 999);
	fake_free(&x->daemon);
}

static int log_counts(struct saem_run *run, uint32_t step, const int32_t *counts, uint32_t n_rows) {
	const double scalars[] = {step, 0.5};
	const struct saem_counts fired = {.type = SAEM_I32, .data = counts, .n_entries = D_SAE};

	return saem_log_step(run, step, n_rows, &fired, NULL, scalars, NULL, 2);
}

static void nothing_gives_way_for_counts_that_are_none(void **state) {
	struct fixture *x = *state;
	struct saem_options options = small_outbox(x, SAEM_DROP_OLDEST);
	struct saem_run *run = open_run(&options);
	int32_t counts[D_SAE] = {0};

	for (uint32_t step = 0; step < 1000; step++) {
		assert_int_equal(log_step(run, step), SAEM_AWAY);
	}
	uint64_t dropped = stats_of(run).dropped;
	counts[7] = -1;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(log_counts(run, 1000, counts, 4096), -EINVAL);
	}
	assert_int_equal(stats_of(run).dropped, dropped);
	saem_close(run);
}

/* What was written in 16 bits the step before no longer fits, by one. */
static void a_feature_that_fires_on_65536_rows_is_no_flaw(void **state) {
	static const uint32_t n_others[] = {40, 200, 500};
	struct fixture *x = *state;
	fake_start(&x->daemon, x->path, NULL);
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);
	uint32_t step = 0;

	for (size_t i = 0; i < sizeof n_others / sizeof n_others[0]; i++) {
		int32_t counts[D_SAE] = {65535};
		for (uint32_t k = 1; k <= n_others[i]; k++) {
			counts[k] = 300;
		}
		assert_in_range(log_counts(run, step++, counts, 65536), SAEM_QUEUED, SAEM_AWAY);
		counts[0] = 65536;
		assert_in_range(log_counts(run, step++, counts, 65536), SAEM_QUEUED, SAEM_AWAY);
	}
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_QUEUED);
	saem_close(run);
	stop(x);
	assert_int_equal(x->daemon.n_records, 7);
	fake_free(&x->daemon);
}

static void who_waits_for_room_waits_no_longer_than_he_said(void **state) {
	struct fixture *x = *state;
	struct saem_options options = small_outbox(x, SAEM_WAIT);
	options.when_full_wait_ms = 50;
	struct saem_run *run = open_run(&options);
	uint32_t step = 0;

	fill(run, &step);
	uint64_t began_ms = now_ms();
	assert_int_equal(log_step(run, step++), SAEM_DROPPED);
	assert_in_range(now_ms() - began_ms, 49, 10000);
	saem_close(run);
}

static void who_waits_for_room_goes_on_when_there_is_some(void **state) {
	struct fixture *x = *state;
	struct saem_options options = small_outbox(x, SAEM_WAIT);
	options.when_full_wait_ms = 20000;
	const struct fake_script script = {.acks = FAKE_ACK_FLUSHED};
	fake_start(&x->daemon, x->path, &script);
	struct saem_run *run = open_run(&options);

	/* Ten times more than fits; the acks come because pressure asks for them. */
	for (uint32_t step = 0; step < 1500; step++) {
		assert_in_range(log_step(run, step), SAEM_QUEUED, SAEM_AWAY);
	}
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_QUEUED);
	assert_int_equal(stats_of(run).dropped, 0);
	saem_close(run);
	stop(x);
	assert_int_equal(x->daemon.n_records, 1501);
	assert_true(x->daemon.n_flushes > 5);
	fake_free(&x->daemon);
}

/* ---- calls that wait ---- */

static void a_flush_waits_for_the_disk_and_no_longer_than_it_may(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {.acks = FAKE_ACK_NONE};
	fake_start(&x->daemon, x->path, &script);
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);

	log_step(run, 0);
	assert_int_equal(saem_flush(run, 100), SAEM_TIMEOUT);
	fake_lock(&x->daemon);
	x->daemon.script.acks = FAKE_ACK_FLUSHED;
	fake_unlock(&x->daemon);
	log_step(run, 1);
	assert_int_equal(saem_flush(run, PATIENCE_MS), SAEM_QUEUED);
	assert_int_equal(saem_flush(run, 0), SAEM_QUEUED);
	assert_int_equal(stats_of(run).acked, 2);
	saem_close(run);
	stop(x);
	fake_free(&x->daemon);
}

static void a_run_that_never_met_a_daemon_waits_for_none(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);
	void *bytes;
	size_t len;
	int64_t step;

	log_step(run, 0);
	uint64_t began_ms = now_ms();
	assert_int_equal(saem_flush(run, 60000), SAEM_AWAY);
	assert_int_equal(saem_state(run, 60000, &bytes, &len, &step), SAEM_AWAY);
	assert_int_equal(saem_finish(run, 0, NULL, 60000), SAEM_AWAY);
	assert_in_range(now_ms() - began_ms, 0, 10000);
	assert_non_null(strstr(stats_of(run).words, "connecting to"));
	saem_close(run);
}

static void a_state_comes_back_as_it_was_given(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {.state = "0123456789"};
	fake_start(&x->daemon, x->path, &script);
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);
	void *bytes = NULL;
	size_t len = 0;
	int64_t step = 0;

	log_step(run, 0);
	assert_int_equal(saem_state(run, PATIENCE_MS, &bytes, &len, &step), SAEM_QUEUED);
	assert_int_equal(step, 41);
	assert_int_equal(saem_restore(run, bytes, len - 1), -EBADMSG);
	assert_int_equal(saem_restore(run, bytes, len), SAEM_QUEUED);
	saem_free(bytes);

	fake_lock(&x->daemon);
	x->daemon.script.state = NULL;
	fake_unlock(&x->daemon);
	assert_int_equal(saem_state(run, PATIENCE_MS, &bytes, &len, &step), SAEM_REFUSED);
	assert_string_equal(stats_of(run).words, "no state today");
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_QUEUED);
	saem_close(run);
	stop(x);
	assert_int_equal(x->daemon.records[1].type, MSG_RESTORE);
	fake_free(&x->daemon);
}

static void a_state_of_another_d_sae_or_none_is_not_sent(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);

	assert_int_equal(saem_restore(run, "", 0), -EBADMSG);
	assert_int_equal(stats_of(run).messages, 0);
	saem_close(run);
}

static void a_stop_is_heard(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {.stop = "l0 is too low"};
	fake_start(&x->daemon, x->path, &script);
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);
	const char *reason = NULL;

	log_step(run, 0);
	assert_int_equal(saem_flush(run, PATIENCE_MS), SAEM_QUEUED);
	assert_int_equal(saem_should_stop(run, &reason), 1);
	assert_string_equal(reason, "l0 is too low");
	saem_close(run);
	stop(x);
	fake_free(&x->daemon);
}

/* ---- refused, finished, off ---- */

static void a_refused_run_keeps_nothing_and_says_so(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {.refuse_open = REFUSE_BUDGET, .refuse_for_good = true};
	fake_start(&x->daemon, x->path, &script);
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);

	log_step(run, 0);
	assert_int_equal(saem_flush(run, PATIENCE_MS), SAEM_REFUSED);
	assert_int_equal(log_step(run, 1), SAEM_REFUSED);
	assert_int_equal(stats_of(run).outbox_bytes, 0);
	assert_string_equal(stats_of(run).words, "this fake refuses");
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_REFUSED);
	saem_close(run);
	stop(x);
	fake_free(&x->daemon);
}

static void a_finished_run_is_inert(void **state) {
	struct fixture *x = *state;
	fake_start(&x->daemon, x->path, NULL);
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);

	log_step(run, 0);
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_QUEUED);
	assert_int_equal(log_step(run, 1), SAEM_INERT);
	assert_int_equal(saem_flush(run, PATIENCE_MS), SAEM_INERT);
	assert_int_equal(saem_finish(run, 0, NULL, 10000), SAEM_INERT);
	assert_int_equal(stats_of(run).messages, 2);
	saem_close(run);
	stop(x);
	fake_free(&x->daemon);
}

/* What came of a run that ended with these words. */
static struct fake_record finish_saying(struct fixture *x, const char *words) {
	struct saem_options options = options_for(x);
	fake_start(&x->daemon, x->path, NULL);
	struct saem_run *run = open_run(&options);

	assert_int_equal(saem_finish_with(run, 1, "failed", words, PATIENCE_MS), SAEM_QUEUED);
	saem_close(run);
	stop(x);
	assert_int_equal(x->daemon.n_records, 1);
	struct fake_record record = x->daemon.records[0];
	fake_free(&x->daemon);
	return record;
}

static void a_run_says_why_it_ended_in_one_line_that_can_be_read(void **state) {
	static const struct {
		const char *given, *said;
	} cases[] = {
		{"ValueError: the loss is NaN", "ValueError: the loss is NaN"},
		{"AssertionError:\nexpected 3", "AssertionError:"},
		{"", ""},
		{NULL, ""},
		{"not UTF-8: \xff", ""},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fake_record record = finish_saying(*state, cases[i].given);
		assert_string_equal(record.words, cases[i].said);
		assert_int_equal(record.exit_code, 1);
	}
}

static void words_that_are_too_long_are_cut_between_two_characters(void **state) {
	char words[2048] = "";
	for (size_t i = 0; i + 3 < sizeof words; i += 3) {
		memcpy(words + i, "\xe2\x82\xac", 3);
	}
	assert_int_equal(finish_saying(*state, words).words_len, 510);
}

static void all_that_is_not_finished_ends_in_one_call(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_for(x);
	fake_start(&x->daemon, x->path, NULL);
	struct saem_run *run = open_run(&options);
	options.socket = "/nowhere/socket";
	struct saem_run *others[20];
	for (size_t i = 0; i < 20; i++) {
		others[i] = open_run(&options);
	}
	saem_finish(others[0], 0, NULL, 0);

	assert_int_equal(saem_finish_all(1, "lost", NULL, 10), -EINVAL);
	assert_in_range(log_step(run, 0), SAEM_QUEUED, SAEM_AWAY);
	assert_int_equal(saem_finish_all(143, "preempted", "SIGTERM", PATIENCE_MS), SAEM_AWAY);
	assert_int_equal(
		saem_finish_all(1, NULL, NULL, PATIENCE_MS), SAEM_QUEUED); /* nothing is left */
	assert_int_equal(log_step(run, 1), SAEM_INERT);
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(log_step(others[i], 0), SAEM_INERT);
		saem_close(others[i]);
	}
	saem_close(run);
	stop(x);
	assert_int_equal(x->daemon.n_records, 2);
	assert_int_equal(x->daemon.records[1].exit_code, 143);
	assert_string_equal(x->daemon.records[1].words, "SIGTERM");
	fake_free(&x->daemon);
}

struct turn {
	sem_t taken, over;
	bool is_over;
};

/* At the first: links of runs before this one may not be gone yet. */
static void wait_for_the_end(struct link *l, void *arg) {
	struct turn *turn = arg;

	(void)l;
	if (!turn->is_over) {
		(void)sem_post(&turn->taken);
		(void)sem_wait(&turn->over);
		turn->is_over = true;
	}
}

static void *hold_the_sender(void *arg) {
	return sender_each(wait_for_the_end, arg, UINT64_MAX) ? arg : NULL;
}

/* As when a thread that was interrupted holds it, and never goes on. */
static void who_cannot_get_at_the_runs_in_time_does_not_say_that_they_ended(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_for(x);
	struct turn turn = {.is_over = false};
	pthread_t thread;
	struct saem_run *run = open_run(&options);

	assert_int_equal(sem_init(&turn.taken, 0, 0), 0);
	assert_int_equal(sem_init(&turn.over, 0, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, hold_the_sender, &turn), 0);
	assert_int_equal(sem_wait(&turn.taken), 0);
	int result = saem_finish_all(0, NULL, NULL, 10);
	assert_int_equal(sem_post(&turn.over), 0);
	pthread_join(thread, NULL);
	assert_int_equal(result, SAEM_TIMEOUT);
	assert_int_equal(log_step(run, 0), SAEM_AWAY);
	saem_close(run);
}

static void off_is_off(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_for(x);
	unsigned before = count_descriptors();

	setenv("SAE_METRICS", "off", 1);
	struct saem_run *run = open_run(&options);
	unsetenv("SAE_METRICS");
	setenv("SAE_METRICS_QUIET", "1", 1);
	assert_true(count_descriptors() <=
		    before); /* an earlier test's sender may have ended meanwhile */
	assert_int_equal(strlen(saem_id(run)), 8);
	assert_int_equal(log_step(run, 0), SAEM_INERT);
	assert_int_equal(saem_mark(run, 0, NULL), SAEM_INERT);
	assert_int_equal(saem_should_stop(run, NULL), 0);
	assert_int_equal(saem_flush(run, PATIENCE_MS), SAEM_INERT);
	assert_int_equal(saem_finish(run, 0, NULL, 10000), SAEM_INERT);
	saem_close(run);
}

static void who_ignores_that_it_could_not_be_opened_trains_on(void **state) {
	struct saem_stats stats = {.size = sizeof stats};
	void *bytes;
	size_t len;
	int64_t step;
	(void)state;

	assert_int_equal(saem_log_step(NULL, 0, 1, NULL, NULL, NULL, NULL, 0), SAEM_INERT);
	assert_int_equal(saem_log(NULL, 0, NULL, 0), SAEM_INERT);
	assert_int_equal(saem_skip(NULL, 0), SAEM_INERT);
	assert_int_equal(saem_event(NULL, 0, NULL, NULL), SAEM_INERT);
	assert_int_equal(saem_mark(NULL, 0, NULL), SAEM_INERT);
	assert_int_equal(saem_update(NULL, NULL, NULL, NULL, NULL), SAEM_INERT);
	assert_int_equal(saem_update_tags(NULL, NULL), SAEM_INERT);
	assert_int_equal(saem_flush(NULL, 0), SAEM_INERT);
	assert_int_equal(saem_state(NULL, 0, &bytes, &len, &step), SAEM_INERT);
	assert_int_equal(saem_restore(NULL, "", 0), SAEM_INERT);
	assert_int_equal(saem_should_stop(NULL, NULL), 0);
	assert_int_equal(saem_get_stats(NULL, &stats), SAEM_INERT);
	assert_int_equal(saem_finish(NULL, 0, NULL, 0), SAEM_INERT);
	assert_null(saem_id(NULL));
	assert_null(saem_name(NULL));
	saem_close(NULL);
}

/* ---- several ---- */

static void runs_go_their_ways_and_leave_nothing_behind(void **state) {
	struct fixture *x = *state;
	struct fake_daemon daemons[5];
	struct saem_run *runs[5];
	unsigned before = count_descriptors();

	for (size_t i = 0; i < 5; i++) {
		char path[100];
		struct saem_options options = options_for(x);
		snprintf(path, sizeof path, "%s%zu", x->path, i);
		fake_start(&daemons[i], path, NULL);
		options.socket = path;
		runs[i] = open_run(&options);
	}
	for (uint32_t step = 0; step < 100; step++) {
		log_step(runs[step % 5], step / 5);
	}
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(saem_finish(runs[i], 0, NULL, PATIENCE_MS), SAEM_QUEUED);
		saem_close(runs[i]);
	}
	for (size_t i = 0; i < 5; i++) {
		fake_stop(&daemons[i]);
		assert_string_equal(daemons[i].violation, "");
		assert_int_equal(daemons[i].n_records, 21);
		fake_free(&daemons[i]);
	}
	/* The sender's thread ends on its own; the next run begins another. */
	uint64_t deadline_ms = now_ms() + 20000;
	while (count_descriptors() > before && now_ms() < deadline_ms) {
		poll(NULL, 0, 1);
	}
	assert_true(count_descriptors() <= before);
}

static void *log_many(void *arg) {
	for (uint32_t step = 0; step < 500; step++) {
		log_step(arg, step);
	}
	return NULL;
}

static void threads_may_share_a_run(void **state) {
	struct fixture *x = *state;
	fake_start(&x->daemon, x->path, NULL);
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);
	pthread_t threads[4];

	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, log_many, run), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_QUEUED);
	saem_close(run);
	stop(x);
	assert_int_equal(x->daemon.n_records, 2001);
	fake_free(&x->daemon);
}

static void a_daemon_killed_again_and_again_loses_nothing(void **state) {
	struct fixture *x = *state;
	fake_start(&x->daemon, x->path, NULL);
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);
	uint32_t step = 0;

	for (uint64_t kills = 1; kills <= 10; kills++) {
		fake_lock(&x->daemon);
		x->daemon.script.acks = kills % 2 == 0 ? FAKE_ACK_ALL : FAKE_ACK_FLUSHED;
		fake_unlock(&x->daemon);
		for (uint32_t i = 0; i < 50; i++) {
			log_step(run, step++);
		}
		assert_true(fake_wait(&x->daemon, fake_has_opens, kills));
		fake_crash(&x->daemon);
	}
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_QUEUED);
	saem_close(run);
	stop(x);
	assert_int_equal(x->daemon.n_records, 501);
	for (uint32_t i = 0; i < 500; i++) {
		assert_int_equal(x->daemon.records[i].step, i);
	}
	fake_free(&x->daemon);
}

/* ---- notes ---- */

static size_t read_note(struct fixture *x, uint8_t note[2048]) {
	char path[400];
	size_t len = 0;
	snprintf(path, sizeof path, "%s.notes", x->path);
	DIR *folder = opendir(path);

	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		if (entry->d_name[0] == '.') {
			continue;
		}
		assert_int_equal(strlen(entry->d_name), 32);
		snprintf(path, sizeof path, "%s.notes/%s", x->path, entry->d_name);
		FILE *file = fopen(path, "r");
		len = fread(note, 1, 2048, file);
		fclose(file);
		unlink(path);
	}
	closedir(folder);
	return len;
}

/* Decodes a note's frames into their types; the last DROPPED into *ret_lost. */
static void read_frames(
	const uint8_t *note, size_t len, enum message_type types[4], struct msg_dropped *ret_lost) {
	struct decoder *decoder = decoder_create();
	struct frame_view view;
	struct message m;
	struct decode_error error;

	for (size_t at = 0, i = 0; at < len; at += view.total_len, i++) {
		assert_true(i < 4);
		assert_int_equal(frame_next(note + at, len - at, 0, &view), FRAME_READY);
		assert_int_equal(decode(decoder, &view, &m, &error), DECODE_OK);
		types[i] = m.type;
		if (m.type == MSG_DROPPED) {
			*ret_lost = m.dropped;
		}
	}
	decoder_destroy(decoder);
}

static void what_could_not_be_delivered_is_noted_beside_the_socket(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_for(x);
	char folder[128];
	char long_name[4097];
	uint8_t note[2048];
	struct msg_dropped lost = {0};
	enum message_type types[4] = {0};
	snprintf(folder, sizeof folder, "%s.notes", x->path);
	assert_int_equal(mkdir(folder, 0700), 0);
	memset(long_name, 'n', sizeof long_name - 1);
	long_name[4096] = '\0';
	options.name = options.project = options.job_type = long_name;
	options.run = long_name + 4096 - 64;
	options.launch = long_name + 4096 - 128;
	options.profile = "saelens";
	struct saem_run *run = open_run(&options);

	for (uint32_t step = 10; step < 20; step++) {
		log_step(run, step);
	}
	assert_int_equal(saem_finish_with(run, 1, NULL, long_name, 10), SAEM_AWAY);
	size_t len = read_note(x, note);
	assert_in_range(len, 1, 1024);
	read_frames(note, len, types, &lost);
	assert_int_equal(types[0], MSG_HELLO);
	assert_int_equal(types[1], MSG_OPEN);
	assert_int_equal(types[2], MSG_DROPPED);
	assert_int_equal(types[3], MSG_FINISH);
	assert_int_equal(lost.seq, 1);
	assert_int_equal(lost.count, 10);
	assert_true(lost.has_step);
	assert_int_equal(lost.lap, 0);
	assert_int_equal(lost.step, 19);
	saem_close(run);
	assert_int_equal(read_note(x, note), 0); /* one is enough */

	/* A run that is closed without an end is noted without one. */
	run = open_run(&options);
	log_step(run, 0);
	saem_close(run);
	len = read_note(x, note);
	types[3] = 0;
	read_frames(note, len, types, &lost);
	assert_int_equal(types[2], MSG_DROPPED);
	assert_int_equal(types[3], 0);
	rmdir(folder);
}

/* As root somebody else's folder can be made; the name is that of a user nobody has. */
static void in_a_folder_that_somebody_else_made_nothing_is_said_and_nothing_noted(void **state) {
	const uid_t nobodys = 3999999996u;
	struct fixture *x = *state;
	char folder[64], notes[128];
	if (geteuid() != 0 || seteuid(nobodys) < 0) {
		skip();
	}
	snprintf(folder, sizeof folder, "/tmp/sae-metricsd-%u", (unsigned)nobodys);
	snprintf(x->path, sizeof x->path, "%s/socket", folder);
	snprintf(notes, sizeof notes, "%s.notes", x->path);
	struct saem_options options = options_for(x);
	struct saem_run *before = open_run(&options);
	log_step(before, 0);
	assert_int_equal(saem_flush(before, PATIENCE_MS), SAEM_AWAY);
	struct saem_stats nobody = stats_of(before);

	assert_int_equal(seteuid(0), 0);
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(mkdir(notes, 0777), 0);
	assert_int_equal(chmod(notes, 0777), 0);
	fake_start(&x->daemon, x->path, NULL);
	assert_int_equal(chmod(x->path, 0666), 0);
	assert_int_equal(seteuid(nobodys), 0);
	struct saem_run *run = open_run(&options);
	log_step(run, 0);
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_AWAY);
	struct saem_stats somebody = stats_of(run);
	saem_close(before);
	saem_close(run);

	/* It is named, and not another place where there is nothing. */
	setenv("XDG_RUNTIME_DIR", "/nowhere", 1);
	options.socket = NULL;
	run = open_run(&options);
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_AWAY);
	struct saem_stats unnamed = stats_of(run);
	saem_close(run);
	unsetenv("XDG_RUNTIME_DIR");

	assert_int_equal(seteuid(0), 0);
	stop(x);
	unsigned n_entries = count_entries(notes);
	rmdir(notes);
	rmdir(folder);
	assert_non_null(strstr(nobody.words, "No such file or directory"));
	assert_non_null(strstr(somebody.words, "socket: its folder belongs to another user"));
	assert_string_equal(unnamed.words, somebody.words);
	assert_int_equal(x->daemon.n_opens, 0);
	assert_int_equal(n_entries, 2); /* the dots */
	fake_free(&x->daemon);
}

/* The folders are those of a user that nobody has. */
static void who_never_met_a_daemon_leaves_his_note_where_one_has_been(void **state) {
	const uid_t nobodys = 3999999995u;
	struct fixture *x = *state;
	char folder[64], notes[128];
	uint8_t note[2048];
	if (geteuid() != 0 || seteuid(nobodys) < 0) {
		skip();
	}
	snprintf(folder, sizeof folder, "/tmp/sae-metricsd-%u", (unsigned)nobodys);
	snprintf(x->path, sizeof x->path, "%s/socket", folder);
	snprintf(notes, sizeof notes, "%s.notes", x->path);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(mkdir(notes, 0700), 0);
	setenv("XDG_RUNTIME_DIR", "/nowhere", 1);
	struct saem_options options = options_for(x);
	options.socket = NULL;
	struct saem_run *run = open_run(&options);
	log_step(run, 0);
	int result = saem_finish(run, 0, NULL, PATIENCE_MS);
	saem_close(run);

	unsetenv("XDG_RUNTIME_DIR");
	size_t len = read_note(x, note);
	rmdir(notes);
	rmdir(folder);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(result, SAEM_AWAY);
	assert_in_range(len, 1, 1024);
}

static void nothing_is_noted_when_nothing_was_lost(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_for(x);
	char folder[128];
	uint8_t note[2048];
	snprintf(folder, sizeof folder, "%s.notes", x->path);
	assert_int_equal(mkdir(folder, 0700), 0);
	fake_start(&x->daemon, x->path, NULL);
	struct saem_run *run = open_run(&options);

	log_step(run, 0);
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_QUEUED);
	saem_close(run);
	assert_int_equal(read_note(x, note), 0);
	rmdir(folder);
	stop(x);
	fake_free(&x->daemon);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(what_is_logged_arrives_in_order_and_is_acked),
		T(everything_a_trainer_can_say_is_a_message_of_the_protocol),
		T(a_trainer_that_begins_again_says_so_with_what_comes_next),
		T(laps_are_counted_whatever_becomes_of_a_step),
		T(many_values_are_one_message_and_too_many_none),
		T(the_form_of_the_counts_follows_the_counts),
		T(counts_arrive_exactly_whatever_shape_they_change_to),
		T(a_misused_call_does_nothing_and_says_why),
		T(what_is_null_where_something_is_needed_is_refused),
		T(an_option_that_cannot_be_is_refused_with_a_sentence),
		T(an_older_caller_s_shorter_options_are_enough),
		T(the_newest_are_dropped_in_their_place),
		T(the_oldest_are_dropped_and_the_latest_arrive),
		T(nothing_gives_way_for_counts_that_are_none),
		T(a_feature_that_fires_on_65536_rows_is_no_flaw),
		T(who_waits_for_room_waits_no_longer_than_he_said),
		T(who_waits_for_room_goes_on_when_there_is_some),
		T(a_flush_waits_for_the_disk_and_no_longer_than_it_may),
		T(a_run_that_never_met_a_daemon_waits_for_none),
		T(a_state_comes_back_as_it_was_given),
		T(a_state_of_another_d_sae_or_none_is_not_sent),
		T(a_stop_is_heard),
		T(a_refused_run_keeps_nothing_and_says_so),
		T(a_finished_run_is_inert),
		T(a_run_says_why_it_ended_in_one_line_that_can_be_read),
		T(words_that_are_too_long_are_cut_between_two_characters),
		T(all_that_is_not_finished_ends_in_one_call),
		T(who_cannot_get_at_the_runs_in_time_does_not_say_that_they_ended),
		T(off_is_off),
		T(who_ignores_that_it_could_not_be_opened_trains_on),
		T(runs_go_their_ways_and_leave_nothing_behind),
		T(threads_may_share_a_run),
		T(a_daemon_killed_again_and_again_loses_nothing),
		T(what_could_not_be_delivered_is_noted_beside_the_socket),
		T(in_a_folder_that_somebody_else_made_nothing_is_said_and_nothing_noted),
		T(who_never_met_a_daemon_leaves_his_note_where_one_has_been),
		T(nothing_is_noted_when_nothing_was_lost),
#undef T
	};

	unsetenv("SAE_METRICS");
	setenv("SAE_METRICS_QUIET", "1", 1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return end_of_tests(cmocka_run_group_tests(tests, NULL, NULL));
}
