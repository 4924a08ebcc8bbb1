/* Features by their numbers: the first few of those that died, and of those that came alive. */
#include "render_why.h"

#include <math.h>

#include "buf.h"
#include "fact_line.h"
#include "format.h"

#define FEATURES_SHOWN 10u

/* `3, 17, 44 and 690 more` */
static void put_features(struct buf *words, const json_t *features) {
	size_t n = json_array_size(features);
	/* One more is a number as well. */
	size_t shown = n > FEATURES_SHOWN + 1 ? FEATURES_SHOWN : n;
	char left[FORMAT_MAX];

	for (size_t i = 0; i < shown; i++) {
		(void)buf_printf(words, "%s%lld", i > 0 ? ", " : "",
			(long long)json_integer_value(json_array_get(features, i)));
	}
	if (shown < n) {
		(void)buf_printf(words, " and %s more", format_grouped(left, n - shown));
	}
}

static void draw(const char *label, struct buf *words, struct page *page) {
	facts_label(label, page);
	fact_flow(page, STYLE_PLAIN, buf_text(words) ? buf_text(words) : "");
	page_end_line(page);
	buf_finish(words);
}

/* The window that a wave's features are listed with below. */
static const json_t *deaths_of(const json_t *document, double attempt, double window) {
	const json_t *all = document_at(document, "deaths"), *found = NULL;

	for (size_t i = 0; i < json_array_size(all) && !found; i++) {
		const json_t *entry = json_array_get(all, i);
		bool is_it = document_count(entry, "attempt") == attempt &&
			     document_count(entry, "window") == window;
		found = is_it ? entry : NULL;
	}
	return found;
}

void render_why_wave(const json_t *document, const json_t *observation, struct page *page) {
	const json_t *features = json_object_get(observation, "features");
	struct buf words = {0};

	if (json_array_size(features) == 0 ||
		deaths_of(document, document_count(observation, "attempt"),
			document_count(observation, "window"))) {
		return;
	}
	(void)buf_printf(&words, "features ");
	put_features(&words, features);
	draw("", &words, page);
}

/* Infinite: it is not shown. */
static double window_step_first(const json_t *document, double window) {
	const json_t *windows = document_at(document, "windows");

	for (size_t i = 0; i < json_array_size(windows); i++) {
		const json_t *row = json_array_get(windows, i);
		if (document_count(row, "window") == window) {
			return document_count(row, "step_first");
		}
	}
	return INFINITY;
}

/* `window 9: 3, 17`; where it is of several windows together, `window 9, from step 500 on: 3, 17` */
static void render_list(const json_t *document, const json_t *entry, const char *name, bool first,
	struct page *page) {
	const json_t *features = json_object_get(entry, name);
	double window = document_count(entry, "window"), since = document_count(entry, "since");
	struct buf words = {0};
	char step[FORMAT_MAX];

	(void)buf_printf(&words, "window %.0f", window);
	if (since + 1 < window_step_first(document, window)) {
		(void)buf_printf(&words, ", from step %s on", figure_grouped(step, since + 1));
	}
	(void)buf_printf(&words, ": ");
	put_features(&words, features);
	draw(first ? name : "", &words, page);
}

static void render_lists(const json_t *document, const char *name, struct page *page) {
	const json_t *all = document_at(document, "deaths");
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *entry = json_array_get(all, i);
		if (json_array_size(json_object_get(entry, name)) > 0) {
			render_list(document, entry, name, n++ == 0, page);
		}
	}
}

void render_why_deaths(const json_t *document, struct page *page) {
	if (json_array_size(document_at(document, "deaths")) == 0) {
		return;
	}
	page_end_line(page);
	render_lists(document, "died", page);
	render_lists(document, "revived", page);
	facts_label("", page);
	fact_flow(page, STYLE_DIM,
		"--json has them all; export --features marks those that are dead now");
	page_end_line(page);
}
