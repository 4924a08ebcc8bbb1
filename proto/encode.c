#include "encode.h"

#include "frame.h"
#include "open_fields.h"
#include "emit.h"

static void put_begin(struct writer *w, uint32_t count, enum message_type type) {
	put_array(w, count);
	put_uint(w, type);
}

static void put_hello(struct writer *w, const struct msg_hello *m) {
	put_begin(w, 5, MSG_HELLO);
	put_uint(w, m->version_min);
	put_uint(w, m->version_max);
	put_uint(w, m->role);
	put_map(w, 3);
	put_word(w, "agent");
	put_text(w, m->agent);
	put_word(w, "pid");
	put_uint_if(w, m->pid != 0, m->pid);
	put_word(w, "host");
	put_text(w, m->host);
}

static void put_welcome(struct writer *w, const struct msg_welcome *m) {
	put_begin(w, 3, MSG_WELCOME);
	put_uint(w, m->version);
	put_map(w, 4);
	put_word(w, "daemon");
	put_text(w, m->daemon);
	put_word(w, "db_id");
	put_bin(w, m->db_id, sizeof m->db_id);
	put_word(w, "header_len_max");
	put_uint(w, m->header_len_max);
	put_word(w, "d_sae_max");
	put_uint(w, m->d_sae_max);
}

static void put_refusal(struct writer *w, const struct msg_refusal *m) {
	put_begin(w, 5, MSG_REFUSAL);
	put_uint(w, m->code);
	put_uint_if(w, m->has_limit, m->limit);
	put_uint_if(w, m->has_retry, m->retry_after_ms);
	put_text(w, m->words);
}

static uint64_t open_number(const void *value, enum open_kind kind) {
	return kind == OPEN_U64 ? *(const uint64_t *)value : *(const uint32_t *)value;
}

static bool open_is_given(const struct msg_open *m, const struct open_field *field) {
	const char *base = (const char *)m;
	const void *value = base + field->value;
	const void *given = base + field->given;

	switch (field->kind) {
	case OPEN_ID:
		return field->given == 0 || *(const bool *)given;
	case OPEN_NAME:
	case OPEN_TEXT:
		return ((const struct text *)value)->data != NULL;
	case OPEN_U32:
	case OPEN_U64:
		return field->always || open_number(value, field->kind) != 0;
	case OPEN_FLOAT:
		return field->given != 0 ? *(const bool *)given : *(const double *)value != 0;
	case OPEN_BOOL:
		return *(const bool *)value || (field->given != 0 && *(const bool *)given);
	case OPEN_NAMES:
	case OPEN_TEXTS:
	case OPEN_FLOATS:
		return *(const uint32_t *)given != 0;
	}
	return false;
}

static void put_open_field(
	struct writer *w, const struct msg_open *m, const struct open_field *field) {
	const void *value = (const char *)m + field->value;
	const void *given = (const char *)m + field->given;

	put_word(w, field->key);
	switch (field->kind) {
	case OPEN_ID:
		put_bin(w, value, STREAM_ID_SIZE);
		break;
	case OPEN_NAME:
	case OPEN_TEXT:
		put_text(w, *(const struct text *)value);
		break;
	case OPEN_U32:
	case OPEN_U64:
		put_uint(w, open_number(value, field->kind));
		break;
	case OPEN_FLOAT:
		put_float(w, *(const double *)value);
		break;
	case OPEN_BOOL:
		put_bool(w, *(const bool *)value);
		break;
	case OPEN_NAMES:
	case OPEN_TEXTS:
		put_texts(w, value, *(const uint32_t *)given);
		break;
	case OPEN_FLOATS:
		put_floats(w, value, *(const uint32_t *)given);
		break;
	}
}

static void put_open(struct writer *w, const struct msg_open *m) {
	uint32_t count = 0;

	for (uint32_t i = 0; i < open_fields_count; i++) {
		count += open_is_given(m, &open_fields[i]);
	}

	put_begin(w, 2, MSG_OPEN);
	put_map(w, count);
	for (uint32_t i = 0; i < open_fields_count; i++) {
		if (open_is_given(m, &open_fields[i])) {
			put_open_field(w, m, &open_fields[i]);
		}
	}
}

