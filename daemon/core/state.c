#include "state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crc32.h"
#include "le.h"

#define MAGIC       "SAEstate"
#define MAGIC_LEN   8u
#define VERSION     2u
#define VERSION_MIN 1u
#define CRC_AT      20u
#define HEADER_SIZE 24u

/* Of the header and a position; the schedule is the greater part. */
#define SMALL_MAX (16384u - HEADER_SIZE)
_Static_assert(SMALL_MAX + HEADER_SIZE <= STATE_SMALL_MAX, "the wire must carry every state");

/* ---- the position ---- */

static void window_pack(const struct window *w, struct packer *out) {
	pack_u32(out, w->length);
	pack_u8(out, w->closes_before);
	pack_u64(out, w->boundary);
	pack_u32(out, w->n_steps);
	pack_u32(out, w->step_first);
	pack_u32(out, w->step_last);
	pack_u32(out, w->excused);
	pack_u64(out, w->n_rows);
	pack_u64(out, w->n_rows_counted);
	pack_u32(out, w->flaws);
	pack_u32(out, w->next_flaws);
	pack_u32(out, w->dead_before);
	pack_u32(out, w->revived);
}

static void window_unpack(struct window *w, struct unpacker *u) {
	w->length = unpack_u32(u);
	w->closes_before = unpack_bool(u);
	w->boundary = unpack_u64(u);
	w->n_steps = unpack_u32(u);
	w->step_first = unpack_u32(u);
	w->step_last = unpack_u32(u);
	w->excused = unpack_u32(u);
	w->n_rows = unpack_u64(u);
	w->n_rows_counted = unpack_u64(u);
	w->flaws = unpack_u32(u);
	w->next_flaws = unpack_u32(u);
	w->dead_before = unpack_u32(u);
	w->revived = unpack_u32(u);

	bool on_boundary = w->length > 1 && (w->boundary + 1) % w->length == 0;
	if (w->length != 0 && !on_boundary) {
		u->failed = true;
	}
}

static void schedule_pack(const struct schedule *s, struct packer *out) {
	pack_u32(out, s->n);
	for (uint32_t i = 0; i < s->n; i++) {
		pack_u32(out, s->segments[i].first);
		pack_u32(out, s->segments[i].last);
		pack_u64(out, s->segments[i].through);
	}
}

/* A state may come from anywhere: the order that schedule.c relies on is checked. */
static void schedule_unpack(struct schedule *s, struct unpacker *u) {
	int64_t last = -1;
	uint64_t through = 0;

	s->n = unpack_u32_max(u, SCHEDULE_SEGMENTS);
	for (uint32_t i = 0; i < s->n; i++) {
		struct schedule_segment *segment = &s->segments[i];
		segment->first = unpack_u32(u);
		segment->last = unpack_u32(u);
		segment->through = unpack_u64(u);
		if (segment->first <= last || segment->last < segment->first ||
			segment->last > STEP_MAX || segment->through < through) {
			u->failed = true;
		}
		last = segment->last;
		through = segment->through;
	}
}

void position_pack(const struct position *p, struct packer *out) {
	pack_u8(out, p->has_step);
	pack_u32(out, p->step);
	pack_u64(out, p->exact_from);
	window_pack(&p->window, out);
	schedule_pack(&p->schedule, out);
}

void position_unpack(struct position *p, struct unpacker *u) {
	*p = (struct position){.has_step = unpack_bool(u)};
	p->step = unpack_u32_max(u, STEP_MAX);
	p->exact_from = unpack_u64(u);
	window_unpack(&p->window, u);
	schedule_unpack(&p->schedule, u);
	const struct schedule *s = &p->schedule;
	if (s->n > 0 && s->segments[s->n - 1].last > p->step) {
		u->failed = true;
	}
}

void position_pack_known(const struct position *p, struct packer *out) {
	pack_u64(out, p->known_from);
	for (uint32_t i = 0; i < p->schedule.n; i++) {
		pack_u8(out, p->schedule.segments[i].joined);
	}
}

void position_unpack_known(struct position *p, struct unpacker *u) {
	p->known_from = unpack_u64(u);
	for (uint32_t i = 0; i < p->schedule.n; i++) {
		p->schedule.segments[i].joined = unpack_bool(u);
	}
	if (p->known_from > (uint64_t)p->step + 1) {
		u->failed = true;
	}
}

void position_guess_known(struct position *p) {
	const struct schedule *s = &p->schedule;
	bool is_whole = p->exact_from == 0 && s->n < SCHEDULE_SEGMENTS;

	if (!is_whole) {
		p->known_from = (uint64_t)p->step + 1;
	} else {
		p->known_from = s->n > 0 ? s->segments[0].first : 0;
	}
}

