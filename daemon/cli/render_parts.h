/* What the screens have in common: how a state, a run's name, a figure and an alert look. */
#pragma once

#include "document.h"
#include "page.h"

struct state_look {
	const char *state, *glyph, *ascii;
	enum style style;
};

/* Never NULL: a state this program does not know looks like `?`. */
const struct state_look *state_look_of(const json_t *run);
const struct state_look *state_look_named(const char *state);
const char *state_glyph(const struct state_look *state, const struct look *look);

/* The run's name, or its id when it has none. */
const char *run_label(const json_t *run);

/* Formats a number that may be absent ("-") or not finite (in red). */
typedef char *(*number_format)(char *out, double value);
enum style figure_text(
	const json_t *object, const char *path, number_format format, char *out, size_t size);

char *figure_plain(char *out, double value);   /* 41200 */
char *figure_count(char *out, double value);   /* 2670, 11.2k */
char *figure_step(char *out, double value);    /* 41200, 317k */
char *figure_grouped(char *out, double value); /* 41,200 */
char *figure_ratio(char *out, double value);   /* 0.883 */

/* How far the run is, 0 … 1 or a bit above; false when there is no total. */
bool run_progress(const json_t *run, double *ret);

/* Whether something is missing of the last window that closed. */
bool run_window_is_incomplete(const json_t *run);

enum style alert_style(const char *kind);

/* One line an alert, all of one run's, behind its label in `label_width` columns; NULL: without. One that was acknowledged is dim. */
void render_alerts(const json_t *run, const char *label, unsigned label_width, struct page *page);

/* `step 41,200  nan  mse_loss is NaN`, and the line's end. */
void render_event(const json_t *event, struct page *page);

/* What is the matter with the daemon itself: commits that fail or wait for the disk's budget, W&B that has not
 * answered for long. */
void render_daemon_notes(const json_t *daemon, struct page *page);