static void put_opened(struct writer *w, const struct msg_opened *m) {
	put_begin(w, 5, MSG_OPENED);
	put_uint(w, m->durable);
	put_uint(w, m->wanted);
	put_uint_if(w, m->has_last_step, m->last_step);
	put_map(w, 4);
	put_word(w, "attempt");
	put_uint(w, m->attempt);
	put_word(w, "resumed");
	put_bool(w, m->resumed);
	put_word(w, "outbox_bytes");
	put_uint(w, m->outbox_bytes);
	put_word(w, "name");
	put_text(w, m->name);
}

static void put_step(struct writer *w, const struct msg_step *m) {
	put_begin(w, 12, MSG_STEP);
	put_uint(w, m->seq);
	put_uint(w, m->lap);
	put_uint(w, m->step);
	put_float(w, m->time);
	put_float(w, m->elapsed_s);
	put_uint(w, m->n_rows);
	put_array(w, m->n_scalars);
	for (uint32_t i = 0; i < m->n_scalars; i++) {
		if (m->present[i / 64] >> (i % 64) & 1) {
			put_float(w, m->scalars[i]);
		} else {
			put_nil(w);
		}
	}
	put_uint(w, m->nonzero.form);
	put_uint(w, m->nonzero.n_entries);
	put_uint(w, m->positive.form);
	put_uint(w, m->positive.n_entries);
}

static void put_value(struct writer *w, const struct value *v) {
	switch (v->kind) {
	case VALUE_FLOAT:
		put_float(w, v->number);
		break;
	case VALUE_INT:
		put_int(w, v->integer);
		break;
	case VALUE_TEXT:
		put_text(w, v->text);
		break;
	case VALUE_HISTOGRAM:
		put_array(w, 2);
		put_floats(w, v->histogram.counts, v->histogram.n_bins);
		put_floats(w, v->histogram.edges, v->histogram.n_bins + 1);
		break;
	}
}

static void put_log(struct writer *w, const struct msg_log *m) {
	put_begin(w, m->lap != 0 ? 7 : 6, MSG_LOG);
	put_uint(w, m->seq);
	put_uint_if(w, m->has_step, m->step);
	put_float(w, m->time);
	put_float(w, m->elapsed_s);
	put_array(w, m->n_entries);
	for (uint32_t i = 0; i < m->n_entries; i++) {
		put_array(w, 2);
		put_text(w, m->entries[i].key);
		put_value(w, &m->entries[i].value);
	}
	if (m->lap != 0) {
		put_uint(w, m->lap);
	}
}

static void put_event(struct writer *w, const struct msg_event *m) {
	put_begin(w, 6, MSG_EVENT);
	put_uint(w, m->seq);
	put_uint_if(w, m->has_step, m->step);
	put_float(w, m->time);
	put_text(w, m->kind);
	put_text(w, m->text);
}

static void put_mark(struct writer *w, const struct msg_mark *m) {
	put_begin(w, 5, MSG_MARK);
	put_uint(w, m->seq);
	put_uint(w, m->step);
	put_float(w, m->time);
	put_text(w, m->text);
}

static void put_restore(struct writer *w, const struct msg_restore *m) {
	put_begin(w, 5, MSG_RESTORE);
	put_uint(w, m->seq);
	put_uint(w, m->lap);
	put_uint(w, m->step);
	put_float(w, m->time);
}

static void put_update(struct writer *w, const struct msg_update *m) {
	put_begin(w, 3, MSG_UPDATE);
	put_uint(w, m->seq);
	put_map(w, 5);
	put_word(w, "name");
	put_text(w, m->name);
	put_word(w, "notes");
	put_text(w, m->notes);
	put_word(w, "tags");
	if (m->has_tags) {
		put_texts(w, m->tags.items, m->tags.count);
	} else {
		put_nil(w);
	}
	put_word(w, "config");
	put_text(w, m->config);
	put_word(w, "summary");
	put_text(w, m->summary);
}

