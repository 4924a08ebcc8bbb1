#include "wandb_record.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "payload_config.h"
#include "wandb_items.h"
#include "wandb_line.h"

static int pack(struct buf *out, int64_t number, Wandb__Record *record) {
	record->num = number;
	int err = buf_reserve(out, wandb__record__get_packed_size(record));
	if (err == 0) {
		out->len += wandb__record__pack(record, out->data + out->len);
	}
	return err;
}

/* protobuf-c takes every text for one that it may change, which packing does not. */
static char *text_or_none(const char *text) {
	return text != NULL ? (char *)(uintptr_t)text : (char *)(uintptr_t)protobuf_c_empty_string;
}

/* ---- a run ---- */

struct run_parts {
	struct buf config_json;
	struct wandb_items config;
	json_t *tags_json;
	char **tags; /* borrowed from tags_json */
	size_t n_tags;
};

static void run_parts_finish(struct run_parts *p) {
	buf_finish(&p->config_json);
	wandb_items_finish(&p->config);
	json_decref(p->tags_json);
	free(p->tags);
}

static int read_tags(struct run_parts *p, const char *json) {
	json_error_t error;
	json_t *tag;
	size_t i;

	p->tags_json = json_loads(json, 0, &error);
	if (p->tags_json == NULL) {
		return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EINVAL;
	}
	p->tags = calloc(json_array_size(p->tags_json) + 1, sizeof *p->tags);
	if (p->tags == NULL || !json_is_array(p->tags_json)) {
		return p->tags == NULL ? -ENOMEM : -EINVAL;
	}
	json_array_foreach(p->tags_json, i, tag) {
		if (!json_is_string(tag)) {
			return -EINVAL;
		}
		p->tags[p->n_tags++] = text_or_none(json_string_value(tag));
	}
	return 0;
}

static int run_parts_read(struct run_parts *p, const struct payload_run *run) {
	int err = payload_config(&p->config_json, run);

	if (err == 0) {
		wandb_items_add_config(
			&p->config, text_of((const char *)p->config_json.data, p->config_json.len));
		err = p->config.err;
	}
	return err == 0 && run->tags_json != NULL ? read_tags(p, run->tags_json) : err;
}

static void set_texts(Wandb__Run *to, const struct payload_run *run) {
	to->run_id = text_or_none(run->id);
	to->entity = text_or_none(run->entity);
	to->project = text_or_none(run->project);
	to->run_group = text_or_none(run->group);
	to->job_type = text_or_none(run->job_type);
	to->display_name = text_or_none(run->display_name);
	to->notes = text_or_none(run->notes);
	to->sweep_id = text_or_none(run->sweep_id);
	to->host = text_or_none(run->host);
}

static int pack_run(
	struct buf *out, int64_t number, const struct payload_run *run, struct run_parts *p) {
	Wandb__Timestamp started = WANDB__TIMESTAMP__INIT;
	Wandb__Telemetry telemetry = WANDB__TELEMETRY__INIT;
	Wandb__Git git = WANDB__GIT__INIT;
	Wandb__Items config = WANDB__ITEMS__INIT;
	Wandb__Run to = WANDB__RUN__INIT;
	Wandb__Record record = WANDB__RECORD__INIT;

	set_texts(&to, run);
	config.n_update = p->config.count;
	config.update = wandb_items_list(&p->config);
	to.config = &config;
	to.n_tags = p->n_tags;
	to.tags = p->tags;
	telemetry.cli_version = text_or_none(run->version);
	to.telemetry = &telemetry;
	git.remote_url = text_or_none(run->git_remote);
	git.commit = text_or_none(run->git_commit);
	to.git = run->git_remote != NULL || run->git_commit != NULL ? &git : NULL;
	started.seconds = (int64_t)floor(run->started);
	started.nanos = (int32_t)((run->started - floor(run->started)) * 1e9);
	to.start_time = run->started > 0 ? &started : NULL;
	record.kind_case = WANDB__RECORD__KIND_RUN;
	record.run = &to;
	int err = p->config.err < 0 ? p->config.err : pack(out, number, &record);
	free(config.update);
	return err;
}

int wandb_record_run(struct buf *out, int64_t number, const struct payload_run *run) {
	struct run_parts parts = {0};
	int err = run_parts_read(&parts, run);

	if (err == 0) {
		err = pack_run(out, number, run, &parts);
	}
	run_parts_finish(&parts);
	return err;
}

