/* Where a step waits until every rank of this host has brought its part.
 *
 * Counts are added as they arrive, because integer sums do not depend on order; only the scalars are
 * kept rank by rank, and merged in rank order when the step is folded. A slot is one step of the
 * current launch; slots are ordered by place. With one rank none of this memory is ever taken. */
#pragma once

#include "counts.h"
#include "measure.h"
#include "place.h"

#define PENDING_STEPS 4u /* how far one rank may run ahead of another */
/* One more for a step below all of them, which another rank may have dropped (R7). */
#define PENDING_SLOTS (PENDING_STEPS + 1)

struct rank_part {
	double time, elapsed_s;
	struct scalars scalars;
};

struct pending {
	bool used;
	struct place place;
	uint64_t since_ms; /* mono: when its first part came */
	uint64_t have;     /* bit a rank */
	uint64_t n_rows;
	bool has_counts, counts_missing; /* some rank's came, some rank's did not */
	bool has_positive;               /* some rank's positive counts differ */
	uint32_t *nonzero, *positive;    /* [d_sae], kept from step to step */
	struct rank_part *parts;         /* [world_size] */
};

struct assembly {
	uint32_t d_sae, world_size;
	struct pending slots[PENDING_SLOTS];
};

void assembly_init(struct assembly *a, uint32_t d_sae, uint32_t world_size);
void assembly_finish(struct assembly *a);
uint64_t assembly_bytes_max(uint32_t d_sae, uint32_t world_size);
uint64_t assembly_bytes(const struct assembly *a);

bool assembly_empty(const struct assembly *a);
/* A stream that has a step more has to wait. */
bool assembly_full(const struct assembly *a);
/* NULL when nothing pends. */
struct pending *assembly_lowest(struct assembly *a);

enum assembly_admission {
	ASSEMBLY_ADMITTED, /* *ret is the step's slot */
	ASSEMBLY_FULL,     /* the stream is too far ahead */
	ASSEMBLY_LOWEST    /* below all that pend, and not even the last slot is free */
};
enum assembly_admission assembly_admit(
	struct assembly *a, struct place place, struct pending **ret);

/* Adds a rank's part; its counts may be NULL: it brought none. 0 or -ENOMEM (nothing was added). */
int assembly_add(struct assembly *a, struct pending *p, uint32_t rank, const struct rank_part *part,
	const struct counts *nonzero, const struct counts *positive);

/* The parts' scalars merged in rank order, time and all. */
void pending_merge(const struct assembly *a, struct pending *p, struct rank_part *ret);
/* The sums as counts to be folded; false: no rank brought any. */
bool pending_counts(const struct assembly *a, const struct pending *p, struct counts *ret_nonzero,
	struct counts *ret_positive);

/* The slot is free again, its memory kept. */
void pending_release(struct pending *p);
