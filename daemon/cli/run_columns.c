#include "run_columns.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "format.h"
#include "render.h"
#include "render_forward.h"
#include "render_parts.h"

static enum style fill_figure(
	const struct run_row_view *row, const char *path, number_format format, struct buf *text) {
	char figure[FORMAT_MAX];
	enum style style = figure_text(row->run, path, format, figure, sizeof(figure));

	(void)buf_printf(text, "%s", figure);
	return style;
}

static enum style fill_text(const struct run_row_view *row, const char *path, struct buf *text) {
	const char *value = document_text(row->run, path);

	(void)buf_printf(text, "%s", value ? value : "");
	return STYLE_PLAIN;
}

static enum style fill_mark(const struct run_row_view *row, struct buf *text) {
	const struct state_look *state = state_look_of(row->run);

	(void)buf_printf(text, "%s", state_glyph(state, row->look));
	return state->style;
}

static enum style fill_state(const struct run_row_view *row, struct buf *text) {
	const struct state_look *state = state_look_of(row->run);

	(void)buf_printf(text, "%s", state->state);
	return state->style;
}

static enum style fill_run(const struct run_row_view *row, struct buf *text) {
	(void)buf_printf(text, "%s", row->label);
	return STYLE_NAME;
}

static enum style fill_id(const struct run_row_view *row, struct buf *text) {
	return fill_text(row, "id", text);
}

static enum style fill_project(const struct run_row_view *row, struct buf *text) {
	return fill_text(row, "project", text);
}

static enum style fill_user(const struct run_row_view *row, struct buf *text) {
	return fill_text(row, "user", text);
}

static enum style fill_step(const struct run_row_view *row, struct buf *text) {
	return fill_figure(row, "step", figure_step, text);
}

static enum style fill_progress(const struct run_row_view *row, struct buf *text) {
	double progress;

	/* 100% is only what has arrived. */
	if (run_progress(row->run, &progress)) {
		double percent = round(100 * progress);
		(void)buf_printf(text, "%.0f%%", progress < 1 ? fmin(percent, 99) : percent);
	}
	return STYLE_PLAIN;
}

static enum style fill_tokens(const struct run_row_view *row, struct buf *text) {
	return fill_figure(row, "n_training_tokens", figure_count, text);
}

static enum style fill_rate(const struct run_row_view *row, struct buf *text) {
	return fill_figure(row, "rate.tokens_per_s", figure_count, text);
}

static enum style fill_eta(const struct run_row_view *row, struct buf *text) {
	return fill_figure(row, "eta_s", format_duration, text);
}

static enum style fill_mse(const struct run_row_view *row, struct buf *text) {
	return fill_figure(row, "losses.mse_loss", format_general, text);
}

static enum style fill_l0(const struct run_row_view *row, struct buf *text) {
	return fill_figure(row, "metrics.l0", format_significant, text);
}

static enum style fill_ev(const struct run_row_view *row, struct buf *text) {
	return fill_figure(row, "metrics.explained_variance", figure_ratio, text);
}

static enum style fill_dead(const struct run_row_view *row, struct buf *text) {
	return fill_figure(row, "sparsity.dead_features", figure_count, text);
}

/* A threshold finer than the window resolves counts what never fired, and no more. */
static enum style fill_below(
	const struct run_row_view *row, const char *path, double threshold, struct buf *text) {
	double n_tokens = document_count(row->run, "sparsity.n_tokens");
	enum style style = fill_figure(row, path, figure_count, text);

	return n_tokens > 0 && n_tokens * threshold < 1 ? STYLE_DIM : style;
}

static enum style fill_below_5(const struct run_row_view *row, struct buf *text) {
	return fill_below(row, "sparsity.below_1e-5", 1e-5, text);
}

static enum style fill_below_6(const struct run_row_view *row, struct buf *text) {
	return fill_below(row, "sparsity.below_1e-6", 1e-6, text);
}

static enum style fill_window(const struct run_row_view *row, struct buf *text) {
	double fill;

	if (document_number(row->run, "open_window.fill", &fill)) {
		(void)buf_printf(text, "%.0f%%", floor(100 * fill + 1e-9));
	}
	return STYLE_PLAIN;
}

static enum style fill_lr(const struct run_row_view *row, struct buf *text) {
	return fill_figure(row, "details.current_learning_rate", format_general, text);
}

static enum style fill_forward(const struct run_row_view *row, struct buf *text) {
	return render_forward_cell(document_at(row->run, "forward"), row->look, text);
}

static enum style fill_alerts(const struct run_row_view *row, struct buf *text) {
	const json_t *alerts = document_at(row->run, "alerts");

	for (size_t i = 0; i < json_array_size(alerts); i++) {
		const char *words = document_text(json_array_get(alerts, i), "words");
		(void)buf_printf(text, "%s%s", i > 0 ? "; " : "", words ? words : "?");
	}
	return STYLE_BAD;
}

/* The third of each: what is left out first on a narrow screen. Where forwarding is amiss its column outlives others. */
const struct run_column run_columns[RUN_COLUMNS] = {
	{{"", true, 0, 0}, ON_SCREEN, fill_mark},
	{{"RUN", true, 0, 24}, ON_BOTH, fill_run},
	{{"ID", true, 12, 0}, ON_BOTH, fill_id},
	{{"STATE", true, 0, 0}, ON_PIPE, fill_state},
	{{"PROJECT", true, 15, 0}, ON_PIPE, fill_project},
	{{"USER", true, 11, 0}, ON_BOTH, fill_user},
	{{"STEP", false, 0, 0}, ON_BOTH, fill_step},
	{{"PROG", false, 1, 0}, ON_BOTH, fill_progress},
	{{"TOKENS", false, 7, 0}, ON_BOTH, fill_tokens},
	{{"TOK/S", false, 5, 0}, ON_BOTH, fill_rate},
	{{"ETA", false, 3, 0}, ON_BOTH, fill_eta},
	{{"MSE", false, 9, 0}, ON_BOTH, fill_mse},
	{{"L0", false, 0, 0}, ON_BOTH, fill_l0},
	{{"EV", false, 0, 0}, ON_BOTH, fill_ev},
	{{"DEAD", false, 0, 0}, ON_BOTH, fill_dead},
	{{"<1e-5", false, 4, 0}, ON_BOTH, fill_below_5},
	{{"<1e-6", false, 8, 0}, ON_BOTH, fill_below_6},
	{{"WIN", false, 13, 0}, ON_BOTH, fill_window},
	{{"LR", false, 14, 0}, ON_BOTH, fill_lr},
	{{"FWD", true, 6, 0}, ON_BOTH, fill_forward, .drop_amiss = 2},
	{{"ALERTS", true, 0, 0}, ON_PIPE, fill_alerts},
};

int render_column_find(const char *title) {
	for (size_t i = 0; i < RUN_COLUMNS; i++) {
		const char *own = run_columns[i].table.title;
		if (own[0] && strcasecmp(own, title) == 0) {
			return (int)i;
		}
	}
	return -1;
}

const char *render_column_title(unsigned column) {
	return column < RUN_COLUMNS ? run_columns[column].table.title : NULL;
}
