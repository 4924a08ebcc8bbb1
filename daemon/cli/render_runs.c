#include "render.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "format.h"
#include "render_parts.h"
#include "table.h"

/* More alerts than this are counted, not printed: the table must stay in sight. */
#define ALERT_LINES_MAX 12u

/* A row of the table while its cells are made. */
struct row {
	const json_t *run;
	const struct look *look;
	bool name_shared; /* another run listed has the same name */
};

/* Writes a cell's text; what stays empty is shown as `-`. */
typedef enum style (*cell_fill)(const struct row *row, struct buf *text);

static enum style fill_figure(
	const struct row *row, const char *path, number_format format, struct buf *text) {
	char figure[FORMAT_MAX];
	enum style style = figure_text(row->run, path, format, figure, sizeof(figure));

	(void)buf_printf(text, "%s", figure);
	return style;
}

static enum style fill_text(const struct row *row, const char *path, struct buf *text) {
	const char *value = document_text(row->run, path);

	(void)buf_printf(text, "%s", value ? value : "");
	return STYLE_PLAIN;
}

static enum style fill_mark(const struct row *row, struct buf *text) {
	const struct state_look *state = state_look_of(row->run);

	(void)buf_printf(text, "%s", state_glyph(state, row->look));
	return state->style;
}

static enum style fill_state(const struct row *row, struct buf *text) {
	const struct state_look *state = state_look_of(row->run);

	(void)buf_printf(text, "%s", state->state);
	return state->style;
}

static enum style fill_run(const struct row *row, struct buf *text) {
	const char *id = document_text(row->run, "id");

	(void)buf_printf(text, "%s", run_label(row->run));
	if (row->name_shared && id) {
		(void)buf_printf(text, "-%s", id);
	}
	return STYLE_NAME;
}

static enum style fill_id(const struct row *row, struct buf *text) {
	return fill_text(row, "id", text);
}

static enum style fill_project(const struct row *row, struct buf *text) {
	return fill_text(row, "project", text);
}

static enum style fill_user(const struct row *row, struct buf *text) {
	return fill_text(row, "user", text);
}

static enum style fill_step(const struct row *row, struct buf *text) {
	return fill_figure(row, "step", figure_step, text);
}

static enum style fill_progress(const struct row *row, struct buf *text) {
	double progress;

	/* 100% is only what has arrived. */
	if (run_progress(row->run, &progress)) {
		double percent = round(100 * progress);
		(void)buf_printf(text, "%.0f%%", progress < 1 ? fmin(percent, 99) : percent);
	}
	return STYLE_PLAIN;
}

static enum style fill_tokens(const struct row *row, struct buf *text) {
	return fill_figure(row, "n_training_tokens", figure_count, text);
}

static enum style fill_rate(const struct row *row, struct buf *text) {
	return fill_figure(row, "rate.tokens_per_s", figure_count, text);
}

static enum style fill_eta(const struct row *row, struct buf *text) {
	return fill_figure(row, "eta_s", format_duration, text);
}

static enum style fill_mse(const struct row *row, struct buf *text) {
	return fill_figure(row, "losses.mse_loss", format_general, text);
}

static enum style fill_l0(const struct row *row, struct buf *text) {
	return fill_figure(row, "metrics.l0", format_significant, text);
}

static enum style fill_ev(const struct row *row, struct buf *text) {
	return fill_figure(row, "metrics.explained_variance", figure_ratio, text);
}

static enum style fill_dead(const struct row *row, struct buf *text) {
	return fill_figure(row, "sparsity.dead_features", figure_count, text);
}

static enum style fill_below_5(const struct row *row, struct buf *text) {
	return fill_figure(row, "sparsity.below_1e-5", figure_count, text);
}

static enum style fill_below_6(const struct row *row, struct buf *text) {
	return fill_figure(row, "sparsity.below_1e-6", figure_count, text);
}

static enum style fill_window(const struct row *row, struct buf *text) {
	double fill;

	if (document_number(row->run, "open_window.fill", &fill)) {
		(void)buf_printf(text, "%.0f%%", floor(100 * fill + 1e-9));
	}
	return STYLE_PLAIN;
}

static enum style fill_lr(const struct row *row, struct buf *text) {
	return fill_figure(row, "details.current_learning_rate", format_general, text);
}

static enum style fill_forward(const struct row *row, struct buf *text) {
	const char *state = document_text(row->run, "forward.state");
	char lag[FORMAT_MAX];
	double lag_s;

	(void)buf_printf(text, "%s", state ? state : "");
	if (row->look->screen && document_number(row->run, "forward.lag_s", &lag_s)) {
		(void)buf_printf(text, " %s", format_age(lag, lag_s));
	}
	return state && strcmp(state, "pending") == 0 ? STYLE_WARN : STYLE_PLAIN;
}