static void put_dropped(struct writer *w, const struct msg_dropped *m) {
	put_begin(w, 5, MSG_DROPPED);
	put_uint(w, m->seq);
	put_uint(w, m->count);
	put_uint_if(w, m->has_step, m->lap);
	put_uint_if(w, m->has_step, m->step);
}

static void put_flush(struct writer *w, const struct msg_flush *m) {
	put_begin(w, 2, MSG_FLUSH);
	put_uint(w, m->through_seq);
}

static void put_finish(struct writer *w, const struct msg_finish *m) {
	bool has_words = m->words.data != NULL;

	put_begin(w, has_words ? 6 : 5, MSG_FINISH);
	put_uint(w, m->seq);
	put_int(w, m->exit_code);
	put_text(w, m->state);
	put_float(w, m->time);
	if (has_words) {
		put_text(w, m->words);
	}
}

static void put_snapshot(struct writer *w, const struct msg_snapshot *m) {
	put_begin(w, 3, MSG_SNAPSHOT);
	put_uint(w, m->token);
	put_uint(w, m->through_seq);
}

static void put_state(struct writer *w, const struct msg_state *m) {
	put_begin(w, 5, MSG_STATE);
	put_uint(w, m->token);
	put_uint(w, m->code);
	put_uint_if(w, m->has_step, m->step);
	put_text(w, m->words);
}

static void put_ack(struct writer *w, const struct msg_ack *m) {
	put_begin(w, 2, MSG_ACK);
	put_uint(w, m->seq);
}

static void put_stop(struct writer *w, const struct msg_stop *m) {
	put_begin(w, 2, MSG_STOP);
	put_text(w, m->reason);
}

static void put_error(struct writer *w, const struct msg_error *m) {
	put_begin(w, 4, MSG_ERROR);
	put_uint(w, m->code);
	put_text(w, m->words);
	put_uint_if(w, m->has_seq, m->seq);
}

static void put_flag(struct writer *w, const char *key, bool value) {
	if (value) {
		put_word(w, key);
		put_bool(w, true);
	}
}

/* What is to become of a run. */
static void put_change(struct writer *w, const struct msg_query *m) {
	if (m->name.data != NULL) {
		put_word(w, "name");
		put_text(w, m->name);
	}
	if (m->add.count > 0) {
		put_word(w, "add");
		put_texts(w, m->add.items, m->add.count);
	}
	if (m->take.count > 0) {
		put_word(w, "remove");
		put_texts(w, m->take.items, m->take.count);
	}
	if (m->kind.data != NULL) {
		put_word(w, "kind");
		put_text(w, m->kind);
	}
	put_flag(w, "force", m->force);
	put_flag(w, "dry_run", m->dry_run);
	put_flag(w, "undo", m->undo);
}

