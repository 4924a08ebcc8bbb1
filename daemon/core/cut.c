/* The cut (R3): everything of one run at one moment between two messages, in memory of its own. */
#include "registry.h"

#include <stdlib.h>
#include <string.h>

#include "jsontext.h"
#include "front_news.h"
#include "registry_private.h"
#include "rows_size.h"
#include "run.h"
#include "saved.h"
#include "stream.h"

/* What a row and the small state take beside what grows. */
#define CUT_BASE_SIZE 8192u
/* Of a feature of a closed window goes into the database: the share of the disk it takes counts, too. */
#define CLOSED_WRITTEN_BYTES 16u

size_t run_uncut_bytes(const struct run *run) {
	return run->changes.bytes;
}

size_t run_cut_size(const struct run *run) {
	size_t d_sae = run->d_sae;
	size_t size = CUT_BASE_SIZE + run->changes.bytes + run->lines.bytes + run->summary.bytes;

	size += run->arrays_changed ? d_sae * 2 * sizeof(uint32_t) : 0;
	size += run->base_changed ? d_sae * sizeof(uint64_t) : 0;
	size += run->closed != NULL ? d_sae * CLOSED_WRITTEN_BYTES : 0;
	return size;
}

/* ---- texts ---- */

/* Texts of the cut go to its changes' arena; the first that fails is remembered. */
struct writer {
	struct changes *changes;
	bool failed;
};

static const char *keep(struct writer *w, const char *text) {
	if (text == NULL) {
		return NULL;
	}
	const char *copy = changes_text(w->changes, text_of(text, strlen(text)));
	w->failed |= copy == NULL;
	return copy;
}

static const char *keep_buf(struct writer *w, struct buf *buf, int err) {
	const char *copy = NULL;
	if (err == 0) {
		copy = changes_text(w->changes, text_of((const char *)buf->data, buf->len));
	}
	w->failed |= copy == NULL;
	buf_finish(buf);
	return copy;
}

static const char *keep_thresholds(struct writer *w, const struct run_config *c) {
	struct buf json = {0};
	int err = buf_append(&json, "[", 1);
	for (uint32_t i = 0; i < c->n_thresholds && err == 0; i++) {
		err = i > 0 ? buf_append(&json, ",", 1) : 0;
		err = err < 0 ? err : json_write_number(&json, c->thresholds[i]);
	}
	err = err < 0 ? err : buf_append(&json, "]", 1);
	return keep_buf(w, &json, err);
}

static const char *keep_summary(struct writer *w, const struct summary *summary) {
	struct buf json = {0};

	return keep_buf(w, &json, summary_write(summary, &json));
}

static void row_forward(struct writer *w, const struct run *run, struct run_row *row) {
	const struct registry_options *options = &run->registry->options;
	struct buf json = {0};

	row->forwards = run->facts.log_to_wandb && options->forwards;
	row->forwards_ours = !options->forwards_without_ours;
	if (row->forwards) {
		row->forward_summary_json = keep_buf(
			w, &json, summary_write_bare(&run->summary, row->forwards_ours, &json));
	}
}

/* ---- the row ---- */

static void row_facts(struct writer *w, const struct facts *f, struct run_row *row) {
	const struct {
		enum fact fact;
		const char **to;
	} texts[] = {
		{FACT_NAME, &row->name},
		{FACT_PROJECT, &row->project},
		{FACT_ENTITY, &row->entity},
		{FACT_GROUP, &row->group_name},
		{FACT_JOB_TYPE, &row->job_type},
		{FACT_HOST, &row->host},
		{FACT_PROGRAM, &row->program},
		{FACT_GIT_COMMIT, &row->git_commit},
		{FACT_GIT_REMOTE, &row->git_remote},
		{FACT_SWEEP_ID, &row->sweep_id},
		{FACT_SOURCE, &row->source},
		{FACT_ARCHITECTURE, &row->architecture},
		{FACT_NOTES, &row->notes},
		{FACT_CONFIG, &row->config_json},
		{FACT_TAGS, &row->tags_json},
		{FACT_ARGS, &row->args_json},
	};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		*texts[i].to = keep(w, f->text[texts[i].fact]);
	}
	row->is_private = f->is_private;
	row->log_to_wandb = f->log_to_wandb;
	row->started = f->started;
}

static void row_config(struct writer *w, const struct run *run, struct run_row *row) {
	const struct run_config *c = &run->config;

	row->profile = c->profile->name;
	row->key_suffix = keep(w, c->key_suffix);
	row->thresholds_json = keep_thresholds(w, c);
	row->d_sae = run->d_sae;
	row->d_in = run->d_in;
	row->wandb_log_frequency = c->log_every;
	row->feature_sampling_window = c->window_steps;
	row->dead_feature_window = c->dead_window;
	row->train_batch_size = c->batch;
	row->context_size = c->context;
	row->total_training_tokens = c->total_tokens;
	row->total_training_steps = run_total_steps(run);
	if (c->total_tokens == 0 && c->batch > 0) {
		row->total_training_tokens = c->total_steps * c->batch;
	}
}

static void row_progress(struct writer *w, const struct run *run, struct run_row *row) {
	char waits[128];

	row->step = run->position.has_step ? run->position.step : STEP_NONE;
	row->n_training_tokens = run->n_training_tokens;
	row->n_training_images = run->n_training_tokens / run->config.context;
	row->n_tokens_folded = schedule_total(&run->position.schedule);
	row->last_seen = run->last_seen;
	row->ended = run->ended ? run->ended_at : 0;
	row->has_exit_code = run->has_exit_code;
	row->exit_code = run->exit_code;
	row->end_words = run->ended ? keep(w, run->end_words) : NULL;
	row->messages = run->messages;
	row->dropped = run->dropped;
	row->late = run->late;
	row->refused = run->refused;
	row->gap = run->gap;
	row->missing_steps = run->missing_steps;
	row->waiting_for = run_waits(run, waits, sizeof waits) ? keep(w, waits) : NULL;
}

