/* Plain little-endian serialisation of the core's state. Floats go as their bits.
 *
 * Both ends remember the first failure (memory short, bytes missing) and do nothing more, so that
 * a caller looks once, at the end. */
#pragma once

#include <stdbool.h>

#include "buf.h"
#include "message.h"

struct packer {
	struct buf buf;
	bool failed;
};

void pack_bytes(struct packer *p, const void *data, size_t len);
void pack_u8(struct packer *p, uint8_t value);
void pack_u32(struct packer *p, uint32_t value);
void pack_u64(struct packer *p, uint64_t value);
void pack_f64(struct packer *p, double value);
/* NULL stays NULL. */
void pack_text(struct packer *p, const char *text);

struct unpacker {
	const uint8_t *data;
	size_t len;
	bool failed;
};

/* Borrowed from the data; NULL when there are fewer. */
const uint8_t *unpack_bytes(struct unpacker *u, size_t len);
uint8_t unpack_u8(struct unpacker *u);
bool unpack_bool(struct unpacker *u);
uint32_t unpack_u32(struct unpacker *u);
/* Fails above max. */
uint32_t unpack_u32_max(struct unpacker *u, uint32_t max);
uint64_t unpack_u64(struct unpacker *u);
double unpack_f64(struct unpacker *u);
/* Borrowed from the data; data NULL for what was NULL. */
struct text unpack_text(struct unpacker *u);
/* malloc'ed, or NULL for what was NULL. */
char *unpack_string(struct unpacker *u);
