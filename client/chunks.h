/* The outbox's memory: a bounded pool of chunks that frames are laid into one behind the other
 * and given back one by one, roughly in the order they came. A chunk is taken from the system
 * when it is needed, and used again as long as lately as much was needed at once: in steady
 * state nothing is allocated, and what was written last is written over first, while it is
 * still in a cache. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_ALIGN 64u /* payloads are written by vectors */

struct chunk;

struct chunks {
	size_t bytes_max, chunk_size; /* set once */
	size_t bytes, spare_bytes;    /* of all chunks; of those that are spare */
	struct chunk *filling;        /* where the next frame goes; NULL: none yet */
	struct chunk *spare;          /* empty ones, the warmest first */
	size_t peak, peak_before;     /* bytes in use at most, of late */
	uint32_t n_takes;             /* since peak was begun */
};

static inline size_t chunk_align(size_t n) {
	return (n + CHUNK_ALIGN - 1) & ~(size_t)(CHUNK_ALIGN - 1);
}

/* The size of chunks that hold one piece of that size, and small ones in numbers. */
size_t chunk_size_for(size_t piece_max);

void chunks_init(struct chunks *c, size_t bytes_max, size_t chunk_size);

/* Frees everything. Whatever was taken must have been given back. */
void chunks_finish(struct chunks *c);

/* Where a piece of `size` bytes can be written; NULL: no room now. It is nobody's until it is
 * taken. */
uint8_t *chunks_reserve(struct chunks *c, size_t size);

/* The first `size` bytes of what was reserved are taken. Returns the chunk to give them back to. */
struct chunk *chunks_take(struct chunks *c, size_t size);

/* Gives one piece back. */
void chunks_give(struct chunks *c, struct chunk *chunk);

/* Gives everything empty back to the system. */
void chunks_trim(struct chunks *c);

/* Bytes of the chunks that hold something. */
size_t chunks_in_use(const struct chunks *c);
