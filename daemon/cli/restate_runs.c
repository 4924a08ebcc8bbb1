#include "restate_runs.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "restate.h"

static struct text text_from(const char *word) {
	return (struct text){word, word ? strlen(word) : 0};
}

const struct profile *restate_profile(const char *word) {
	return profile_find(text_from(word));
}

static double number_or_nan(const json_t *object, const char *name) {
	double value;

	return document_number(json_object_get(object, name), "", &value) ? value : (double)NAN;
}

/* ---- from a document, and back ---- */

static void read_figures(const json_t *metrics, const json_t *statistics, struct restate_from *f) {
	for (int i = 0; i < METRIC_COUNT; i++) {
		f->metric[i] = number_or_nan(metrics, metric_name(i));
	}
	if (isnan(f->metric[METRIC_L1_COEFFICIENT])) {
		f->metric[METRIC_L1_COEFFICIENT] = number_or_nan(statistics, "l1_coefficient");
	}
	f->ev_mean = number_or_nan(statistics, "ev_mean");
	f->l2_per_row = number_or_nan(statistics, "l2_per_row");
	f->mse_ratio = number_or_nan(statistics, "mse_ratio");
	f->lp_per_row = number_or_nan(statistics, "lp_per_row");
	f->weighted_lp_per_row = number_or_nan(statistics, "weighted_lp_per_row");
	f->aux_per_row = number_or_nan(statistics, "aux_per_row");
}

static int write_figure(json_t *metrics, const char *name, double value) {
	if (isnan(value)) {
		(void)json_object_del(metrics, name);
		return 0;
	}
	return json_object_set_new(metrics, name, json_real(value));
}

/* Words about a metric go where they belong; of several points the last one's. */
static int write_words(json_t *as, const char *name, double value, const char *words) {
	json_t *place = json_object_get(as, isnan(value) ? "unknown" : "remarks");

	return words ? json_object_set_new(place, name, json_string(words)) : 0;
}

/* Of a step: what is a window's is not a definition's, and what is counted over the whole run is the run's. */
static bool is_restated(int metric) {
	return !metric_of_window(metric) && metric != METRIC_N_TRAINING_TOKENS &&
	       metric != METRIC_N_TRAINING_IMAGES && metric != METRIC_N_TOKENS_FOLDED;
}

static int restate_point(
	json_t *point, const struct profile *to, struct restate_from *f, json_t *as) {
	json_t *metrics = json_object_get(point, "metrics");
	struct restated r;
	int err = 0;

	if (!json_is_object(metrics)) {
		return 0;
	}
	read_figures(metrics, json_object_get(point, "statistics"), f);
	restate(to, f, &r);
	for (int i = 0; i < METRIC_COUNT && err == 0; i++) {
		if (is_restated(i)) {
			err = write_figure(metrics, metric_name(i), r.metric[i]);
			err = err == 0 ? write_words(as, metric_name(i), r.metric[i], r.words[i])
				       : err;
		}
	}
	return err;
}

/* ---- a run ---- */

static int restate_tokens(json_t *run, const struct profile *to, struct restate_from *f) {
	double batch = number_or_nan(run, "train_batch_size");
	struct restated r;

	f->metric[METRIC_N_TRAINING_TOKENS] = number_or_nan(run, "n_training_tokens");
	f->step = number_or_nan(run, "step");
	f->train_batch_size =
		isnan(batch) ? number_or_nan(json_object_get(run, "config"), "train_batch_size")
			     : batch;
	f->n_tokens_folded = number_or_nan(run, "n_tokens_folded");
	restate(to, f, &r);
	double tokens = r.metric[METRIC_N_TRAINING_TOKENS];
	return json_object_set_new(run, "n_training_tokens",
		isnan(tokens) ? json_null() : json_integer((json_int_t)tokens));
}

static int restate_all(json_t *run, const struct profile *to, struct restate_from *f, json_t *as) {
	json_t *path = json_object_get(run, "trajectory"), *point = json_object_get(run, "point");
	bool is_on_path = false; /* one object, in two places */
	int err = restate_point(json_object_get(run, "earlier"), to, f, as);

	for (size_t i = 0; i < json_array_size(path) && err == 0; i++) {
		is_on_path = is_on_path || json_array_get(path, i) == point;
		err = restate_point(json_array_get(path, i), to, f, as);
	}
	err = err == 0 && !is_on_path ? restate_point(point, to, f, as) : err;
	return err == 0 ? restate_tokens(run, to, f) : err;
}

int restate_points_run(json_t *run, const struct profile *to) {
	const char *own = document_text(run, "profile");
	struct restate_from f = {
		.profile = own ? restate_profile(own) : NULL,
		.architecture = architecture_find(text_from(document_text(run, "architecture"))),
	};
	json_t *as = json_pack(
		"{s:s?, s:{}, s:{}}", "profile", f.profile ? to->name : NULL, "unknown", "remarks");
	int err = json_object_set_new(run, "as", as);

	if (err == 0 && f.profile) {
		err = restate_all(run, to, &f, as);
	}
	return err == 0 ? 0 : -ENOMEM;
}

int restate_points(json_t *document, const struct profile *to) {
	json_t *runs = json_object_get(document, "runs");
	int err = 0;

	for (size_t i = 0; i < json_array_size(runs) && err == 0; i++) {
		err = restate_points_run(json_array_get(runs, i), to);
	}
	return err;
}
