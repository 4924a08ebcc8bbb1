/* A part of an open line: entries, and what they say behind them, in one piece of memory. */
#include "lines_private.h"

#include <stdlib.h>
#include <string.h>

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

void line_parts_free(struct line_part *part) {
	while (part != NULL) {
		struct line_part *next = part->next;
		free(part);
		part = next;
	}
}

size_t value_doubles(const struct value *v) {
	return v->kind == VALUE_HISTOGRAM ? 2 * (size_t)v->histogram.n_bins + 1 : 0;
}

size_t value_text_len(const struct value *v) {
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
