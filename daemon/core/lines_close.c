/* The end of an open line: its parts become one row, in which a key stands once. */
#include "lines_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

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
	line_parts_free(line->parts);
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
