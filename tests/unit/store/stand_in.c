/* The few functions of core/ that cuts made by hand need. */
#include <stdlib.h>
#include <string.h>

#include "registry.h"

struct piece {
	struct piece *next;
	_Alignas(max_align_t) char data[];
};

void changes_init(struct changes *c) {
	*c = (struct changes){0};
	c->tail = &c->first;
}

void changes_finish(struct changes *c) {
	for (struct piece *p = c->arena, *next; p != NULL; p = next) {
		next = p->next;
		free(p);
	}
	changes_init(c);
}

void *changes_alloc(struct changes *c, size_t size) {
	struct piece *p = calloc(1, sizeof *p + size);
	p->next = c->arena;
	c->arena = p;
	c->bytes += size;
	return p->data;
}

struct change *changes_append(struct changes *c, enum change_kind kind) {
	struct change *change = changes_alloc(c, sizeof *change);
	change->kind = kind;
	*c->tail = change;
	c->tail = &change->next;
	c->count++;
	return change;
}

void run_cut_destroy(struct run_cut *cut) {
	changes_finish(&cut->changes);
	free(cut->window);
	free(cut->last);
	free(cut->base);
	free(cut);
}
