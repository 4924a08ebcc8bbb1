#include "report_run.h"

#include <stdio.h>

#include "dead_words.h"
#include "document.h"
#include "point_metric.h"
#include "report_config.h"
#include "report_parts.h"

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

	report_begin_table(h, "Run");
	html_fact(h, "id", report_text(run, "id"));
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		if (document_text(run, texts[i][0]) != NULL) {
			html_fact(h, texts[i][1], document_text(run, texts[i][0]));
		}
	}
	if (document_number(run, "duration_s", &seconds)) {
		html_fact(h, "duration", format_duration(number, seconds));
	}
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		html_fact(h, counts[i][1], report_count(run, counts[i][0], number));
	}
	report_end_table(h);
}

#define MEAN_TITLE_SIZE 96u

static const char *mean_title(double at_tokens, char out[MEAN_TITLE_SIZE]) {
	char tokens[FORMAT_MAX];

	snprintf(out, MEAN_TITLE_SIZE, "Mean over the last complete window%s%s%s",
		at_tokens > 0 ? " by " : "",
		at_tokens > 0 ? format_count(tokens, at_tokens, 4) : "",
		at_tokens > 0 ? " tokens" : "");
	return out;
}

static void put_metrics(struct html *h, const struct report_run *r) {
	static const char *const newest[][2] = {{"losses", "mse_loss"}, {"losses", "l1_loss"},
		{"losses", "overall_loss"}, {"losses", "ghost_grad_loss"}, {"metrics", "l0"},
		{"metrics", "fvu"}, {"metrics", "explained_variance"}};
	char number[FORMAT_MAX], path[64], title[MEAN_TITLE_SIZE];

	if (json_is_object(r->point)) {
		report_begin_table(h, mean_title(r->at_tokens, title));
		for (size_t i = 0; i < report_n_metrics; i++) {
			if (json_object_get(json_object_get(r->point, "metrics"),
				    report_metrics[i]) != NULL) {
				html_fact(h, point_metric_of(report_metrics[i]).label,
					report_metric(r->point, report_metrics[i], number));
			}
		}
		html_fact(h, "steps of the window", report_count(r->point, "n_steps", number));
		html_fact(h, "tokens at its end", report_count(r->point, "tokens", number));
		report_end_table(h);
	}
	report_begin_table(h, "Last step");
	for (size_t i = 0; i < sizeof newest / sizeof newest[0]; i++) {
		snprintf(path, sizeof path, "%s.%s", newest[i][0], newest[i][1]);
		html_fact(h, point_metric_of(newest[i][1]).label,
			report_general(r->run, path, number));
	}
	report_end_table(h);
}

/* Below one firing in all tokens of the window nothing can be told from a feature that never fired. */
static void put_below(struct html *h, const json_t *sparsity, double density, const json_t *of,
	const char *path) {
	char number[FORMAT_MAX], name[32 + FORMAT_MAX];
	bool told = document_count(sparsity, "n_tokens") * density >= 1;

	snprintf(name, sizeof name, "density below %s", format_general(number, density));
	html_fact(h, name, told ? report_count(of, path, number) : "too few tokens to tell");
}

/* In the words of `status RUN`. */
static void put_dead(struct html *h, const json_t *run) {
	struct buf words = {0};
	char name[64];

	for (enum dead_by by = 0; by < DEAD_BYS; by++) {
		bool told = dead_words(run, by, &words) && buf_text(&words) != NULL;
		snprintf(name, sizeof name, "dead %s%s", dead_by_name(by),
			by == DEAD_BY_PASSES ? ", as of the last row" : "");
		html_fact(h, name, told ? buf_text(&words) : "-");
	}
	buf_finish(&words);
}

