/* How records lie in a `.wandb` file: a header, then blocks of 32,768 bytes, in them chunks, each with a checksum.
 * A record that does not fit into its block goes on in the next; a chunk never crosses one. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define WANDB_BLOCK_SIZE  32768u /* counted from the file's first byte */
#define WANDB_CHUNK_HEAD  7u     /* u32 checksum, u16 length, u8 kind */
#define WANDB_HEADER_SIZE 7u     /* ":W&B", u16 0xBEE1, u8 version 0 */

/* Takes all of it: 0, or -errno, which is passed up. */
typedef int (*wandb_write_fn)(void *user, const void *data, size_t len);

struct wandb_framing {
	wandb_write_fn write;
	void *user;
	size_t in_block; /* bytes of the current block that are written */
};

/* Writes the file's header. */
int wandb_framing_begin(struct wandb_framing *f, wandb_write_fn write, void *user);
/* Writes one record. */
int wandb_framing_put(struct wandb_framing *f, const void *record, size_t len);
