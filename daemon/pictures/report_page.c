#include "report_page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "document.h"
#include "point_warnings.h"
#include "report_config.h"
#include "report_parts.h"
#include "report_run.h"
#include "run_labels.h"

#define STYLE                                                                                      \
	":root{color-scheme:light "                                                                \
	"dark;--ground:#fff;--ink:#1f2328;--faint:#59636e;--line:#d8dde3;--bad:#b34700}\n"         \
	"@media(prefers-color-scheme:dark){:root{--ground:#14171c;--ink:#e6e9ee;--faint:#a3acb8;-" \
	"-line:#343a43;--bad:#ff7b39}"                                                             \
	"svg{filter:invert(1) hue-rotate(180deg)}}\n"                                              \
	"body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 "                   \
	"system-ui,sans-serif}\n"                                                                  \
	"main{max-width:1000px;margin:0 auto;padding:1.5rem}\n"                                    \
	"h1{font-size:1.6rem;margin:.2rem 0}h2{font-size:1.25rem;margin:2.2rem 0 "                 \
	".4rem;border-top:1px solid var(--line);padding-top:1.2rem}"                               \
	"h3{font-size:1rem;margin:1.4rem 0 .3rem}\n"                                               \
	"h1,h2{overflow-wrap:anywhere}td,th{overflow-wrap:break-word}p{margin:.3rem "              \
	"0}.faint{color:var(--faint)}.bad{color:var(--bad)}\n"                                     \
	"figure{margin:1rem 0}svg{max-width:100%;height:auto}\n"                                   \
	"table{border-collapse:collapse;font-variant-numeric:tabular-nums}"                        \
	"th,td{padding:.15rem .9rem .15rem "                                                       \
	"0;text-align:left;vertical-align:top;font-weight:normal}"                                 \
	"th[scope=row]{color:var(--faint);white-space:nowrap;overflow-wrap:normal}thead "          \
	"th{border-bottom:1px solid var(--line)}\n"                                                \
	".beside{display:flex;flex-wrap:wrap;gap:0 3rem}.scroll{overflow-x:auto}\n"                \
	"@media print{:root{--ground:#fff;--ink:#000}svg{filter:none}}\n"

/* Its own picture of the world: no script, no network. */
#define HEAD                                                                                       \
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"                  \
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "    \
	"'unsafe-inline'\">\n"                                                                     \
	"<meta name=\"viewport\" content=\"width=device-width\">\n"

/* ---- side by side ---- */

static void put_compared(
	struct html *h, const struct report_page *p, const char *name, const char *path) {
	char number[FORMAT_MAX];

	html_tags(h, "<tr><th scope=\"row\">");
	html_text(h, name);
	html_tags(h, "</th>");
	for (size_t i = 0; i < p->n; i++) {
		const json_t *run = p->runs[i].run;
		report_put_cell(h, document_text(run, path) != NULL
					   ? document_text(run, path)
					   : report_count(run, path, number));
	}
	html_tags(h, "</tr>\n");
}

static void put_compared_metric(struct html *h, const struct report_page *p, const char *metric) {
	char number[FORMAT_MAX];
	bool any = false;

	for (size_t i = 0; i < p->n; i++) {
		any = any ||
		      json_object_get(json_object_get(p->runs[i].point, "metrics"), metric) != NULL;
	}
	if (!any) {
		return;
	}
	html_tags(h, "<tr><th scope=\"row\">");
	html_text(h, point_metric_of(metric).label);
	html_tags(h, "</th>");
	for (size_t i = 0; i < p->n; i++) {
		report_put_cell(h, report_metric(p->runs[i].point, metric, number));
	}
	html_tags(h, "</tr>\n");
}

/* Counts of the window that the means are of. */
static void put_compared_count(struct html *h, const struct report_page *p, const char *count) {
	char number[FORMAT_MAX];

	html_tags(h, "<tr><th scope=\"row\">");
	html_text(h, point_metric_of(count).label);
	html_tags(h, "</th>");
	for (size_t i = 0; i < p->n; i++) {
		const json_t *sparsity = json_object_get(p->runs[i].point, "sparsity");
		report_put_cell(h, report_count(sparsity, count, number));
	}
	html_tags(h, "</tr>\n");
}

static void put_warnings(struct html *h, const json_t *warnings) {
	size_t i;
	json_t *warning;

	json_array_foreach(warnings, i, warning) {
		html_element(h, "p class=\"bad\"", json_string_value(warning));
	}
}

