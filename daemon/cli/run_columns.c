#include "run_columns.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "alerts.h"
#include "format.h"
#include "render_forward.h"
#include "render_parts.h"

static enum style fill_mark(
	const struct run_column *column, const struct run_row_view *row, struct buf *text) {
	const struct state_look *state = state_look_of(row->run);
	(void)column;

	(void)buf_printf(text, "%s", state_glyph(state, row->look));
	return state->style;
}

static enum style fill_state(
	const struct run_column *column, const struct run_row_view *row, struct buf *text) {
	const struct state_look *state = state_look_of(row->run);
	(void)column;

	(void)buf_printf(text, "%s", state->state);
	return state->style;
}

static enum style fill_run(
	const struct run_column *column, const struct run_row_view *row, struct buf *text) {
	(void)column;

	(void)buf_printf(text, "%s", row->label);
	return STYLE_NAME;
}

static enum style fill_progress(
	const struct run_column *column, const struct run_row_view *row, struct buf *text) {
	double progress;

	/* 100% is only what has arrived. */
	if (run_value_number(&column->value, row->run, &progress)) {
		double percent = round(100 * progress);
		(void)buf_printf(text, "%.0f%%", progress < 1 ? fmin(percent, 99) : percent);
	}
	return STYLE_PLAIN;
}

/* Of a window that is incomplete, marked; a threshold finer than the window resolves counts what never fired, and no more. */
static enum style fill_below(
	const struct run_column *column, const struct run_row_view *row, struct buf *text) {
	double n_tokens = document_count(row->run, "sparsity.n_tokens");
	double threshold = strcmp(column->table.title, "<1e-6") == 0 ? 1e-6 : 1e-5;
	enum style style = run_value_print(&column->value, row->run, row->look, text);

	if (text->len > 0 && row->look->screen && run_window_is_incomplete(row->run)) {
		(void)buf_printf(text, "*");
		return STYLE_WARN;
	}
	return n_tokens > 0 && n_tokens * threshold < 1 ? STYLE_DIM : style;
}

static enum style fill_window(
	const struct run_column *column, const struct run_row_view *row, struct buf *text) {
	double fill;

	if (run_value_number(&column->value, row->run, &fill)) {
		(void)buf_printf(text, "%.0f%%", floor(100 * fill + 1e-9));
	}
	return STYLE_PLAIN;
}

static enum style fill_forward(
	const struct run_column *column, const struct run_row_view *row, struct buf *text) {
	(void)column;

	return render_forward_cell(document_at(row->run, "forward"), row->look, text);
}

static enum style fill_alerts(
	const struct run_column *column, const struct run_row_view *row, struct buf *text) {
	const json_t *alerts = document_at(row->run, "alerts");
	(void)column;

	for (size_t i = 0; i < json_array_size(alerts); i++) {
		const json_t *alert = json_array_get(alerts, i);
		const char *words = document_text(alert, "words");
		if (!alert_is_known(alert)) {
			(void)buf_printf(
				text, "%s%s", text->len > 0 ? "; " : "", words ? words : "?");
		}
	}
	return STYLE_BAD;
}

#define MEMBER(path, format)                                                                       \
	{ RUN_VALUE_MEMBER, path, format }

/* The third of each: what is left out first on a narrow screen. Where forwarding is amiss its column outlives others. */
const struct run_column run_columns[RUN_COLUMNS] = {
	{{"", true, 0, 0}, ON_SCREEN, MEMBER("state", NULL), fill_mark},
	{{"RUN", true, 0, 24}, ON_BOTH, MEMBER("name", NULL), fill_run},
	{{"ID", true, 12, 0}, ON_BOTH, MEMBER("id", NULL)},
	{{"STATE", true, 0, 0}, ON_PIPE, MEMBER("state", NULL), fill_state},
	{{"PROJECT", true, 15, 0}, ON_PIPE, MEMBER("project", NULL)},
	{{"USER", true, 11, 0}, ON_BOTH, MEMBER("user", NULL)},
	{{"STEP", false, 0, 0}, ON_BOTH, MEMBER("step", figure_step)},
	{{"PROG", false, 1, 0}, ON_BOTH, {RUN_VALUE_PROGRESS, NULL, NULL}, fill_progress},
	{{"TOKENS", false, 7, 0}, ON_BOTH, MEMBER("n_training_tokens", figure_count)},
	{{"TOK/S", false, 5, 0}, ON_BOTH, MEMBER("rate.tokens_per_s", figure_count)},
	{{"ETA", false, 3, 0}, ON_BOTH, MEMBER("eta_s", format_duration)},
	{{"MSE", false, 9, 0}, ON_BOTH, MEMBER("losses.mse_loss", format_general)},
	{{"L0", false, 0, 0}, ON_BOTH, MEMBER("metrics.l0", format_significant)},
	{{"EV", false, 0, 0}, ON_BOTH, MEMBER("metrics.explained_variance", figure_ratio)},
	{{"DEAD", false, 0, 0}, ON_BOTH, MEMBER("sparsity.dead_features", figure_count)},
	{{"<1e-5", false, 4, 0}, ON_BOTH, MEMBER("sparsity.below_1e-5", figure_count), fill_below},
	{{"<1e-6", false, 8, 0}, ON_BOTH, MEMBER("sparsity.below_1e-6", figure_count), fill_below},
	{{"WIN", false, 13, 0}, ON_BOTH, MEMBER("open_window.fill", NULL), fill_window},
	{{"LR", false, 14, 0}, ON_BOTH, MEMBER("details.current_learning_rate", format_general)},
	{{"FWD", true, 6, 0}, ON_BOTH, MEMBER("forward.state", NULL), fill_forward, 2},
	{{"ALERTS", true, 0, 0}, ON_PIPE, {RUN_VALUE_ALERTS, NULL, NULL}, fill_alerts},
};

bool run_column_find(const char *name, struct run_column *ret) {
	struct run_value value;

	for (size_t i = 0; i < RUN_COLUMNS; i++) {
		const char *own = run_columns[i].table.title;
		if (own[0] && strcasecmp(own, name) == 0) {
			*ret = run_columns[i];
			return true;
		}
	}
	if (!run_value_find(name, &value)) {
		return false;
	}
	*ret = (struct run_column){.table = {.title = name}, .value = value};
	return true;
}

enum style run_column_fill(
	const struct run_column *column, const struct run_row_view *row, struct buf *text) {
	return column->fill ? column->fill(column, row, text)
			    : run_value_print(&column->value, row->run, row->look, text);
}
