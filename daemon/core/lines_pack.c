/* Open lines as they are saved with every commit, and read back. */
#include "lines_private.h"

#include <stdlib.h>
#include <string.h>

/* ---- out ---- */

static void value_pack(const struct value *v, struct packer *p) {
	pack_u8(p, (uint8_t)v->kind);
	switch (v->kind) {
	case VALUE_FLOAT:
		pack_f64(p, v->number);
		break;
	case VALUE_INT:
		pack_u64(p, (uint64_t)v->integer);
		break;
	case VALUE_TEXT:
		pack_text(p, v->text.data);
		break;
	case VALUE_HISTOGRAM:
		pack_u32(p, v->histogram.n_bins);
		for (uint32_t i = 0; i < v->histogram.n_bins; i++) {
			pack_f64(p, v->histogram.counts[i]);
		}
		for (uint32_t i = 0; i <= v->histogram.n_bins; i++) {
			pack_f64(p, v->histogram.edges[i]);
		}
		break;
	}
}

/* Behind the entries, every text and array begins at a multiple of eight when it is read back. */
static size_t aligned(size_t size) {
	return (size + 7) & ~(size_t)7;
}

static size_t room_needed(const struct line_part *part) {
	size_t room = 0;
	for (uint32_t i = 0; i < part->n_entries; i++) {
		const struct value *v = &part->entries[i].value;
		room += aligned(strlen(part->entries[i].key) + 1) + aligned(value_text_len(v)) +
			value_doubles(v) * sizeof(double);
	}
	return room;
}

static void part_pack(const struct line_part *part, struct packer *p) {
	pack_u8(p, (uint8_t)part->source);
	pack_u32(p, part->order);
	pack_u32(p, part->rank);
	pack_u64(p, part->seq);
	pack_f64(p, part->time);
	pack_f64(p, part->elapsed_s);
	pack_u64(p, part->size);
	pack_u64(p, room_needed(part));
	pack_u32(p, part->n_entries);
	for (uint32_t i = 0; i < part->n_entries; i++) {
		pack_text(p, part->entries[i].key);
		value_pack(&part->entries[i].value, p);
	}
}

void lines_pack(const struct lines *l, struct packer *p) {
	pack_u64(p, (uint64_t)l->next_ordinal);
	pack_u64(p, (uint64_t)l->closed_through);
	pack_u32(p, l->count);
	for (const struct open_line *line = l->first; line != NULL; line = line->next) {
		uint32_t n_parts = 0;
		for (const struct line_part *part = line->parts; part != NULL; part = part->next) {
			n_parts++;
		}
		pack_u32(p, line->place.lap);
		pack_u32(p, (uint32_t)line->place.step);
		pack_u32(p, n_parts);
		for (const struct line_part *part = line->parts; part != NULL; part = part->next) {
			part_pack(part, p);
		}
	}
}

/* ---- in ---- */

static void doubles_unpack(struct unpacker *u, double *to, size_t n) {
	for (size_t i = 0; i < n; i++) {
		to[i] = unpack_f64(u);
	}
}

struct room {
	uint8_t *at, *end;
};

static void *room_take(struct room *r, size_t size, struct unpacker *u) {
	size = aligned(size);
	if ((size_t)(r->end - r->at) < size) {
		u->failed = true;
		return NULL;
	}
	void *taken = r->at;
	r->at += size;
	return taken;
}

static struct text text_unpack(struct unpacker *u, struct room *room) {
	struct text text = unpack_text(u);
	char *copy = text.data != NULL ? room_take(room, text.len + 1, u) : NULL;
	if (copy == NULL) {
		u->failed = true;
		return (struct text){0};
	}
	memcpy(copy, text.data, text.len);
	return text_of(copy, text.len);
}

static void value_unpack(struct value *v, struct unpacker *u, struct room *room) {
	v->kind = (enum value_kind)unpack_u8(u);
	if (v->kind == VALUE_FLOAT) {
		v->number = unpack_f64(u);
	} else if (v->kind == VALUE_INT) {
		v->integer = (int64_t)unpack_u64(u);
	} else if (v->kind == VALUE_TEXT) {
		v->text = text_unpack(u, room);
	} else if (v->kind == VALUE_HISTOGRAM) {
		uint32_t n = unpack_u32_max(u, HISTOGRAM_BINS_MAX);
		double *numbers = room_take(room, (2 * (size_t)n + 1) * sizeof *numbers, u);
		if (numbers != NULL) {
			doubles_unpack(u, numbers, 2 * (size_t)n + 1);
			v->histogram = (struct histogram_view){n, numbers, numbers + n};
		}
	} else {
		u->failed = true;
	}
}

static struct line_part *part_unpack(struct unpacker *u) {
	enum line_source source = (enum line_source)unpack_u8(u);
	struct line_part head = {.source = source};
	head.order = unpack_u32(u);
	head.rank = unpack_u32(u);
	head.seq = unpack_u64(u);
	head.time = unpack_f64(u);
	head.elapsed_s = unpack_f64(u);
	head.size = unpack_u64(u);
	uint64_t room_size = unpack_u64(u);
	head.n_entries = unpack_u32(u);
	/* Nothing takes more memory than it took bytes, but for the gaps. */
	if (u->failed || source > LINE_LOG || head.n_entries > u->len ||
		room_size > u->len + head.n_entries * 16ull) {
		u->failed = true;
		return NULL;
	}
	struct line_part *part = line_part_create(source, head.order, head.n_entries, room_size);
	if (part == NULL) {
		u->failed = true;
		return NULL;
	}
	memcpy(part, &head, sizeof head);
	struct room room = {.at = (uint8_t *)&part->entries[head.n_entries]};
	room.end = room.at + room_size;
	for (uint32_t i = 0; i < head.n_entries && !u->failed; i++) {
		part->entries[i].source = source;
		part->entries[i].key = text_unpack(u, &room).data;
		value_unpack(&part->entries[i].value, u, &room);
	}
	return part;
}

static void line_unpack(struct lines *l, struct unpacker *u) {
	uint32_t lap = unpack_u32(u);
	struct place place = {lap, unpack_u32_max(u, STEP_MAX)};
	uint32_t n_parts = unpack_u32(u);

	for (uint32_t i = 0; i < n_parts && !u->failed; i++) {
		struct line_part *part = part_unpack(u);
		if (part != NULL && (u->failed || lines_add(l, place, part) < 0)) {
			if (u->failed) {
				free(part);
			}
			u->failed = true;
		}
	}
}

void lines_unpack(struct lines *l, struct unpacker *u) {
	int64_t next_ordinal = (int64_t)unpack_u64(u);
	int64_t closed_through = (int64_t)unpack_u64(u);
	uint32_t count = unpack_u32(u);

	for (uint32_t i = 0; i < count && !u->failed; i++) {
		line_unpack(l, u);
	}
	l->next_ordinal = next_ordinal;
	l->closed_through = l->logged_through =
		closed_through; /* the latter of states that have no word of it */
}
