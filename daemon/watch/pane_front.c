#include <errno.h>
#include <stdio.h>

#include "panes.h"
#include "pareto_axis.h"
#include "render_pareto.h"

/* The runs of one project; NULL when memory is short. */
static json_t *of_project(const json_t *document, const json_t *project) {
	json_t *runs = json_array(), *run;
	size_t i;

	json_array_foreach(json_object_get(document, "runs"), i, run) {
		const json_t *own = document_at(run, "project");
		if (own == project || json_equal(own, project)) {
			(void)json_array_append(runs, run);
		}
	}
	return json_pack("{s:o}", "runs", runs);
}

static int draw_front(const struct model *m, struct page *page) {
	static const struct render_pareto_options all = {0};
	struct pareto_query query = {
		.x = {.metric = point_metric_of("l0")},
		.y = {.metric = point_metric_of("fvu")},
		.tokens_advice = ADVICE_PARETO,
		.as_advice = ADVICE_PARETO,
	};
	struct pareto front;

	if (!m->points) {
		page_put(page, STYLE_DIM, "asking");
		page_end_line(page);
		return 0;
	}
	json_t *document = of_project(m->points, document_at(model_run(m), "project"));
	pareto_axis_stand_in(document, &query.x, &query.y);
	int err = document ? pareto_make(document, &query, &front) : -ENOMEM;
	if (err == 0) {
		render_pareto(&front, &all, page);
		pareto_finish(&front);
	}
	json_decref(document);
	return err;
}

int pane_front_draw(struct model *m, const struct rect *r, struct grid *g) {
	const char *project = document_text(model_run(m), "project");
	char title[256];

	snprintf(title, sizeof(title), "front%s%.200s", project ? " of " : "",
		project ? project : "");
	return pane_page_draw(m, title, draw_front, r, g);
}
