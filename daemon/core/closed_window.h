/* The counts of the newest window that closed, from its close to the commit that brings its row: with that commit they are kept
 * for whoever looks at single features. Of several windows that close before a commit one is kept. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "firing.h"

struct change_window;

struct closed_window {
	uint32_t attempt, window, flaws; /* as in its row */
	int64_t since; /* the step before the first of these: of it, or of those before it that gave way to it */
	uint32_t step_last;
	uint32_t dead_window; /* a feature is dead after more silent passes than this */
	uint64_t n_rows;
	uint32_t d_sae;
	uint32_t *counts; /* [d_sae]: rows of the window on which the feature fired */
	uint32_t *last;   /* [d_sae]: as in firing.h, after the window's last step */
	/* [d_sae]: rows of the run by the window's end. NULL: they are the run's, or its cut's, base still. */
	uint64_t *totals;
};

/* NULL when memory is short. */
struct closed_window *closed_window_create(uint32_t d_sae);
void closed_window_destroy(struct closed_window *c);
size_t closed_window_bytes(const struct closed_window *c); /* 0 of NULL */

/* Takes the place of what *c held, if anything, with the window of that row, which is about to be closed: its counts are in `f`, not yet in
 * the base. */
void closed_window_take(struct closed_window *c, const struct change_window *row,
	uint32_t dead_window, const struct firing *f);

/* Whether one that is there gives way to a later one: a window without flaws goes before one with flaws, as long as
 * the run has not begun another attempt. */
bool closed_window_yields(const struct closed_window *c, uint32_t attempt, uint32_t flaws);

/* The base is about to become another one than that of the window's end. 0 or -ENOMEM. */
int closed_window_keep_totals(struct closed_window *c, const struct firing *f);
