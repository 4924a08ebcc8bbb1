#include "listing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "render_parts.h"

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

static int compare_labels(const void *left, const void *right) {
	const struct listed_run *const *a = left, *const *b = right;

	return strcmp(run_label((*a)->run), run_label((*b)->run));
}

static char *make_label(const json_t *run, bool shares_its_name) {
	const char *id = document_text(run, "id");
	char *label = NULL;

	if (!id || !shares_its_name) {
		return strdup(run_label(run));
	}
	return asprintf(&label, "%s-%s", run_label(run), id) < 0 ? NULL : label;
}

/* Those of one name stand together in `by_name`. */
static int make_labels(struct listed_run **by_name, size_t n) {
	for (size_t i = 0; i < n; i++) {
		bool shares = (i > 0 && compare_labels(&by_name[i], &by_name[i - 1]) == 0) ||
			      (i + 1 < n && compare_labels(&by_name[i], &by_name[i + 1]) == 0);
		by_name[i]->label = make_label(by_name[i]->run, shares);
		if (!by_name[i]->label) {
			return -ENOMEM;
		}
	}
	return 0;
}

static int label_all(struct listing *l) {
	struct listed_run **by_name = calloc(l->n + 1, sizeof(struct listed_run *));

	if (!by_name) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < l->n; i++) {
		by_name[i] = &l->runs[i];
	}
	qsort(by_name, l->n, sizeof(struct listed_run *), compare_labels);
	int err = make_labels(by_name, l->n);
	free(by_name);
	return err;
}

int listing_make(const json_t *runs, bool in_given_order, struct listing *ret) {
	size_t n = json_array_size(runs);
	struct listing l = {.runs = calloc(n + 1, sizeof(*l.runs)), .n = n};

	if (!l.runs) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		l.runs[i].run = json_array_get(runs, i);
	}
	if (!in_given_order) {
		qsort(l.runs, n, sizeof(*l.runs), compare_runs);
	}
	if (label_all(&l) < 0) {
		listing_finish(&l);
		return -ENOMEM;
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
