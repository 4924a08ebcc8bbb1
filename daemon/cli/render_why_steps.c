/* The steps around the moment, one by one, with every metric that there is. */
#include "render_why.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "render_parts.h"
#include "table.h"

#define COLUMNS_MAX 24u /* of the trainer's own */

struct why_column {
	const char *name, *title;
	number_format format;
	unsigned drop;
};

static const struct why_column known_columns[] = {
	{"mse_loss", "MSE", format_general, 0},
	{"l1_loss", "L1", format_general, 3},
	{"ghost_grad_loss", "GHOST", format_general, 8},
	{"aux_reconstruction_loss", "AUX", format_general, 7},
	{"overall_loss", "LOSS", format_general, 0},
	{"l0", "L0", format_significant, 0},
	{"explained_variance", "EV", figure_ratio, 4},
	{"fvu", "FVU", figure_ratio, 9},
	{"current_learning_rate", "LR", format_general, 2},
	{"l1_coefficient", "L1 COEFF", format_general, 10},
	{"dead_features", "DEAD", figure_count, 5},
	{"n_nan_acts", "NAN ACTS", figure_count, 6},
};
#define N_KNOWN (sizeof(known_columns) / sizeof(known_columns[0]))

static bool is_known(const char *name) {
	if (strcmp(name, "step") == 0 || strcmp(name, "unusual") == 0) {
		return true;
	}
	for (size_t i = 0; i < N_KNOWN; i++) {
		if (strcmp(known_columns[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* A number that is not 0: ghost gradients that are off are no column. */
static bool is_something(const json_t *value) {
	double number;

	return document_number(value, "", &number) && number != 0;
}

static bool any_has(const json_t *steps, const char *name) {
	for (size_t i = 0; i < json_array_size(steps); i++) {
		if (is_something(json_object_get(json_array_get(steps, i), name))) {
			return true;
		}
	}
	return false;
}

static bool is_chosen(const struct why_column *columns, size_t n, const char *name) {
	for (size_t i = 0; i < n; i++) {
		if (strcmp(columns[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* The trainer's own that this step has. Returns how many there are then. */
static size_t choose_own(const json_t *row, struct why_column *ret, size_t n, size_t n_max) {
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)row, name, value) {
		if (is_something(value) && !is_known(name) && n < n_max &&
			!is_chosen(ret, n, name)) {
			ret[n++] = (struct why_column){name, name, format_general, 20};
		}
	}
	return n;
}

/* Ours, and behind them the trainer's own, which need not be in all of the steps. Of those the gradient's norm is first, and
 * stays longest. */
static size_t choose_columns(const json_t *document, struct why_column *ret) {
	const json_t *steps = document_at(document, "steps");
	const char *gradient = document_text(document, "looked_at.gradient");
	size_t n = 0;

	for (size_t i = 0; i < N_KNOWN; i++) {
		if (any_has(steps, known_columns[i].name)) {
			ret[n++] = known_columns[i];
		}
	}
	size_t n_max = n + COLUMNS_MAX;
	if (gradient != NULL && any_has(steps, gradient)) {
		ret[n++] = (struct why_column){gradient, gradient, format_general, 1};
	}
	for (size_t i = 0; i < json_array_size(steps); i++) {
		n = choose_own(json_array_get(steps, i), ret, n, n_max);
	}
	return n;
}

static bool is_unusual(const json_t *row, const char *name) {
	const json_t *names = json_object_get(row, "unusual");

	for (size_t i = 0; i < json_array_size(names); i++) {
		if (strcmp(json_string_value(json_array_get(names, i)), name) == 0) {
			return true;
		}
	}
	return false;
}

static int add_step(struct table *t, const json_t *document, const json_t *row,
	const struct why_column *columns, size_t n, const struct look *look) {
	bool is_moment = document_count(row, "step") == document_count(document, "moment.step");
	char text[FORMAT_MAX];
	double value;
	int err = table_add_row(t);

	if (err == 0 && is_moment) {
		err = table_set(t, 0, STYLE_BAD, look->utf8 && look->screen ? "▶" : ">");
	}
	snprintf(text, sizeof(text), "%.0f", document_count(row, "step"));
	err = err == 0 ? table_set(t, 1, is_moment ? STYLE_HEADING : STYLE_PLAIN, text) : err;
	for (size_t i = 0; i < n && err == 0; i++) {
		bool known = document_number(json_object_get(row, columns[i].name), "", &value);
		err = table_set(t, i + 2,
			is_unusual(row, columns[i].name) ? STYLE_BAD : STYLE_PLAIN,
			known ? columns[i].format(text, value) : "-");
	}
	return err;
}

static int draw_steps(const json_t *document, struct page *page) {
	const json_t *steps = document_at(document, "steps");
	struct why_column columns[N_KNOWN + COLUMNS_MAX];
	struct table_column heads[N_KNOWN + COLUMNS_MAX + 2] = {
		{"", true, 0, 0}, {"STEP", false, 0, 0}};
	size_t n = choose_columns(document, columns);

	for (size_t i = 0; i < n; i++) {
		heads[i + 2] = (struct table_column){columns[i].title, false, columns[i].drop, 0};
	}
	struct table *t = table_create(heads, n + 2);
	int err = t ? 0 : -ENOMEM;
	for (size_t i = 0; i < json_array_size(steps) && err == 0; i++) {
		err = add_step(t, document, json_array_get(steps, i), columns, n, &page->look);
	}
	if (err == 0) {
		table_draw(t, true, page);
	}
	table_destroy(t);
	return err;
}

void render_why_steps(const json_t *document, struct page *page) {
	if (json_array_size(document_at(document, "steps")) == 0) {
		return;
	}
	page_end_line(page);
	if (draw_steps(document, page) < 0) {
		page->status = -ENOMEM;
	}
}
