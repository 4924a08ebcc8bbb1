#include "rig.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"

/* ---- the text of a change ---- */

static void put_value(struct buf *out, const struct value *v) {
	switch (v->kind) {
	case VALUE_FLOAT:
		(void)buf_printf(out, "%a", v->number);
		break;
	case VALUE_INT:
		(void)buf_printf(out, "%" PRId64, v->integer);
		break;
	case VALUE_TEXT:
		(void)buf_printf(out, "\"%.*s\"", (int)v->text.len, v->text.data);
		break;
	case VALUE_HISTOGRAM:
		for (uint32_t i = 0; i < v->histogram.n_bins; i++) {
			(void)buf_printf(out, "%g,", v->histogram.counts[i]);
		}
		(void)buf_printf(out, "from,%a,to,%a", v->histogram.edges[0],
			v->histogram.edges[v->histogram.n_bins]);
		break;
	}
}

static int compare_lines(const void *a, const void *b) {
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* By name: positions depend on who opened first. */
static void put_extras(struct buf *out, const struct change_step *s) {
	struct rig_text extras = {0};

	for (uint32_t i = 0; i < s->n_extras; i++) {
		if ((s->extras_present[i / 64] >> (i % 64) & 1) != 0) {
			struct buf text = {0};
			(void)buf_printf(&text, " x.%s=%a", s->extra_names[i], s->extras[i]);
			rig_text_add(&extras, buf_text(&text));
		}
	}
	if (extras.count > 0) {
		qsort(extras.lines, extras.count, sizeof *extras.lines, compare_lines);
	}
	for (size_t i = 0; i < extras.count; i++) {
		(void)buf_printf(out, "%s", extras.lines[i]);
	}
	rig_text_finish(&extras);
}

static void put_step(struct buf *out, const struct change_step *s) {
	(void)buf_printf(out,
		"step attempt=%u step=%u lap=%u time=%a elapsed=%a n_rows=%" PRIu64
		" ranks_missing=%u",
		s->attempt, s->step, s->lap, s->time, s->elapsed_s, s->n_rows, s->ranks_missing);
	for (int i = 0; i < METRIC_COUNT; i++) {
		if ((s->measures.present >> i & 1) != 0) {
			(void)buf_printf(out, " %s=%a%s", metric_name((enum metric)i),
				s->measures.value[i],
				(s->measures.computed >> i & 1) != 0 ? "" : "!");
		}
	}
	for (int i = 0; i < SCALAR_COUNT; i++) {
		if ((s->scalars_present >> i & 1) != 0) {
			(void)buf_printf(
				out, " s.%s=%a", scalar_name((enum scalar)i), s->scalars[i]);
		}
	}
	put_extras(out, s);
}

static void put_line(struct buf *out, const struct change_line *l) {
	(void)buf_printf(out, "line attempt=%u step=%u ordinal=%" PRId64 " time=%a elapsed=%a",
		l->attempt, l->step, l->line, l->time, l->elapsed_s);
	for (uint32_t i = 0; i < l->n_entries; i++) {
		(void)buf_printf(out, " %d:%s=", (int)l->entries[i].source, l->entries[i].key);
		put_value(out, &l->entries[i].value);
	}
}

static void put_window(struct buf *out, const struct change_window *w) {
	const struct density_summary *d = &w->density;
	(void)buf_printf(out,
		"window attempt=%u window=%u first=%u last=%u close=%u time=%a n_steps=%u "
		"expected=%u flaws=%u dead=%u revived=%u newly_dead=%u dead_10m_tokens=%" PRId64,
		w->attempt, w->window, w->step_first, w->step_last, w->step_close, w->time,
		w->n_steps, w->n_steps_expected, w->flaws, w->dead_features, w->revived,
		w->newly_dead, w->dead_10m_tokens);
	(void)buf_printf(out, " n_rows=%" PRIu64 " mean_log10=%a below5=%u below6=%u never=%u",
		d->n_rows, d->mean_log10, d->below_1e_5, d->below_1e_6, d->never_fired);
	for (uint32_t i = 0; i < d->n_thresholds; i++) {
		(void)buf_printf(out, " below[%u]=%u", i, d->below[i]);
	}
	for (uint32_t i = 0; i < FIXED_BINS; i++) {
		if (d->fixed_counts[i] > 0) {
			(void)buf_printf(out, " bin[%u]=%u", i, d->fixed_counts[i]);
		}
	}
}

static void put_change(struct buf *out, const struct change *c) {
	switch (c->kind) {
	case CHANGE_STEP:
		put_step(out, &c->step);
		break;
	case CHANGE_LINE:
		put_line(out, &c->line);
		break;
	case CHANGE_WINDOW:
		put_window(out, &c->window);
		break;
	case CHANGE_EVENT:
		(void)buf_printf(out, "event attempt=%u step=%d time=%a kind=%s text=%s",
			c->event.attempt, (int)c->event.step, c->event.time, c->event.kind,
			c->event.text);
		break;
	case CHANGE_ATTEMPT:
		(void)buf_printf(out,
			"attempt attempt=%u launch=%s lap=%u first=%u time=%a from=%s",
			c->attempt.attempt, c->attempt.launch, c->attempt.lap,
			c->attempt.step_first, c->attempt.time, c->attempt.restored_from);
		break;
	case CHANGE_ALERT:
		(void)buf_printf(out, "alert attempt=%u step=%d time=%a kind=%s begins=%d words=%s",
			c->alert.attempt, (int)c->alert.step, c->alert.time, c->alert.kind,
			c->alert.begins, c->alert.words);
		break;
	case CHANGE_MARK:
		(void)buf_printf(out, "mark attempt=%u step=%u time=%a text=%s len=%zu",
			c->mark.attempt, c->mark.step, c->mark.time, c->mark.text,
			c->mark.state_len);
		break;
	}
}

void rig_text_add(struct rig_text *text, char *line) {
	if (text->count == text->cap) {
		text->cap = text->cap == 0 ? 64 : text->cap * 2;
		text->lines = realloc(text->lines, text->cap * sizeof *text->lines);
		assert(text->lines != NULL);
	}
	text->lines[text->count++] = line;
}

void rig_text_finish(struct rig_text *text) {
	for (size_t i = 0; i < text->count; i++) {
		free(text->lines[i]);
	}
	free(text->lines);
	*text = (struct rig_text){0};
}

struct rig_text rig_sorted(const struct rig_text *text) {
	struct rig_text sorted = {0};
	for (size_t i = 0; i < text->count; i++) {
		rig_text_add(&sorted, strdup(text->lines[i]));
	}
	if (sorted.count > 0) {
		qsort(sorted.lines, sorted.count, sizeof *sorted.lines, compare_lines);
	}
	return sorted;
}

/* ---- the rig ---- */

void rig_start(struct rig *rig) {
	*rig = (struct rig){
		.limits = {{[HOLDING_RUNS] = 8, [HOLDING_MEMORY] = 64u << 20}},
		.options = {.rank_grace_ms = 120000,
			.ledger = &rig->ledger,
			.stall_factor_pct = 1000,
			.stall_min_ms = 60000},
		.now = {.wall = 1700000000, .mono_ms = 1000},
		.peer = {.uid = 1000, .pid = 4711},
	};
	memset(rig->db_id, 0xdb, sizeof rig->db_id);
	ledger_init(&rig->ledger, &(struct ledger_limits){.host_memory = LEDGER_NO_LIMIT,
					  .of_user = ledger_same_for_all,
					  .user = &rig->limits});
	rig->registry = registry_create(&rig->options);
	assert(rig->registry != NULL);
}

static void saved_free(struct rig_saved *s) {
	free(s->small);
	free(s->window);
	free(s->last);
	free(s->base);
	free(s);
}

void rig_finish(struct rig *rig) {
	registry_destroy(rig->registry);
	ledger_finish(&rig->ledger);
	while (rig->saved != NULL) {
		struct rig_saved *s = rig->saved;
		rig->saved = s->next;
		saved_free(s);
	}
	while (rig->marks != NULL) {
		struct rig_mark *m = rig->marks;
		rig->marks = m->next;
		free(m->state);
		free(m);
	}
	rig_text_finish(&rig->history);
	rig_text_finish(&rig->row_text);
	rig_trainers_finish(rig->trainers);
}

int rig_setup(void **state) {
	struct rig *rig = malloc(sizeof *rig);
	rig_start(rig);
	*state = rig;
	return 0;
}

int rig_teardown(void **state) {
	rig_finish(*state);
	free(*state);
	return 0;
}

struct text rig_lit(const char *text) {
	return text_of(text, strlen(text));
}

/* ---- messages ---- */

void rig_stream_id(struct msg_open *open, uint8_t id) {
	memset(open->stream, id, STREAM_ID_SIZE);
}

struct msg_open rig_msg_open(uint32_t d_sae) {
	struct msg_open open = {
		.run = rig_lit("r"),
		.launch = rig_lit("launch"),
		.first_seq = 1,
		.world_size = 1,
		.d_sae = d_sae,
		.d_in = 2,
		.wandb_log_frequency = 2,
		.feature_sampling_window = 3,
		.dead_feature_window = 1,
		.train_batch_size = 2,
		.context_size = 2,
	};
	rig_stream_id(&open, 1);
	return open;
}

struct message rig_msg_step(
	uint64_t seq, uint32_t step, uint32_t n_rows, const uint32_t *nonzero, uint32_t d_sae) {
	struct message m = {.type = MSG_STEP};
	m.step.seq = seq;
	m.step.lap = RIG_LAP_COUNTED;
	m.step.step = step;
	m.step.time = 1e9 + step;
	m.step.elapsed_s = step * 0.5;
	m.step.n_rows = n_rows;
	if (nonzero != NULL) {
		m.step.nonzero = (struct counts){
			COUNTS_U32, d_sae, (const uint8_t *)nonzero, d_sae * sizeof *nonzero};
	}
	return m;
}

void rig_skip_scalar(struct message *step) {
	step->step.n_scalars++;
}

void rig_add_scalar(struct message *step, double value) {
	uint32_t i = step->step.n_scalars++;
	step->step.scalars[i] = value;
	step->step.present[i / 64] |= 1ull << (i % 64);
}

struct message rig_msg_dropped(uint64_t seq, uint64_t count, int64_t step) {
	struct message m = {.type = MSG_DROPPED};
	m.dropped = (struct msg_dropped){.seq = seq,
		.count = count,
		.has_step = step >= 0,
		.lap = step >= 0 ? RIG_LAP_COUNTED : 0,
		.step = step >= 0 ? (uint32_t)step : 0};
	return m;
}

struct message rig_msg_finish(uint64_t seq, int32_t exit_code) {
	struct message m = {.type = MSG_FINISH};
	m.finish = (struct msg_finish){.seq = seq, .exit_code = exit_code, .time = 2e9};
	return m;
}

struct message rig_msg_event(uint64_t seq, const char *kind, const char *text) {
	struct message m = {.type = MSG_EVENT};
	m.event = (struct msg_event){
		.seq = seq, .time = 1e9, .kind = rig_lit(kind), .text = rig_lit(text)};
	return m;
}

struct message rig_msg_mark(uint64_t seq, uint32_t step) {
	struct message m = {.type = MSG_MARK};
	m.mark = (struct msg_mark){
		.seq = seq, .step = step, .time = 1e9, .text = rig_lit("checkpoint")};
	return m;
}

struct message rig_msg_restore(uint64_t seq, uint32_t step, const uint8_t *state, size_t len) {
	struct message m = {.type = MSG_RESTORE};
	m.restore = (struct msg_restore){seq, RIG_LAP_COUNTED, step, 1e9, state, len};
	return m;
}

struct message rig_msg_log(
	uint64_t seq, int64_t step, struct log_entry *entry, const char *key, double value) {
	struct message m = {.type = MSG_LOG};
	*entry = (struct log_entry){rig_lit(key), {.kind = VALUE_FLOAT, .number = value}};
	m.log = (struct msg_log){
		.seq = seq,
		.has_step = step >= 0,
		.step = step >= 0 ? (uint32_t)step : 0,
		.time = 1e9 + (double)step,
		.elapsed_s = 1,
		.n_entries = 1,
		.entries = entry,
	};
	return m;
}

/* ---- calls ---- */

int rig_open(struct rig *rig, const struct msg_open *open) {
	rig->stream = NULL;
	return registry_open(rig->registry, open, &rig->peer, rig->db_id, rig->now, &rig->stream,
		&rig->opened, &rig->refusal);
}

struct stream *rig_must_open(struct rig *rig, const struct msg_open *open) {
	int err = rig_open(rig, open);
	if (err != 0) {
		fail_msg("OPEN: %d %d %s", err, rig->refusal.code, rig->refusal.words);
	}
	return rig->stream;
}

enum apply_result rig_apply(struct rig *rig, struct stream *s, const struct message *m) {
	struct message said = *m;

	rig_trainer_count(&rig->trainers, stream_id(s), &said);
	rig->error = (struct apply_error){0};
	return registry_apply(rig->registry, s, &said, rig->now, &rig->error);
}

void rig_step(struct rig *rig, struct stream *s, uint32_t step, uint32_t n_rows, uint32_t c0,
	uint32_t c1) {
	uint32_t counts[2] = {c0, c1};
	struct message m = rig_msg_step(stream_received(s) + 1, step, n_rows, counts, 2);
	enum apply_result result = rig_apply(rig, s, &m);
	if (result != APPLY_TAKEN) {
		fail_msg("step %u: %d %s", step, result, rig->error.words);
	}
}

void rig_notices(struct rig *rig) {
	struct notice notice;
	while (registry_next_notice(rig->registry, &notice)) {
		rig->notice = notice;
		if (notice.is_stop) {
			rig->n_stops++;
		} else {
			rig->n_errors++;
		}
	}
}

/* ---- the store ---- */

static void *copy_of(const void *data, size_t size) {
	void *copy = malloc(size > 0 ? size : 1);
	assert(copy != NULL);
	if (size > 0) {
		memcpy(copy, data, size);
	}
	return copy;
}

static struct rig_saved *saved_of(struct rig *rig, const char *run_id) {
	for (struct rig_saved *s = rig->saved; s != NULL; s = s->next) {
		if (strcmp(s->run_id, run_id) == 0) {
			return s;
		}
	}
	struct rig_saved *s = calloc(1, sizeof *s);
	assert(s != NULL);
	(void)snprintf(s->run_id, sizeof s->run_id, "%s", run_id);
	s->next = rig->saved;
	rig->saved = s;
	return s;
}

static void save(struct rig *rig, const struct run_cut *cut) {
	struct rig_saved *s = saved_of(rig, cut->run_id);
	size_t d_sae = cut->d_sae;

	free(s->small);
	s->small = copy_of(cut->small, cut->small_len);
	s->small_len = cut->small_len;
	s->d_sae = cut->d_sae;
	if (cut->arrays_changed) {
		free(s->window);
		free(s->last);
		s->window = copy_of(cut->window, d_sae * sizeof *s->window);
		s->last = copy_of(cut->last, d_sae * sizeof *s->last);
	}
	if (cut->base_changed) {
		free(s->base);
		s->base = copy_of(cut->base, d_sae * sizeof *s->base);
	}
}

static void keep_mark(struct rig *rig, const struct change_mark *mark) {
	struct rig_mark *m = calloc(1, sizeof *m);
	assert(m != NULL);
	*m = (struct rig_mark){rig->marks, mark->attempt, mark->step,
		copy_of(mark->state, mark->state_len), mark->state_len};
	rig->marks = m;
}

static void keep_row(struct rig *rig, const struct run_row *row) {
	struct buf text = {0};
	rig->row = *row;
	rig_text_finish(&rig->row_text);
	(void)buf_printf(&text,
		"row end=%s id=%s name=%s state=%s launch=%s profile=%s waiting=%s thresholds=%s "
		"config=%s "
		"notes=%s tags=%s summary=%s",
		row->end_words != NULL ? row->end_words : "-", row->id, row->name, row->state,
		row->launch, row->profile, row->waiting_for != NULL ? row->waiting_for : "-",
		row->thresholds_json, row->config_json != NULL ? row->config_json : "-",
		row->notes != NULL ? row->notes : "-",
		row->tags_json != NULL ? row->tags_json : "-", row->summary_json);
	rig_text_add(&rig->row_text, buf_text(&text));
}

void rig_commit(struct rig *rig) {
	for (struct run *run = registry_next_dirty(rig->registry, NULL); run != NULL;
		run = registry_next_dirty(rig->registry, run)) {
		struct run_cut *cut = run_cut(rig->registry, run, rig->now);
		assert_non_null(cut);
		save(rig, cut);
		keep_row(rig, &cut->row);
		for (const struct change *c = cut->changes.first; c != NULL; c = c->next) {
			struct buf text = {0};
			put_change(&text, c);
			rig_text_add(&rig->history, buf_text(&text));
			if (c->kind == CHANGE_MARK) {
				keep_mark(rig, &c->mark);
			}
		}
		registry_committed(rig->registry, cut);
		run_cut_destroy(cut);
	}
}

void rig_crash(struct rig *rig, bool lose_arrays) {
	registry_destroy(rig->registry);
	rig->registry = registry_create(&rig->options);
	assert_non_null(rig->registry);
	for (struct rig_saved *s = rig->saved; s != NULL; s = s->next) {
		size_t d_sae = s->d_sae;
		struct run_saved saved = {.small = s->small, .small_len = s->small_len};
		saved.d_sae = s->d_sae;
		if (!lose_arrays && d_sae > 0) {
			/* Files are sparse where nothing was written yet. */
			saved.window = s->window != NULL ? copy_of(s->window, d_sae * 4)
							 : calloc(d_sae, 4);
			saved.last = s->last != NULL ? copy_of(s->last, d_sae * 4)
						     : memset(calloc(d_sae, 4), 0xff, d_sae * 4);
			saved.base =
				s->base != NULL ? copy_of(s->base, d_sae * 8) : calloc(d_sae, 8);
		}
		struct run *run;
		int err = registry_restore(rig->registry, &saved, rig->now, &run);
		if (err != 0) {
			fail_msg("restore of %s: %d", s->run_id, err);
		}
		free(saved.window);
		free(saved.last);
		free(saved.base);
	}
}

void rig_give_marks(struct rig *rig) {
	struct wanted_mark wanted;
	while (registry_next_wanted_mark(rig->registry, &wanted)) {
		rig_commit(rig); /* only what is committed can be read */
		struct rig_mark *m = rig->marks;
		while (m != NULL && (m->attempt != wanted.attempt || m->step != wanted.step)) {
			m = m->next;
		}
		registry_give_mark(rig->registry, wanted.run, m != NULL ? m->state : NULL,
			m != NULL ? m->len : 0, rig->now);
	}
}

/* ---- the history ---- */

static bool begins(const char *line, const char *begin) {
	return strncmp(line, begin, strlen(begin)) == 0;
}

size_t rig_count(const struct rig *rig, const char *begin) {
	size_t n = 0;
	for (size_t i = 0; i < rig->history.count; i++) {
		n += begins(rig->history.lines[i], begin);
	}
	return n;
}

const char *rig_find(const struct rig *rig, const char *begin, size_t n) {
	for (size_t i = 0; i < rig->history.count; i++) {
		if (begins(rig->history.lines[i], begin) && n-- == 0) {
			return rig->history.lines[i];
		}
	}
	return NULL;
}

const char *rig_value(const char *line, const char *key, char out[128]) {
	size_t len = strlen(key);
	for (const char *p = line; p != NULL && (p = strstr(p, key)) != NULL; p++) {
		bool starts = p == line || p[-1] == ' ' || p[-1] == ':';
		if (starts && p[len] == '=') {
			(void)snprintf(
				out, 128, "%.*s", (int)strcspn(p + len + 1, " !"), p + len + 1);
			return out;
		}
	}
	return NULL;
}

double rig_number(const char *line, const char *key) {
	char text[128];
	if (line == NULL || rig_value(line, key, text) == NULL) {
		fail_msg("no %s in %s", key, line != NULL ? line : "nothing");
	}
	return strtod(text, NULL);
}

void rig_dump(const struct rig *rig) {
	for (size_t i = 0; i < rig->history.count; i++) {
		print_message("%s\n", rig->history.lines[i]);
	}
}