/* ---- the blob ---- */

static uint32_t blob_crc(const uint8_t *state, size_t len) {
	uint32_t crc = crc32_add(0, state + MAGIC_LEN, CRC_AT - MAGIC_LEN);

	return crc32_add(crc, state + HEADER_SIZE, len - HEADER_SIZE);
}

/* On every host we build for, an array's bytes are the wire's (assembly.c asserts it). */
static uint8_t *put(uint8_t *at, const void *array, size_t size) {
	if (size > 0) {
		memcpy(at, array, size);
	}
	return at + size;
}

int state_write(const struct run *run, uint8_t **ret_state, size_t *ret_len) {
	struct packer small = {0};
	position_pack(&run->position, &small);
	position_pack_known(&run->position, &small);
	size_t d_sae = run->d_sae;
	size_t len = HEADER_SIZE + small.buf.len + RUN_FEATURE_BYTES * d_sae;
	uint8_t *state = small.failed ? NULL : malloc(len);
	if (state == NULL) {
		buf_finish(&small.buf);
		return -ENOMEM;
	}
	assert(small.buf.len <= SMALL_MAX);

	memcpy(state, MAGIC, MAGIC_LEN);
	le32_store(state + 8, VERSION);
	le32_store(state + 12, run->d_sae);
	le32_store(state + 16, (uint32_t)small.buf.len);
	uint8_t *at = put(state + HEADER_SIZE, small.buf.data, small.buf.len);
	at = put(at, run->firing.window, d_sae * sizeof *run->firing.window);
	at = put(at, run->firing.last, d_sae * sizeof *run->firing.last);
	(void)put(at, run->firing.base, d_sae * sizeof *run->firing.base);
	le32_store(state + CRC_AT, blob_crc(state, len));
	buf_finish(&small.buf);
	*ret_state = state;
	*ret_len = len;
	return 0;
}

/* No feature fired behind the step the state is of. */
static bool last_in_range(const struct state_view *view) {
	for (uint32_t i = 0; i < view->d_sae; i++) {
		int32_t last = (int32_t)le32_load(view->last + (size_t)i * 4);
		if (last < -1 || last > (int32_t)view->position.step) {
			return false;
		}
	}
	return true;
}

const char *state_read(const uint8_t *state, size_t len, uint32_t d_sae, struct state_view *ret) {
	if (len < HEADER_SIZE || memcmp(state, MAGIC, MAGIC_LEN) != 0) {
		return "it is not a state";
	}
	uint32_t version = le32_load(state + 8);
	if (version < VERSION_MIN || version > VERSION) {
		return "it is of a version this daemon does not read";
	}
	if (le32_load(state + 12) != d_sae) {
		return "it is of another d_sae";
	}
	uint32_t small_len = le32_load(state + 16);
	if (small_len > SMALL_MAX ||
		len != HEADER_SIZE + (size_t)small_len + RUN_FEATURE_BYTES * (size_t)d_sae) {
		return "its length is not what it says";
	}
	if (le32_load(state + CRC_AT) != blob_crc(state, len)) {
		return "its checksum does not match";
	}

	struct state_view view = {.d_sae = d_sae, .window = state + HEADER_SIZE + small_len};
	struct unpacker u = {.data = state + HEADER_SIZE, .len = small_len};
	view.last = view.window + (size_t)d_sae * sizeof(uint32_t);
	view.base = view.last + (size_t)d_sae * sizeof(uint32_t);
	position_unpack(&view.position, &u);
	if (version >= 2) {
		position_unpack_known(&view.position, &u);
	} else {
		position_guess_known(&view.position);
	}
	if (u.failed || u.len > 0 || !view.position.has_step || !last_in_range(&view)) {
		return "it makes no sense";
	}
	*ret = view;
	return NULL;
}

void state_take(struct run *run, const struct state_view *view) {
	run->position = view->position;
	if (run->d_sae > 0) {
		size_t d_sae = run->d_sae;
		run_keep_closed_totals(run);
		memcpy(run->firing.window, view->window, d_sae * sizeof *run->firing.window);
		memcpy(run->firing.last, view->last, d_sae * sizeof *run->firing.last);
		memcpy(run->firing.base, view->base, d_sae * sizeof *run->firing.base);
	}
	run->arrays_changed = run->base_changed = true;
	run->dirty = true;
}

int run_export(const struct run *run, uint8_t **ret_state, size_t *ret_len, uint32_t *ret_step) {
	int err = state_write(run, ret_state, ret_len);
	if (err == 0) {
		*ret_step = run->position.has_step ? run->position.step : STEP_NONE;
	}
	return err;
}
