/* What a trainer says beside its steps: LOG, and that it begins again; EVENT, MARK, UPDATE, RESTORE. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "encode.h"
#include "keepsake.h"
#include "run.h"
#include "text.h"

#define ENTRIES_ON_STACK 32u
#define SMALL_HEADER_MAX 64u /* a RESTORE's */

/* Every message of the stream begins with its seq. */
_Static_assert(offsetof(struct msg_log, seq) == 0, "set through msg_mark");
_Static_assert(offsetof(struct msg_event, seq) == 0, "set through msg_mark");
_Static_assert(offsetof(struct msg_mark, seq) == 0, "set through msg_mark");
_Static_assert(offsetof(struct msg_update, seq) == 0, "set through msg_mark");
_Static_assert(offsetof(struct msg_restore, seq) == 0, "set through msg_mark");

/* Under the lock: a message that is all header. */
static int put_header(struct saem_run *run, struct message *m) {
	struct stream *s = &run->stream;

	m->mark.seq = SEQ_MAX; /* while it is measured: the longest */
	if (m->type == MSG_LOG) {
		m->log.lap = LAP_MAX;
	}
	size_t size = encode_size_max(m);
	uint8_t *place = stream_make_room(s, 0, size);
	if (m->type == MSG_LOG) {
		m->log.lap = stream_lap_of_log(s); /* now: it may have waited */
	}
	if (place == NULL) {
		return stream_drop(s, NULL);
	}

	m->mark.seq = s->outbox.next_seq;
	size_t len = encode(m, 0, place, size);
	if (len == 0) {
		stream_say(s, "too much for one message: at most %u bytes and %u values fit",
			HEADER_LEN_MAX, HEADER_ITEMS_MAX);
		return -EINVAL;
	}
	outbox_commit(&s->outbox, NULL, 0, len, NULL);
	return SAEM_QUEUED;
}

static int say_header(struct saem_run *run, struct message *m) {
	int status = stream_enter(&run->stream);

	return status != 0 ? status : stream_leave(&run->stream, put_header(run, m));
}

/* ---- checking ---- */

static struct text text_or_none(const char *s) {
	return s == NULL ? (struct text){0} : text_of(s, strlen(s));
}

/* 0, or -EINVAL and the words. */
static int check_text(struct saem_run *run, const char *what, struct text text, size_t min,
	size_t max, bool is_name) {
	char quote[TEXT_QUOTE_SIZE];

	if (text.len < min || text.len > max) {
		return run_misused(
			run, "%s: %zu bytes, expected %zu to %zu", what, text.len, min, max);
	}
	const char *flaw = text_flaw(text, is_name);
	return flaw == NULL ? 0
			    : run_misused(run, "%s \"%s\" %s", what, text_quote(text, quote), flaw);
}

static int check_step(struct saem_run *run, int64_t step, bool may_be_none) {
	if ((may_be_none && step == SAEM_NO_STEP) || (step >= 0 && step <= STEP_MAX)) {
		return 0;
	}
	return run_misused(run, "step is %lld; expected 0 to %u", (long long)step, STEP_MAX);
}

/* ---- LOG ---- */

static int take_value(struct saem_run *run, const struct saem_value *given, struct log_entry *ret) {
	*ret = (struct log_entry){.key = text_or_none(given->key)};
	int status = check_text(run, "key", ret->key, 1, KEY_MAX_BYTES, true);
	if (status < 0) {
		return status;
	}

	switch (given->kind) {
	case SAEM_FLOAT:
		ret->value = (struct value){.kind = VALUE_FLOAT, .number = given->number};
		return 0;
	case SAEM_INT:
		ret->value = (struct value){.kind = VALUE_INT, .integer = given->integer};
		return 0;
	case SAEM_TEXT:
		ret->value = (struct value){.kind = VALUE_TEXT, .text = text_or_none(given->text)};
		ret->value.text.data = given->text == NULL ? "" : given->text;
		return check_text(run, given->key, ret->value.text, 0, TEXT_MAX_BYTES, false);
	case SAEM_HISTOGRAM:
		if (given->n_bins == 0 || given->n_bins > HISTOGRAM_BINS_MAX ||
			given->counts == NULL || given->edges == NULL) {
			return run_misused(run,
				"%s: a histogram of %u bins, expected 1 to %u with edges",
				given->key, given->n_bins, HISTOGRAM_BINS_MAX);
		}
		ret->value = (struct value){.kind = VALUE_HISTOGRAM};
		ret->value.histogram =
			(struct histogram_view){given->n_bins, given->counts, given->edges};
		return 0;
	}
	return run_misused(run, "%s: kind is %d, expected one of enum saem_value_kind", given->key,
		(int)given->kind);
}