/* It began without the state of what was before, and has not made up for it. */
static bool is_inexact(const struct run *run) {
	const struct position *p = &run->position;

	return run->d_sae > 0 && p->has_step && p->step < p->exact_from;
}

static void write_row(
	struct writer *w, const struct run *run, struct instant now, struct run_row *row) {
	*row = (struct run_row){
		.id = keep(w, run->id),
		.launch = keep(w, run->launch),
		.state = run_state(run, now),
		.summary_json = keep_summary(w, &run->summary),
		.uid = run->uid,
		.pid = run->pid,
		.resumed = is_inexact(run),
		.world_size = run->world_size,
		.attempt = run->attempt,
		.rows_bytes = rows_size(&run->changes),
	};
	row_facts(w, &run->facts, row);
	row_config(w, run, row);
	row_progress(w, run, row);
	row_forward(w, run, row);
}

static void write_streams(struct writer *w, const struct run *run, struct run_cut *cut) {
	uint32_t count = 0;
	list_for_each(counted, &run->streams) {
		count += container_of(counted, struct stream, link)->dirty;
	}
	cut->streams = changes_alloc(w->changes, count * sizeof *cut->streams);
	if (cut->streams == NULL) {
		w->failed = true;
		return;
	}
	list_for_each(link, &run->streams) {
		const struct stream *s = container_of(link, struct stream, link);
		if (!s->dirty) {
			continue;
		}
		struct stream_row *row = &cut->streams[cut->n_streams++];
		*row = (struct stream_row){
			.launch = keep(w, s->launch),
			.rank = s->rank,
			.pid = s->pid,
			.applied = s->applied,
			.dropped = s->dropped,
			.late = s->late,
			.refused = s->refused,
			.gap = s->gap,
			.finished = s->finished,
		};
		memcpy(row->id, s->id, sizeof row->id);
	}
}

static void write_small(struct writer *w, const struct run *run, struct run_cut *cut) {
	struct packer p = {0};
	run_pack(run, &p);
	if (!p.failed) {
		cut->small_len = p.buf.len;
		cut->small = changes_alloc(w->changes, p.buf.len);
	}
	if (cut->small != NULL) {
		memcpy(cut->small, p.buf.data, p.buf.len);
	} else {
		w->failed = true;
	}
	buf_finish(&p.buf);
}

static void *copy_array(struct writer *w, const void *array, size_t size) {
	void *copy = malloc(size);
	if (copy == NULL) {
		w->failed = true;
		return NULL;
	}
	memcpy(copy, array, size);
	return copy;
}

static void copy_arrays(struct writer *w, const struct run *run, struct run_cut *cut) {
	const struct firing *f = &run->firing;
	size_t d_sae = run->d_sae;

	cut->d_sae = run->d_sae;
	cut->arrays_generation = run->arrays_generation;
	cut->arrays_changed = run->arrays_changed && d_sae > 0;
	cut->base_changed = run->base_changed && d_sae > 0;
	if (cut->arrays_changed) {
		cut->window = copy_array(w, f->window, d_sae * sizeof *f->window);
		cut->last = copy_array(w, f->last, d_sae * sizeof *f->last);
	}
	if (cut->base_changed) {
		cut->base = copy_array(w, f->base, d_sae * sizeof *f->base);
	}
}

/* ---- the cut ---- */

static void mark_clean(struct run *run) {
	run->dirty = run->arrays_changed = run->base_changed = false;
	run->change_names = NULL;
	facts_clear_long(&run->facts);
	list_for_each(link, &run->streams) {
		container_of(link, struct stream, link)->dirty = false;
	}
}

struct run_cut *run_cut(struct registry *r, struct run *run, struct instant now) {
	struct run_cut *cut = run->broken ? NULL : calloc(1, sizeof *cut);
	if (cut == NULL) {
		return NULL;
	}
	(void)r;
	/* What is written into the arena before something fails is left there unused: no row refers to it. */
	struct writer w = {.changes = &run->changes};
	cut->run = run;
	memcpy(cut->run_id, run->id, sizeof cut->run_id);
	run->arrays_generation += run->arrays_changed || run->base_changed ? 1 : 0;
	write_row(&w, run, now, &cut->row);
	write_streams(&w, run, cut);
	write_small(&w, run, cut);
	copy_arrays(&w, run, cut);
	if (w.failed) {
		run_cut_destroy(cut);
		return NULL;
	}
	changes_move(&cut->changes, &run->changes);
	cut->closed = run->closed;
	run->closed = NULL;
	mark_clean(run);
	run->cuts_in_flight++;
	return cut;
}

void run_cut_destroy(struct run_cut *cut) {
	if (cut == NULL) {
		return;
	}
	changes_finish(&cut->changes);
	free(cut->window);
	free(cut->last);
	free(cut->base);
	closed_window_destroy(cut->closed);
	front_news_destroy(cut->front_news);
	free(cut);
}

void registry_committed(struct registry *r, const struct run_cut *cut) {
	struct run *run = registry_find(r, cut->run_id);
	if (run == NULL || run != cut->run) {
		return; /* forgotten meanwhile */
	}
	run->cuts_in_flight -= run->cuts_in_flight > 0;
	for (uint32_t i = 0; i < cut->n_streams; i++) {
		struct stream *s = registry_find_stream(r, cut->streams[i].id);
		if (s != NULL && s->durable < cut->streams[i].applied) {
			s->durable = cut->streams[i].applied;
		}
	}
}