static void put_sparsity(struct html *h, const json_t *run) {
	static const char *const counts[][2] = {{"above_1e-2", "density above 0.01"},
		{"above_1e-1", "density above 0.1"}, {"revived", "revived in the window"},
		{"newly_dead", "newly dead in the window"}};
	static const char *const quantiles[] = {"p10", "p25", "p50", "p75", "p90"};
	const json_t *sparsity = json_object_get(run, "sparsity");
	char number[FORMAT_MAX], path[64];
	size_t i;
	json_t *threshold;

	report_begin_table(h, "Features, by the last window");
	put_dead(h, run);
	for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
		html_fact(h, counts[k][1], report_count(sparsity, counts[k][0], number));
	}
	put_below(h, sparsity, 1e-6, sparsity, "below_1e-6");
	put_below(h, sparsity, 1e-5, sparsity, "below_1e-5");
	json_array_foreach(json_object_get(sparsity, "thresholds"), i, threshold) {
		put_below(h, sparsity, document_count(threshold, "density"), threshold, "below");
	}
	for (size_t k = 0; k < sizeof quantiles / sizeof quantiles[0]; k++) {
		char name[48];
		snprintf(path, sizeof path, "quantiles.%s", quantiles[k]);
		snprintf(name, sizeof name, "%s of log10 density", quantiles[k]);
		html_fact(h, name, report_general(sparsity, path, number));
	}
	html_fact(h, "tokens of the window", report_count(sparsity, "n_tokens", number));
	report_end_table(h);
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

	report_begin_table(h, "What arrived");
	for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
		html_fact(h, counts[k][1], report_count(run, counts[k][0], number));
	}
	json_array_foreach(json_object_get(run, "removed"), i, removed) {
		html_fact(h, "removed", report_text(removed, "words"));
	}
	report_end_table(h);
}

static void put_alerts(struct html *h, const json_t *run) {
	size_t i;
	json_t *alert;

	json_array_foreach(json_object_get(run, "alerts"), i, alert) {
		html_element(h, "p class=\"bad\"", report_text(alert, "words"));
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
	report_begin_table(h, "Attempts");
	html_tags(h, "<tr><th>attempt</th><th>from step</th><th>began</th><th>restored "
		     "from</th></tr>\n");
	json_array_foreach(attempts, i, attempt) {
		html_tags(h, "<tr>");
		report_put_cell(h, report_count(attempt, "attempt", number));
		report_put_cell(h, report_count(attempt, "step_first", number));
		report_put_cell(h, report_text(attempt, "started"));
		report_put_cell(h, report_text(attempt, "restored_from"));
		html_tags(h, "</tr>\n");
	}
	report_end_table(h);
}

static void put_events(struct html *h, const json_t *run) {
	const json_t *events = json_object_get(run, "events");
	char number[FORMAT_MAX];
	size_t i;
	json_t *event;

	if (json_array_size(events) == 0) {
		return;
	}
	report_begin_table(h, "Events, the newest first");
	json_array_foreach(events, i, event) {
		html_tags(h, "<tr>");
		report_put_cell(h, report_text(event, "time"));
		report_put_cell(h, report_count(event, "step", number));
		report_put_cell(h, report_text(event, "kind"));
		report_put_cell(h, report_text(event, "text"));
		html_tags(h, "</tr>\n");
	}
	report_end_table(h);
}

/* ---- a run ---- */

void report_run_write(
	struct html *h, const struct report_run *r, unsigned number, const char *label) {
	if (label != NULL) {
		html_element(h, "h2", label);
	}
	put_alerts(h, r->run);
	report_put_picture(
		h, &r->density, number, "Density of the features, a ridge a sparsity window");
	html_tags(h, "<div class=\"beside\">\n");
	put_metrics(h, r);
	put_sparsity(h, r->run);
	put_facts(h, r->run);
	put_losses(h, r->run);
	html_tags(h, "</div>\n");
	put_attempts(h, r->run);
	put_events(h, r->run);
	report_begin_table(h, "Config");
	report_config_write(h, json_object_get(r->run, "config"));
	report_end_table(h);
}
