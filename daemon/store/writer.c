#include "row.h"

#include <math.h>
#include <stdio.h>

/* Until his name is known the run is shown with its user's number. */
static int number_run(struct writer *r, const struct run_row *run, int64_t *n) {
	char user[16];

	struct row find = row_begin(r, STATEMENT_FIND_RUN);
	row_text(&find, run->id);
	int rc = row_read_int(&find, n);
	if (rc != SQLITE_DONE) {
		return rc == SQLITE_ROW ? SQLITE_OK : rc;
	}
	struct row add = row_begin(r, STATEMENT_ADD_RUN);
	(void)snprintf(user, sizeof user, "%u", (unsigned)run->uid);
	row_text(&add, run->id);
	row_text(&add, user);
	rc = row_end(&add);
	if (rc == SQLITE_OK) {
		*n = sqlite3_last_insert_rowid(r->sql);
	}
	return rc;
}

static void put_run_names(struct row *row, const struct run_row *run) {
	row_text(row, run->name);
	row_text(row, run->project);
	row_text(row, run->entity);
	row_text(row, run->group_name);
	row_text(row, run->job_type);
	row_text(row, run->user);
	row_int(row, run->uid);
	row_uint_if(row, run->pid != 0, (uint64_t)run->pid);
	row_text(row, run->host);
	row_text(row, run->program);
	row_text(row, run->git_commit);
	row_text(row, run->git_remote);
	row_text(row, run->sweep_id);
	row_text(row, run->source);
	row_text(row, run->profile);
	row_text(row, run->architecture);
	row_text(row, run->key_suffix);
	row_text(row, run->launch);
}

static void put_run_shape(struct row *row, const struct run_row *run) {
	row_text(row, run->state);
	if (run->has_exit_code) {
		row_int(row, run->exit_code);
	} else {
		row_null(row);
	}
	row_text(row, run->end_words);
	row_text(row, run->waiting_for);
	row_int(row, run->is_private);
	row_int(row, run->log_to_wandb);
	row_int(row, run->attempt);
	row_int(row, run->resumed);
	row_int(row, run->world_size);
	row_int(row, run->d_sae);
	row_uint_if(row, run->d_in != 0, run->d_in);
	row_int(row, run->wandb_log_frequency);
	row_int(row, run->feature_sampling_window);
	row_int(row, run->dead_feature_window);
	row_uint_if(row, run->train_batch_size != 0, run->train_batch_size);
	row_uint_if(row, run->context_size != 0, run->context_size);
	row_text(row, run->thresholds_json);
}

static void put_run_progress(struct row *row, const struct run_row *run) {
	row_uint_if(row, run->step != STEP_NONE, run->step);
	row_uint(row, run->n_training_tokens);
	row_uint(row, run->n_tokens_folded);
	row_uint(row, run->n_training_images);
	row_uint_if(row, run->total_training_tokens != 0, run->total_training_tokens);
	row_uint_if(row, run->total_training_steps != 0, run->total_training_steps);
	row_time(row, run->started);
	row_time(row, run->last_seen);
	row_time(row, run->ended);
	row_uint(row, run->messages);
	row_uint(row, run->dropped);
	row_uint(row, run->late);
	row_uint(row, run->refused);
	row_uint(row, run->gap);
	row_uint(row, run->missing_steps);
}

/* The long texts; NULL ones are as they were. */
static int put_run_about(struct writer *r, const struct run_row *run, int64_t n) {
	if (run->tags_json == NULL && run->notes == NULL && run->config_json == NULL &&
		run->summary_json == NULL && run->args_json == NULL) {
		return SQLITE_OK;
	}
	struct row row = row_begin(r, STATEMENT_ABOUT);
	row_int(&row, n);
	row_text(&row, run->tags_json);
	row_text(&row, run->notes);
	row_text(&row, run->config_json);
	row_text(&row, run->summary_json);
	row_text(&row, run->args_json);
	return row_end(&row);
}

int writer_put_run(struct writer *r, const struct run_row *run, int64_t *n) {
	if (*n == 0) {
		int rc = number_run(r, run, n);
		if (rc != SQLITE_OK) {
			return rc;
		}
	}
	struct row row = row_begin(r, STATEMENT_UPDATE_RUN);
	put_run_names(&row, run);
	put_run_shape(&row, run);
	put_run_progress(&row, run);
	row_uint(&row, run->rows_bytes);
	row_int(&row, *n);
	int rc = row_end(&row);
	return rc == SQLITE_OK ? put_run_about(r, run, *n) : rc;
}

int writer_stop_run(struct writer *r, int64_t run) {
	struct row row = row_begin(r, STATEMENT_STOP_RUN);
	row_int(&row, run);
	return row_end(&row);
}

