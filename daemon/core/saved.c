#include "saved.h"

#include <errno.h>
#include <string.h>

#include "state.h"
#include "stream.h"

/* What came later is at the end. 6: words of its end; 7: whose they are, and what was logged for; 8: alerts;
 * 9: how far it is known when features last fired. */
static bool is_readable(uint32_t version) {
	return version >= REGISTRY_STATE_VERSION_MIN && version <= REGISTRY_STATE_VERSION;
}

/* ---- out ---- */

static void config_pack(const struct run_config *c, struct packer *p) {
	pack_text(p, c->profile->name);
	pack_text(p, c->key_suffix);
	pack_u32(p, (uint32_t)c->architecture);
	pack_u32(p, c->log_every);
	pack_u32(p, c->window_steps);
	pack_u32(p, c->dead_window);
	pack_u64(p, c->batch);
	pack_u64(p, c->context);
	pack_u64(p, c->total_tokens);
	pack_u64(p, c->total_steps);
	pack_u32(p, c->n_thresholds);
	for (uint32_t i = 0; i < c->n_thresholds; i++) {
		pack_f64(p, c->thresholds[i]);
	}
	pack_f64(p, c->min_l0);
	pack_f64(p, c->min_explained_variance);
}

static void launch_pack(const struct run *run, struct packer *p) {
	pack_text(p, run->launch);
	pack_u32(p, run->n_ended_launches);
	for (uint32_t i = 0; i < LAUNCHES_REMEMBERED; i++) {
		pack_text(p, run->ended_launches[i]);
	}
	pack_u32(p, run->world_size);
	pack_u32(p, run->generation);
	pack_u32(p, run->generation_lap);
	pack_f64(p, run->generation_elapsed_s);
	pack_u8(p, run->resumed);
}

static void streams_pack(const struct run *run, struct packer *p) {
	uint32_t count = 0;
	list_for_each(link, &run->streams) {
		count++;
	}
	pack_u32(p, count);
	list_for_each(each, &run->streams) {
		const struct stream *s = container_of(each, struct stream, link);
		stream_pack(s, p);
		pack_u8(p, run->ranks[s->rank] == s);
	}
}

static void attempt_pack(const struct run *run, struct packer *p) {
	pack_u32(p, run->attempt);
	pack_u8(p, run->begun);
	pack_u8(p, run->settled);
	pack_u32(p, run->folded.lap);
	pack_u64(p, (uint64_t)run->folded.step);
	pack_u8(p, run->restored);
	pack_u32(p, run->n_blames);
	for (uint32_t i = 0; i < run->n_blames; i++) {
		pack_u32(p, run->blames[i].place.lap);
		pack_u32(p, (uint32_t)run->blames[i].place.step);
		pack_u32(p, run->blames[i].flaw);
	}
	pack_u32(p, run->n_marks);
	for (uint32_t i = 0; i < run->n_marks; i++) {
		pack_u32(p, run->marks[i].attempt);
		pack_u32(p, run->marks[i].step);
	}
	for (int i = 0; i < METRIC_COUNT; i++) {
		pack_u32(p, run->disagree_next[i]);
		pack_u32(p, run->not_finite_next[i]);
	}
	for (int i = 0; i < SCALAR_COUNT; i++) {
		pack_u32(p, run->rank_disagree_next[i]);
	}
}

static void end_pack(const struct run *run, struct packer *p) {
	pack_text(p, run->stop_reason);
	pack_u8(p, run->stopped);
	pack_u8(p, run->ended);
	pack_text(p, run->end_state);
	pack_u8(p, run->has_exit_code);
	pack_u32(p, (uint32_t)run->exit_code);
	pack_f64(p, run->ended_at);
}

static void counters_pack(const struct run *run, struct packer *p) {
	pack_f64(p, run->last_seen);
	pack_u64(p, run->n_training_tokens);
	pack_u64(p, run->messages);
	pack_u64(p, run->dropped);
	pack_u64(p, run->late);
	pack_u64(p, run->refused);
	pack_u64(p, run->gap);
	pack_u64(p, run->missing_steps);
	pack_f64(p, run->elapsed_s);
	pack_f64(p, run->pace.step_s);
	pack_f64(p, run->pace.rows);
	pack_f64(p, run->pace.last_elapsed_s);
	pack_u8(p, run->pace.has_last);
	pack_u64(p, run->arrays_generation);
}

