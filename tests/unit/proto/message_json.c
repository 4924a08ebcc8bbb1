#include "frame_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "le.h"
#include "open_fields.h"

static json_t *float_json(double v) {
	return isnan(v)   ? json_string("nan")
	       : isinf(v) ? json_string(v > 0 ? "inf" : "-inf")
			  : json_real(v);
}

static json_t *uint_json(uint64_t v) {
	return json_integer((json_int_t)v);
}

static json_t *hex_json(const uint8_t *data, size_t len) {
	char *hex = malloc(2 * len + 1);

	hex[0] = '\0';
	for (size_t i = 0; i < len; i++) {
		(void)snprintf(hex + 2 * i, 3, "%02x", data[i]);
	}
	json_t *v = json_string(hex);
	free(hex);
	return v;
}

static void set(json_t *o, const char *key, json_t *v) {
	(void)json_object_set_new(o, key, v);
}

static void set_text(json_t *o, const char *key, struct text text) {
	if (text.data != NULL) {
		set(o, key, json_stringn(text.data, text.len));
	}
}

static void set_uint_if(json_t *o, const char *key, bool given, uint64_t v) {
	if (given) {
		set(o, key, uint_json(v));
	}
}

static json_t *texts_json(const struct text *items, uint32_t count) {
	json_t *list = json_array();

	for (uint32_t i = 0; i < count; i++) {
		(void)json_array_append_new(list, json_stringn(items[i].data, items[i].len));
	}
	return list;
}

static json_t *floats_json(const double *items, uint32_t count) {
	json_t *list = json_array();

	for (uint32_t i = 0; i < count; i++) {
		(void)json_array_append_new(list, float_json(items[i]));
	}
	return list;
}

static void tell_open_field(json_t *o, const struct msg_open *m, const struct open_field *field) {
	const void *value = (const char *)m + field->value;
	const bool *has = (const void *)((const char *)m + field->given);
	const uint32_t *count = (const void *)((const char *)m + field->given);
	const uint32_t *u32 = value;
	const uint64_t *u64 = value;
	const double *number = value;

	switch (field->kind) {
	case OPEN_ID:
		if (field->given == 0 || *has) {
			set(o, field->key, hex_json(value, STREAM_ID_SIZE));
		}
		break;
	case OPEN_NAME:
	case OPEN_TEXT:
		set_text(o, field->key, *(const struct text *)value);
		break;
	case OPEN_U32:
		set_uint_if(o, field->key, *u32 != 0 || field->min == 0, *u32);
		break;
	case OPEN_U64:
		set_uint_if(o, field->key, *u64 != 0, *u64);
		break;
	case OPEN_FLOAT:
		if (field->given != 0 ? *has : *number != 0) {
			set(o, field->key, float_json(*number));
		}
		break;
	case OPEN_BOOL:
		set(o, field->key, json_boolean(*(const bool *)value));
		break;
	case OPEN_NAMES:
	case OPEN_TEXTS:
		if (*count > 0) {
			set(o, field->key, texts_json(value, *count));
		}
		break;
	case OPEN_FLOATS:
		if (*count > 0) {
			set(o, field->key, floats_json(value, *count));
		}
		break;
	}
}

static void tell_open(json_t *o, const struct msg_open *m) {
	for (uint32_t i = 0; i < open_fields_count; i++) {
		tell_open_field(o, m, &open_fields[i]);
	}
	if (m->d_in == 0) {
		(void)json_object_del(o, "d_in");
	}
}

static uint32_t entry_of(const struct counts *c, uint32_t i) {
	switch (c->form) {
	case COUNTS_U8:
		return c->data[i];
	case COUNTS_U16:
		return le16_load(c->data + 2 * (size_t)i);
	case COUNTS_U32:
		return le32_load(c->data + 4 * (size_t)i);
	case COUNTS_PAIRS16:
		return le16_load(c->data + 4 * (size_t)c->n_entries + 2 * (size_t)i);
	default:
		return le32_load(c->data + 4 * (size_t)c->n_entries + 4 * (size_t)i);
	}
}

static void tell_counts(json_t *o, const char *key, const struct counts *c) {
	static const char *const forms[] = {
		NULL, "dense u8", "dense u16", "dense u32", "pairs of u16", "pairs of u32"};

	if (c->form == COUNTS_NONE) {
		return;
	}
	json_t *told = json_object(), *indices = json_array(), *counts = json_array();
	for (uint32_t i = 0; i < c->n_entries; i++) {
		(void)json_array_append_new(counts, uint_json(entry_of(c, i)));
		if (c->form >= COUNTS_PAIRS16) {
			(void)json_array_append_new(
				indices, uint_json(le32_load(c->data + 4 * (size_t)i)));
		}
	}
	set(told, "form", json_string(forms[c->form]));
	if (c->form >= COUNTS_PAIRS16) {
		set(told, "indices", json_incref(indices));
	}
	set(told, "counts", counts);
	set(o, key, told);
	json_decref(indices);
}

