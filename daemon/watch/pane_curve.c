#include <stdio.h>
#include <string.h>

#include "format.h"
#include "panes.h"
#include "render_parts.h"

/* The newest value is the status document's: it comes more often than curves. */
static enum style now_text(const struct model *m, const char *metric, char *out, size_t size) {
	static const char *const members[] = {"losses", "metrics", "details", "sparsity"};
	const json_t *run = model_run(m);

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const json_t *of = document_at(run, members[i]);
		if (json_object_get(of, metric)) {
			return figure_text(of, metric, format_general, out, size);
		}
	}
	out[0] = '\0';
	return STYLE_PLAIN;
}

static const char *why_nothing(const struct model *m, const char *metric) {
	const json_t *run = model_run(m);

	if (!run) {
		return "";
	}
	if (!document_at(run, "step")) {
		return "no step yet";
	}
	return !m->detail ? "asking" : metric ? "this run has none" : "";
}

int pane_curve_draw(const struct model *m, unsigned i, const struct rect *r, struct grid *g) {
	const char *metric = model_metric(m, i);
	const json_t *curves = document_at(m->detail, "curves");
	char now[FORMAT_MAX] = "", note[FORMAT_MAX + 8] = "";
	struct curve curve;

	curve_read(curves, metric ? metric : "", m->axis, &curve);
	if (metric) {
		(void)now_text(m, metric, now, sizeof(now));
		snprintf(note, sizeof(note), "%s%s", now,
			curve_is_log(&curve, m->scale) ? " log" : "");
	}
	struct rect inside = grid_frame(g, r, m->focus == FOCUS_CURVES + i,
		metric   ? metric
		: i == 0 ? "curves"
			 : "",
		note);
	if (curve.n == 0) {
		(void)grid_put(g, inside.x + 1, inside.y, inside.width - 1, STYLE_DIM,
			why_nothing(m, metric));
		return 0;
	}
	int outcome = curve_draw(&curve, m->scale, m->axis, &inside, g);
	if (outcome == CURVE_NOT_FINITE) {
		(void)grid_put(g, inside.x + 1, inside.y, inside.width - 1, STYLE_BAD,
			"no value of it is finite");
	} else if (outcome == CURVE_NOWHERE) {
		(void)grid_put(g, inside.x + 1, inside.y, inside.width - 1, STYLE_DIM,
			m->axis == CURVE_TOKENS ? "its tokens are not known"
						: "its times are not known");
	}
	return outcome < 0 ? outcome : 0;
}