void run_pack(const struct run *run, struct packer *p) {
	pack_u32(p, REGISTRY_STATE_VERSION);
	pack_text(p, run->id);
	pack_u32(p, run->uid);
	pack_u32(p, (uint32_t)run->pid);
	pack_u32(p, run->d_sae);
	pack_u32(p, run->d_in);
	config_pack(&run->config, p);
	facts_pack(&run->facts, p);
	extras_pack(&run->extras, p);
	launch_pack(run, p);
	streams_pack(run, p);
	attempt_pack(run, p);
	position_pack(&run->position, p);
	lines_pack(&run->lines, p);
	summary_pack(&run->summary, p);
	end_pack(run, p);
	counters_pack(run, p);
	pack_text(p, run->end_words);
	pack_text(p, run->end_words_state);
	pack_u32(p, run->end_words_rank);
	pack_u64(p, (uint64_t)run->lines.logged_through);
	run_alerts_pack(&run->alerts, p);
	position_pack_known(&run->position, p);
}

/* ---- in ---- */

static void config_unpack(struct run_config *c, struct unpacker *u) {
	c->profile = profile_find(unpack_text(u));
	struct text suffix = unpack_text(u);
	if (c->profile == NULL || suffix.len > NAME_MAX_BYTES) {
		u->failed = true;
		return;
	}
	if (suffix.len > 0) {
		memcpy(c->key_suffix, suffix.data, suffix.len);
	}
	c->architecture = (enum architecture)unpack_u32_max(u, ARCHITECTURE_OTHER);
	c->log_every = unpack_u32(u);
	c->window_steps = unpack_u32(u);
	c->dead_window = unpack_u32(u);
	c->batch = unpack_u64(u);
	c->context = unpack_u64(u);
	c->total_tokens = unpack_u64(u);
	c->total_steps = unpack_u64(u);
	c->n_thresholds = unpack_u32_max(u, THRESHOLDS_MAX);
	for (uint32_t i = 0; i < c->n_thresholds; i++) {
		c->thresholds[i] = unpack_f64(u);
	}
	c->min_l0 = unpack_f64(u);
	c->min_explained_variance = unpack_f64(u);
	if (c->log_every == 0 || c->window_steps < 2 || c->context == 0) {
		u->failed = true;
	}
}

static void launch_unpack(struct run *run, struct unpacker *u) {
	run->launch = unpack_string(u);
	run->n_ended_launches = unpack_u32(u);
	for (uint32_t i = 0; i < LAUNCHES_REMEMBERED; i++) {
		run->ended_launches[i] = unpack_string(u);
	}
	run->world_size = unpack_u32_max(u, RANKS_MAX);
	run->generation = unpack_u32(u);
	run->generation_lap = unpack_u32(u);
	run->generation_elapsed_s = unpack_f64(u);
	run->resumed = unpack_bool(u);
	if (run->launch == NULL || run->world_size == 0) {
		u->failed = true;
	}
}

static void streams_unpack(struct run *run, struct unpacker *u) {
	uint32_t count = unpack_u32_max(u, 2 * STREAMS_REMEMBERED);

	for (uint32_t i = 0; i < count && !u->failed; i++) {
		struct stream *s = stream_unpack(run, u);
		bool is_current = unpack_bool(u);
		if (s == NULL || s->rank >= RANKS_MAX) {
			u->failed = true;
			return;
		}
		list_append(&run->streams, &s->link);
		if (is_current) {
			run->ranks[s->rank] = s;
		}
	}
}

static void attempt_unpack(struct run *run, struct unpacker *u) {
	run->attempt = unpack_u32(u);
	run->begun = unpack_bool(u);
	run->settled = unpack_bool(u);
	run->folded.lap = unpack_u32(u);
	run->folded.step = (int64_t)unpack_u64(u);
	run->restored = unpack_bool(u);
	run->n_blames = unpack_u32_max(u, BLAMES_MAX);
	for (uint32_t i = 0; i < run->n_blames; i++) {
		run->blames[i].place.lap = unpack_u32(u);
		run->blames[i].place.step = unpack_u32_max(u, STEP_MAX);
		run->blames[i].flaw = unpack_u32(u);
	}
	run->n_marks = unpack_u32_max(u, MARKS_KEPT);
	for (uint32_t i = 0; i < run->n_marks; i++) {
		run->marks[i].attempt = unpack_u32(u);
		run->marks[i].step = unpack_u32(u);
	}
	for (int i = 0; i < METRIC_COUNT; i++) {
		run->disagree_next[i] = unpack_u32(u);
		run->not_finite_next[i] = unpack_u32(u);
	}
	for (int i = 0; i < SCALAR_COUNT; i++) {
		run->rank_disagree_next[i] = unpack_u32(u);
	}
}