int wandb_record_metric(struct buf *out, int64_t number, const struct payload_metric *metric) {
	Wandb__MetricOptions options = WANDB__METRIC_OPTIONS__INIT;
	Wandb__Metric to = WANDB__METRIC__INIT;
	Wandb__Record record = WANDB__RECORD__INIT;

	options.defined = 1;
	options.step_sync = metric->step_metric != NULL;
	to.name = text_or_none(metric->name);
	to.step_metric = text_or_none(metric->step_metric);
	to.options = &options;
	record.kind_case = WANDB__RECORD__KIND_METRIC;
	record.metric = &to;
	return pack(out, number, &record);
}

/* ---- what it logged ---- */

static void add_place(struct wandb_items *l, int64_t step, double time) {
	wandb_items_add_integer(l, "_step", step);
	wandb_items_add_known(l, "_timestamp", time);
}

static int pack_history(
	struct buf *out, int64_t number, uint32_t at_step, struct wandb_items *items) {
	Wandb__Step step = WANDB__STEP__INIT;
	Wandb__History to = WANDB__HISTORY__INIT;
	Wandb__Record record = WANDB__RECORD__INIT;

	to.n_item = items->count;
	to.item = wandb_items_list(items);
	step.num = at_step;
	to.step = &step;
	record.kind_case = WANDB__RECORD__KIND_HISTORY;
	record.history = &to;
	int err = items->err < 0 ? items->err : pack(out, number, &record);
	free(to.item);
	return err;
}

int wandb_record_history(struct buf *out, int64_t number, const struct change_line *line) {
	struct wandb_items items = {0};

	for (uint32_t i = 0; i < line->n_entries; i++) {
		if (!wandb_line_reserves(line->entries[i].key)) {
			wandb_items_add_value(
				&items, line->entries[i].key, &line->entries[i].value);
		}
	}
	add_place(&items, line->step, line->time);
	wandb_items_add_known(&items, "_runtime", line->elapsed_s);
	int err = pack_history(out, number, line->step, &items);
	wandb_items_finish(&items);
	return err;
}

/* ---- its summary ---- */

/* The bare token for a text that stands for one. */
static struct text bare_of(struct text value) {
	static const char *const tokens[] = {"\"NaN\"", "\"Infinity\"", "\"-Infinity\""};

	for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
		size_t len = strlen(tokens[i]);
		if (value.len == len && memcmp(value.data, tokens[i], len) == 0) {
			return text_of(value.data + 1, len - 2);
		}
	}
	return value;
}

static bool choose_member(const void *user, const char *key, struct text *value) {
	const struct wandb_summary *s = user;

	*value = bare_of(*value);
	return key[0] != '\0' && !wandb_line_reserves(key) && strcmp(key, "_wandb") != 0 &&
	       (s->left_out == NULL || !s->left_out(s->user, key));
}

/* W&B's own keys. */
static void add_own(struct wandb_items *l, const struct wandb_summary *summary) {
	char runtime[32];

	if (summary->last != NULL) {
		add_place(l, summary->last->step, summary->last->time);
	}
	wandb_items_add_known(l, "_runtime", summary->span_s);
	int len = snprintf(
		runtime, sizeof runtime, "{\"runtime\":%d}", wandb_runtime_s(summary->span_s));
	wandb_items_add_json(l, "_wandb", text_of(runtime, (size_t)len));
}

static int pack_summary(struct buf *out, int64_t number, struct wandb_items *items) {
	Wandb__Summary to = WANDB__SUMMARY__INIT;
	Wandb__Record record = WANDB__RECORD__INIT;

	to.n_update = items->count;
	to.update = wandb_items_list(items);
	record.kind_case = WANDB__RECORD__KIND_SUMMARY;
	record.summary = &to;
	int err = items->err < 0 ? items->err : pack(out, number, &record);
	free(to.update);
	return err;
}

int wandb_record_summary(struct buf *out, int64_t number, const struct wandb_summary *summary) {
	struct wandb_items items = {0};
	struct text json = text_of(summary->json, strlen(summary->json));

	wandb_items_add_members(&items, json, choose_member, summary);
	add_own(&items, summary);
	int err = pack_summary(out, number, &items);
	wandb_items_finish(&items);
	return err;
}

int32_t wandb_runtime_s(double elapsed_s) {
	/* Whatever a trainer said, also not a number. */
	return elapsed_s > 0 ? (int32_t)fmin(elapsed_s, INT32_MAX) : 0;
}

int wandb_record_exit(struct buf *out, int64_t number, int32_t exit_code, int32_t runtime_s) {
	Wandb__Exit to = WANDB__EXIT__INIT;
	Wandb__Record record = WANDB__RECORD__INIT;

	to.exit_code = exit_code;
	to.runtime = runtime_s;
	record.kind_case = WANDB__RECORD__KIND_EXIT;
	record.exit = &to;
	return pack(out, number, &record);
}