static void tell_step(json_t *o, const struct msg_step *m) {
	json_t *scalars = json_array();

	for (uint32_t i = 0; i < m->n_scalars; i++) {
		bool given = m->present[i / 64] >> (i % 64) & 1;
		(void)json_array_append_new(
			scalars, given ? float_json(m->scalars[i]) : json_null());
	}
	set(o, "seq", uint_json(m->seq));
	set(o, "lap", uint_json(m->lap));
	set(o, "step", uint_json(m->step));
	set(o, "time", float_json(m->time));
	set(o, "elapsed_s", float_json(m->elapsed_s));
	set(o, "n_rows", uint_json(m->n_rows));
	set(o, "scalars", scalars);
	tell_counts(o, "nonzero", &m->nonzero);
	tell_counts(o, "positive", &m->positive);
}

static json_t *value_json(const struct value *v) {
	json_t *o;

	switch (v->kind) {
	case VALUE_FLOAT:
		return float_json(v->number);
	case VALUE_INT:
		return json_integer(v->integer);
	case VALUE_TEXT:
		return json_stringn(v->text.data, v->text.len);
	case VALUE_HISTOGRAM:
		o = json_object();
		set(o, "counts", floats_json(v->histogram.counts, v->histogram.n_bins));
		set(o, "edges", floats_json(v->histogram.edges, v->histogram.n_bins + 1));
		return o;
	}
	return NULL;
}

static void tell_log(json_t *o, const struct msg_log *m) {
	json_t *entries = json_array();

	for (uint32_t i = 0; i < m->n_entries; i++) {
		const struct log_entry *e = &m->entries[i];
		json_t *pair = json_array();
		(void)json_array_append_new(pair, json_stringn(e->key.data, e->key.len));
		(void)json_array_append_new(pair, value_json(&e->value));
		(void)json_array_append_new(entries, pair);
	}
	set(o, "seq", uint_json(m->seq));
	set_uint_if(o, "step", m->has_step, m->step);
	set(o, "time", float_json(m->time));
	set(o, "elapsed_s", float_json(m->elapsed_s));
	set(o, "entries", entries);
	set_uint_if(o, "lap", m->lap != 0, m->lap);
}

static void tell_hello(json_t *o, const struct msg_hello *m) {
	set(o, "version_min", uint_json(m->version_min));
	set(o, "version_max", uint_json(m->version_max));
	set(o, "role", uint_json(m->role));
	set_text(o, "agent", m->agent);
	set_uint_if(o, "pid", m->pid != 0, m->pid);
	set_text(o, "host", m->host);
}

static void tell_welcome(json_t *o, const struct msg_welcome *m) {
	set(o, "version", uint_json(m->version));
	set_text(o, "daemon", m->daemon);
	set(o, "db_id", hex_json(m->db_id, sizeof m->db_id));
	set(o, "header_len_max", uint_json(m->header_len_max));
	set(o, "d_sae_max", uint_json(m->d_sae_max));
}

static void tell_refusal(json_t *o, const struct msg_refusal *m) {
	set(o, "code", uint_json(m->code));
	set_uint_if(o, "limit", m->has_limit, m->limit);
	set_uint_if(o, "retry_after_ms", m->has_retry, m->retry_after_ms);
	set_text(o, "words", m->words);
}

static void tell_opened(json_t *o, const struct msg_opened *m) {
	set(o, "durable", uint_json(m->durable));
	set(o, "wanted", uint_json(m->wanted));
	set_uint_if(o, "last_step", m->has_last_step, m->last_step);
	set(o, "attempt", uint_json(m->attempt));
	set(o, "resumed", json_boolean(m->resumed));
	set(o, "outbox_bytes", uint_json(m->outbox_bytes));
	set_text(o, "name", m->name);
}

static void tell_event(json_t *o, const struct msg_event *m) {
	set(o, "seq", uint_json(m->seq));
	set_uint_if(o, "step", m->has_step, m->step);
	set(o, "time", float_json(m->time));
	set_text(o, "kind", m->kind);
	set_text(o, "text", m->text);
}

static void tell_mark(json_t *o, const struct msg_mark *m) {
	set(o, "seq", uint_json(m->seq));
	set(o, "step", uint_json(m->step));
	set(o, "time", float_json(m->time));
	set_text(o, "text", m->text);
}

static void tell_restore(json_t *o, const struct msg_restore *m) {
	set(o, "seq", uint_json(m->seq));
	set(o, "lap", uint_json(m->lap));
	set(o, "step", uint_json(m->step));
	set(o, "time", float_json(m->time));
	set(o, "state", hex_json(m->state, m->state_len));
}

static void tell_update(json_t *o, const struct msg_update *m) {
	set(o, "seq", uint_json(m->seq));
	set_text(o, "name", m->name);
	set_text(o, "notes", m->notes);
	if (m->has_tags) {
		set(o, "tags", texts_json(m->tags.items, m->tags.count));
	}
	set_text(o, "config", m->config);
	set_text(o, "summary", m->summary);
}