/* End states are constants of ours. */
static const char *end_state_unpack(struct unpacker *u) {
	static const char *const states[] = {
		"finished", "failed", "crashed", "preempted", "stopped"};
	struct text text = unpack_text(u);

	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
		if (text.len == strlen(states[i]) && memcmp(text.data, states[i], text.len) == 0) {
			return states[i];
		}
	}
	return NULL;
}

static void end_unpack(struct run *run, struct unpacker *u) {
	run->stop_reason = unpack_string(u);
	run->stopped = unpack_bool(u);
	run->ended = unpack_bool(u);
	run->end_state = end_state_unpack(u);
	run->has_exit_code = unpack_bool(u);
	run->exit_code = (int32_t)unpack_u32(u);
	run->ended_at = unpack_f64(u);
	if (run->ended && run->end_state == NULL) {
		u->failed = true;
	}
}

static void counters_unpack(struct run *run, struct unpacker *u) {
	run->last_seen = unpack_f64(u);
	run->n_training_tokens = unpack_u64(u);
	run->messages = unpack_u64(u);
	run->dropped = unpack_u64(u);
	run->late = unpack_u64(u);
	run->refused = unpack_u64(u);
	run->gap = unpack_u64(u);
	run->missing_steps = unpack_u64(u);
	run->elapsed_s = unpack_f64(u);
	run->pace.step_s = unpack_f64(u);
	run->pace.rows = unpack_f64(u);
	run->pace.last_elapsed_s = unpack_f64(u);
	run->pace.has_last = unpack_bool(u);
	run->arrays_generation = unpack_u64(u);
}

static void end_words_unpack(struct run *run, struct unpacker *u) {
	run->end_words = unpack_string(u);
	run->end_words_state = end_state_unpack(u);
	if ((run->end_words == NULL) != (run->end_words_state == NULL)) {
		u->failed = true;
	}
}

static void run_unpack_rest(struct run *run, uint32_t version, struct unpacker *u) {
	config_unpack(&run->config, u);
	facts_unpack(&run->facts, u);
	extras_unpack(&run->extras, u);
	launch_unpack(run, u);
	streams_unpack(run, u);
	attempt_unpack(run, u);
	position_unpack(&run->position, u);
	lines_unpack(&run->lines, u);
	summary_unpack(&run->summary, u);
	end_unpack(run, u);
	counters_unpack(run, u);
	if (version >= 6) {
		end_words_unpack(run, u);
	}
	if (version >= 7) {
		run->end_words_rank = unpack_u32_max(u, RANKS_MAX - 1);
		run->lines.logged_through = (int64_t)unpack_u64(u);
	}
	if (version >= 8) {
		run_alerts_unpack(&run->alerts, u);
	}
	if (version >= 9) {
		position_unpack_known(&run->position, u);
	} else {
		position_guess_known(&run->position);
	}
}

void run_discard(struct run *run) {
	list_for_each(link, &run->streams) {
		stream_destroy(container_of(link, struct stream, link));
	}
	run_destroy(run);
}

int run_unpack(struct registry *r, const uint8_t *small, size_t len, struct run **ret) {
	struct unpacker u = {.data = small, .len = len};
	uint32_t version = unpack_u32(&u);
	struct text id = unpack_text(&u);
	uint32_t uid = unpack_u32(&u);
	int32_t pid = (int32_t)unpack_u32(&u);
	uint32_t d_sae = unpack_u32_max(&u, D_SAE_MAX);
	uint32_t d_in = unpack_u32(&u);
	if (!u.failed && version > 0 && !is_readable(version)) {
		return -EPROTO;
	}
	if (u.failed || !is_readable(version) || id.len == 0 || id.len > RUN_ID_MAX) {
		return -EBADMSG;
	}
	struct run *run = run_create(r, id, uid, d_sae);
	if (run == NULL) {
		return -ENOMEM;
	}
	run->pid = pid;
	run->d_in = d_in;
	run_unpack_rest(run, version, &u);
	if (u.failed || u.len > 0 || run_make_keys(run) < 0) {
		run_discard(run);
		return -EBADMSG;
	}
	*ret = run;
	return 0;
}

uint32_t registry_state_version(const uint8_t *small, size_t len) {
	struct unpacker u = {.data = small, .len = len};

	return unpack_u32(&u);
}