static int log_entries(struct saem_run *run, int64_t step, const struct saem_value *values,
	size_t n, struct log_entry *entries) {
	struct message m;

	for (size_t i = 0; i < n; i++) {
		int status = take_value(run, &values[i], &entries[i]);
		if (status < 0) {
			return status;
		}
	}
	m.type = MSG_LOG;
	m.log = (struct msg_log){
		.has_step = step != SAEM_NO_STEP,
		.step = step == SAEM_NO_STEP ? 0 : (uint32_t)step,
		.time = clock_seconds(CLOCK_REALTIME),
		.elapsed_s = run_elapsed_s(run),
		.n_entries = (uint32_t)n,
		.entries = entries,
	};
	return say_header(run, &m);
}

int saem_log(struct saem_run *run, int64_t step, const struct saem_value *values, size_t n_values) {
	struct log_entry few[ENTRIES_ON_STACK];
	if (run_is_inert(run)) {
		return SAEM_INERT;
	}
	if (n_values == 0 || n_values > LOG_ENTRIES_MAX) {
		return run_misused(run, "%zu values, expected 1 to %u", n_values, LOG_ENTRIES_MAX);
	}
	int status = check_step(run, step, true);
	if (status < 0) {
		return status;
	}

	struct log_entry *entries =
		n_values <= ENTRIES_ON_STACK ? few : malloc(n_values * sizeof *entries);
	if (entries == NULL) {
		return -ENOMEM;
	}
	status = log_entries(run, step, values, n_values, entries);
	if (entries != few) {
		free(entries);
	}
	return status;
}

int saem_begin_attempt(struct saem_run *run) {
	if (run_is_inert(run)) {
		return SAEM_INERT;
	}

	struct stream *s = &run->stream;
	pthread_mutex_lock(&s->lock);
	int result = s->outbox.ended ? SAEM_INERT : s->refused ? SAEM_REFUSED : SAEM_QUEUED;
	stream_begin_lap(s);
	pthread_mutex_unlock(&s->lock);
	return result;
}

/* ---- EVENT, MARK, UPDATE ---- */

int saem_event(struct saem_run *run, int64_t step, const char *kind, const char *text) {
	struct message m;
	if (run_is_inert(run)) {
		return SAEM_INERT;
	}

	m.type = MSG_EVENT;
	m.event = (struct msg_event){
		.has_step = step != SAEM_NO_STEP,
		.step = step == SAEM_NO_STEP ? 0 : (uint32_t)step,
		.time = clock_seconds(CLOCK_REALTIME),
		.kind = text_or_none(kind),
		.text = text_or_none(text == NULL ? "" : text),
	};
	int status = check_step(run, step, true);
	status = status < 0 ? status
			    : check_text(run, "kind", m.event.kind, 1, EVENT_KIND_MAX, true);
	status = status < 0 ? status
			    : check_text(run, "text", m.event.text, 0, FIELD_MAX_BYTES, false);
	return status < 0 ? status : say_header(run, &m);
}

int saem_mark(struct saem_run *run, uint32_t step, const char *text) {
	struct message m;
	if (run_is_inert(run)) {
		return SAEM_INERT;
	}

	m.type = MSG_MARK;
	m.mark = (struct msg_mark){
		.step = step,
		.time = clock_seconds(CLOCK_REALTIME),
		.text = text_or_none(text),
	};
	int status = check_step(run, step, false);
	status = status < 0 ? status
			    : check_text(run, "text", m.mark.text, 0, FIELD_MAX_BYTES, false);
	return status < 0 ? status : say_header(run, &m);
}