static enum style fill_alerts(const struct row *row, struct buf *text) {
	const json_t *alerts = document_at(row->run, "alerts");

	for (size_t i = 0; i < json_array_size(alerts); i++) {
		const char *words = document_text(json_array_get(alerts, i), "words");
		(void)buf_printf(text, "%s%s", i > 0 ? "; " : "", words ? words : "?");
	}
	return STYLE_BAD;
}

enum shown_on { ON_BOTH = 0, ON_SCREEN, ON_PIPE };

/* All columns in their order. `drop`: what is left out first on a narrow screen. */
static const struct run_column {
	struct table_column table;
	enum shown_on on;
	cell_fill fill;
} run_columns[] = {
	{{"", true, 0, 0}, ON_SCREEN, fill_mark},
	{{"RUN", true, 0, 24}, ON_BOTH, fill_run},
	{{"ID", true, 11, 0}, ON_BOTH, fill_id},
	{{"STATE", true, 0, 0}, ON_PIPE, fill_state},
	{{"PROJECT", true, 14, 0}, ON_PIPE, fill_project},
	{{"USER", true, 10, 0}, ON_BOTH, fill_user},
	{{"STEP", false, 0, 0}, ON_BOTH, fill_step},
	{{"PROG", false, 1, 0}, ON_BOTH, fill_progress},
	{{"TOKENS", false, 6, 0}, ON_BOTH, fill_tokens},
	{{"TOK/S", false, 4, 0}, ON_BOTH, fill_rate},
	{{"ETA", false, 2, 0}, ON_BOTH, fill_eta},
	{{"MSE", false, 8, 0}, ON_BOTH, fill_mse},
	{{"L0", false, 0, 0}, ON_BOTH, fill_l0},
	{{"EV", false, 0, 0}, ON_BOTH, fill_ev},
	{{"DEAD", false, 0, 0}, ON_BOTH, fill_dead},
	{{"<1e-5", false, 3, 0}, ON_BOTH, fill_below_5},
	{{"<1e-6", false, 7, 0}, ON_BOTH, fill_below_6},
	{{"WIN", false, 12, 0}, ON_BOTH, fill_window},
	{{"LR", false, 13, 0}, ON_BOTH, fill_lr},
	{{"FWD", true, 5, 0}, ON_BOTH, fill_forward},
	{{"ALERTS", true, 0, 0}, ON_PIPE, fill_alerts},
};

#define N_COLUMNS (sizeof(run_columns) / sizeof(run_columns[0]))

int render_column_find(const char *title) {
	for (size_t i = 0; i < N_COLUMNS; i++) {
		const char *own = run_columns[i].table.title;
		if (own[0] && strcasecmp(own, title) == 0) {
			return (int)i;
		}
	}
	return -1;
}

const char *render_column_title(unsigned column) {
	return column < N_COLUMNS ? run_columns[column].table.title : NULL;
}

/* The columns of this page, in `ret`, which has room for all; columns asked for stay. */
static size_t choose_columns(const struct render_runs_options *options, const struct look *look,
	unsigned *ret, size_t cap) {
	size_t n = 0;

	for (size_t i = 0; i < options->n_columns && n < cap; i++) {
		ret[n++] = options->columns[i];
	}
	for (unsigned i = 0; options->n_columns == 0 && i < N_COLUMNS; i++) {
		enum shown_on elsewhere = look->screen ? ON_PIPE : ON_SCREEN;
		if (run_columns[i].on != elsewhere) {
			ret[n++] = i;
		}
	}
	return n;
}

static bool name_shared(const json_t *runs, size_t index) {
	const char *label = run_label(json_array_get(runs, index));

	for (size_t i = 0; i < json_array_size(runs); i++) {
		if (i != index && strcmp(run_label(json_array_get(runs, i)), label) == 0) {
			return true;
		}
	}
	return false;
}

static int add_run(
	struct table *t, const struct row *row, const unsigned *columns, size_t n_columns) {
	bool dim = strcmp(state_look_of(row->run)->state, "finished") == 0;
	struct buf text = {0};
	int err = table_add_row(t);

	for (size_t i = 0; i < n_columns && err == 0; i++) {
		buf_clear(&text);
		enum style style = run_columns[columns[i]].fill(row, &text);
		const char *cell = text.len > 0 ? buf_text(&text) : "-";
		style = text.len == 0 ? STYLE_PLAIN : style;
		style = dim && style == STYLE_PLAIN ? STYLE_DIM : style;
		err = cell ? table_set(t, i, style, cell) : -ENOMEM;
	}
	buf_finish(&text);
	return err;
}