static void tell_dropped(json_t *o, const struct msg_dropped *m) {
	set(o, "seq", uint_json(m->seq));
	set(o, "count", uint_json(m->count));
	set_uint_if(o, "lap", m->has_step, m->lap);
	set_uint_if(o, "step", m->has_step, m->step);
}

static void tell_finish(json_t *o, const struct msg_finish *m) {
	set(o, "seq", uint_json(m->seq));
	set(o, "exit_code", json_integer(m->exit_code));
	set_text(o, "state", m->state);
	set(o, "time", float_json(m->time));
	set_text(o, "words", m->words);
}

static void tell_state(json_t *o, const struct msg_state *m) {
	set(o, "token", uint_json(m->token));
	set(o, "code", uint_json(m->code));
	set_uint_if(o, "step", m->has_step, m->step);
	set_text(o, "words", m->words);
	set(o, "state", hex_json(m->state, m->state_len));
}

static void tell_error(json_t *o, const struct msg_error *m) {
	set(o, "code", uint_json(m->code));
	set_text(o, "words", m->words);
	set_uint_if(o, "seq", m->has_seq, m->seq);
}

static void tell_query(json_t *o, const struct msg_query *m) {
	set(o, "token", uint_json(m->token));
	set_text(o, "what", m->what);
	set_text(o, "run", m->run);
	set_text(o, "reason", m->reason);
	set_text(o, "wandb_key", m->wandb_key);
	set_text(o, "wandb_base_url", m->wandb_base_url);
	if (m->has_at_tokens) {
		set(o, "at_tokens", json_integer((json_int_t)m->at_tokens));
	}
	if (m->has_at_time) {
		set(o, "at_time", json_real(m->at_time));
	}
	if (m->trajectory) {
		set(o, "trajectory", json_true());
	}
	set_text(o, "sql", m->sql);
	set_uint_if(o, "timeout_ms", m->timeout_ms > 0, m->timeout_ms);
	if (m->without_config) {
		set(o, "without_config", json_true());
	}
	if (m->take_over) {
		set(o, "take_over", json_true());
	}
	set_text(o, "table", m->table);
	set_text(o, "after", m->after);
	set_text(o, "name", m->name);
	if (m->add.count > 0) {
		set(o, "add", texts_json(m->add.items, m->add.count));
	}
	if (m->take.count > 0) {
		set(o, "remove", texts_json(m->take.items, m->take.count));
	}
	set_text(o, "kind", m->kind);
	if (m->force) {
		set(o, "force", json_true());
	}
	if (m->dry_run) {
		set(o, "dry_run", json_true());
	}
	if (m->undo) {
		set(o, "undo", json_true());
	}
	if (m->points > 0) {
		set(o, "points", uint_json(m->points));
	}
}

static void tell_reply(json_t *o, const struct msg_reply *m) {
	set(o, "token", uint_json(m->token));
	set(o, "code", uint_json(m->code));
	set_text(o, "words", m->words);
	set(o, "json", hex_json(m->json, m->json_len));
}

json_t *message_to_json(const struct message *m) {
	json_t *o = json_object();

	set(o, "type", json_string(message_name(m->type)));
	switch (m->type) {
	case MSG_HELLO:
		tell_hello(o, &m->hello);
		break;
	case MSG_WELCOME:
		tell_welcome(o, &m->welcome);
		break;
	case MSG_REFUSAL:
		tell_refusal(o, &m->refusal);
		break;
	case MSG_OPEN:
		tell_open(o, &m->open);
		break;
	case MSG_OPENED:
		tell_opened(o, &m->opened);
		break;
	case MSG_STEP:
		tell_step(o, &m->step);
		break;
	case MSG_LOG:
		tell_log(o, &m->log);
		break;
	case MSG_EVENT:
		tell_event(o, &m->event);
		break;
	case MSG_MARK:
		tell_mark(o, &m->mark);
		break;
	case MSG_RESTORE:
		tell_restore(o, &m->restore);
		break;
	case MSG_UPDATE:
		tell_update(o, &m->update);
		break;
	case MSG_DROPPED:
		tell_dropped(o, &m->dropped);
		break;
	case MSG_FLUSH:
		set(o, "through_seq", uint_json(m->flush.through_seq));
		break;
	case MSG_FINISH:
		tell_finish(o, &m->finish);
		break;
	case MSG_SNAPSHOT:
		set(o, "token", uint_json(m->snapshot.token));
		set(o, "through_seq", uint_json(m->snapshot.through_seq));
		break;
	case MSG_STATE:
		tell_state(o, &m->state);
		break;
	case MSG_ACK:
		set(o, "seq", uint_json(m->ack.seq));
		break;
	case MSG_STOP:
		set_text(o, "reason", m->stop.reason);
		break;
	case MSG_ERROR:
		tell_error(o, &m->error);
		break;
	case MSG_QUERY:
		tell_query(o, &m->query);
		break;
	case MSG_REPLY:
		tell_reply(o, &m->reply);
		break;
	}
	return o;
}
