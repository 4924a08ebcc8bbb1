#include "run_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "json_write.h"
#include "when.h"

/* ---- names ---- */

static const struct named_value {
	const char *name;
	struct run_value value;
} named_values[] = {
	{"mse_loss", {RUN_VALUE_MEMBER, "losses.mse_loss", format_general}},
	{"l1_loss", {RUN_VALUE_MEMBER, "losses.l1_loss", format_general}},
	{"ghost_grad_loss", {RUN_VALUE_MEMBER, "losses.ghost_grad_loss", format_general}},
	{"aux_reconstruction_loss",
		{RUN_VALUE_MEMBER, "losses.aux_reconstruction_loss", format_general}},
	{"overall_loss", {RUN_VALUE_MEMBER, "losses.overall_loss", format_general}},
	{"l0", {RUN_VALUE_MEMBER, "metrics.l0", format_significant}},
	{"explained_variance", {RUN_VALUE_MEMBER, "metrics.explained_variance", figure_ratio}},
	{"explained_variance_std",
		{RUN_VALUE_MEMBER, "metrics.explained_variance_std", figure_ratio}},
	{"fvu", {RUN_VALUE_MEMBER, "metrics.fvu", figure_ratio}},
	{"mean_log10_feature_sparsity",
		{RUN_VALUE_MEMBER, "metrics.mean_log10_feature_sparsity", format_significant}},
	{"current_learning_rate",
		{RUN_VALUE_MEMBER, "details.current_learning_rate", format_general}},
	{"l1_coefficient", {RUN_VALUE_MEMBER, "details.l1_coefficient", format_general}},
	{"dead_features", {RUN_VALUE_MEMBER, "sparsity.dead_features", figure_count}},
	{"dead_10m_tokens", {RUN_VALUE_MEMBER, "sparsity.dead_10m_tokens", figure_count}},
	{"never_fired", {RUN_VALUE_MEMBER, "sparsity.never_fired", figure_count}},
	{"below_1e-5", {RUN_VALUE_MEMBER, "sparsity.below_1e-5", figure_count}},
	{"below_1e-6", {RUN_VALUE_MEMBER, "sparsity.below_1e-6", figure_count}},
	{"above_1e-2", {RUN_VALUE_MEMBER, "sparsity.above_1e-2", figure_count}},
	{"above_1e-1", {RUN_VALUE_MEMBER, "sparsity.above_1e-1", figure_count}},
	{"revived", {RUN_VALUE_MEMBER, "sparsity.revived", figure_count}},
	{"newly_dead", {RUN_VALUE_MEMBER, "sparsity.newly_dead", figure_count}},
	{"mean_passes_since_fired",
		{RUN_VALUE_MEMBER, "sparsity.mean_passes_since_fired", format_significant}},
	{"mean_tokens_since_fired",
		{RUN_VALUE_MEMBER, "sparsity.mean_tokens_since_fired", figure_count}},
	{"p10", {RUN_VALUE_MEMBER, "sparsity.quantiles.p10", format_significant}},
	{"p25", {RUN_VALUE_MEMBER, "sparsity.quantiles.p25", format_significant}},
	{"p50", {RUN_VALUE_MEMBER, "sparsity.quantiles.p50", format_significant}},
	{"p75", {RUN_VALUE_MEMBER, "sparsity.quantiles.p75", format_significant}},
	{"p90", {RUN_VALUE_MEMBER, "sparsity.quantiles.p90", format_significant}},
	{"window", {RUN_VALUE_MEMBER, "sparsity.window", figure_count}},
	{"n_tokens", {RUN_VALUE_MEMBER, "sparsity.n_tokens", figure_count}},
	{"n_training_tokens", {RUN_VALUE_MEMBER, "n_training_tokens", figure_count}},
	{"n_training_images", {RUN_VALUE_MEMBER, "n_training_images", figure_count}},
	{"n_tokens_folded", {RUN_VALUE_MEMBER, "n_tokens_folded", figure_count}},
	{"total_training_steps", {RUN_VALUE_MEMBER, "total_training_steps", figure_step}},
	{"total_training_tokens", {RUN_VALUE_MEMBER, "total_training_tokens", figure_count}},
	{"tokens_per_s", {RUN_VALUE_MEMBER, "rate.tokens_per_s", figure_count}},
	{"steps_per_s", {RUN_VALUE_MEMBER, "rate.steps_per_s", format_significant}},
	{"duration_s", {RUN_VALUE_MEMBER, "duration_s", format_duration}},
	{"last_step_age_s", {RUN_VALUE_MEMBER, "last_step_age_s", format_duration}},
	{"started", {RUN_VALUE_TIME, "started", NULL}},
	{"last_seen", {RUN_VALUE_TIME, "last_seen", NULL}},
	{"ended", {RUN_VALUE_TIME, "ended", NULL}},
	{"group", {RUN_VALUE_MEMBER, "group", format_general}},
	{"tags", {RUN_VALUE_MEMBER, "tags", format_general}},
	{"notes", {RUN_VALUE_MEMBER, "notes", format_general}},
	{"host", {RUN_VALUE_MEMBER, "host", format_general}},
	{"pid", {RUN_VALUE_MEMBER, "pid", figure_plain}},
	{"program", {RUN_VALUE_MEMBER, "program", format_general}},
	{"source", {RUN_VALUE_MEMBER, "source", format_general}},
	{"profile", {RUN_VALUE_MEMBER, "profile", format_general}},
	{"architecture", {RUN_VALUE_MEMBER, "architecture", format_general}},
	{"d_in", {RUN_VALUE_MEMBER, "d_in", figure_plain}},
	{"d_sae", {RUN_VALUE_MEMBER, "d_sae", figure_plain}},
	{"train_batch_size", {RUN_VALUE_MEMBER, "train_batch_size", figure_plain}},
	{"exit_code", {RUN_VALUE_MEMBER, "exit_code", figure_plain}},
	{"end_words", {RUN_VALUE_MEMBER, "end_words", format_general}},
	{"attempt", {RUN_VALUE_MEMBER, "attempt", figure_plain}},
	{"world_size", {RUN_VALUE_MEMBER, "world_size", figure_plain}},
	{"messages", {RUN_VALUE_MEMBER, "client.messages", figure_count}},
	{"dropped", {RUN_VALUE_MEMBER, "client.dropped", figure_count}},
	{"late", {RUN_VALUE_MEMBER, "client.late", figure_count}},
	{"refused", {RUN_VALUE_MEMBER, "client.refused", figure_count}},
	{"lost", {RUN_VALUE_MEMBER, "client.lost", figure_count}},
	{"missing_steps", {RUN_VALUE_MEMBER, "client.missing_steps", figure_count}},
};
#define N_NAMED (sizeof named_values / sizeof named_values[0])

