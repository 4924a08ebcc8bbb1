#include "report_page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "document.h"
#include "format.h"
#include "point_metric.h"
#include "report_config.h"
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

static const char *const metrics[] = {"l0", "fvu", "explained_variance", "mse_loss", "l1_loss",
	"overall_loss", "ghost_grad_loss", "aux_reconstruction_loss"};
#define N_METRICS (sizeof metrics / sizeof metrics[0])

/* ---- values ---- */

/* Missing is "-". */
static const char *text_of(const json_t *object, const char *path) {
	const char *text = document_text(object, path);

	return text != NULL ? text : "-";
}

static const char *general_of(const json_t *object, const char *path, char out[FORMAT_MAX]) {
	double value;

	return document_number(object, path, &value) ? format_general(out, value) : "-";
}

static const char *count_of(const json_t *object, const char *path, char out[FORMAT_MAX]) {
	double value;

	return document_number(object, path, &value) && value >= 0
		       ? format_grouped(out, (uint64_t)value)
		       : "-";
}

static const char *metric_of(const json_t *point, const char *metric, char out[FORMAT_MAX]) {
	const json_t *value = json_object_get(json_object_get(point, "metrics"), metric);

	return json_is_number(value) ? format_general(out, json_number_value(value)) : "-";
}

/* ---- pictures ---- */

static void put_picture(
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

static void begin_table(struct html *h, const char *title) {
	html_tags(h, "<section>\n");
	html_element(h, "h3", title);
	html_tags(h, "<div class=\"scroll\"><table>\n<tbody>\n");
}

static void end_table(struct html *h) {
	html_tags(h, "</tbody>\n</table></div>\n</section>\n");
}

static void put_cell(struct html *h, const char *text) {
	html_tags(h, "<td>");
	html_text(h, text);
	html_tags(h, "</td>");
}

static void put_facts(struct html *h, const json_t *run) {
	static const char *const texts[][2] = {{"state", "state"}, {"end_words", "ended with"},
		{"project", "project"}, {"group", "group"}, {"user", "user"}, {"host", "host"},
		{"program", "program"}, {"profile", "profile"}, {"architecture", "architecture"},
		{"started", "started"}, {"last_seen", "last seen"}, {"notes", "notes"}};
	static const char *const counts[][2] = {{"step", "last step"},
		{"n_training_tokens", "training tokens"}, {"n_tokens_folded", "rows seen"},
		{"d_in", "d_in"}, {"d_sae", "d_sae"}, {"train_batch_size", "batch size"},
		{"feature_sampling_window", "window (steps)"},
		{"dead_feature_window", "dead window (steps)"}};
	char number[FORMAT_MAX];
	double seconds;

	begin_table(h, "Run");
	html_fact(h, "id", text_of(run, "id"));
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		if (document_text(run, texts[i][0]) != NULL) {
			html_fact(h, texts[i][1], document_text(run, texts[i][0]));
		}
	}
	if (document_number(run, "duration_s", &seconds)) {
		html_fact(h, "duration", format_duration(number, seconds));
	}
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		html_fact(h, counts[i][1], count_of(run, counts[i][0], number));
	}
	end_table(h);
}

static void put_metrics(struct html *h, const struct report_run *r) {
	static const char *const newest[][2] = {{"losses", "mse_loss"}, {"losses", "l1_loss"},
		{"losses", "overall_loss"}, {"losses", "ghost_grad_loss"}, {"metrics", "l0"},
		{"metrics", "fvu"}, {"metrics", "explained_variance"}};
	char number[FORMAT_MAX], path[64];

	if (json_is_object(r->point)) {
		begin_table(h, "Mean over the last complete window");
		for (size_t i = 0; i < N_METRICS; i++) {
			if (json_object_get(json_object_get(r->point, "metrics"), metrics[i]) !=
				NULL) {
				html_fact(h, point_metric_of(metrics[i]).label,
					metric_of(r->point, metrics[i], number));
			}
		}
		html_fact(h, "steps of the window", count_of(r->point, "n_steps", number));
		html_fact(h, "tokens at its end", count_of(r->point, "tokens", number));
		end_table(h);
	}
	begin_table(h, "Last step");
	for (size_t i = 0; i < sizeof newest / sizeof newest[0]; i++) {
		snprintf(path, sizeof path, "%s.%s", newest[i][0], newest[i][1]);
		html_fact(h, point_metric_of(newest[i][1]).label, general_of(r->run, path, number));
	}
	end_table(h);
}

