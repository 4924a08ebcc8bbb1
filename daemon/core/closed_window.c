#include "closed_window.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "changes.h"

/* Among others' allocations the C library would keep what was freed; that large it is given back, once a window. */
#define LARGE_BYTES (1u << 20)

struct closed_window *closed_window_create(uint32_t d_sae) {
	struct closed_window *c = calloc(1, sizeof *c);

	if (c == NULL) {
		return NULL;
	}
	c->d_sae = d_sae;
	c->counts = malloc(d_sae * sizeof *c->counts);
	c->last = malloc(d_sae * sizeof *c->last);
	if (c->counts == NULL || c->last == NULL) {
		closed_window_destroy(c);
		return NULL;
	}
	return c;
}

void closed_window_destroy(struct closed_window *c) {
	if (c == NULL) {
		return;
	}
	bool is_large = closed_window_bytes(c) >= LARGE_BYTES;
	free(c->counts);
	free(c->last);
	free(c->totals);
	free(c);
	if (is_large) {
		(void)malloc_trim(0);
	}
}

size_t closed_window_bytes(const struct closed_window *c) {
	if (c == NULL) {
		return 0;
	}
	size_t feature = sizeof *c->counts + sizeof *c->last;

	feature += c->totals != NULL ? sizeof *c->totals : 0;
	return sizeof *c + feature * c->d_sae;
}

void closed_window_take(struct closed_window *c, const struct change_window *row,
	uint32_t dead_window, const struct firing *f) {
	if (row->attempt != c->attempt) { /* of another attempt, or the first */
		c->since = (int64_t)row->step_first - 1;
	}
	c->attempt = row->attempt;
	c->window = row->window;
	c->flaws = row->flaws;
	c->step_last = row->step_last;
	c->dead_window = dead_window;
	c->n_rows = row->density.n_rows;
	memcpy(c->counts, f->window, c->d_sae * sizeof *c->counts);
	memcpy(c->last, f->last, c->d_sae * sizeof *c->last);
	free(c->totals);
	c->totals = NULL;
}

bool closed_window_yields(const struct closed_window *c, uint32_t attempt, uint32_t flaws) {
	return flaws == 0 || c->flaws != 0 || attempt > c->attempt;
}

int closed_window_keep_totals(struct closed_window *c, const struct firing *f) {
	if (c->totals != NULL) {
		return 0;
	}
	c->totals = malloc(c->d_sae * sizeof *c->totals);
	if (c->totals == NULL) {
		return -ENOMEM;
	}
	memcpy(c->totals, f->base, c->d_sae * sizeof *c->totals);
	return 0;
}
