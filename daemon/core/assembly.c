#include "assembly.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firing.h"

/* Sums are handed to the fold as a vector in the wire's form. */
_Static_assert(__BYTE_ORDER == __LITTLE_ENDIAN, "counts are summed in the wire's byte order");

void assembly_init(struct assembly *a, uint32_t d_sae, uint32_t world_size) {
	*a = (struct assembly){.d_sae = d_sae, .world_size = world_size};
}

void assembly_finish(struct assembly *a) {
	for (uint32_t i = 0; i < PENDING_SLOTS; i++) {
		free(a->slots[i].nonzero);
		free(a->slots[i].positive);
		free(a->slots[i].parts);
	}
	*a = (struct assembly){0};
}

uint64_t assembly_bytes_max(uint32_t d_sae, uint32_t world_size) {
	if (world_size < 2) {
		return 0;
	}
	return PENDING_SLOTS *
	       (2 * sizeof(uint32_t) * (uint64_t)d_sae + world_size * sizeof(struct rank_part));
}

uint64_t assembly_bytes(const struct assembly *a) {
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < PENDING_SLOTS; i++) {
		const struct pending *p = &a->slots[i];
		uint64_t vectors = (p->nonzero != NULL ? 1u : 0u) + (p->positive != NULL ? 1u : 0u);
		bytes += vectors * sizeof(uint32_t) * a->d_sae;
		bytes += p->parts != NULL ? a->world_size * sizeof *p->parts : 0;
	}
	return bytes;
}

bool assembly_empty(const struct assembly *a) {
	for (uint32_t i = 0; i < PENDING_SLOTS; i++) {
		if (a->slots[i].used) {
			return false;
		}
	}
	return true;
}

bool assembly_full(const struct assembly *a) {
	uint32_t n_used = 0;
	for (uint32_t i = 0; i < PENDING_SLOTS; i++) {
		n_used += a->slots[i].used;
	}
	return n_used >= PENDING_STEPS;
}

struct pending *assembly_lowest(struct assembly *a) {
	struct pending *lowest = NULL;
	for (uint32_t i = 0; i < PENDING_SLOTS; i++) {
		struct pending *p = &a->slots[i];
		if (p->used && (lowest == NULL || place_compare(p->place, lowest->place) < 0)) {
			lowest = p;
		}
	}
	return lowest;
}

enum assembly_admission assembly_admit(
	struct assembly *a, struct place place, struct pending **ret) {
	struct pending *unused = NULL;
	uint32_t n_used = 0;
	for (uint32_t i = 0; i < PENDING_SLOTS; i++) {
		struct pending *p = &a->slots[i];
		if (!p->used) {
			unused = p;
			continue;
		}
		n_used++;
		if (place_compare(p->place, place) == 0) {
			*ret = p;
			return ASSEMBLY_ADMITTED;
		}
	}
	struct pending *lowest = assembly_lowest(a);
	bool below_all = lowest == NULL || place_compare(place, lowest->place) < 0;
	if (n_used >= PENDING_STEPS && !below_all) {
		return ASSEMBLY_FULL;
	}
	if (unused == NULL) {
		return ASSEMBLY_LOWEST;
	}
	unused->place = place;
	*ret = unused;
	return ASSEMBLY_ADMITTED;
}

static int vector_ready(uint32_t **vector, uint32_t d_sae) {
	if (*vector == NULL) {
		*vector = malloc(d_sae * sizeof **vector);
	}
	return *vector != NULL ? 0 : -ENOMEM;
}

static int add_memory(struct assembly *a, struct pending *p, const struct counts *nonzero,
	const struct counts *positive) {
	if (p->parts == NULL) {
		p->parts = malloc(a->world_size * sizeof *p->parts);
	}
	if (p->parts == NULL || (nonzero != NULL && vector_ready(&p->nonzero, a->d_sae) < 0) ||
		(positive != NULL && vector_ready(&p->positive, a->d_sae) < 0)) {
		return -ENOMEM;
	}
	return 0;
}

int assembly_add(struct assembly *a, struct pending *p, uint32_t rank, const struct rank_part *part,
	const struct counts *nonzero, const struct counts *positive) {
	int err = add_memory(a, p, nonzero, positive);
	if (err < 0) {
		return err;
	}
	size_t bytes = a->d_sae * sizeof *p->nonzero;
	if (nonzero == NULL) {
		p->counts_missing = true;
	} else {
		if (!p->has_counts) {
			memset(p->nonzero, 0, bytes);
		}
		if (positive != NULL && !p->has_positive) {
			/* Until now they were the same. */
			if (p->has_counts) {
				memcpy(p->positive, p->nonzero, bytes);
			} else {
				memset(p->positive, 0, bytes);
			}
			p->has_positive = true;
		}
		counts_add(p->nonzero, a->d_sae, nonzero);
		if (p->has_positive) {
			counts_add(p->positive, a->d_sae, positive != NULL ? positive : nonzero);
		}
		p->has_counts = true;
	}
	p->parts[rank] = *part;
	p->n_rows += part->scalars.n_rows;
	p->have |= 1ull << rank;
	p->used = true;
	return 0;
}

/* A rank that opened later may have brought new names: for those before it they are absent. */
static void widen_extras(const struct assembly *a, struct pending *p) {
	uint32_t n_extras = 0;
	for (uint32_t rank = 0; rank < a->world_size; rank++) {
		bool is_more =
			(p->have >> rank & 1) != 0 && p->parts[rank].scalars.n_extras > n_extras;
		n_extras = is_more ? p->parts[rank].scalars.n_extras : n_extras;
	}
	for (uint32_t rank = 0; rank < a->world_size; rank++) {
		if ((p->have >> rank & 1) != 0) {
			p->parts[rank].scalars.n_extras = n_extras;
		}
	}
}

void pending_merge(const struct assembly *a, struct pending *p, struct rank_part *ret) {
	bool first = true;
	widen_extras(a, p);
	for (uint32_t rank = 0; rank < a->world_size; rank++) {
		if ((p->have >> rank & 1) == 0) {
			continue;
		}
		if (first) {
			*ret = p->parts[rank];
			first = false;
		} else {
			scalars_merge(&ret->scalars, &p->parts[rank].scalars);
		}
	}
}

static struct counts sums_as_counts(const uint32_t *sums, uint32_t d_sae) {
	return (struct counts){
		.form = COUNTS_U32,
		.n_entries = d_sae,
		.data = (const uint8_t *)sums,
		.len = d_sae * sizeof *sums,
	};
}

bool pending_counts(const struct assembly *a, const struct pending *p, struct counts *ret_nonzero,
	struct counts *ret_positive) {
	if (!p->has_counts) {
		return false;
	}
	*ret_nonzero = sums_as_counts(p->nonzero, a->d_sae);
	*ret_positive =
		p->has_positive ? sums_as_counts(p->positive, a->d_sae) : (struct counts){0};
	return true;
}

void pending_release(struct pending *p) {
	*p = (struct pending){.nonzero = p->nonzero, .positive = p->positive, .parts = p->parts};
}