/* What makes the columns hard to compare. */
static void put_compared_warnings(
	struct html *h, const struct report_page *p, char *const *labels) {
	struct point_warned *runs = calloc(p->n, sizeof(*runs));
	json_t *warnings = json_array();
	size_t n = 0;

	for (size_t i = 0; runs != NULL && i < p->n; i++) {
		if (json_is_object(p->runs[i].point)) {
			runs[n++] =
				(struct point_warned){p->runs[i].run, p->runs[i].point, labels[i]};
		}
	}
	(void)point_warn_of_tokens(runs, n, ADVICE_NONE, warnings);
	for (size_t i = 0; i < report_n_metrics; i++) {
		point_warn_of_definitions(runs, n, report_metrics[i], ADVICE_NONE, warnings);
		point_warn_of_broken(runs, n, report_metrics[i], warnings);
	}
	put_warnings(h, warnings);
	json_decref(warnings);
	free(runs);
}

static void put_what_is_compared(struct html *h, double at_tokens) {
	char tokens[FORMAT_MAX];

	html_tags(h, "<p class=\"faint\">");
	html_printf(h,
		"Metrics are means over each run's last complete window%s%s%s, and features are "
		"counted by its end. Of the configs, what differs.",
		at_tokens > 0 ? " by " : "",
		at_tokens > 0 ? format_count(tokens, at_tokens, 4) : "",
		at_tokens > 0 ? " tokens" : "");
	html_tags(h, "</p>\n");
}

static void put_comparison(struct html *h, const struct report_page *p, char *const *labels) {
	static const char *const facts[][2] = {{"state", "state"}, {"n_tokens_folded", "rows seen"},
		{"profile", "profile"}, {"architecture", "architecture"}, {"d_sae", "d_sae"}};
	const json_t **configs = calloc(p->n, sizeof(json_t *));

	html_element(h, "h2", "Side by side");
	html_tags(h, "<div class=\"scroll\"><table>\n<thead><tr><td></td>");
	for (size_t i = 0; i < p->n; i++) {
		html_tags(h, "<th scope=\"col\">");
		html_text(h, labels[i]);
		html_tags(h, "</th>");
	}
	html_tags(h, "</tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < report_n_metrics; i++) {
		put_compared_metric(h, p, report_metrics[i]);
	}
	put_compared_count(h, p, "dead_features");
	put_compared_count(h, p, "dead_10m_tokens");
	put_compared_count(h, p, "never_fired");
	for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
		put_compared(h, p, facts[i][1], facts[i][0]);
	}
	for (size_t i = 0; configs != NULL && i < p->n; i++) {
		configs[i] = json_object_get(p->runs[i].run, "config");
	}
	if (configs != NULL) {
		report_config_write_differences(h, configs, p->n);
	}
	html_tags(h, "</tbody>\n</table></div>\n");
	put_what_is_compared(h, p->runs[0].at_tokens);
	put_compared_warnings(h, p, labels);
	free(configs);
}

/* ---- all of it ---- */

static void put_made(struct html *h, double now) {
	char text[64];
	time_t seconds = (time_t)now;
	struct tm tm;

	(void)strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", gmtime_r(&seconds, &tm));
	html_tags(h, "<p class=\"faint\">");
	html_printf(h, "made by sae-metricsd %s on %s", SAE_METRICSD_VERSION, text);
	html_tags(h, "</p>\n");
}

static char **make_labels(const struct report_page *p) {
	json_t *runs = json_array();

	for (size_t i = 0; i < p->n; i++) {
		(void)json_array_append(runs, (json_t *)p->runs[i].run);
	}
	char **labels = json_array_size(runs) == p->n ? run_labels_make(runs) : NULL;
	json_decref(runs);
	return labels;
}

int report_page_write(struct html *h, const struct report_page *p) {
	char **labels = make_labels(p);

	if (labels == NULL) {
		return -ENOMEM;
	}
	html_tags(h, HEAD);
	html_element(h, "title", p->title);
	html_tags(h, "<style>\n" STYLE "</style>\n</head>\n<body>\n<main>\n");
	html_element(h, "h1", p->title);
	put_made(h, p->now);
	report_put_picture(h, &p->curves, 0,
		"Losses and metrics over the steps: a band from the lowest to the highest, and the "
		"mean");
	if (p->n > 1) {
		report_put_picture(h, &p->front, 1,
			"Where the runs stand: the Pareto front of L0 against what is "
			"reconstructed");
		put_comparison(h, p, labels);
	}
	for (size_t i = 0; i < p->n; i++) {
		report_run_write(h, &p->runs[i], (unsigned)i + 2, p->n > 1 ? labels[i] : NULL);
	}
	html_tags(h, "</main>\n</body>\n</html>\n");
	run_labels_free(labels, p->n);
	return h->err;
}
