#include "message_flaw.h"

#include "counts.h"
#include "json_members.h"
#include "text.h"

const char *step_counts_flaw(const struct msg_step *step, uint32_t d_sae) {
	bool has_counts = step->nonzero.form != COUNTS_NONE;
	const char *flaw = NULL;

	if (step->n_rows == 0) {
		flaw = "n_rows is 0";
	} else if (has_counts && d_sae == 0) {
		flaw = "the run was opened without d_sae";
	} else if (!has_counts && step->positive.form != COUNTS_NONE) {
		flaw = "there are positive counts without nonzero ones";
	} else if (has_counts) {
		flaw = counts_check(&step->nonzero, d_sae, step->n_rows);
	}
	if (flaw == NULL && step->positive.form != COUNTS_NONE) {
		flaw = counts_check(&step->positive, d_sae, step->n_rows);
	}
	return flaw;
}

static const char *log_flaw(const struct msg_log *log) {
	if (log->has_step && log->step > STEP_MAX) {
		return "its step is out of range";
	}
	if (log->n_entries == 0 || log->n_entries > LOG_ENTRIES_MAX) {
		return "it has no entries, or too many";
	}
	for (uint32_t i = 0; i < log->n_entries; i++) {
		const struct log_entry *e = &log->entries[i];
		if (e->key.len == 0 || e->key.len > KEY_MAX_BYTES) {
			return "a key is empty or too long";
		}
		if (e->value.kind == VALUE_HISTOGRAM &&
			(e->value.histogram.n_bins == 0 ||
				e->value.histogram.n_bins > HISTOGRAM_BINS_MAX)) {
			return "a histogram has no bins, or too many";
		}
	}
	return NULL;
}

static const char *update_flaw(const struct msg_update *update) {
	if (update->config.data != NULL && !json_is_object(update->config)) {
		return "config is not a JSON object";
	}
	if (update->summary.data != NULL && !json_is_object(update->summary)) {
		return "summary is not a JSON object";
	}
	return NULL;
}

static const char *dropped_flaw(const struct msg_dropped *dropped) {
	if (dropped->count == 0 || dropped->count > SEQ_MAX - dropped->seq) {
		return "its count is out of range";
	}
	if (dropped->has_step && (dropped->step > STEP_MAX || dropped->lap > LAP_MAX)) {
		return "its step or lap is out of range";
	}
	return NULL;
}

static const char *finish_flaw(const struct msg_finish *finish) {
	static const char *const states[] = {"finished", "failed", "preempted", "stopped", NULL};

	return finish->state.data == NULL || text_among(finish->state, states)
		       ? NULL
		       : "there is no such state";
}

const char *message_flaw(const struct message *m) {
	switch (m->type) {
	case MSG_LOG:
		return log_flaw(&m->log);
	case MSG_UPDATE:
		return update_flaw(&m->update);
	case MSG_DROPPED:
		return dropped_flaw(&m->dropped);
	case MSG_FINISH:
		return finish_flaw(&m->finish);
	default:
		return NULL;
	}
}
