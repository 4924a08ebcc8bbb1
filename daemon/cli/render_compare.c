#include "render_compare.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "density_overlay.h"
#include "flow.h"
#include "format.h"
#include "json_write.h"
#include "table.h"

#define COLUMNS_MAX (COMPARED_MAX + 3)

/* ---- who is compared ---- */

static void render_title(const struct comparison *c, struct page *page) {
	char tokens[FORMAT_MAX];

	page_printf(page, STYLE_HEADING, "%zu runs", c->n);
	if (c->query.at_tokens > 0) {
		page_printf(page, STYLE_PLAIN, " at %s tokens%s",
			format_count(tokens, c->query.at_tokens, 4),
			c->query.is_common ? ", as far as all of them are" : "");
	}
	if (c->query.as) {
		page_printf(page, STYLE_PLAIN, ", as %s defines it", c->query.as);
	}
	page_end_line(page);
}

static int set_text(struct table *t, size_t column, enum style style, const char *text) {
	return table_set(t, column, style, text && text[0] ? text : "-");
}

static int add_run(const struct compared_run *run, const struct look *look, struct table *t) {
	const struct state_look *state = state_look_of(run->run);
	char window[FORMAT_MAX] = "", tokens[FORMAT_MAX] = "";
	double value;

	if (document_number(run->point, "window", &value)) {
		snprintf(window, sizeof(window), "%.0f", value);
	}
	if (document_number(run->point, "tokens", &value)) {
		format_count(tokens, value, 4);
	}
	int err = table_add_row(t);
	err = err == 0 ? table_set(t, 0, STYLE_HEADING, run->mark) : err;
	err = err == 0 ? table_set(t, 1, state->style, state_glyph(state, look)) : err;
	err = err == 0 ? set_text(t, 2, STYLE_NAME, run->label) : err;
	err = err == 0 ? set_text(t, 3, STYLE_PLAIN, document_text(run->run, "id")) : err;
	err = err == 0 ? set_text(t, 4, STYLE_PLAIN, document_text(run->run, "state")) : err;
	err = err == 0 ? set_text(t, 5, STYLE_PLAIN, document_text(run->run, "profile")) : err;
	err = err == 0 ? set_text(t, 6, STYLE_PLAIN, window) : err;
	return err == 0 ? set_text(t, 7, STYLE_PLAIN, tokens) : err;
}

static void render_runs_compared(const struct comparison *c, struct page *page) {
	static const struct table_column columns[] = {{"", true, 0, 0}, {"", true, 0, 0},
		{"RUN", true, 0, 20}, {"ID", true, 0, 0}, {"STATE", true, 3, 0},
		{"PROFILE", true, 2, 0}, {"WINDOW", false, 1, 0}, {"TOKENS", false, 0, 0}};
	struct table *t = table_create(columns, sizeof(columns) / sizeof(columns[0]));
	int err = t ? 0 : -ENOMEM;

	for (size_t i = 0; i < c->n && err == 0; i++) {
		err = add_run(&c->runs[i], &page->look, t);
	}
	if (err < 0) {
		page->status = err;
	} else {
		table_draw(t, true, page);
	}
	table_destroy(t);
}

/* ---- config and figures: one table, so that the columns of the runs stand below each other ---- */

struct sheet {
	const struct comparison *c;
	struct table_column columns[COLUMNS_MAX];
	struct table *table;
	size_t n, difference, best; /* 0: there is no such column */
};

static int sheet_init(struct sheet *s, const struct comparison *c) {
	*s = (struct sheet){.c = c};
	s->columns[s->n++] = (struct table_column){"config", true, 0, 14};
	for (size_t i = 0; i < c->n; i++) {
		s->columns[s->n++] = (struct table_column){c->runs[i].mark, false, 0, 9};
	}
	if (c->n == 2) {
		s->difference = s->n;
		s->columns[s->n++] = (struct table_column){"B TO A", false, 2, 0};
	}
	s->best = s->n;
	s->columns[s->n++] = (struct table_column){"BEST", true, 1, 0};
	s->table = table_create(s->columns, s->n);
	return s->table ? 0 : -ENOMEM;
}

