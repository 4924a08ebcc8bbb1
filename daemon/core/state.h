/* A run's state as one blob: what state_dict keeps in a trainer's checkpoint, and what a restore point
 * holds. Opaque to whoever carries it, checksummed, the same on every host.
 *
 *   magic 8 | version u32 | d_sae u32 | small_len u32 | crc32 u32 | small | window | last | base
 *
 * `small` is the position: the step, the numbers of the open window, the token schedule. The checksum
 * covers everything but the magic and itself. All little-endian. */
#pragma once

#include "run.h"

/* malloc'ed. 0 or -ENOMEM. */
int state_write(const struct run *run, uint8_t **ret_state, size_t *ret_len);

struct state_view {
	uint32_t d_sae;
	struct position position;
	const uint8_t *window, *last, *base; /* in the blob, not aligned */
};

/* Checks all of it before anything is touched. NULL, or what is wrong with it as a phrase. */
const char *state_read(const uint8_t *state, size_t len, uint32_t d_sae, struct state_view *ret);

/* The run stands where the state stood. */
void state_take(struct run *run, const struct state_view *view);

void position_pack(const struct position *p, struct packer *out);
void position_unpack(struct position *p, struct unpacker *u);

/* What has been kept of it since version 2 of a state, and 9 of a saved run: how far it is known when features last fired. */
void position_pack_known(const struct position *p, struct packer *out);
void position_unpack_known(struct position *p, struct unpacker *u);
/* Of one before that: all of it where nothing ever was joined or gone back behind, else nothing. */
void position_guess_known(struct position *p);
