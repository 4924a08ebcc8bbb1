#include "batch.h"

void batch_init(struct batch *b) {
	*b = (struct batch){0};
	b->tail = &b->first;
}

static size_t cut_bytes(const struct run_cut *cut) {
	size_t arrays = (cut->arrays_changed ? 2 * sizeof(uint32_t) : 0) +
			(cut->base_changed ? sizeof(uint64_t) : 0);
	return sizeof *cut + cut->changes.bytes + arrays * cut->d_sae +
	       closed_window_bytes(cut->closed);
}

void batch_put(struct batch *b, struct run_cut *cut) {
	b->bytes += cut_bytes(cut);
	cut->next = NULL;
	*b->tail = cut;
	b->tail = &cut->next;
}

void cuts_destroy(struct run_cut *first) {
	while (first != NULL) {
		struct run_cut *next = first->next;
		run_cut_destroy(first);
		first = next;
	}
}

void batch_clear(struct batch *b) {
	cuts_destroy(b->first);
	cuts_destroy(b->rejected);
	batch_init(b);
}

void batch_move(struct batch *to, struct batch *from) {
	while (from->first != NULL) {
		struct run_cut *cut = from->first;
		from->first = cut->next;
		batch_put(to, cut);
	}
	batch_init(from);
}
