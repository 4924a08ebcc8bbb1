#include "report_parts.h"

#include "document.h"

const char *const report_metrics[] = {"l0", "fvu", "explained_variance", "mse_loss", "l1_loss",
	"overall_loss", "ghost_grad_loss", "aux_reconstruction_loss"};
const size_t report_n_metrics = sizeof report_metrics / sizeof report_metrics[0];

/* ---- values ---- */

const char *report_text(const json_t *object, const char *path) {
	const char *text = document_text(object, path);

	return text != NULL ? text : "-";
}

const char *report_general(const json_t *object, const char *path, char out[FORMAT_MAX]) {
	double value;

	return document_number(object, path, &value) ? format_general(out, value) : "-";
}

const char *report_count(const json_t *object, const char *path, char out[FORMAT_MAX]) {
	double value;

	return document_number(object, path, &value) && value >= 0
		       ? format_grouped(out, (uint64_t)value)
		       : "-";
}

const char *report_metric(const json_t *point, const char *metric, char out[FORMAT_MAX]) {
	const json_t *value = json_object_get(json_object_get(point, "metrics"), metric);

	return json_is_number(value) ? format_general(out, json_number_value(value)) : "-";
}

/* ---- pictures ---- */

void report_put_picture(
	struct html *h, const struct report_picture *p, unsigned number, const char *what) {
	if (p->svg.len == 0) {
		html_tags(h, "<p class=\"faint\">");
		html_printf(h, "%s: %s", what, p->words);
		html_tags(h, "</p>\n");
		return;
	}
	html_tags(h, "<figure>\n");
	html_svg(h, &p->svg, number, what);
	html_element(h, "figcaption class=\"faint\"", what);
	html_tags(h, "</figure>\n");
}

/* ---- tables ---- */

void report_begin_table(struct html *h, const char *title) {
	html_tags(h, "<section>\n");
	html_element(h, "h3", title);
	html_tags(h, "<div class=\"scroll\"><table>\n<tbody>\n");
}

void report_end_table(struct html *h) {
	html_tags(h, "</tbody>\n</table></div>\n</section>\n");
}

void report_put_cell(struct html *h, const char *text) {
	html_tags(h, "<td>");
	html_text(h, text);
	html_tags(h, "</td>");
}