static void put_sparsity(struct html *h, const json_t *run) {
	static const char *const counts[][2] = {{"dead_features", "dead"},
		{"never_fired", "never fired in the window"}, {"below_1e-6", "density below 1e-6"},
		{"below_1e-5", "density below 1e-5"}, {"above_1e-2", "density above 0.01"},
		{"above_1e-1", "density above 0.1"}, {"revived", "revived in the window"},
		{"newly_dead", "newly dead in the window"}};
	static const char *const quantiles[] = {"p10", "p25", "p50", "p75", "p90"};
	const json_t *sparsity = json_object_get(run, "sparsity");
	char number[FORMAT_MAX], path[64];
	size_t i;
	json_t *threshold;

	begin_table(h, "Features, by the last window");
	for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
		html_fact(h, counts[k][1], count_of(sparsity, counts[k][0], number));
	}
	json_array_foreach(json_object_get(sparsity, "thresholds"), i, threshold) {
		snprintf(path, sizeof path, "density below %s",
			general_of(threshold, "density", number));
		html_fact(h, path, count_of(threshold, "below", number));
	}
	for (size_t k = 0; k < sizeof quantiles / sizeof quantiles[0]; k++) {
		char name[48];
		snprintf(path, sizeof path, "quantiles.%s", quantiles[k]);
		snprintf(name, sizeof name, "%s of log10 density", quantiles[k]);
		html_fact(h, name, general_of(sparsity, path, number));
	}
	html_fact(h, "tokens of the window", count_of(sparsity, "n_tokens", number));
	end_table(h);
}

/* What did not arrive, and what retention has taken. */
static void put_losses(struct html *h, const json_t *run) {
	static const char *const counts[][2] = {{"client.messages", "messages"},
		{"client.dropped", "dropped by the trainer"}, {"client.late", "late"},
		{"client.refused", "refused"}, {"client.lost", "lost"},
		{"client.missing_steps", "steps missing"}};
	char number[FORMAT_MAX];
	size_t i;
	json_t *removed;

	begin_table(h, "What arrived");
	for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
		html_fact(h, counts[k][1], count_of(run, counts[k][0], number));
	}
	json_array_foreach(json_object_get(run, "removed"), i, removed) {
		html_fact(h, "removed", text_of(removed, "words"));
	}
	end_table(h);
}

static void put_alerts(struct html *h, const json_t *run) {
	size_t i;
	json_t *alert;

	json_array_foreach(json_object_get(run, "alerts"), i, alert) {
		html_element(h, "p class=\"bad\"", text_of(alert, "words"));
	}
}

static void put_attempts(struct html *h, const json_t *run) {
	const json_t *attempts = json_object_get(run, "attempts");
	char number[FORMAT_MAX];
	size_t i;
	json_t *attempt;

	if (json_array_size(attempts) < 2) {
		return;
	}
	begin_table(h, "Attempts");
	html_tags(h, "<tr><th>attempt</th><th>from step</th><th>began</th><th>restored "
		     "from</th></tr>\n");
	json_array_foreach(attempts, i, attempt) {
		html_tags(h, "<tr>");
		put_cell(h, count_of(attempt, "attempt", number));
		put_cell(h, count_of(attempt, "step_first", number));
		put_cell(h, text_of(attempt, "started"));
		put_cell(h, text_of(attempt, "restored_from"));
		html_tags(h, "</tr>\n");
	}
	end_table(h);
}

