#include "wandb_framing.h"

#include <stdbool.h>
#include <zlib.h>

enum chunk_kind { CHUNK_WHOLE = 1, CHUNK_FIRST = 2, CHUNK_MIDDLE = 3, CHUNK_LAST = 4 };

int wandb_framing_begin(struct wandb_framing *f, wandb_write_fn write, void *user) {
	static const uint8_t header[WANDB_HEADER_SIZE] = {':', 'W', '&', 'B', 0xe1, 0xbe, 0};

	*f = (struct wandb_framing){.write = write, .user = user, .in_block = sizeof header};
	return write(user, header, sizeof header);
}

/* A block's end that has no room for a chunk's head stays empty. */
static int fill_block(struct wandb_framing *f) {
	static const uint8_t zeros[WANDB_CHUNK_HEAD];
	size_t left = WANDB_BLOCK_SIZE - f->in_block;

	if (left >= WANDB_CHUNK_HEAD) {
		return 0;
	}
	f->in_block = 0;
	return left > 0 ? f->write(f->user, zeros, left) : 0;
}

static int put_chunk(struct wandb_framing *f, enum chunk_kind kind, const void *data, size_t len) {
	uint8_t head[WANDB_CHUNK_HEAD] = {[4] = (uint8_t)len, (uint8_t)(len >> 8), (uint8_t)kind};
	uLong checksum = crc32(0, &head[6], 1);

	if (len > 0) { /* of no bytes at NULL, crc32 begins anew */
		checksum = crc32(checksum, data, (uInt)len);
	}
	for (int i = 0; i < 4; i++) {
		head[i] = (uint8_t)(checksum >> 8 * i);
	}
	f->in_block += sizeof head + len;
	int err = f->write(f->user, head, sizeof head);
	return err < 0 || len == 0 ? err : f->write(f->user, data, len);
}

static enum chunk_kind kind_of(bool is_first, bool is_last) {
	return is_first ? (is_last ? CHUNK_WHOLE : CHUNK_FIRST)
			: (is_last ? CHUNK_LAST : CHUNK_MIDDLE);
}

int wandb_framing_put(struct wandb_framing *f, const void *record, size_t len) {
	const uint8_t *rest = record;
	bool is_first = true, is_last = false;
	int err = 0;

	while (err == 0 && !is_last) {
		err = fill_block(f);
		if (err < 0) {
			break;
		}
		size_t room = WANDB_BLOCK_SIZE - f->in_block - WANDB_CHUNK_HEAD;
		size_t n = len < room ? len : room;
		is_last = n == len;
		err = put_chunk(f, kind_of(is_first, is_last), rest, n);
		rest = n > 0 ? rest + n : rest;
		len -= n;
		is_first = false;
	}
	return err;
}
