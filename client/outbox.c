#include "outbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"

struct entry {
	struct entry *next;
	struct chunk *chunk; /* NULL: the FINISH */
	const uint8_t *bytes;
	uint64_t seq;
	uint32_t len;
	bool is_step;
	struct place place; /* where is_step */
	struct lost lost;   /* in the gap right behind it */
};

struct ending {
	struct entry entry;
	uint8_t bytes[OUTBOX_END_MAX];
};

/* ---- gaps ---- */

static void lost_add_entry(struct lost *into, const struct entry *entry) {
	if (entry->is_step) {
		lost_add_step(into, entry->seq, entry->place);
	}
	lost_append(into, &entry->lost);
}

static struct msg_dropped dropped_message(uint64_t seq, uint64_t count, const struct lost *lost) {
	return (struct msg_dropped){
		.seq = seq,
		.count = count,
		.has_step = lost->last_step_seq > 0,
		.lap = lost->last_step.lap,
		.step = lost->last_step.step,
	};
}

/* ---- lifetime ---- */

/* What a frame takes of a chunk: its entry and header, then its payload at an aligned address. */
static size_t front_size(size_t header_max) {
	return chunk_align(sizeof(struct entry) + header_max);
}

size_t outbox_bytes_min(size_t frame_max) {
	return 2 * chunk_size_for(front_size(0) + frame_max);
}

int outbox_init(struct outbox *o, size_t bytes_max, size_t frame_max) {
	struct ending *ending = calloc(1, sizeof *ending);
	if (ending == NULL) {
		return -ENOMEM;
	}

	*o = (struct outbox){.next_seq = 1, .ending = &ending->entry};
	chunks_init(&o->chunks, bytes_max, outbox_bytes_min(frame_max) / 2);
	return 0;
}

static void entry_release(struct outbox *o, struct entry *entry) {
	o->n_frames--;
	o->n_bytes -= entry->len;
	if (entry->chunk != NULL) {
		chunks_give(&o->chunks, entry->chunk);
	}
}

void outbox_finish(struct outbox *o) {
	while (o->head != NULL) {
		struct entry *entry = o->head;
		o->head = entry->next;
		entry_release(o, entry);
	}
	chunks_finish(&o->chunks);
	free(o->ending);
	*o = (struct outbox){0};
}

/* ---- saying ---- */

bool outbox_could_hold(const struct outbox *o, size_t header_max, size_t payload_max) {
	return front_size(header_max) + payload_max <= o->chunks.bytes_max;
}

uint8_t *outbox_reserve(struct outbox *o, size_t header_max, size_t payload_max) {
	uint8_t *piece = chunks_reserve(&o->chunks, front_size(header_max) + payload_max);

	o->reserved = piece == NULL ? NULL : piece + front_size(header_max);
	return o->reserved;
}

static void entry_append(struct outbox *o, struct entry *entry) {
	if (o->tail != NULL) {
		o->tail->next = entry;
	} else {
		o->head = entry;
	}
	o->tail = entry;
	o->n_frames++;
	o->n_bytes += entry->len;
}

void outbox_commit(struct outbox *o, const uint8_t *header, size_t header_len, size_t payload_len,
	const struct place *place) {
	assert(!o->ended && o->reserved != NULL);

	/* The entry begins the piece; the header ends where the payload begins. */
	uint8_t *piece = chunks_reserve(&o->chunks, 0);
	uint8_t *bytes = o->reserved - header_len;
	size_t size = (size_t)(o->reserved - piece) + payload_len;
	assert(bytes >= piece + sizeof(struct entry));
	if (header_len > 0) {
		memcpy(bytes, header, header_len);
	}
	o->reserved = NULL;

	struct entry *entry = (struct entry *)(void *)piece;
	*entry = (struct entry){
		.chunk = chunks_take(&o->chunks, size),
		.bytes = bytes,
		.seq = o->next_seq++,
		.len = (uint32_t)(header_len + payload_len),
		.is_step = place != NULL,
		.place = place == NULL ? (struct place){0} : *place,
	};
	entry_append(o, entry);
}

/* The gap behind `entry` (NULL: the one before head). */
static struct lost *gap_behind(struct outbox *o, struct entry *entry) {
	return entry == NULL ? &o->lost_at_head : &entry->lost;
}

void outbox_drop_newest(struct outbox *o, const struct place *place) {
	assert(!o->ended);

	uint64_t seq = o->next_seq++;
	o->n_dropped++;
	if (place != NULL) {
		lost_add_step(gap_behind(o, o->tail), seq, *place);
	}
}

static bool entry_may_drop(const struct outbox *o, const struct entry *entry) {
	bool in_hands = entry->seq > o->sent && entry->seq <= o->pinned;

	return !in_hands && entry != o->ending;
}

bool outbox_drop_oldest(struct outbox *o) {
	struct entry *before = NULL;
	struct entry *entry = o->head;
	while (entry != NULL && !entry_may_drop(o, entry)) {
		before = entry;
		entry = entry->next;
	}
	if (entry == NULL) {
		return false;
	}

	lost_add_entry(gap_behind(o, before), entry);
	if (entry == o->sent_entry) {
		o->sent_entry = before;
	}

	*(before == NULL ? &o->head : &before->next) = entry->next;
	if (entry == o->tail) {
		o->tail = before;
	}
	o->n_dropped++;
	entry_release(o, entry);
	return true;
}

void outbox_forget(struct outbox *o) {
	outbox_interrupt(o);
	while (outbox_drop_oldest(o)) {
		/* each of them */
	}
	chunks_trim(&o->chunks);
}

