/* What the status document has of a run (REPORT.md), as metrics. */
#include "openmetrics_private.h"

#include <string.h>

#include "alerts.h"
#include "document.h"
#include "repr.h"

static void put_info(struct exposition *x, const struct openmetric *m, const json_t *run) {
	static const char *const members[] = {
		"name", "group", "user", "host", "program", "source", "profile", "architecture"};
	struct exposition_label labels[sizeof(members) / sizeof(members[0])];
	(void)m;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		labels[i] = (struct exposition_label){members[i], document_text(run, members[i])};
	}
	exposition_sample(x, labels, sizeof(members) / sizeof(members[0]), 1);
}

static const char *open_kind(const json_t *alert) {
	return alert_is_known(alert) ? NULL : document_text(alert, "kind");
}

/* A kind may be there more than once: it is one sample, of the first. */
static void put_alerts(struct exposition *x, const struct openmetric *m, const json_t *run) {
	const json_t *alerts = document_at(run, m->path);
	size_t n = json_array_size(alerts);

	for (size_t i = 0; i < n; i++) {
		const char *kind = open_kind(json_array_get(alerts, i));
		size_t same = 0;
		bool is_first = true;
		for (size_t at = 0; kind != NULL && at < n; at++) {
			const char *other = open_kind(json_array_get(alerts, at));
			bool is_same = other != NULL && strcmp(kind, other) == 0;
			same += is_same;
			is_first = is_first && !(is_same && at < i);
		}
		if (kind != NULL && is_first) {
			struct exposition_label label = {m->label, kind};
			exposition_sample(x, &label, 1, (double)same);
		}
	}
}

/* ---- features by their density ---- */

static void put_at(struct exposition *x, const struct openmetric *m, const json_t *run,
	const char *path, const char *label) {
	double count;

	if (document_number(run, path, &count)) {
		struct exposition_label own = {m->label, label};
		exposition_sample(x, &own, 1, count);
	}
}

static bool is_asked_before(const json_t *thresholds, size_t at, double density) {
	double other;

	for (size_t i = 0; i < at; i++) {
		if (document_number(json_array_get(thresholds, i), "density", &other) &&
			other == density) {
			return true;
		}
	}
	return density == 1e-5 || density == 1e-6;
}

/* The two that are always there, and what the trainer asked for. */
static void put_below(struct exposition *x, const struct openmetric *m, const json_t *run) {
	const json_t *thresholds = document_at(run, "sparsity.thresholds");

	put_at(x, m, run, "sparsity.below_1e-5", "1e-05");
	put_at(x, m, run, "sparsity.below_1e-6", "1e-06");
	for (size_t i = 0; i < json_array_size(thresholds); i++) {
		const json_t *threshold = json_array_get(thresholds, i);
		char text[REPR_MAX];
		double density;
		if (document_number(threshold, "density", &density) &&
			!is_asked_before(thresholds, i, density)) {
			put_at(x, m, threshold, "below", repr_double(text, density));
		}
	}
}

static void put_above(struct exposition *x, const struct openmetric *m, const json_t *run) {
	put_at(x, m, run, "sparsity.above_1e-2", "0.01");
	put_at(x, m, run, "sparsity.above_1e-1", "0.1");
}

/* ---- the table ---- */

static const char *const states[] = {
	"running", "stalled", "finished", "failed", "crashed", "preempted", "stopped", NULL};
static const char *const forward_states[] = {
	"off", "pending", "offline", "ok", "behind", "waiting", "refused", "synced", NULL};

#define NUMBER  openmetric_put_number
#define OR_0    openmetric_put_or_0
#define FLAG    openmetric_put_flag
#define TIME    openmetric_put_time
#define MEMBERS openmetric_put_members
#define STATE   openmetric_put_state

