#include "run_order.h"

#include <errno.h>
#include <stdlib.h>

bool run_order_parse(struct run_order *o, const char *name) {
	o->by_column = true;
	o->descending = name[0] == '-';
	return run_column_find(name + (o->descending ? 1 : 0), &o->column);
}

struct place {
	json_t *run;  /* a reference of ours */
	size_t index; /* what is equal stays as it was */
};

static int compare_places(const void *left, const void *right, void *user) {
	const struct place *a = left, *b = right;
	const struct run_order *o = user;
	int order = run_value_compare(&o->column.value, a->run, b->run, o->descending);

	return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

static int sort(const struct run_order *o, json_t *runs) {
	size_t n = json_array_size(runs);
	struct place *places = calloc(n + 1, sizeof(*places));
	int err = 0;

	if (!places) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		places[i] = (struct place){json_incref(json_array_get(runs, i)), i};
	}
	qsort_r(places, n, sizeof(*places), compare_places, (void *)(uintptr_t)o);
	(void)json_array_clear(runs);
	for (size_t i = 0; i < n; i++) {
		err = json_array_append_new(runs, places[i].run) < 0 ? -ENOMEM : err;
	}
	free(places);
	return err;
}

int run_order_apply(const struct run_order *o, json_t *runs) {
	int err = o->by_column ? sort(o, runs) : 0;

	while (o->limit > 0 && json_array_size(runs) > o->limit) {
		(void)json_array_remove(runs, json_array_size(runs) - 1);
	}
	return err;
}