static void put_query(struct writer *w, const struct msg_query *m) {
	put_begin(w, 4, MSG_QUERY);
	put_uint(w, m->token);
	put_text(w, m->what);
	put_map(w, 1u + (m->reason.data != NULL) + (m->wandb_key.data != NULL) +
			   (m->wandb_base_url.data != NULL) + m->take_over +
			   (m->table.data != NULL) + (m->after.data != NULL) + m->has_at_tokens +
			   m->has_at_time + m->trajectory + m->without_config +
			   (m->name.data != NULL) + (m->add.count > 0) + (m->take.count > 0) +
			   (m->kind.data != NULL) + m->force + m->dry_run + m->undo +
			   (m->points > 0) + (m->sql.data != NULL) + (m->timeout_ms > 0));
	put_word(w, "run");
	put_text(w, m->run);
	if (m->reason.data != NULL) {
		put_word(w, "reason");
		put_text(w, m->reason);
	}
	if (m->wandb_key.data != NULL) {
		put_word(w, "wandb_key");
		put_text(w, m->wandb_key);
	}
	if (m->wandb_base_url.data != NULL) {
		put_word(w, "wandb_base_url");
		put_text(w, m->wandb_base_url);
	}
	if (m->take_over) {
		put_word(w, "take_over");
		put_bool(w, true);
	}
	if (m->table.data != NULL) {
		put_word(w, "table");
		put_text(w, m->table);
	}
	if (m->after.data != NULL) {
		put_word(w, "after");
		put_text(w, m->after);
	}
	if (m->has_at_tokens) {
		put_word(w, "at_tokens");
		put_uint(w, m->at_tokens);
	}
	if (m->has_at_time) {
		put_word(w, "at_time");
		put_float(w, m->at_time);
	}
	if (m->trajectory) {
		put_word(w, "trajectory");
		put_bool(w, true);
	}
	if (m->without_config) {
		put_word(w, "without_config");
		put_bool(w, true);
	}
	put_change(w, m);
	if (m->points > 0) {
		put_word(w, "points");
		put_uint(w, m->points);
	}
	if (m->sql.data != NULL) {
		put_word(w, "sql");
		put_text(w, m->sql);
	}
	if (m->timeout_ms > 0) {
		put_word(w, "timeout_ms");
		put_uint(w, m->timeout_ms);
	}
}

static void put_reply(struct writer *w, const struct msg_reply *m) {
	put_begin(w, 4, MSG_REPLY);
	put_uint(w, m->token);
	put_uint(w, m->code);
	put_text(w, m->words);
}

static void put_message(struct writer *w, const struct message *m) {
	switch (m->type) {
	case MSG_HELLO:
		put_hello(w, &m->hello);
		break;
	case MSG_WELCOME:
		put_welcome(w, &m->welcome);
		break;
	case MSG_REFUSAL:
		put_refusal(w, &m->refusal);
		break;
	case MSG_OPEN:
		put_open(w, &m->open);
		break;
	case MSG_OPENED:
		put_opened(w, &m->opened);
		break;
	case MSG_STEP:
		put_step(w, &m->step);
		break;
	case MSG_LOG:
		put_log(w, &m->log);
		break;
	case MSG_EVENT:
		put_event(w, &m->event);
		break;
	case MSG_MARK:
		put_mark(w, &m->mark);
		break;
	case MSG_RESTORE:
		put_restore(w, &m->restore);
		break;
	case MSG_UPDATE:
		put_update(w, &m->update);
		break;
	case MSG_DROPPED:
		put_dropped(w, &m->dropped);
		break;
	case MSG_FLUSH:
		put_flush(w, &m->flush);
		break;
	case MSG_FINISH:
		put_finish(w, &m->finish);
		break;
	case MSG_SNAPSHOT:
		put_snapshot(w, &m->snapshot);
		break;
	case MSG_STATE:
		put_state(w, &m->state);
		break;
	case MSG_ACK:
		put_ack(w, &m->ack);
		break;
	case MSG_STOP:
		put_stop(w, &m->stop);
		break;
	case MSG_ERROR:
		put_error(w, &m->error);
		break;
	case MSG_QUERY:
		put_query(w, &m->query);
		break;
	case MSG_REPLY:
		put_reply(w, &m->reply);
		break;
	}
}

size_t encode(const struct message *m, uint32_t payload_len, uint8_t *out, size_t cap) {
	struct writer w = {.out = out, .cap = cap, .len = FRAME_PREFIX_SIZE};

	put_message(&w, m);

	size_t header_len = w.len - FRAME_PREFIX_SIZE;
	if (w.len > cap || header_len > HEADER_LEN_MAX || w.items > HEADER_ITEMS_MAX) {
		return 0;
	}
	frame_prefix(out, (uint32_t)header_len, payload_len);
	return w.len;
}

size_t encode_size_max(const struct message *m) {
	struct writer w = {.len = FRAME_PREFIX_SIZE};

	put_message(&w, m);
	return w.len;
}
