#include "lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

struct open_line {
	struct open_line *next; /* lines.first */
	struct place place;
	struct line_part *parts;
};

void lines_init(struct lines *l) {
	*l = (struct lines){.closed_through = -1, .logged_through = -1};
}

static void parts_free(struct line_part *part) {
	while (part != NULL) {
		struct line_part *next = part->next;
		free(part);
		part = next;
	}
}

void lines_finish(struct lines *l) {
	while (l->first != NULL) {
		struct open_line *line = l->first;
		l->first = line->next;
		parts_free(line->parts);
		free(line);
	}
	lines_init(l);
}

/* ---- parts ---- */

struct line_part *line_part_create(
	enum line_source source, uint32_t order, uint32_t n_entries, size_t room) {
	size_t size = sizeof(struct line_part) + n_entries * sizeof(struct line_entry) + room;
	struct line_part *part = calloc(1, size);
	if (part != NULL) {
		part->source = source;
		part->order = order;
		part->size = size;
	}
	return part;
}

/* Texts stand behind the doubles, which need the alignment the entries end with. */
static size_t value_doubles(const struct value *v) {
	return v->kind == VALUE_HISTOGRAM ? 2 * (size_t)v->histogram.n_bins + 1 : 0;
}

static size_t value_text_len(const struct value *v) {
	return v->kind == VALUE_TEXT ? v->text.len + 1 : 0;
}

struct filler {
	double *doubles;
	char *texts;
};

static const char *fill_text(struct filler *f, struct text text) {
	char *copy = f->texts;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	f->texts += text.len + 1;
	return copy;
}

static const double *fill_doubles(struct filler *f, const double *from, size_t n) {
	double *copy = f->doubles;
	memcpy(copy, from, n * sizeof *copy);
	f->doubles += n;
	return copy;
}

static void fill_value(struct filler *f, struct value *to, const struct value *from) {
	*to = *from;
	if (from->kind == VALUE_TEXT) {
		to->text.data = fill_text(f, from->text);
	} else if (from->kind == VALUE_HISTOGRAM) {
		uint32_t n = from->histogram.n_bins;
		to->histogram.counts = fill_doubles(f, from->histogram.counts, n);
		to->histogram.edges = fill_doubles(f, from->histogram.edges, (size_t)n + 1);
	}
}

struct line_part *line_part_of_log(const struct msg_log *log, uint32_t rank) {
	size_t doubles = 0, texts = 0;
	for (uint32_t i = 0; i < log->n_entries; i++) {
		doubles += value_doubles(&log->entries[i].value);
		texts += value_text_len(&log->entries[i].value) + log->entries[i].key.len + 1;
	}
	struct line_part *part = line_part_create(
		LINE_LOG, LINE_ORDER_LOG, log->n_entries, doubles * sizeof(double) + texts);
	if (part == NULL) {
		return NULL;
	}
	part->rank = rank;
	part->seq = log->seq;
	part->time = log->time;
	part->elapsed_s = log->elapsed_s;
	part->n_entries = log->n_entries;

	struct filler f = {.doubles = (double *)&part->entries[log->n_entries]};
	f.texts = (char *)(f.doubles + doubles);
	for (uint32_t i = 0; i < log->n_entries; i++) {
		struct line_entry *e = &part->entries[i];
		e->source = LINE_LOG;
		e->key = fill_text(&f, log->entries[i].key);
		fill_value(&f, &e->value, &log->entries[i].value);
	}
	return part;
}

static bool counts_before(const struct line_part *a, const struct line_part *b) {
	if (a->order != b->order) {
		return a->order < b->order;
	}
	if (a->rank != b->rank) {
		return a->rank < b->rank;
	}
	return a->seq < b->seq;
}

/* ---- open lines ---- */

/* Where the line of that step is, or is to be put. */
static struct open_line **line_slot(const struct lines *l, struct place place) {
	struct open_line **slot = (struct open_line **)&l->first;
	while (*slot != NULL && place_compare((*slot)->place, place) < 0) {
		slot = &(*slot)->next;
	}
	return slot;
}

static bool is_line_of(const struct open_line *line, struct place place) {
	return line != NULL && place_compare(line->place, place) == 0;
}

bool lines_have_room(const struct lines *l, struct place place, size_t size) {
	bool opens = !is_line_of(*line_slot(l, place), place);

	return (!opens || l->count < LINES_OPEN_MAX) &&
	       l->bytes + size + sizeof(struct open_line) <= LINES_BYTES_MAX;
}

int lines_add(struct lines *l, struct place place, struct line_part *part) {
	struct open_line **slot = line_slot(l, place);
	struct open_line *line = *slot;
	if (!is_line_of(line, place)) {
		line = calloc(1, sizeof *line);
		if (line == NULL) {
			free(part);
			return -ENOMEM;
		}
		line->place = place;
		line->next = *slot;
		*slot = line;
		l->count++;
		l->bytes += sizeof *line;
	}
	struct line_part **at = &line->parts;
	while (*at != NULL && counts_before(*at, part)) {
		at = &(*at)->next;
	}
	part->next = *at;
	*at = part;
	l->bytes += part->size;
	return 0;
}

bool lines_lowest(const struct lines *l, struct place *ret) {
	if (l->first == NULL) {
		return false;
	}
	*ret = l->first->place;
	return true;
}