static void put_events(struct html *h, const json_t *run) {
	const json_t *events = json_object_get(run, "events");
	char number[FORMAT_MAX];
	size_t i;
	json_t *event;

	if (json_array_size(events) == 0) {
		return;
	}
	begin_table(h, "Events, the newest first");
	json_array_foreach(events, i, event) {
		html_tags(h, "<tr>");
		put_cell(h, text_of(event, "time"));
		put_cell(h, count_of(event, "step", number));
		put_cell(h, text_of(event, "kind"));
		put_cell(h, text_of(event, "text"));
		html_tags(h, "</tr>\n");
	}
	end_table(h);
}

/* ---- a run ---- */

/* `label`: above it; NULL: it is alone, and the page has its name. */
static void put_run(
	struct html *h, const struct report_run *r, unsigned number, const char *label) {
	if (label != NULL) {
		html_element(h, "h2", label);
	}
	put_alerts(h, r->run);
	put_picture(h, &r->density, number, "Density of the features, a ridge a sparsity window");
	html_tags(h, "<div class=\"beside\">\n");
	put_metrics(h, r);
	put_sparsity(h, r->run);
	put_facts(h, r->run);
	put_losses(h, r->run);
	html_tags(h, "</div>\n");
	put_attempts(h, r->run);
	put_events(h, r->run);
	begin_table(h, "Config");
	report_config_write(h, json_object_get(r->run, "config"));
	end_table(h);
}

/* ---- side by side ---- */

static void put_compared(
	struct html *h, const struct report_page *p, const char *name, const char *path) {
	char number[FORMAT_MAX];

	html_tags(h, "<tr><th scope=\"row\">");
	html_text(h, name);
	html_tags(h, "</th>");
	for (size_t i = 0; i < p->n; i++) {
		const json_t *run = p->runs[i].run;
		put_cell(h, document_text(run, path) != NULL ? document_text(run, path)
							     : count_of(run, path, number));
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
		put_cell(h, metric_of(p->runs[i].point, metric, number));
	}
	html_tags(h, "</tr>\n");
}

static void put_comparison(struct html *h, const struct report_page *p, char *const *labels) {
	static const char *const facts[][2] = {{"state", "state"}, {"n_tokens_folded", "rows seen"},
		{"profile", "profile"}, {"architecture", "architecture"}, {"d_sae", "d_sae"},
		{"sparsity.dead_features", "dead features"},
		{"sparsity.never_fired", "never fired in the last window"}};
	const json_t **configs = calloc(p->n, sizeof(json_t *));

	html_element(h, "h2", "Side by side");
	html_tags(h, "<div class=\"scroll\"><table>\n<thead><tr><td></td>");
	for (size_t i = 0; i < p->n; i++) {
		html_tags(h, "<th scope=\"col\">");
		html_text(h, labels[i]);
		html_tags(h, "</th>");
	}
	html_tags(h, "</tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < N_METRICS; i++) {
		put_compared_metric(h, p, metrics[i]);
	}
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
	html_element(h, "p class=\"faint\"",
		"Metrics are means over each run's last complete window. Of the configs, what "
		"differs.");
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
	put_picture(h, &p->curves, 0,
		"Losses and metrics over the steps: a band from the lowest to the highest, and the "
		"mean");
	if (p->n > 1) {
		put_picture(h, &p->front, 1,
			"Where the runs stand: the Pareto front of L0 against the variance that is "
			"left");
		put_comparison(h, p, labels);
	}
	for (size_t i = 0; i < p->n; i++) {
		put_run(h, &p->runs[i], (unsigned)i + 2, p->n > 1 ? labels[i] : NULL);
	}
	html_tags(h, "</main>\n</body>\n</html>\n");
	run_labels_free(labels, p->n);
	return h->err;
}
