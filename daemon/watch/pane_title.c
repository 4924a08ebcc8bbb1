#include <stdio.h>
#include <time.h>

#include "panes.h"
#include "render_parts.h"

#define HOST_WIDTH 12u

static const char *const scales[] = {
	[CURVE_AUTO] = "auto", [CURVE_LOG] = "log", [CURVE_LINEAR] = "linear"};
static const char *const axes[] = {
	[CURVE_STEPS] = "step", [CURVE_TOKENS] = "tokens", [CURVE_TIME] = "time"};

/* `2 running`, or where not all of them have room `●2`: half a number is a wrong one. "" of a state in which there is none. */
static void state_text(
	const struct model *m, const struct state_look *state, bool brief, char out[32]) {
	size_t n = listing_count(&m->listing, state->state);

	out[0] = '\0';
	if (n > 0 && brief) {
		snprintf(out, 32, "%s%zu", state_glyph(state, &m->look), n);
	} else if (n > 0) {
		snprintf(out, 32, "%zu %s", n, state->state);
	}
}

/* The columns that they take; draws them where there is a grid. */
static unsigned put_states(
	const struct model *m, bool brief, const struct rect *r, struct grid *g) {
	static const char *const states[] = {
		"running", "stalled", "crashed", "failed", "preempted", "stopped", "finished"};
	unsigned x = 0;
	char text[32];

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		const struct state_look *state = state_look_named(states[i]);
		state_text(m, state, brief, text);
		if (text[0] && g && x < r->width) {
			(void)grid_put(g, r->x + x, r->y, r->width - x, state->style, text);
		}
		x += text[0] ? 2 + glyph_columns(text, m->look.utf8) : 0;
	}
	return x;
}

void pane_title_draw(const struct model *m, const struct rect *r, struct grid *g) {
	const char *host = document_text(m->status, "daemon.host");
	char clock[16], right[96];
	struct tm tm;
	time_t now = (time_t)m->look.now;

	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	snprintf(right, sizeof(right), "x:%s  y:%s  %s  q ? /", axes[m->axis], scales[m->scale],
		clock);
	unsigned room = r->width - (unsigned)sizeof("x:tokens  y:linear  00:00:00  q ? /") - 1;
	unsigned x = 1;
	x += 2 + grid_put(g, x, r->y, room, STYLE_HEADING, "sae-metricsd");
	x += 2 + grid_put(g, x, r->y, HOST_WIDTH, STYLE_PLAIN,
			 host         ? host
			 : m->is_file ? "(file)"
				      : "");
	const struct rect left = {x, r->y, room - x, 1};
	bool fit = put_states(m, false, &left, NULL) <= left.width + 2;
	(void)put_states(m, !fit, &left, g);
	grid_put_right(g, r->x, r->y, r->width - 1, STYLE_DIM, right);
}
