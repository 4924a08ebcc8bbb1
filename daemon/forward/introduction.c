#include "introduction.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"

static const char *either(const char *first, const char *second) {
	return first != NULL && first[0] != '\0' ? first : second;
}

/* Metrics W&B is told of: the tokens, so that they can be an x axis, and what is drawn over them. */
struct metrics {
	struct payload_metric list[METRIC_COUNT];
	char *names[METRIC_COUNT];
	size_t n;
};

static int add_metric(
	struct metrics *m, const char *key, const char *suffix, const char *step_metric) {
	char *name = NULL;
	if (asprintf(&name, "%s%s", key, suffix) < 0) {
		return -ENOMEM;
	}
	m->names[m->n] = name;
	m->list[m->n++] = (struct payload_metric){.name = name, .step_metric = step_metric};
	return 0;
}

static int list_metrics(
	struct metrics *m, const struct forward_about *about, enum forward_x_axis x_axis) {
	const char *name = about->profile != NULL ? about->profile : "";
	const struct profile *profile = profile_find(text_of(name, strlen(name)));
	const char *tokens = profile == NULL ? NULL : profile->keys[METRIC_N_TRAINING_TOKENS];
	if (tokens == NULL) {
		return 0;
	}
	int err = add_metric(m, tokens, "", NULL);
	for (int i = 0; err == 0 && x_axis == FORWARD_X_TOKENS && i < METRIC_COUNT; i++) {
		enum metric metric = (enum metric)i;
		if (profile->keys[i] != NULL && metric != METRIC_N_TRAINING_TOKENS) {
			const char *suffix = metric_suffixed(metric) ? about->key_suffix : NULL;
			err = add_metric(m, profile->keys[i], suffix != NULL ? suffix : "", tokens);
		}
	}
	return err;
}

int introduction_write(struct buf *out, const struct introduction *i, const char *run_id,
	const struct forward_about *about, const struct forward_cursor *cursor) {
	struct metrics metrics = {0};
	int err = list_metrics(&metrics, about, i->x_axis);
	struct payload_run run = {
		.storage_id = cursor->storage_id,
		.id = run_id,
		.entity = either(cursor->entity, either(about->entity, i->entity)),
		.project = either(cursor->project,
			either(about->project, either(i->project, INTRODUCTION_PROJECT))),
		.display_name = about->name,
		.group = about->group,
		.job_type = about->job_type,
		.notes = about->notes,
		.tags_json = about->tags_json,
		.config_json = about->config_json,
		.args_json = about->args_json,
		.host = about->host,
		.program = about->program,
		.git_commit = about->git_commit,
		.git_remote = about->git_remote,
		.sweep_id = about->sweep_id,
		.version = i->version,
		.started = about->started,
		.metrics = metrics.list,
		.n_metrics = metrics.n,
	};
	err = err < 0 ? err : payload_upsert(out, &run);
	for (size_t at = 0; at < metrics.n; at++) {
		free(metrics.names[at]);
	}
	return err;
}