bool lines_highest(const struct lines *l, struct place *ret) {
	const struct open_line *line = l->first;
	while (line != NULL && line->next != NULL) {
		line = line->next;
	}
	if (line != NULL) {
		*ret = line->place;
	}
	return line != NULL;
}

int64_t lines_newest_step(const struct lines *l) {
	struct place highest;
	if (!lines_highest(l, &highest) || highest.step < l->logged_through) {
		return l->logged_through;
	}
	return highest.step;
}

/* ---- closing ---- */

/* Finds a key among the entries gathered so far: open addressing, sized once for all of them. */
struct key_table {
	uint32_t *slots; /* index + 1 */
	uint32_t mask;
};

static int key_table_init(struct key_table *t, uint32_t n_entries) {
	uint32_t size = 64;
	while (size < 2 * n_entries) {
		size *= 2;
	}
	t->slots = calloc(size, sizeof *t->slots);
	t->mask = size - 1;
	return t->slots != NULL ? 0 : -ENOMEM;
}

/* The place of `key`: what an entry there has, or 0 where it is to be put. */
static uint32_t *key_table_at(
	const struct key_table *t, const struct line_entry *entries, const char *key) {
	uint32_t at = hash_text(key) & t->mask;
	while (t->slots[at] != 0 && strcmp(entries[t->slots[at] - 1].key, key) != 0) {
		at = (at + 1) & t->mask;
	}
	return &t->slots[at];
}

static int value_to_arena(struct changes *c, struct value *v) {
	if (v->kind == VALUE_TEXT) {
		v->text.data = changes_text(c, v->text);
		return v->text.data != NULL ? 0 : -ENOMEM;
	}
	if (v->kind == VALUE_HISTOGRAM) {
		uint32_t n = v->histogram.n_bins;
		double *numbers = changes_alloc(c, (2 * (size_t)n + 1) * sizeof *numbers);
		if (numbers == NULL) {
			return -ENOMEM;
		}
		memcpy(numbers, v->histogram.counts, n * sizeof *numbers);
		memcpy(numbers + n, v->histogram.edges, ((size_t)n + 1) * sizeof *numbers);
		v->histogram.counts = numbers;
		v->histogram.edges = numbers + n;
	}
	return 0;
}

/* Gathers the parts' entries: a key that comes again keeps its place and gets the later value. */
static uint32_t gather(
	const struct line_part *parts, const struct key_table *t, struct line_entry *entries) {
	uint32_t count = 0;
	for (const struct line_part *part = parts; part != NULL; part = part->next) {
		for (uint32_t i = 0; i < part->n_entries; i++) {
			uint32_t *slot = key_table_at(t, entries, part->entries[i].key);
			if (*slot == 0) {
				*slot = ++count;
			}
			entries[*slot - 1] = part->entries[i];
		}
	}
	return count;
}

static int entries_to_arena(struct changes *c, struct line_entry *entries, uint32_t n) {
	for (uint32_t i = 0; i < n; i++) {
		struct line_entry *e = &entries[i];
		e->key = changes_text(c, text_of(e->key, strlen(e->key)));
		if (e->key == NULL || value_to_arena(c, &e->value) < 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

static int emit(const struct line_part *parts, uint32_t step, uint32_t attempt, int64_t ordinal,
	struct changes *changes, struct change_line **ret) {
	const struct line_part *last = parts;
	uint32_t n = last->n_entries;
	while (last->next != NULL) {
		last = last->next;
		n += last->n_entries;
	}
	struct line_entry *entries = changes_alloc(changes, n * sizeof *entries);
	struct change *change = changes_append(changes, CHANGE_LINE);
	struct key_table t;
	if (entries == NULL || change == NULL || key_table_init(&t, n) < 0) {
		return -ENOMEM;
	}
	n = gather(parts, &t, entries);
	free(t.slots);

	change->line = (struct change_line){
		.attempt = attempt,
		.step = step,
		.line = ordinal,
		.time = last->time,
		.elapsed_s = last->elapsed_s,
		.n_entries = n,
		.entries = entries,
	};
	*ret = &change->line;
	return entries_to_arena(changes, entries, n);
}

int lines_close_lowest(
	struct lines *l, uint32_t attempt, struct changes *changes, struct summary *summary) {
	struct open_line *line = l->first;
	struct change_line *closed;
	int err = emit(line->parts, (uint32_t)line->place.step, attempt, l->next_ordinal, changes,
		&closed);
	if (err < 0) {
		return err;
	}
	for (uint32_t i = 0; i < closed->n_entries && err == 0; i++) {
		const struct line_entry *e = &closed->entries[i];
		err = summary_set(summary, e->key, &e->value, e->source == LINE_OURS);
	}

	l->first = line->next;
	l->next_ordinal++;
	l->closed_through = line->place.step;
	if (l->closed_through > l->logged_through) {
		l->logged_through = l->closed_through;
	}
	l->count--;
	l->bytes -= sizeof *line;
	for (struct line_part *part = line->parts; part != NULL; part = part->next) {
		l->bytes -= part->size;
	}
	parts_free(line->parts);
	free(line);
	return err;
}

int line_part_emit_loose(
	struct line_part *part, uint32_t step, uint32_t attempt, struct changes *changes) {
	struct change_line *line;
	int err = emit(part, step, attempt, LINE_NONE, changes, &line);

	free(part);
	return err;
}

/* ---- saved ---- */

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
