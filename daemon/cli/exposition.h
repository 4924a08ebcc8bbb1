/* Metrics as text, as Prometheus and its collectors read it: families, one after the other, each with its help and type
 * before its first sample. Units and the end are marked as OpenMetrics has them, which others take for comments. A counter's
 * family is named as its samples are, `…_total`. Pure. */
#pragma once

#include <stddef.h>

#include "buf.h"

#define EXPOSITION_LABELS_MAX 16u

struct exposition_family {
	const char *name, *help; /* help: no backslash, no line's end */
	const char *
		unit; /* NULL, or what the name ends with (before `_total`): bytes, seconds, ratio */
};

struct exposition_label {
	const char *name, *value; /* NULL or "": the label is left out */
};

/* Zeroed but for `out`. `err` is -ENOMEM once memory was short. */
struct exposition {
	struct buf *out;
	int err;
	const struct exposition_family *family, *begun;        /* begun: its head is written */
	struct exposition_label labels[EXPOSITION_LABELS_MAX]; /* before the sample's own */
	size_t n_labels;
};

/* Samples that come are of this one, which is written with the first of them. A name that ends with `_total` is a counter, any
 * other a gauge. */
void exposition_begin(struct exposition *x, const struct exposition_family *family);
void exposition_sample(
	struct exposition *x, const struct exposition_label *labels, size_t n, double value);
/* The last line. */
void exposition_end(struct exposition *x);