void outbox_end(struct outbox *o, const uint8_t *frame, size_t len) {
	struct ending *ending = (struct ending *)o->ending;

	assert(!o->ended && len <= sizeof ending->bytes);
	memcpy(ending->bytes, frame, len);
	ending->entry = (struct entry){
		.bytes = ending->bytes,
		.seq = o->next_seq++,
		.len = (uint32_t)len,
	};
	entry_append(o, &ending->entry);
	o->ended = true;
}

/* ---- sending ---- */

/* The first frame behind the gap the cursor stands in. */
static struct entry *frame_ahead(const struct outbox *o) {
	return o->sent_entry == NULL ? o->head : o->sent_entry->next;
}

/* The last seq before the frame that follows `entry` (NULL: before head). */
static uint64_t gap_end(const struct outbox *o, const struct entry *entry) {
	const struct entry *next = entry == NULL ? o->head : entry->next;

	return (next == NULL ? o->next_seq : next->seq) - 1;
}

static void item_begin_gap(struct outbox *o, uint64_t seq_last) {
	struct lost ahead = lost_behind(gap_behind(o, o->sent_entry), o->sent);
	struct message m;
	m.type = MSG_DROPPED;
	m.dropped = dropped_message(o->sent + 1, seq_last - o->sent, &ahead);
	size_t len = encode(&m, 0, o->dropped_frame, sizeof o->dropped_frame);
	assert(len > 0);

	o->item = (struct item){
		.bytes = o->dropped_frame,
		.len = len,
		.seq_last = seq_last,
		.is_gap = true,
	};
}

/* Makes the item at the cursor, if there is anything to send. */
static bool item_begin(struct outbox *o) {
	if (o->item.bytes != NULL) {
		return true;
	}

	uint64_t seq_last = gap_end(o, o->sent_entry);
	struct entry *ahead = frame_ahead(o);
	if (seq_last > o->sent) {
		item_begin_gap(o, seq_last);
	} else if (ahead != NULL) {
		o->item = (struct item){
			.bytes = ahead->bytes, .len = ahead->len, .seq_last = ahead->seq};
	}
	return o->item.bytes != NULL;
}

static void item_end(struct outbox *o) {
	o->sent = o->item.seq_last;
	if (!o->item.is_gap) {
		o->sent_entry = frame_ahead(o);
	}
	o->item = (struct item){0};
}

bool outbox_has_unsent(const struct outbox *o) {
	return o->sent + 1 < o->next_seq;
}

bool outbox_amid(const struct outbox *o) {
	return o->item.done > 0;
}

size_t outbox_gather(struct outbox *o, struct iovec *iov, size_t iov_max, size_t bytes_max) {
	if (!item_begin(o)) {
		return 0;
	}

	const struct item *item = &o->item;
	iov[0] = (struct iovec){(void *)(item->bytes + item->done), item->len - item->done};
	size_t bytes = iov[0].iov_len;
	size_t n = 1;
	o->pinned = item->seq_last;

	struct entry *next = frame_ahead(o);
	if (next != NULL && !item->is_gap) {
		next = next->next;
	}
	while (n < iov_max && bytes < bytes_max && next != NULL && next->seq == o->pinned + 1) {
		iov[n++] = (struct iovec){(void *)next->bytes, next->len};
		bytes += next->len;
		o->pinned = next->seq;
		next = next->next;
	}
	return n;
}

void outbox_wrote(struct outbox *o, size_t n) {
	while (n > 0) {
		bool any = item_begin(o);
		assert(any);
		size_t left = o->item.len - o->item.done;
		size_t took = n < left ? n : left;
		o->item.done += took;
		n -= took;
		if (took == left) {
			item_end(o);
		}
	}

	/* A frame not begun may be dropped again; a DROPPED stays as it was told. */
	if (o->item.done == 0 && !o->item.is_gap) {
		o->item = (struct item){0};
	}
	o->pinned = o->item.bytes == NULL ? o->sent : o->item.seq_last;
}

void outbox_interrupt(struct outbox *o) {
	o->item = (struct item){0};
	o->pinned = o->sent;
}

void outbox_rewind(struct outbox *o, uint64_t wanted) {
	assert(wanted > o->acked && wanted <= o->next_seq);

	outbox_interrupt(o);
	o->sent = o->pinned = wanted - 1;
	o->sent_entry = NULL;
	for (struct entry *entry = o->head; entry != NULL && entry->seq <= o->sent;
		entry = entry->next) {
		o->sent_entry = entry;
	}
}

void outbox_ack(struct outbox *o, uint64_t seq) {
	assert(seq >= o->acked && seq <= o->sent);

	while (o->head != NULL && o->head->seq <= seq) {
		struct entry *entry = o->head;
		o->lost_at_head = entry->lost;
		o->head = entry->next;
		if (entry == o->sent_entry) {
			o->sent_entry = NULL;
		}
		entry_release(o, entry);
	}
	if (o->head == NULL) {
		o->tail = NULL;
	}
	o->acked = seq;

	o->lost_at_head = lost_behind(&o->lost_at_head, seq);
}

/* ---- asking ---- */

bool outbox_pressed(const struct outbox *o) {
	return o->sent > o->acked && chunks_in_use(&o->chunks) >= o->chunks.bytes_max / 2;
}

void outbox_remainder(const struct outbox *o, struct msg_dropped *ret) {
	struct lost lost = o->lost_at_head;
	uint64_t seq_last = o->next_seq - 1 - (o->ended ? 1 : 0);

	for (const struct entry *entry = o->head; entry != NULL; entry = entry->next) {
		lost_add_entry(&lost, entry);
	}
	*ret = dropped_message(o->acked + 1, seq_last > o->acked ? seq_last - o->acked : 0, &lost);
}