int saem_update(struct saem_run *run, const char *name, const char *notes, const char *config_json,
	const char *summary_json) {
	struct message m;
	if (run_is_inert(run)) {
		return SAEM_INERT;
	}

	m.type = MSG_UPDATE;
	m.update = (struct msg_update){
		.name = text_or_none(name),
		.notes = text_or_none(notes),
		.config = text_or_none(config_json),
		.summary = text_or_none(summary_json),
	};
	int status = check_text(run, "name", m.update.name, 0, FIELD_MAX_BYTES, true);
	status = status < 0 ? status
			    : check_text(run, "notes", m.update.notes, 0, TEXT_MAX_BYTES, false);
	status = status < 0
			 ? status
			 : check_text(run, "config", m.update.config, 0, HEADER_BYTES_MAX, false);
	status = status < 0
			 ? status
			 : check_text(run, "summary", m.update.summary, 0, HEADER_BYTES_MAX, false);
	return status < 0 ? status : say_header(run, &m);
}

int saem_update_tags(struct saem_run *run, const char *const *tags) {
	struct message m;
	if (run_is_inert(run)) {
		return SAEM_INERT;
	}

	m.type = MSG_UPDATE;
	m.update = (struct msg_update){.has_tags = true};
	struct text_list *list = &m.update.tags;
	for (size_t i = 0; tags != NULL && tags[i] != NULL; i++) {
		if (list->count == LIST_MAX) {
			return run_misused(run, "tags: expected at most %u", LIST_MAX);
		}
		list->items[list->count] = text_or_none(tags[i]);
		int status =
			check_text(run, "tag", list->items[list->count++], 1, KEY_MAX_BYTES, true);
		if (status < 0) {
			return status;
		}
	}
	return say_header(run, &m);
}

/* ---- RESTORE ---- */

/* Under the lock. */
static int put_state(struct saem_run *run, struct message *m) {
	struct stream *s = &run->stream;
	const struct msg_restore *r = &m->restore;
	uint8_t header[SMALL_HEADER_MAX];

	uint8_t *place = stream_make_room(s, sizeof header, r->state_len);
	struct place at = stream_place_of_state(s, r->step);
	stream_move(s, at); /* dropped or not, the trainer goes on from there */
	if (place == NULL) {
		return stream_drop(s, NULL);
	}
	memcpy(place, r->state, r->state_len);
	m->restore.seq = s->outbox.next_seq;
	m->restore.lap = at.lap;
	size_t header_len = encode(m, (uint32_t)r->state_len, header, sizeof header);
	outbox_commit(&s->outbox, header, header_len, r->state_len, NULL);
	return SAEM_QUEUED;
}

int saem_restore(struct saem_run *run, const void *state, size_t len) {
	struct message m;
	int64_t step;
	if (run_is_inert(run)) {
		return SAEM_INERT;
	}
	if (!keepsake_open(state, len, &step) || step > STEP_MAX ||
		len - KEEPSAKE_HEAD_SIZE > PAYLOAD_LEN_MAX(run->opening.open.d_sae)) {
		(void)run_misused(run,
			"state: these %zu bytes are not what saem_state gave, or not of this d_sae",
			len);
		return -EBADMSG;
	}
	if (step < 0) {
		return SAEM_QUEUED; /* before any step there is nothing to restore */
	}

	m.type = MSG_RESTORE;
	m.restore = (struct msg_restore){
		.step = (uint32_t)step,
		.time = clock_seconds(CLOCK_REALTIME),
		.state = (const uint8_t *)state + KEEPSAKE_HEAD_SIZE,
		.state_len = len - KEEPSAKE_HEAD_SIZE,
	};
	int status = stream_enter(&run->stream);
	return status != 0 ? status : stream_leave(&run->stream, put_state(run, &m));
}
