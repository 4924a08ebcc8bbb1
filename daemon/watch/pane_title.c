#include <stdio.h>
#include <time.h>

#include "panes.h"
#include "render_parts.h"

static const char *const scales[] = {
	[CURVE_AUTO] = "auto", [CURVE_LOG] = "log", [CURVE_LINEAR] = "linear"};
static const char *const axes[] = {
	[CURVE_STEPS] = "step", [CURVE_TOKENS] = "tokens", [CURVE_TIME] = "time"};

/* `2 running  1 crashed`; nothing of states in which there is none. */
static unsigned put_states(
	const struct model *m, unsigned x, const struct rect *r, struct grid *g) {
	static const struct {
		const char *state;
		enum style style;
	} states[] = {{"running", STYLE_GOOD}, {"stalled", STYLE_WARN}, {"crashed", STYLE_BAD},
		{"failed", STYLE_BAD}, {"preempted", STYLE_PLAIN}, {"stopped", STYLE_PLAIN},
		{"finished", STYLE_DIM}};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		size_t n = listing_count(&m->listing, states[i].state);
		if (n > 0 && x < r->width) {
			x += 2 + grid_printf(g, r->x + x, r->y, r->width - x, states[i].style,
					 "%zu %s", n, states[i].state);
		}
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
	struct rect left = {r->x, r->y, room, 1};
	unsigned x = 1;
	x += 2 + grid_put(g, x, r->y, room, STYLE_HEADING, "sae-metricsd");
	x += 2 + grid_put(g, x, r->y, room - x, STYLE_PLAIN,
			 host         ? host
			 : m->is_file ? "(file)"
				      : "");
	(void)put_states(m, x, &left, g);
	grid_put_right(g, r->x, r->y, r->width - 1, STYLE_DIM, right);
}
