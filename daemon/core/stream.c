#include "stream.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "registry_private.h"
#include "run.h"

struct stream *stream_create(
	struct run *run, const uint8_t id[STREAM_ID_SIZE], struct text launch, uint32_t rank) {
	struct stream *s = calloc(1, sizeof *s);
	char *copy = strndup(launch.data, launch.len);
	if (s == NULL || copy == NULL) {
		free(s);
		free(copy);
		return NULL;
	}
	s->run = run;
	memcpy(s->id, id, STREAM_ID_SIZE);
	s->launch = copy;
	s->rank = rank;
	s->at.step = s->reached.step = s->announced.step = -1;
	held_init(&s->held);
	return s;
}

void stream_destroy(struct stream *s) {
	if (s == NULL) {
		return;
	}
	held_finish(&s->held);
	list_remove(&s->unblocked_link);
	list_remove(&s->link);
	free(s->launch);
	free(s);
}

struct place stream_place(const struct stream *s, uint32_t lap, uint32_t step) {
	return (struct place){s->lap_base + lap, step};
}

void stream_begin_lap(struct stream *s, uint32_t lap) {
	s->lap_base = lap;
	s->at = s->reached = (struct place){lap, -1};
}

uint32_t stream_lap_of_log(const struct stream *s, const struct msg_log *log) {
	return log->lap == 0 ? s->at.lap : s->lap_base + log->lap;
}

bool stream_has_begun(const struct stream *s) {
	return s->reached.step >= 0 || s->reached.lap > s->lap_base;
}

void stream_move(struct stream *s, struct place place, bool is_folded) {
	s->at = place;
	s->at_folded = is_folded;
}

double stream_elapsed_s(const struct stream *s, double own_elapsed_s) {
	double elapsed_s = s->elapsed_base_s + own_elapsed_s;
	return isfinite(elapsed_s) ? elapsed_s : own_elapsed_s;
}

void stream_advance(struct stream *s, uint64_t last, enum seq_end end) {
	uint64_t n = last - s->applied;

	s->applied = last;
	if (s->received < last) {
		s->received = last;
	}
	s->run->messages += n;
	s->dirty = s->run->dirty = true;

	uint64_t *ended[] = {
		[SEQ_DROPPED] = &s->dropped,
		[SEQ_LATE] = &s->late,
		[SEQ_REFUSED] = &s->refused,
		[SEQ_GAP] = &s->gap,
	};
	uint64_t *of_run[] = {
		[SEQ_DROPPED] = &s->run->dropped,
		[SEQ_LATE] = &s->run->late,
		[SEQ_REFUSED] = &s->run->refused,
		[SEQ_GAP] = &s->run->gap,
	};
	if (end != SEQ_TAKEN) {
		*ended[end] += n;
		*of_run[end] += n;
	}
}

bool stream_holds(const struct stream *s) {
	return !held_empty(&s->held);
}

void stream_unblock(struct stream *s) {
	if (!s->blocked) {
		return;
	}
	s->blocked = false;
	if (s->connected && !list_linked(&s->unblocked_link)) {
		list_append(&s->run->registry->unblocked, &s->unblocked_link);
	}
}

void stream_scalars(const struct stream *s, const struct msg_step *step, uint32_t n_extras,
	struct scalars *ret) {
	ret->n_rows = step->n_rows;
	ret->present = ret->disagree = ret->approximate = 0;
	ret->n_extras = n_extras;
	memset(ret->extras_present, 0, sizeof ret->extras_present);

	for (uint32_t i = 0; i < s->n_scalars; i++) {
		if ((step->present[i / 64] >> (i % 64) & 1) == 0) {
			continue;
		}
		uint32_t target = s->target[i];
		if (target < SCALAR_COUNT) {
			ret->present |= 1u << target;
			ret->value[target] = step->scalars[i];
		} else {
			uint32_t extra = target - SCALAR_COUNT;
			ret->extras_present[extra / 64] |= 1ull << (extra % 64);
			ret->extras[extra] = step->scalars[i];
		}
	}
}

/* ---- what others see ---- */

void stream_set_user(struct stream *s, void *user) {
	s->user = user;
}

void *stream_user(const struct stream *s) {
	return s->user;
}

struct run *stream_run(const struct stream *s) {
	return s->run;
}

const uint8_t *stream_id(const struct stream *s) {
	return s->id;
}

uint64_t stream_applied(const struct stream *s) {
	return s->applied;
}

uint64_t stream_received(const struct stream *s) {
	return s->received;
}

uint64_t stream_durable(const struct stream *s) {
	return s->durable;
}

int32_t stream_pid(const struct stream *s) {
	return s->pid;
}

bool stream_connected(const struct stream *s) {
	return s->connected;
}

/* ---- saved ---- */

void stream_pack(const struct stream *s, struct packer *p) {
	pack_bytes(p, s->id, STREAM_ID_SIZE);
	pack_text(p, s->launch);
	pack_u32(p, s->rank);
	pack_u32(p, (uint32_t)s->pid);
	pack_u64(p, s->applied);
	pack_u64(p, s->dropped);
	pack_u64(p, s->late);
	pack_u64(p, s->refused);
	pack_u64(p, s->gap);
	pack_u32(p, s->lap_base);
	pack_u32(p, s->generation);
	pack_u32(p, s->at.lap);
	pack_u64(p, (uint64_t)s->at.step);
	pack_u8(p, s->at_folded);
	pack_f64(p, s->elapsed_base_s);
	pack_u8(p, s->finished);
	pack_u32(p, (uint32_t)s->exit_code);
	pack_text(p, s->state);
}

struct stream *stream_unpack(struct run *run, struct unpacker *u) {
	const uint8_t *id = unpack_bytes(u, STREAM_ID_SIZE);
	struct text launch = unpack_text(u);
	uint32_t rank = unpack_u32_max(u, RANKS_MAX - 1);
	struct stream *s = NULL;
	if (!u->failed && launch.data != NULL) {
		s = stream_create(run, id, launch, rank);
	}
	if (s == NULL) {
		u->failed = true;
		return NULL;
	}
	s->pid = (int32_t)unpack_u32(u);
	s->received = s->applied = s->durable = unpack_u64(u);
	s->dropped = unpack_u64(u);
	s->late = unpack_u64(u);
	s->refused = unpack_u64(u);
	s->gap = unpack_u64(u);
	s->lap_base = unpack_u32(u);
	s->generation = unpack_u32(u);
	s->at.lap = unpack_u32(u);
	s->at.step = (int64_t)unpack_u64(u);
	s->at_folded = unpack_bool(u);
	s->elapsed_base_s = unpack_f64(u);
	s->finished = s->finishing = unpack_bool(u);
	s->exit_code = (int32_t)unpack_u32(u);
	struct text state = unpack_text(u);
	if (u->failed || state.len >= sizeof s->state) {
		stream_destroy(s);
		u->failed = true;
		return NULL;
	}
	memcpy(s->state, state.data, state.len);
	s->reached = s->at;
	return s;
}
