#include "introduction.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *either(const char *first, const char *second) {
	return first != NULL && first[0] != '\0' ? first : second;
}

static int add_metric(
	struct introduced *to, const char *key, const char *suffix, const char *step_metric) {
	char *name = NULL;
	if (asprintf(&name, "%s%s", key, suffix) < 0) {
		return -ENOMEM;
	}
	to->names[to->run.n_metrics] = name;
	to->metrics[to->run.n_metrics++] =
		(struct payload_metric){.name = name, .step_metric = step_metric};
	return 0;
}

/* Metrics W&B is told of: the tokens, so that they can be an x axis, and what is drawn over them. */
static int list_metrics(
	struct introduced *to, const struct forward_about *about, enum forward_x_axis x_axis) {
	const char *name = about->profile != NULL ? about->profile : "";
	const struct profile *profile = profile_find(text_of(name, strlen(name)));
	const char *tokens = profile == NULL ? NULL : profile->keys[METRIC_N_TRAINING_TOKENS];
	if (tokens == NULL) {
		return 0;
	}
	int err = add_metric(to, tokens, "", NULL);
	for (int i = 0; err == 0 && x_axis == FORWARD_X_TOKENS && i < METRIC_COUNT; i++) {
		enum metric metric = (enum metric)i;
		if (profile->keys[i] != NULL && metric != METRIC_N_TRAINING_TOKENS) {
			const char *suffix = metric_suffixed(metric) ? about->key_suffix : NULL;
			err = add_metric(
				to, profile->keys[i], suffix != NULL ? suffix : "", tokens);
		}
	}
	return err;
}

static void add_told(struct payload_run *run, const struct forward_about *about) {
	run->display_name = about->name;
	run->group = about->group;
	run->job_type = about->job_type;
	run->notes = about->notes;
	run->tags_json = about->tags_json;
}

int introduction_make(struct introduced *ret, const struct introduction *i, const char *run_id,
	const struct forward_about *about, const struct forward_cursor *cursor) {
	static const struct forward_cursor none;

	cursor = cursor != NULL ? cursor : &none;
	*ret = (struct introduced){
		.run =
			{
				.storage_id = cursor->storage_id,
				.id = run_id,
				.entity = either(cursor->entity, either(about->entity, i->entity)),
				.project = either(cursor->project,
					either(about->project,
						either(i->project, INTRODUCTION_PROJECT))),
				.config_json = about->config_json,
				.args_json = about->args_json,
				.host = about->host,
				.program = about->program,
				.git_commit = about->git_commit,
				.git_remote = about->git_remote,
				.sweep_id = about->sweep_id,
				.version = i->version,
				.started = about->started,
				.metrics = ret->metrics,
			},
	};
	if (cursor->told != forward_about_told(about)) {
		add_told(&ret->run, about);
	}
	return list_metrics(ret, about, i->x_axis);
}

void introduced_finish(struct introduced *introduced) {
	for (size_t at = 0; at < introduced->run.n_metrics; at++) {
		free(introduced->names[at]);
	}
	introduced->run.n_metrics = 0;
}

int introduction_write(struct buf *out, const struct introduction *i, const char *run_id,
	const struct forward_about *about, const struct forward_cursor *cursor) {
	struct introduced introduced;
	int err = introduction_make(&introduced, i, run_id, about, cursor);
	err = err < 0 ? err : payload_upsert(out, &introduced.run);
	introduced_finish(&introduced);
	return err;
}