static int add_blank(struct sheet *s) {
	return table_add_row(s->table);
}

static int add_heading(struct sheet *s, const char *words) {
	int err = add_blank(s);

	err = err == 0 ? table_add_row(s->table) : err;
	return err == 0 ? table_set(s->table, 0, STYLE_HEADING, words) : err;
}

static int set_value(struct sheet *s, size_t column, const json_t *value, enum style style) {
	struct buf text = {0};
	int err = 0;

	if (json_is_string(value)) {
		return set_text(s->table, column, style, json_string_value(value));
	}
	if (!value) {
		return table_set(s->table, column, style, "-");
	}
	err = json_write(&text, value, JSON_ONE_LINE);
	const char *words = err == 0 ? buf_text(&text) : NULL;
	err = words ? table_set(s->table, column, style, words) : -ENOMEM;
	buf_finish(&text);
	return err;
}

static int add_config(struct sheet *s, bool all) {
	const struct config_rows *config = &s->c->config;
	int err = 0;

	for (size_t i = 0; i < config->n && err == 0; i++) {
		const struct config_row *row = &config->rows[i];
		enum style style = row->same ? STYLE_DIM : STYLE_PLAIN;
		if (row->same && !all) {
			continue;
		}
		err = table_add_row(s->table);
		err = err == 0 ? table_set(s->table, 0, style, row->key) : err;
		for (size_t j = 0; j < s->c->n && err == 0; j++) {
			err = set_value(s, 1 + j, row->values[j], style);
		}
	}
	return err;
}

static int set_figure(struct sheet *s, const struct comparison_figure *f, size_t run) {
	struct point_metric metric = point_metric_of(f->name);
	char text[FORMAT_MAX];

	if (!f->known[run]) {
		return table_set(s->table, 1 + run, STYLE_PLAIN, "-");
	}
	enum style style = !isfinite(f->values[run]) ? STYLE_BAD
			   : f->best == (int)run     ? STYLE_GOOD
						     : STYLE_PLAIN;
	return table_set(s->table, 1 + run, style, metric.format(text, f->values[run]));
}

static int set_difference(struct sheet *s, const struct comparison_figure *f) {
	struct point_metric metric = point_metric_of(f->name);
	char text[POINT_DIFFERENCE_SIZE];

	if (s->difference == 0 || !f->known[0] || !f->known[1]) {
		return 0;
	}
	point_metric_difference(&metric, f->values[1], f->values[0], text);
	return table_set(s->table, s->difference, STYLE_PLAIN, text);
}

static int add_figures(struct sheet *s, const char *heading, size_t from, size_t to) {
	int err = from < to ? add_heading(s, heading) : 0;

	for (size_t i = from; i < to && err == 0; i++) {
		const struct comparison_figure *f = &s->c->figures[i];
		err = table_add_row(s->table);
		err = err == 0 ? table_set(s->table, 0, STYLE_PLAIN, f->name) : err;
		for (size_t j = 0; j < s->c->n && err == 0; j++) {
			err = set_figure(s, f, j);
		}
		err = err == 0 ? set_difference(s, f) : err;
		err = err == 0 && f->best >= 0
			      ? table_set(s->table, s->best, STYLE_PLAIN, s->c->runs[f->best].mark)
			      : err;
	}
	return err;
}

static void render_sheet(const struct comparison *c, const struct render_compare_options *options,
	struct page *page) {
	struct sheet s;
	int err = sheet_init(&s, c);

	err = err == 0 ? add_config(&s, options->all) : err;
	err = err == 0 ? add_figures(&s, "metrics", 0, c->n_of_steps) : err;
	err = err == 0 ? add_figures(&s, "sparsity", c->n_of_steps, c->n_figures) : err;
	if (err < 0) {
		page->status = err;
	} else {
		table_draw(s.table, true, page);
	}
	table_destroy(s.table);
}

