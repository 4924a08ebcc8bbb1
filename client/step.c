/* Counts are read once, and written to the outbox as they are read: in the form of the step
 * before, which nearly always turns out to be the smallest exact one. Where it does not they
 * are read again. */
#include "step.h"

#include <errno.h>

#include "counts.h"
#include "deadline.h"
#include "encode.h"
#include "run.h"

/* prefix; array; type, seq, lap, step, time, elapsed, n_rows; list; forms and entries */
#define STEP_HEADER_MAX(n_scalars)                                                                 \
	(8 + 1 + 1 + 9 + 5 + 5 + 9 + 9 + 5 + 3 + 9 * (size_t)(n_scalars) + 2 * 6)

/* The two vectors of a step on their way, one behind the other. */
struct payload {
	struct vector vectors[2]; /* type SAEM_NO_COUNTS: none */
	struct survey surveys[2];
	struct counts counts[2]; /* as they go out */
	size_t len;
};

static const char *const vector_names[] = {"fired", "positive"};

size_t step_frame_max(const struct msg_open *open) {
	return STEP_HEADER_MAX(open->n_scalars) + 4 * (size_t)open->d_sae;
}

/* ---- checking ---- */

static int take_vector(
	struct saem_run *run, size_t i, const struct saem_counts *given, struct vector *ret) {
	uint32_t d_sae = run->opening.open.d_sae;
	const char *name = vector_names[i];

	*ret = (struct vector){.type = SAEM_NO_COUNTS};
	if (given == NULL || given->type == SAEM_NO_COUNTS) {
		return 0;
	}
	if (d_sae == 0) {
		return run_misused(
			run, "%s: this run was opened without d_sae, and takes no counts", name);
	}
	if ((unsigned)given->type > SAEM_PAIRS_U32) {
		return run_misused(run, "%s: type is %d, expected one of enum saem_counts_type",
			name, (int)given->type);
	}
	bool is_pairs = given->type == SAEM_PAIRS_U32;
	if (is_pairs ? given->n_entries > d_sae : given->n_entries != d_sae) {
		return run_misused(run, "%s: %llu entries, expected %s d_sae, %u", name,
			(unsigned long long)given->n_entries, is_pairs ? "at most" : "exactly",
			d_sae);
	}
	if (given->n_entries > 0 && (given->data == NULL || (is_pairs && given->indices == NULL))) {
		return run_misused(run, "%s: its numbers are NULL", name);
	}
	*ret = (struct vector){
		.type = given->type,
		.data = given->data,
		.indices = given->indices,
		.n_entries = (uint32_t)given->n_entries,
		.d_sae = d_sae,
	};
	return 0;
}

static int check_numbers(struct saem_run *run, uint32_t step, uint32_t n_rows,
	const double *scalars, size_t n_scalars) {
	if (step > STEP_MAX) {
		return run_misused(run, "step is %u; expected at most %u", step, STEP_MAX);
	}
	if (n_rows == 0) {
		return run_misused(run, "n_rows is 0; expected the rows of the batch");
	}
	if (n_scalars != run->opening.open.n_scalars) {
		return run_misused(run, "%zu scalars, but the run was opened with %u", n_scalars,
			run->opening.open.n_scalars);
	}
	if (n_scalars > 0 && scalars == NULL) {
		return run_misused(run, "scalars is NULL; expected %zu of them", n_scalars);
	}
	return 0;
}

/* ---- the counts ---- */

static bool has_counts(const struct payload *p, size_t i) {
	return p->vectors[i].type != SAEM_NO_COUNTS;
}

static void plan_vector(struct payload *p, size_t i, enum counts_form form, uint32_t n_entries) {
	struct counts *c = &p->counts[i];

	c->form = form;
	c->n_entries = n_entries;
	c->len = counts_size(form, n_entries, p->vectors[i].d_sae);
	p->len += c->len;
}

/* Plans to write both as the step before was, with some room for more pairs. False: there is
 * nothing to go by. */
static bool guess(const struct saem_run *run, struct payload *p) {
	p->len = 0;
	for (size_t i = 0; i < 2; i++) {
		enum counts_form form = run->last_counts[i].form;
		uint32_t n = run->last_counts[i].n_entries;
		if (!has_counts(p, i)) {
			continue;
		}
		if (form == COUNTS_NONE) {
			return false;
		}
		bool is_pairs = form == COUNTS_PAIRS16 || form == COUNTS_PAIRS32;
		plan_vector(p, i, form, is_pairs ? n + n / 8 + 64 : n);
	}
	return true;
}

/* Reads both once, and writes them as planned where there is a place. Fewer pairs than planned are
 * that many. */
static void read_both(struct payload *p, uint8_t *place) {
	for (size_t i = 0; i < 2; i++) {
		struct counts *c = &p->counts[i];
		struct survey *s = &p->surveys[i];
		if (!has_counts(p, i)) {
			continue;
		}
		if (place == NULL) {
			*s = vector_read(&p->vectors[i], COUNTS_NONE, 0, NULL);
			continue;
		}
		*s = vector_read(&p->vectors[i], c->form, c->n_entries, place);
		if ((c->form == COUNTS_PAIRS16 || c->form == COUNTS_PAIRS32) &&
			s->n_nonzero < c->n_entries) {
			c->n_entries = s->n_nonzero;
		}
		place += counts_size(c->form, c->n_entries, p->vectors[i].d_sae);
	}
}