const struct openmetric openmetrics_of_runs[] = {
	{{"sae_run_info", "What the run is called, and where it comes from."}, put_info},
	{{"sae_run_state", "1 for the state it is in."}, STATE, "state", "state", states},
	{{"sae_run_alert", "How many alerts of a kind it has that nobody has acknowledged; without "
			   "any there is no sample."},
		put_alerts, "alerts", "kind"},
	{{"sae_run_attempt", "Which attempt it is."}, NUMBER, "attempt"},
	{{"sae_run_exit_code", "Its exit code."}, NUMBER, "exit_code"},
	{{"sae_run_started_timestamp_seconds", "When it started.", "seconds"}, TIME, "started"},
	{{"sae_run_last_seen_timestamp_seconds", "When it was last heard of.", "seconds"}, TIME,
		"last_seen"},
	{{"sae_run_ended_timestamp_seconds", "When it ended.", "seconds"}, TIME, "ended"},
	{{"sae_run_last_step_age_seconds", "Since its last step.", "seconds"}, NUMBER,
		"last_step_age_s"},
	{{"sae_run_duration_seconds", "From its start to its last sign.", "seconds"}, NUMBER,
		"duration_s"},
	{{"sae_run_memory_bytes", "What it holds in the daemon's memory.", "bytes"}, NUMBER,
		"bytes"},
	{{"sae_run_ranks", "Its ranks."}, NUMBER, "world_size"},
	{{"sae_run_connected_ranks", "Its ranks that are connected."}, NUMBER, "streams_connected"},

	/* How far it is. */
	{{"sae_run_step", "Its last step."}, NUMBER, "step"},
	{{"sae_run_planned_steps", "Steps it is to have."}, NUMBER, "total_training_steps"},
	{{"sae_run_tokens_total", "Tokens it was trained on, as the trainer counts."}, NUMBER,
		"n_training_tokens"},
	{{"sae_run_planned_tokens", "Tokens it is to be trained on."}, NUMBER,
		"total_training_tokens"},
	{{"sae_run_images_total", "Images it was trained on."}, NUMBER, "n_training_images"},
	{{"sae_run_folded_tokens_total", "Tokens that were really seen."}, NUMBER,
		"n_tokens_folded"},
	{{"sae_run_tokens_per_second", "Its pace."}, NUMBER, "rate.tokens_per_s"},
	{{"sae_run_steps_per_second", "Its pace."}, NUMBER, "rate.steps_per_s"},
	{{"sae_run_remaining_seconds", "Time to go at this pace.", "seconds"}, NUMBER, "eta_s"},

	/* What it is about. */
	{{"sae_run_loss", "Its losses at the last step."}, MEMBERS, "losses", "loss"},
	{{"sae_run_l0", "Mean number of features that fire on a token."}, NUMBER, "metrics.l0"},
	{{"sae_run_explained_variance", "As the trainer defines it."}, NUMBER,
		"metrics.explained_variance"},
	{{"sae_run_explained_variance_std", "As the trainer defines it."}, NUMBER,
		"metrics.explained_variance_std"},
	{{"sae_run_fvu", "Fraction of variance unexplained, a ratio of sums."}, NUMBER,
		"metrics.fvu"},
	{{"sae_run_mean_log10_feature_sparsity", "Of the last window."}, NUMBER,
		"metrics.mean_log10_feature_sparsity"},
	{{"sae_run_detail", "What else it said at the last step."}, MEMBERS, "details", "detail"},

	/* Its features. */
	{{"sae_run_features", "Its features."}, NUMBER, "d_sae"},
	{{"sae_run_dead_features", "Silent for more than the dead window, as of the last row."},
		NUMBER, "sparsity.dead_features"},
	{{"sae_run_dead_10m_tokens_features",
		 "Silent for 10,000,000 tokens or more, as of the last window."},
		NUMBER, "sparsity.dead_10m_tokens"},
	{{"sae_run_never_fired_features", "Silent in all of the last window."}, NUMBER,
		"sparsity.never_fired"},
	{{"sae_run_revived_features", "Dead before the last window, and firing in it."}, NUMBER,
		"sparsity.revived"},
	{{"sae_run_newly_dead_features", "Dead since the last window."}, NUMBER,
		"sparsity.newly_dead"},
	{{"sae_run_features_below",
		 "Features that fire on a smaller share of the window's tokens."},
		put_below, NULL, "density"},
	{{"sae_run_features_above",
		 "Features that fire on a greater share of the window's tokens."},
		put_above, NULL, "density"},
	{{"sae_run_log10_density", "Of the features that fired in the last window: percentiles."},
		MEMBERS, "sparsity.quantiles", "percentile"},
	{{"sae_run_mean_passes_since_fired", "Of its features."}, NUMBER,
		"sparsity.mean_passes_since_fired"},
	{{"sae_run_mean_tokens_since_fired", "Of its features."}, NUMBER,
		"sparsity.mean_tokens_since_fired"},
	{{"sae_run_window", "The last window that is complete."}, NUMBER, "sparsity.window"},
	{{"sae_run_window_tokens", "Tokens in it."}, NUMBER, "sparsity.n_tokens"},
	{{"sae_run_window_complete", "Whether nothing of it is missing."}, FLAG,
		"sparsity.complete"},
	{{"sae_run_open_window_fill_ratio", "How full the window is that is open.", "ratio"},
		NUMBER, "open_window.fill"},

	/* Weights & Biases. */
	{{"sae_run_forward_state", "How W&B stands with it: 1 for the state it is."}, STATE,
		"forward.state", "state", forward_states},
	{{"sae_run_forward_lag_seconds",
		 "Age of its oldest row that W&B does not have; 0: it has all.", "seconds"},
		OR_0, "forward.lag_s"},
	{{"sae_run_forward_pending_rows", "Rows that W&B does not have."}, NUMBER,
		"forward.pending_rows"},
	{{"sae_run_forward_accepted_rows_total", "Rows that W&B has, or will not get."}, NUMBER,
		"forward.accepted_rows"},
	{{"sae_run_forward_refused_rows_total", "Rows that W&B did not take."}, NUMBER,
		"forward.refused_rows"},
	{{"sae_run_forward_skipped_rows_total", "Rows of steps that W&B had already."}, NUMBER,
		"forward.skipped_rows"},

	/* What was lost on the way. */
	{{"sae_run_messages_total", "Messages of its trainer."}, NUMBER, "client.messages"},
	{{"sae_run_dropped_messages_total", "Messages its trainer dropped, its outbox being full."},
		NUMBER, "client.dropped"},
	{{"sae_run_late_messages_total", "Messages that came when their step was closed."}, NUMBER,
		"client.late"},
	{{"sae_run_refused_messages_total", "Messages that were not taken."}, NUMBER,
		"client.refused"},
	{{"sae_run_lost_messages_total", "Messages that neither side has any more."}, NUMBER,
		"client.lost"},
	{{"sae_run_missing_steps_total", "Steps that did not come, or not of all ranks."}, NUMBER,
		"client.missing_steps"},
};
const size_t openmetrics_n_of_runs = sizeof(openmetrics_of_runs) / sizeof(openmetrics_of_runs[0]);
