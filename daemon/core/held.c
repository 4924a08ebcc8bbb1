#include "held.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

void held_init(struct held_queue *q) {
	*q = (struct held_queue){0};
	q->tail = &q->first;
}

void held_finish(struct held_queue *q) {
	while (q->first != NULL) {
		held_pop(q);
	}
}

bool held_empty(const struct held_queue *q) {
	return q->first == NULL;
}

bool held_has_room(const struct held_queue *q, size_t bytes) {
	return q->count < HELD_ITEMS_MAX && (q->bytes == 0 || q->bytes + bytes <= HELD_BYTES_MAX);
}

struct held *held_create(enum held_kind kind, uint64_t seq_last) {
	struct held *item = calloc(1, sizeof *item);
	if (item != NULL) {
		item->kind = kind;
		item->seq_last = seq_last;
		item->place.step = -1;
	}
	return item;
}

void held_destroy(struct held *item) {
	free(item);
}

void held_push(struct held_queue *q, struct held *item) {
	item->next = NULL;
	*q->tail = item;
	q->tail = &item->next;
	q->count++;
	q->bytes += item->size;
}

void held_pop(struct held_queue *q) {
	struct held *item = q->first;
	q->first = item->next;
	if (q->first == NULL) {
		q->tail = &q->first;
	}
	q->count--;
	q->bytes -= item->size;
	held_destroy(item);
}

/* ---- copies ---- */

/* Measures while `at` is NULL, copies else: one walk over a message says both. */
struct copier {
	char *base;
	size_t used;
};

static void *copy_bytes(struct copier *c, const void *data, size_t len) {
	size_t at = c->used;
	c->used += (len + 7) & ~(size_t)7;
	if (c->base == NULL || data == NULL) {
		return NULL;
	}
	memcpy(c->base + at, data, len);
	return c->base + at;
}

static void copy_text(struct copier *c, struct text *text) {
	text->data = copy_bytes(c, text->data, text->len);
}

static void copy_value(struct copier *c, struct value *v) {
	if (v->kind == VALUE_TEXT) {
		copy_text(c, &v->text);
	} else if (v->kind == VALUE_HISTOGRAM) {
		struct histogram_view *h = &v->histogram;
		h->counts = copy_bytes(c, h->counts, h->n_bins * sizeof(double));
		h->edges = copy_bytes(c, h->edges, ((size_t)h->n_bins + 1) * sizeof(double));
	}
}

static void copy_log(struct copier *c, struct msg_log *log) {
	const struct log_entry *from = log->entries;
	struct log_entry *to = copy_bytes(c, from, log->n_entries * sizeof *from);

	for (uint32_t i = 0; i < log->n_entries; i++) {
		struct log_entry entry = from[i];
		copy_text(c, &entry.key);
		copy_value(c, &entry.value);
		if (to != NULL) {
			to[i] = entry;
		}
	}
	log->entries = to;
}

static void copy_update(struct copier *c, struct msg_update *update) {
	copy_text(c, &update->name);
	copy_text(c, &update->notes);
	copy_text(c, &update->config);
	copy_text(c, &update->summary);
	for (uint32_t i = 0; i < update->tags.count; i++) {
		copy_text(c, &update->tags.items[i]);
	}
}

/* Makes the item's message the copier's own. */
static void copy_message(struct copier *c, struct held *item) {
	switch (item->type) {
	case MSG_LOG:
		copy_log(c, &item->log);
		break;
	case MSG_EVENT:
		copy_text(c, &item->event.kind);
		copy_text(c, &item->event.text);
		break;
	case MSG_MARK:
		copy_text(c, &item->mark.text);
		break;
	case MSG_UPDATE:
		copy_update(c, &item->update);
		break;
	case MSG_FINISH:
		copy_text(c, &item->finish.state);
		break;
	default:
		break;
	}
}

static void borrow_message(struct held *item, const struct message *m) {
	item->type = m->type;
	switch (m->type) {
	case MSG_LOG:
		item->log = m->log;
		break;
	case MSG_EVENT:
		item->event = m->event;
		break;
	case MSG_MARK:
		item->mark = m->mark;
		break;
	case MSG_UPDATE:
		item->update = m->update;
		break;
	case MSG_DROPPED:
		item->dropped = m->dropped;
		break;
	case MSG_FINISH:
		item->finish = m->finish;
		break;
	default:
		assert(false && "a message that never waits");
	}
}

size_t held_copy_bytes(const struct message *m) {
	struct held item;
	struct copier measure = {0};

	borrow_message(&item, m);
	copy_message(&measure, &item);
	return measure.used;
}

struct held *held_copy(const struct message *m, uint64_t seq_last) {
	size_t bytes = held_copy_bytes(m);
	struct held *item = calloc(1, sizeof *item + bytes + alignof(double));
	if (item == NULL) {
		return NULL;
	}
	item->kind = HELD_MESSAGE;
	item->seq_last = seq_last;
	item->place.step = -1;
	item->size = sizeof *item + bytes;
	borrow_message(item, m);
	/* The flexible member begins where the last one ends, which need not be aligned. */
	size_t pad = (alignof(double) - (uintptr_t)item->bytes % alignof(double)) % alignof(double);
	struct copier copy = {.base = item->bytes + pad};
	copy_message(&copy, item);
	return item;
}
