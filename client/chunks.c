#include "chunks.h"

#include <assert.h>
#include <stdlib.h>

#define CHUNK_SIZE_MIN 65536u /* small frames share one */
#define PEAK_TAKES     1024u  /* a peak is remembered for so many pieces, at least */

struct chunk {
	struct chunk *next; /* chunks.spare */
	size_t size, used;  /* of data */
	uint32_t n_pieces;  /* taken */
	_Alignas(CHUNK_ALIGN) uint8_t data[];
};

size_t chunk_size_for(size_t piece_max) {
	size_t size = chunk_align(piece_max);

	return size < CHUNK_SIZE_MIN ? CHUNK_SIZE_MIN : size;
}

void chunks_init(struct chunks *c, size_t bytes_max, size_t chunk_size) {
	*c = (struct chunks){.bytes_max = bytes_max, .chunk_size = chunk_size};
}

static void spare_free_first(struct chunks *c) {
	struct chunk *chunk = c->spare;

	c->spare = chunk->next;
	c->spare_bytes -= chunk->size;
	c->bytes -= chunk->size;
	free(chunk);
}

void chunks_finish(struct chunks *c) {
	while (c->spare != NULL) {
		spare_free_first(c);
	}
	assert(c->filling == NULL || c->filling->n_pieces == 0);
	free(c->filling);
	*c = (struct chunks){0};
}

static struct chunk *spare_find(struct chunks *c, size_t size) {
	for (struct chunk **link = &c->spare; *link != NULL; link = &(*link)->next) {
		struct chunk *chunk = *link;
		if (chunk->size >= size) {
			*link = chunk->next;
			c->spare_bytes -= chunk->size;
			return chunk;
		}
	}
	return NULL;
}

static struct chunk *chunk_create(struct chunks *c, size_t size) {
	/* None of the spare ones was large enough: they make way for one that is. */
	while (c->bytes + size > c->bytes_max && c->spare != NULL) {
		spare_free_first(c);
	}
	if (c->bytes + size > c->bytes_max) {
		return NULL;
	}

	struct chunk *chunk = aligned_alloc(CHUNK_ALIGN, sizeof *chunk + size);
	if (chunk == NULL) {
		return NULL;
	}
	chunk->next = NULL;
	chunk->size = size;
	chunk->used = 0;
	chunk->n_pieces = 0;
	c->bytes += size;
	return chunk;
}

/* More than was in use of late goes back to the system. */
static void spare_shrink(struct chunks *c) {
	size_t keep = c->peak > c->peak_before ? c->peak : c->peak_before;

	while (c->spare != NULL && c->bytes > keep) {
		spare_free_first(c);
	}
}

static void chunk_retire(struct chunks *c, struct chunk *chunk) {
	chunk->next = c->spare;
	c->spare = chunk;
	c->spare_bytes += chunk->size;
	spare_shrink(c);
}

uint8_t *chunks_reserve(struct chunks *c, size_t size) {
	struct chunk *chunk = c->filling;
	if (chunk != NULL && chunk->size - chunk->used >= size) {
		return chunk->data + chunk->used;
	}

	if (chunk != NULL && chunk->n_pieces == 0) {
		c->filling = NULL;
		chunk_retire(
			c, chunk); /* too small though empty: not to be in a larger one's way */
	}
	chunk = spare_find(c, size);
	if (chunk == NULL) {
		size = chunk_align(size);
		chunk = chunk_create(c, size > c->chunk_size ? size : c->chunk_size);
	}
	if (chunk == NULL) {
		return NULL; /* what is left of the old one may do for a smaller piece */
	}
	c->filling = chunk;
	return chunk->data;
}

static void note_peak(struct chunks *c) {
	if (++c->n_takes == PEAK_TAKES) {
		c->n_takes = 0;
		c->peak_before = c->peak;
		c->peak = chunks_in_use(c);
		spare_shrink(c);
	}
	if (c->peak < chunks_in_use(c)) {
		c->peak = chunks_in_use(c);
	}
}

struct chunk *chunks_take(struct chunks *c, size_t size) {
	struct chunk *chunk = c->filling;

	assert(chunk != NULL && chunk->size - chunk->used >= size);
	chunk->used += chunk_align(size);
	chunk->n_pieces++;
	note_peak(c);
	return chunk;
}

void chunks_give(struct chunks *c, struct chunk *chunk) {
	assert(chunk->n_pieces > 0);

	if (--chunk->n_pieces > 0) {
		return;
	}
	chunk->used = 0;
	if (chunk != c->filling) {
		chunk_retire(c, chunk);
	}
}

void chunks_trim(struct chunks *c) {
	struct chunk *filling = c->filling;

	if (filling != NULL && filling->n_pieces == 0) {
		c->filling = NULL;
		chunk_retire(c, filling);
	}
	while (c->spare != NULL) {
		spare_free_first(c);
	}
}

size_t chunks_in_use(const struct chunks *c) {
	size_t in_use = c->bytes - c->spare_bytes;

	return c->filling != NULL && c->filling->n_pieces == 0 ? in_use - c->filling->size : in_use;
}
