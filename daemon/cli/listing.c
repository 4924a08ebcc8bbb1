#include "listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "render_parts.h"
#include "run_labels.h"

/* 0: running, 1: stalled, 2: training no more. */
static int rank_of(const json_t *run) {
	const char *state = state_look_of(run)->state;

	return strcmp(state, "running") == 0 ? 0 : strcmp(state, "stalled") == 0 ? 1 : 2;
}

/* RFC 3339 in UTC: the text's order is the time's. Later first. */
static int compare_later(const json_t *a, const json_t *b, const char *path) {
	const char *time_a = document_text(a, path);
	const char *time_b = document_text(b, path);

	return strcmp(time_b ? time_b : "", time_a ? time_a : "");
}

static int compare_runs(const void *left, const void *right) {
	const json_t *a = ((const struct listed_run *)left)->run;
	const json_t *b = ((const struct listed_run *)right)->run;
	int rank = rank_of(a), order = rank - rank_of(b);

	if (order == 0) {
		order = compare_later(a, b, rank < 2 ? "started" : "last_seen");
	}
	return order != 0 ? order : strcmp(run_label(a), run_label(b));
}

int listing_make(const json_t *runs, bool in_given_order, struct listing *ret) {
	size_t n = json_array_size(runs);
	struct listing l = {.runs = calloc(n + 1, sizeof(*l.runs)), .n = n};
	char **labels = run_labels_make(runs);

	if (!l.runs || !labels) {
		run_labels_free(labels, n);
		free(l.runs);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		l.runs[i] = (struct listed_run){json_array_get(runs, i), labels[i]};
	}
	free(labels);
	if (!in_given_order) {
		qsort(l.runs, n, sizeof(*l.runs), compare_runs);
	}
	*ret = l;
	return 0;
}

void listing_finish(struct listing *l) {
	for (size_t i = 0; i < l->n; i++) {
		free(l->runs[i].label);
	}
	free(l->runs);
	*l = (struct listing){0};
}

size_t listing_count(const struct listing *l, const char *state) {
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		n += strcmp(state_look_of(l->runs[i].run)->state, state) == 0;
	}
	return n;
}
