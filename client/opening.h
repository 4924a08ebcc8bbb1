/* What a run is opened with: saem_options, checked and copied, as the OPEN they become. */
#pragma once

#include "ids.h"
#include "message.h"
#include "sae_metrics.h"

struct opening {
	struct msg_open open;     /* first_seq and db_id are the link's to set */
	char *memory;             /* what its text borrows from */
	char run[RUN_ID_MAX + 1]; /* its id once more, for C */
	bool quiet;
};

#define OPENING_WORDS_SIZE 256u

/* 0, -ENOMEM, or -EINVAL and `words` say which option it is and what was expected. */
int opening_init(
	struct opening *o, const struct saem_options *options, char words[OPENING_WORDS_SIZE]);
void opening_finish(struct opening *o);

/* What people call it: its name, or its id where it has none. */
const char *opening_name(const struct opening *o);

/* HELLO and OPEN as whole frames, in memory to be freed. NULL: there is none. */
uint8_t *opening_hello(size_t *ret_len);
uint8_t *opening_open(const struct msg_open *open, size_t *ret_len);
