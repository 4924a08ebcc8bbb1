/* Pushes what a database has for W&B, without a daemon, and ends: `sync`. What is accepted is a row of the database as
 * ever, so doing it twice, or half, is no harm. */
#pragma once

#include "forward.h"

struct drain_options {
	const char *database;
	const char *const *run_ids; /* of what the database has, these */
	size_t n_runs;
	bool take_over;
	const struct forward_options *forward;
	uint32_t patience_ms; /* without any progress */
	/* Now and then, while it lasts; may be NULL. */
	void (*on_progress)(void *user, const struct forward_sum *all);
	void *user;
};

enum drain_result {
	DRAIN_DONE = 0, /* W&B has everything, but for runs that are parked or without a key */
	DRAIN_GAVE_UP   /* words: what W&B, or the network, kept saying */
};

/* -EBUSY when a daemon has the database, and as store_open; words always. */
int drain_run(const struct drain_options *options, char ret_words[FORWARD_WORDS_MAX]);