/* Names that begin so are of the trainer. */
static const struct {
	const char *prefix;
	enum run_value_kind kind;
} prefixes[] = {
	{"config.", RUN_VALUE_CONFIG},
	{"summary.", RUN_VALUE_SUMMARY},
	{"below_", RUN_VALUE_BELOW},
};

static bool find_prefixed(const char *name, struct run_value *ret) {
	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
		size_t len = strlen(prefixes[i].prefix);
		const char *rest = name + len;
		if (strncmp(name, prefixes[i].prefix, len) != 0 || rest[0] == '\0') {
			continue;
		}
		*ret = (struct run_value){prefixes[i].kind, rest, format_general};
		if (ret->kind == RUN_VALUE_BELOW) {
			char *end;
			ret->format = figure_count;
			return strtod(rest, &end) > 0 && *end == '\0';
		}
		return true;
	}
	return false;
}

bool run_value_find(const char *name, struct run_value *ret) {
	for (size_t i = 0; i < N_NAMED; i++) {
		if (strcmp(named_values[i].name, name) == 0) {
			*ret = named_values[i].value;
			return true;
		}
	}
	return find_prefixed(name, ret);
}

const char *run_value_name(size_t i) {
	return i < N_NAMED ? named_values[i].name : NULL;
}

/* ---- values ---- */