/* Plans the smallest exact forms. True: what was planned before is written just like that. */
static bool plan(struct saem_run *run, struct payload *p) {
	bool as_before = true;

	p->len = 0;
	for (size_t i = 0; i < 2; i++) {
		struct counts before = p->counts[i];
		uint32_t n_entries = 0;
		if (!has_counts(p, i)) {
			continue;
		}
		enum counts_form form = counts_smallest(p->surveys[i].max, p->surveys[i].n_nonzero,
			p->vectors[i].d_sae, &n_entries);
		as_before = as_before && before.form == form && before.n_entries == n_entries;
		plan_vector(p, i, form, n_entries);
		run->last_counts[i].form = form;
		run->last_counts[i].n_entries = n_entries;
	}
	return as_before;
}

/* Under the lock. False: it is said what is wrong. */
static bool counts_are_sound(struct saem_run *run, const struct payload *p, uint32_t n_rows) {
	char words[STREAM_WORDS_SIZE];

	for (size_t i = 0; i < 2; i++) {
		const struct survey *s = &p->surveys[i];
		if (has_counts(p, i) && (s->flawed || s->max > n_rows)) {
			vector_explain(
				&p->vectors[i], vector_names[i], n_rows, words, sizeof words);
			stream_say(&run->stream, "%s", words);
			return false;
		}
	}
	return true;
}

/* ---- the frame ---- */

static void fill_scalars(struct msg_step *m, const double *scalars, const uint8_t *has, size_t n) {
	m->n_scalars = (uint32_t)n;
	for (size_t i = 0; i < SCALARS_MAX / 64; i++) {
		m->present[i] = 0;
	}
	for (size_t i = 0; i < n; i++) {
		bool is_there = has == NULL || has[i] != 0;
		m->scalars[i] = is_there ? scalars[i] : 0;
		m->present[i / 64] |= (uint64_t)is_there << (i % 64);
	}
}

static void commit(struct saem_run *run, struct message *m, const struct payload *p) {
	uint8_t header[STEP_HEADER_MAX(SCALARS_MAX)];
	struct stream *s = &run->stream;
	struct place place = stream_place_of_step(s, m->step.step);

	m->step.seq = s->outbox.next_seq;
	m->step.lap = place.lap;
	m->step.nonzero = p->counts[0];
	m->step.positive = p->counts[1];
	size_t header_len = encode(m, (uint32_t)p->len, header, sizeof header);
	outbox_commit(&s->outbox, header, header_len, p->len, &place);
	stream_move(s, place);
}

/* Under the lock. What the call has to say. */
static int put_step(struct saem_run *run, struct message *m, struct payload *p) {
	struct stream *s = &run->stream;
	size_t header_max = STEP_HEADER_MAX(m->step.n_scalars);
	/* Nothing gives way for a guess: only for counts that are sound. */
	uint8_t *place = guess(run, p) ? outbox_reserve(&s->outbox, header_max, p->len) : NULL;

	read_both(p, place);
	if (!counts_are_sound(run, p, m->step.n_rows)) {
		return -EINVAL;
	}
	if (!plan(run, p) || place == NULL) {
		place = stream_make_room(s, header_max, p->len);
		if (place == NULL) {
			return stream_drop(s, &m->step.step);
		}
		read_both(p, place);
		if (!counts_are_sound(run, p, m->step.n_rows) || !plan(run, p)) {
			stream_say(s, "the counts of step %u changed while they were read",
				m->step.step);
			return -EINVAL;
		}
	}
	commit(run, m, p);
	return SAEM_QUEUED;
}

int saem_log_step(struct saem_run *run, uint32_t step, uint32_t n_rows,
	const struct saem_counts *fired, const struct saem_counts *positive, const double *scalars,
	const uint8_t *has, size_t n_scalars) {
	struct payload p = {0};
	struct message m;
	if (run_is_inert(run)) {
		return SAEM_INERT;
	}

	int status = check_numbers(run, step, n_rows, scalars, n_scalars);
	status = status < 0 ? status : take_vector(run, 0, fired, &p.vectors[0]);
	status = status < 0 ? status : take_vector(run, 1, positive, &p.vectors[1]);
	if (status < 0) {
		return status;
	}
	if (has_counts(&p, 1) && !has_counts(&p, 0)) {
		return run_misused(run, "positive: expected only beside fired");
	}

	m.type = MSG_STEP;
	m.step.step = step;
	m.step.time = clock_seconds(CLOCK_REALTIME);
	m.step.elapsed_s = run_elapsed_s(run);
	m.step.n_rows = n_rows;
	fill_scalars(&m.step, scalars, has, n_scalars);
	status = stream_enter(&run->stream);
	return status != 0 ? status : stream_leave(&run->stream, put_step(run, &m, &p));
}

int saem_skip(struct saem_run *run, uint32_t step) {
	if (run_is_inert(run)) {
		return SAEM_INERT;
	}
	if (step > STEP_MAX) {
		return run_misused(run, "step is %u; expected at most %u", step, STEP_MAX);
	}

	int status = stream_enter(&run->stream);
	return status != 0 ? status : stream_leave(&run->stream, stream_drop(&run->stream, &step));
}
