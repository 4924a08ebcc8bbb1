/* What a run is opened with: saem_options, checked and copied, as the OPEN they become. */
#pragma once

#include "ids.h"
#include "message.h"
#include "sae_metrics.h"

struct opening {
	struct msg_open open; /* first_seq and db_id are the link's to set */
	char *memory;         /* what its text borrows from, wiped before it is freed */
	size_t memory_size;
	char run[RUN_ID_MAX + 1]; /* its id once more, for C */
	bool quiet;
	bool key_for_any_user; /* else wandb_key is for a daemon of our own */
};

#define OPENING_WORDS_SIZE 256u

/* 0, -ENOMEM, or -EINVAL and `words` say which option it is and what was expected. */
int opening_init(
	struct opening *o, const struct saem_options *options, char words[OPENING_WORDS_SIZE]);
void opening_finish(struct opening *o);

/* What people call it: its name, or its id where it has none. */
const char *opening_name(const struct opening *o);

/* HELLO and OPEN as whole frames, to be given to opening_frame_free. NULL: there is no memory. The
 * OPEN holds the wandb_key only `with_key`. */
uint8_t *opening_hello(size_t *ret_len);
uint8_t *opening_open(const struct msg_open *open, bool with_key, size_t *ret_len);
/* Wipes it first: it may hold a key. */
void opening_frame_free(uint8_t *frame, size_t len);