static int draw_table(
	const json_t *runs, const struct render_runs_options *options, struct page *page) {
	size_t cap = options->n_columns > N_COLUMNS ? options->n_columns : N_COLUMNS;
	unsigned *columns = calloc(cap, sizeof(*columns));
	struct table_column *heads = calloc(cap, sizeof(*heads));
	int err = columns && heads ? 0 : -ENOMEM;
	struct table *t = NULL;

	if (err == 0) {
		size_t n = choose_columns(options, &page->look, columns, cap);
		for (size_t i = 0; i < n; i++) {
			heads[i] = run_columns[columns[i]].table;
			heads[i].drop = options->n_columns > 0 ? 0 : heads[i].drop;
		}
		t = table_create(heads, n);
		err = t ? 0 : -ENOMEM;
		for (size_t i = 0; i < json_array_size(runs) && err == 0; i++) {
			struct row row = {
				json_array_get(runs, i), &page->look, name_shared(runs, i)};
			err = add_run(t, &row, columns, n);
		}
	}
	if (err == 0) {
		table_draw(t, !options->no_headings, page);
	}
	table_destroy(t);
	free(heads);
	free(columns);
	return err;
}

static size_t count_running(const json_t *runs) {
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(runs); i++) {
		n += strcmp(state_look_of(json_array_get(runs, i))->state, "running") == 0;
	}
	return n;
}

#define WIDE 100u /* from here the title has room for everything */

static void render_title(const json_t *document, struct page *page) {
	const json_t *daemon = document_at(document, "daemon");
	const json_t *runs = document_at(document, "runs");
	const char *version = document_text(daemon, "version");
	const char *host = document_text(daemon, "host");
	const char *scope = document_text(daemon, "scope");
	const char *forward = document_text(daemon, "forward.state");
	bool wide = page->look.width >= WIDE;
	char text[FORMAT_MAX];
	double value;

	page_printf(page, STYLE_HEADING, "sae-metricsd %s", version ? version : "");
	if (host) {
		page_printf(page, STYLE_PLAIN, " on %s", host);
	}
	if (scope && wide) {
		page_printf(page, STYLE_PLAIN, " (%s)", scope);
	}
	if (document_number(daemon, "uptime_s", &value)) {
		page_printf(page, STYLE_PLAIN, ", up %s",
			wide ? format_duration(text, value) : format_age(text, value));
	}
	page_printf(page, STYLE_PLAIN, ", %zu run%s (%zu running)", json_array_size(runs),
		json_array_size(runs) == 1 ? "" : "s", count_running(runs));
	if (wide && document_number(daemon, "database_bytes", &value)) {
		page_printf(page, STYLE_PLAIN, ", db %s", format_bytes(text, value));
	}
	if (forward) {
		page_printf(page, STYLE_PLAIN, ", forward %s", forward);
	}
	page_end_line(page);
}

static void render_no_runs(struct page *page) {
	static const char *const lines[] = {
		"No runs yet. In your trainer:",
		"  import sae_metrics",
		"  run = sae_metrics.init(project=\"my-saes\", d_sae=24576, config=cfg)",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		page_put(page, STYLE_PLAIN, lines[i]);
		page_end_line(page);
	}
}

static void render_all_alerts(const json_t *runs, struct page *page) {
	size_t lines = 0, left_out = 0;
	unsigned name_width = 0;

	for (size_t i = 0; i < json_array_size(runs); i++) {
		const json_t *run = json_array_get(runs, i);
		unsigned width = glyph_columns(run_label(run), page->look.utf8);
		if (json_array_size(document_at(run, "alerts")) > 0 && width > name_width) {
			name_width = width;
		}
	}
	name_width = name_width > 24 ? 24 : name_width;
	for (size_t i = 0; i < json_array_size(runs); i++) {
		const json_t *run = json_array_get(runs, i);
		size_t n = json_array_size(document_at(run, "alerts"));
		if (lines + n > ALERT_LINES_MAX) {
			left_out += n;
			continue;
		}
		lines += n;
		render_alerts(run, name_width, page);
	}
	if (left_out > 0) {
		page_printf(page, STYLE_WARN, "! %zu more; `sae-metricsd status RUN` shows them",
			left_out);
		page_end_line(page);
	}
}

void render_runs(
	const json_t *document, const struct render_runs_options *options, struct page *page) {
	const json_t *runs = document_at(document, "runs");
	bool screen = page->look.screen && !options->no_headings;

	if (screen && document_at(document, "daemon")) {
		render_title(document, page);
		render_daemon_notes(document, page);
	}
	if (screen && json_array_size(runs) == 0) {
		render_no_runs(page);
		return;
	}
	if (draw_table(runs, options, page) < 0) {
		page->status = -ENOMEM;
	}
	if (screen) {
		render_all_alerts(runs, page);
	}
}
