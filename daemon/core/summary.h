/* The latest value of every key a run has logged: what the run's summary shows.
 *
 * Numbers are kept as numbers and written as JSON only when a cut asks; what the trainer set itself
 * (UPDATE) lies over the run's own and wins for good. */
#pragma once

#include "changes.h"
#include "pack.h"

#define SUMMARY_KEYS_MAX  2048u   /* wandb's own practice is some hundreds */
#define SUMMARY_BYTES_MAX 262144u /* it is written with every commit */
#define SUMMARY_BUCKETS   256u

struct summary_entry;

struct summary {
	uint32_t count, cap;
	struct summary_entry *entries;    /* in the order the keys first came */
	uint16_t bucket[SUMMARY_BUCKETS]; /* index + 1 of the newest entry of a hash */
	size_t bytes;
	bool changed; /* since it was last written */
};

void summary_finish(struct summary *s);

/* 0 or -ENOMEM. What exceeds the bounds is left out: the history has it. */
int summary_set(struct summary *s, const char *key, const struct value *value, bool is_ours);
/* Lays the members of an object (approved by json_is_object) over it. 0 or -ENOMEM. */
int summary_overlay(struct summary *s, struct text object);

/* Appends it as a JSON object. 0 or -ENOMEM. */
int summary_write(const struct summary *s, struct buf *out);
/* The same for W&B: NaN and infinities as bare tokens, our own metrics only `with_ours`. */
int summary_write_bare(const struct summary *s, bool with_ours, struct buf *out);

void summary_pack(const struct summary *s, struct packer *p);
void summary_unpack(struct summary *s, struct unpacker *u);
