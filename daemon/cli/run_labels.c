#include "run_labels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "render_parts.h"

struct named {
	const json_t *run;
	size_t at;
};

static int compare_names(const void *left, const void *right) {
	const struct named *a = left, *b = right;

	return strcmp(run_label(a->run), run_label(b->run));
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
static bool make_labels(const struct named *by_name, size_t n, char **ret) {
	for (size_t i = 0; i < n; i++) {
		bool shares = (i > 0 && compare_names(&by_name[i], &by_name[i - 1]) == 0) ||
			      (i + 1 < n && compare_names(&by_name[i], &by_name[i + 1]) == 0);
		ret[by_name[i].at] = make_label(by_name[i].run, shares);
		if (!ret[by_name[i].at]) {
			return false;
		}
	}
	return true;
}

char **run_labels_make(const json_t *runs) {
	size_t n = json_array_size(runs);
	struct named *by_name = calloc(n + 1, sizeof(*by_name));
	char **labels = calloc(n + 1, sizeof(*labels));

	for (size_t i = 0; by_name && i < n; i++) {
		by_name[i] = (struct named){json_array_get(runs, i), i};
	}
	if (by_name) {
		qsort(by_name, n, sizeof(*by_name), compare_names);
	}
	if (!by_name || !labels || !make_labels(by_name, n, labels)) {
		run_labels_free(labels, n);
		labels = NULL;
	}
	free(by_name);
	return labels;
}

void run_labels_free(char **labels, size_t n) {
	for (size_t i = 0; labels && i < n; i++) {
		free(labels[i]);
	}
	free(labels);
}

int run_labels_set(json_t *runs) {
	size_t n = json_array_size(runs);
	char **labels = run_labels_make(runs);
	int err = labels ? 0 : -1;

	for (size_t i = 0; i < n && err == 0; i++) {
		err = json_object_set_new(json_array_get(runs, i), "label", json_string(labels[i]));
	}
	run_labels_free(labels, n);
	return err == 0 ? 0 : -ENOMEM;
}