static void render_same(const struct comparison *c, const struct render_compare_options *options,
	struct page *page) {
	const struct config_rows *config = &c->config;

	if (config->n_same > 0 && !options->all) {
		page_printf(page, STYLE_DIM, "%zu key%s of the config %s the same; --all shows %s",
			config->n_same, config->n_same == 1 ? "" : "s",
			config->n_same == 1 ? "is" : "are", config->n_same == 1 ? "it" : "them");
		page_end_line(page);
	}
}

/* ---- densities ---- */

static void render_densities(const struct comparison *c, struct page *page) {
	struct density_shown shown[COMPARED_MAX];
	bool any = false;

	for (size_t i = 0; i < c->n; i++) {
		shown[i] = (struct density_shown){c->runs[i].density,
			document_count(c->runs[i].run, "d_sae"), c->runs[i].mark};
		any = any || shown[i].density;
	}
	if (!any) {
		return;
	}
	page_end_line(page);
	page_put(page, STYLE_HEADING, "feature density");
	page_put(page, STYLE_PLAIN, ", as a share of each run's features");
	page_end_line(page);
	(void)density_overlay_draw(shown, c->n, page);
}

/* ---- who dominates ---- */

static double figure_of(const struct comparison *c, size_t run, const struct pareto_axis *axis) {
	double value;

	return point_number(c->runs[run].point, axis->metric.name, &value) ? value : (double)NAN;
}

/* `A dominates B: l0 -41 %, fvu -0.012` */
static void put_dominance(
	const struct comparison *c, size_t better, size_t worse, struct page *page) {
	const struct pareto_axis *axes[2] = {&c->query.x, &c->query.y};
	char text[2][POINT_DIFFERENCE_SIZE], words[256];

	for (size_t i = 0; i < 2; i++) {
		point_metric_difference(&axes[i]->metric, figure_of(c, better, axes[i]),
			figure_of(c, worse, axes[i]), text[i]);
	}
	snprintf(words, sizeof(words), "%s dominates %s: %s %s, %s %s", c->runs[better].mark,
		c->runs[worse].mark, axes[0]->metric.name, text[0], axes[1]->metric.name, text[1]);
	flow_put(page, STYLE_PLAIN, words, 2);
	page_end_line(page);
}

static void render_dominance(const struct comparison *c, struct page *page) {
	size_t n = 0, n_placed = 0;

	for (size_t i = 0; i < c->n; i++) {
		n_placed += isfinite(figure_of(c, i, &c->query.x)) &&
			    isfinite(figure_of(c, i, &c->query.y));
		for (size_t j = 0; j < c->n; j++) {
			if (c->dominates[i][j]) {
				put_dominance(c, i, j, page);
				n++;
			}
		}
	}
	if (n == 0 && n_placed > 1) {
		page_printf(page, STYLE_PLAIN, "%s dominates on %s and %s",
			c->n == 2 ? "neither" : "none", c->query.x.metric.name,
			c->query.y.metric.name);
		page_end_line(page);
	}
}

void render_compare_warnings(const struct comparison *c, struct page *page) {
	for (size_t i = 0; i < json_array_size(c->warnings); i++) {
		page_put(page, STYLE_WARN, "! ");
		flow_put(page, STYLE_WARN, json_string_value(json_array_get(c->warnings, i)), 2);
		page_end_line(page);
	}
}

void render_compare(const struct comparison *c, const struct render_compare_options *options,
	struct page *page) {
	render_title(c, page);
	render_runs_compared(c, page);
	page_end_line(page);
	render_sheet(c, options, page);
	render_same(c, options, page);
	if (!options->no_plot && page->look.screen) {
		render_densities(c, page);
	}
	page_end_line(page);
	render_dominance(c, page);
	if (page->look.screen) {
		render_compare_warnings(c, page);
	}
}
