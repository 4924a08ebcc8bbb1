/* A run as a folder of W&B's for offline runs: `offline-run-YYYYMMDD_HHMMSS-ID/run-ID.wandb`, which `wandb sync` takes.
 * It appears whole and synced, or not at all. */
#pragma once

#include <limits.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "kept_run.h"

#define EXPORT_WORDS_MAX 512

struct export_wandb {
	const char *folder; /* in which W&B's folder is made; made itself where it is missing */
	bool with_ours;     /* our own metrics, too */
	bool over_tokens;   /* charts are drawn over the training tokens, not over steps */
	const atomic_bool *stop; /* looked at now and then */
};

struct export_result {
	char path[PATH_MAX]; /* of the .wandb file */
	uint64_t n_rows, n_bytes;
};

/* 0, or below 0 with words; -EEXIST: it is there already, -EINTR: it was told to stop. */
int export_wandb(sqlite3 *sql, const struct kept_run *run, const struct export_wandb *options,
	struct export_result *ret, char ret_words[EXPORT_WORDS_MAX]);