int writer_put_stream(struct writer *r, int64_t run, const struct stream_row *stream) {
	struct row row = row_begin(r, STATEMENT_STREAM);
	row_int(&row, run);
	row_blob(&row, stream->id, sizeof stream->id);
	row_text(&row, stream->launch);
	row_int(&row, stream->rank);
	row_uint_if(&row, stream->pid != 0, (uint64_t)stream->pid);
	row_uint(&row, stream->applied);
	row_uint(&row, stream->dropped);
	row_uint(&row, stream->late);
	row_uint(&row, stream->refused);
	row_uint(&row, stream->gap);
	row_int(&row, stream->finished);
	return row_end(&row);
}

/* Checksums are bits: they pass through SQLite's signed integers unchanged. */
static void put_slot(struct row *row, const struct slot_ref *ref) {
	row_int(row, ref->slot);
	row_int(row, (int64_t)ref->generation);
	row_int(row, (int64_t)ref->checksum);
}

int writer_put_state(struct writer *r, int64_t run, const struct state_row *state) {
	struct row row = row_begin(r, STATEMENT_STATE);
	row_int(&row, run);
	row_blob(&row, state->small, state->small_len);
	row_int(&row, state->d_sae);
	put_slot(&row, &state->hot);
	put_slot(&row, &state->base);
	return row_end(&row);
}

static int put_event(struct writer *r, int64_t run, const struct change_event *e) {
	struct row row = row_begin(r, STATEMENT_EVENT);
	row_null(&row); /* n: the next */
	row_uint_if(&row, run != 0, (uint64_t)run);
	row_uint_if(&row, e->attempt != ATTEMPT_NONE, e->attempt);
	row_uint_if(&row, e->step != STEP_NONE, e->step);
	row_real(&row, e->time);
	row_text(&row, e->kind);
	row_text(&row, e->text);
	return row_end(&row);
}

int writer_put_event(
	struct writer *r, int64_t run, double time, const char *kind, const char *text) {
	return put_event(r, run,
		&(struct change_event){
			.attempt = ATTEMPT_NONE,
			.step = STEP_NONE,
			.time = time,
			.kind = kind,
			.text = text,
		});
}

static int put_attempt(struct writer *r, int64_t run, const struct change_attempt *a) {
	struct row row = row_begin(r, STATEMENT_ATTEMPT);
	row_int(&row, run);
	row_int(&row, a->attempt);
	row_text(&row, a->launch);
	row_int(&row, a->lap);
	row_uint_if(&row, a->step_first != STEP_NONE, a->step_first);
	row_real(&row, a->time);
	row_text(&row, a->restored_from);
	return row_end(&row);
}

int writer_put_mark(struct writer *r, int64_t run, int64_t n, const struct change_mark *mark,
	uint64_t checksum, int64_t forgotten) {
	struct row forget = row_begin(r, STATEMENT_FORGET_MARKS);
	row_int(&forget, run);
	row_int(&forget, forgotten);
	int rc = row_end(&forget);
	if (rc != SQLITE_OK) {
		return rc;
	}
	struct row row = row_begin(r, STATEMENT_MARK);
	row_int(&row, run);
	row_int(&row, n);
	row_int(&row, mark->attempt);
	row_int(&row, mark->step);
	row_real(&row, mark->time);
	row_text(&row, mark->text);
	row_uint(&row, mark->state_len);
	row_int(&row, (int64_t)checksum);
	row_int(&row, 1);
	return row_end(&row);
}

static int begin_alert(struct writer *r, int64_t run, const struct change_alert *a) {
	struct row row = row_begin(r, STATEMENT_ALERT);
	row_int(&row, run);
	row_text(&row, a->kind);
	row_int(&row, a->attempt);
	row_uint_if(&row, a->step != STEP_NONE, a->step);
	row_real(&row, a->time);
	row_text(&row, a->words);
	return row_end(&row);
}

static int end_alert(struct writer *r, int64_t run, const struct change_alert *a) {
	struct row row = row_begin(r, STATEMENT_ALERT_OVER);
	row_uint_if(&row, a->step != STEP_NONE, a->step);
	row_real(&row, a->time);
	row_text(&row, a->words);
	row_int(&row, run);
	row_text(&row, a->kind);
	return row_end(&row);
}

int writer_put_change(struct writer *r, int64_t run, const struct change *change) {
	switch (change->kind) {
	case CHANGE_STEP:
		return writer_put_step(r, run, &change->step);
	case CHANGE_LINE:
		return writer_put_line(r, run, &change->line);
	case CHANGE_WINDOW:
		return writer_put_window(r, run, &change->window);
	case CHANGE_EVENT:
		return put_event(r, run, &change->event);
	case CHANGE_ATTEMPT:
		return put_attempt(r, run, &change->attempt);
	case CHANGE_ALERT:
		return change->alert.begins ? begin_alert(r, run, &change->alert)
					    : end_alert(r, run, &change->alert);
	case CHANGE_MARK:
		break;
	}
	return SQLITE_MISUSE;
}
