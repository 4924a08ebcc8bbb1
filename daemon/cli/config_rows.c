#include "config_rows.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32u /* a reader of ours follows no deeper */

struct gathering {
	struct config_rows rows;
	size_t cap, run;
	json_t *places; /* key → number of its row */
	int err;
};

static struct config_row *add_row(struct gathering *g, char *key) {
	if (g->rows.n == g->cap) {
		size_t cap = g->cap > 0 ? 2 * g->cap : 64;
		struct config_row *rows = reallocarray(g->rows.rows, cap, sizeof(*rows));
		if (!rows) {
			return NULL;
		}
		g->rows.rows = rows;
		g->cap = cap;
	}
	if (json_object_set_new_nocheck(g->places, key, json_integer((json_int_t)g->rows.n)) < 0) {
		return NULL;
	}
	struct config_row *row = &g->rows.rows[g->rows.n++];
	*row = (struct config_row){.key = key};
	return row;
}

/* Takes the key. */
static void put(struct gathering *g, char *key, const json_t *value) {
	const json_t *place = key ? json_object_get(g->places, key) : NULL;

	if (place) {
		assert(g->rows.rows != NULL);
		g->rows.rows[json_integer_value(place)].values[g->run] = value;
		free(key);
		return;
	}
	struct config_row *row = key ? add_row(g, key) : NULL;
	if (!row) {
		free(key);
		g->err = -ENOMEM;
		return;
	}
	row->values[g->run] = value;
}

static void walk(struct gathering *g, const char *prefix, const json_t *object, unsigned depth) {
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value) {
		char *key = NULL;
		if (asprintf(&key, "%s%s%s", prefix, prefix[0] ? "." : "", name) < 0) {
			g->err = -ENOMEM;
			return;
		}
		if (json_is_object(value) && depth < DEPTH_MAX) {
			walk(g, key, value, depth + 1);
			free(key);
		} else {
			put(g, key, value);
		}
	}
}

/* 4 and 4.0 are one number. */
static bool equal(const json_t *a, const json_t *b) {
	if (json_is_number(a) && json_is_number(b)) {
		return json_number_value(a) == json_number_value(b);
	}
	return a && b && json_equal(a, b);
}

static void judge(struct config_rows *rows, size_t n_configs) {
	for (size_t i = 0; i < rows->n; i++) {
		struct config_row *row = &rows->rows[i];
		row->same = row->values[0] != NULL;
		for (size_t j = 1; j < n_configs; j++) {
			row->same = row->same && equal(row->values[0], row->values[j]);
		}
		rows->n_same += row->same;
	}
}

int config_rows_make(const json_t *const *configs, size_t n_configs, struct config_rows *ret) {
	struct gathering g = {.places = json_object()};

	g.err = g.places ? 0 : -ENOMEM;
	for (g.run = 0; g.run < n_configs && g.err == 0; g.run++) {
		walk(&g, "", configs[g.run], 0);
	}
	json_decref(g.places);
	if (g.err < 0) {
		config_rows_finish(&g.rows);
		return g.err;
	}
	judge(&g.rows, n_configs);
	*ret = g.rows;
	return 0;
}

void config_rows_finish(struct config_rows *c) {
	for (size_t i = 0; i < c->n; i++) {
		free(c->rows[i].key);
	}
	free(c->rows);
	*c = (struct config_rows){0};
}