/* Both were written by people: 0.001 and 1e-3 are the same. */
static const json_t *find_below(const char *density, const json_t *run) {
	const json_t *thresholds = document_at(run, "sparsity.thresholds");
	double wanted = strtod(density, NULL), own;

	for (size_t i = 0; i < json_array_size(thresholds); i++) {
		const json_t *one = json_array_get(thresholds, i);
		if (document_number(one, "density", &own) && fabs(own - wanted) <= 1e-6 * wanted) {
			return json_object_get(one, "below");
		}
	}
	return NULL;
}

const json_t *run_value_json(const struct run_value *v, const json_t *run) {
	switch (v->kind) {
	case RUN_VALUE_MEMBER:
	case RUN_VALUE_TIME:
		return document_at(run, v->path);
	case RUN_VALUE_CONFIG:
		return document_member(document_at(run, "config"), v->path, strlen(v->path));
	case RUN_VALUE_SUMMARY:
		return document_member(document_at(run, "summary"), v->path, strlen(v->path));
	case RUN_VALUE_BELOW:
		return find_below(v->path, run);
	default:
		return NULL;
	}
}

bool run_value_number(const struct run_value *v, const json_t *run, double *ret) {
	switch (v->kind) {
	case RUN_VALUE_PROGRESS:
		return run_progress(run, ret);
	case RUN_VALUE_ALERTS:
		*ret = (double)json_array_size(document_at(run, "alerts"));
		return true;
	case RUN_VALUE_TIME:
		return document_time(run, v->path, ret);
	default:
		return document_number(run_value_json(v, run), "", ret);
	}
}

/* ---- in a table ---- */

static void print_time(double seconds, struct buf *text) {
	char date[WHEN_SIZE];

	(void)buf_printf(text, "%s", when_write(date, seconds));
}

static void print_json(const json_t *value, struct buf *text) {
	switch (json_typeof(value)) {
	case JSON_STRING:
		(void)buf_printf(text, "%s", json_string_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		(void)buf_printf(text, "%s", json_is_true(value) ? "true" : "false");
		break;
	case JSON_NULL:
		break;
	default:
		(void)json_write(text, value, JSON_ONE_LINE);
	}
}

enum style run_value_print(
	const struct run_value *v, const json_t *run, const struct look *look, struct buf *text) {
	const json_t *json = run_value_json(v, run);
	char figure[FORMAT_MAX];
	double number;

	/* Scripts get a time as the document has it. */
	bool is_text = v->kind == RUN_VALUE_TIME && !look->screen;
	if (!is_text && run_value_number(v, run, &number)) {
		if (v->kind == RUN_VALUE_TIME) {
			print_time(number, text);
			return STYLE_PLAIN;
		}
		(void)buf_printf(
			text, "%s", (v->format ? v->format : format_general)(figure, number));
		return isfinite(number) ? STYLE_PLAIN : STYLE_BAD;
	}
	if (json) {
		print_json(json, text);
	}
	return STYLE_PLAIN;
}

/* ---- in order ---- */

enum rank { RANK_NUMBER = 0, RANK_TEXT, RANK_NAN, RANK_ABSENT };

static enum rank rank_of(
	const struct run_value *v, const json_t *run, double *ret_number, const char **ret_text) {
	const json_t *json = run_value_json(v, run);

	*ret_text = json_string_value(json);
	if (json_is_boolean(json)) {
		*ret_number = json_is_true(json);
		return RANK_NUMBER;
	}
	if (run_value_number(v, run, ret_number)) {
		return isnan(*ret_number) ? RANK_NAN : RANK_NUMBER;
	}
	return *ret_text && (*ret_text)[0] ? RANK_TEXT : RANK_ABSENT;
}

int run_value_compare(
	const struct run_value *v, const json_t *left, const json_t *right, bool descending) {
	double left_number = 0, right_number = 0;
	const char *left_text, *right_text;
	enum rank rank = rank_of(v, left, &left_number, &left_text);
	int order = (int)rank - (int)rank_of(v, right, &right_number, &right_text);

	if (order != 0) {
		return order;
	}
	if (rank == RANK_NUMBER) {
		order = (left_number > right_number) - (left_number < right_number);
	} else if (rank == RANK_TEXT) {
		order = strcmp(left_text, right_text);
	}
	return descending ? -order : order;
}
