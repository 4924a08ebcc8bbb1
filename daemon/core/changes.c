#include "changes.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows of a cut live and die together, so memory is taken in chunks and given back at once. */
#define CHUNK_SIZE 32768u

struct chunk {
	struct chunk *next;
	size_t used, size;
	alignas(max_align_t) uint8_t data[];
};

void changes_init(struct changes *c) {
	*c = (struct changes){0};
	c->tail = &c->first;
}

void changes_finish(struct changes *c) {
	for (struct chunk *chunk = c->arena, *next; chunk != NULL; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	*c = (struct changes){0};
}

void changes_move(struct changes *to, struct changes *from) {
	*to = *from;
	if (to->first == NULL) {
		to->tail = &to->first;
	}
	changes_init(from);
}

static struct chunk *chunk_add(struct changes *c, size_t size) {
	struct chunk *chunk = malloc(sizeof(*chunk) + size);
	if (chunk == NULL) {
		return NULL;
	}
	*chunk = (struct chunk){.size = size};
	c->bytes += sizeof(*chunk) + size;
	return chunk;
}

/* A chunk of its own, put behind the current one, which goes on being filled. */
static void *alloc_large(struct changes *c, size_t size) {
	struct chunk *chunk = chunk_add(c, size);
	if (chunk == NULL) {
		return NULL;
	}
	chunk->used = size;
	struct chunk *current = c->arena;
	if (current == NULL) {
		c->arena = chunk;
	} else {
		chunk->next = current->next;
		current->next = chunk;
	}
	return chunk->data;
}

void *changes_alloc(struct changes *c, size_t size) {
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (size > CHUNK_SIZE / 4) {
		return alloc_large(c, size);
	}

	struct chunk *chunk = c->arena;
	if (chunk == NULL || chunk->size - chunk->used < size) {
		struct chunk *fresh = chunk_add(c, CHUNK_SIZE);
		if (fresh == NULL) {
			return NULL;
		}
		fresh->next = chunk;
		c->arena = chunk = fresh;
	}
	void *memory = chunk->data + chunk->used;
	chunk->used += size;
	return memory;
}

struct change *changes_append(struct changes *c, enum change_kind kind) {
	static const size_t body[] = {
		[CHANGE_STEP] = sizeof(struct change_step),
		[CHANGE_LINE] = sizeof(struct change_line),
		[CHANGE_WINDOW] = sizeof(struct change_window),
		[CHANGE_EVENT] = sizeof(struct change_event),
		[CHANGE_ATTEMPT] = sizeof(struct change_attempt),
		[CHANGE_ALERT] = sizeof(struct change_alert),
		[CHANGE_MARK] = sizeof(struct change_mark),
	};
	/* A window is five times a step: a change is as long as its kind asks for. */
	size_t size = offsetof(struct change, step) + body[kind];
	struct change *change = changes_alloc(c, size);
	if (change == NULL) {
		return NULL;
	}
	memset(change, 0, size);
	change->kind = kind;
	*c->tail = change;
	c->tail = &change->next;
	c->count++;
	return change;
}

char *changes_text(struct changes *c, struct text text) {
	char *copy = changes_alloc(c, text.len + 1);
	if (copy != NULL) {
		if (text.len > 0) {
			memcpy(copy, text.data, text.len);
		}
		copy[text.len] = '\0';
	}
	return copy;
}

char *changes_printf(struct changes *c, const char *format, ...) {
	va_list args;
	va_start(args, format);
	va_list again;
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	assert(len >= 0);

	char *text = changes_alloc(c, (size_t)len + 1);
	if (text != NULL) {
		(void)vsnprintf(text, (size_t)len + 1, format, again);
	}
	va_end(again);
	return text;
}
