#include "lines_private.h"

#include <errno.h>
#include <stdlib.h>

void lines_init(struct lines *l) {
	*l = (struct lines){.closed_through = -1, .logged_through = -1};
}

void lines_finish(struct lines *l) {
	while (l->first != NULL) {
		struct open_line *line = l->first;
		l->first = line->next;
		line_parts_free(line->parts);
		free(line);
	}
	lines_init(l);
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
