#include "payload.h"

#include <string.h>

#include "jsontext.h"
#include "payload_config.h"
#include "payload_writer.h"

/* What comes back is what is used: `config` is not asked for, because it would be ours again, and any size. */
static const char upsert_query[] =
	"mutation UpsertBucket($id: String, $name: String, $project: String, $entity: String, "
	"$groupName: String, $description: String, $displayName: String, $notes: String, "
	"$commit: String, $config: JSONString, $host: String, $debug: Boolean, $program: String, "
	"$repo: String, $jobType: String, $state: String, $sweep: String, $tags: [String!], "
	"$summaryMetrics: JSONString) { "
	"upsertBucket(input: {id: $id, name: $name, modelName: $project, entityName: $entity, "
	"groupName: $groupName, description: $description, displayName: $displayName, "
	"notes: $notes, commit: $commit, config: $config, host: $host, debug: $debug, "
	"jobProgram: $program, jobRepo: $repo, jobType: $jobType, state: $state, sweep: $sweep, "
	"tags: $tags, summaryMetrics: $summaryMetrics}) { "
	"bucket { id name displayName sweepName project { id name entity { id name } } "
	"historyLineCount } inserted } }";

static const char resume_query[] =
	"query RunResumeStatus($project: String, $entity: String, $name: String!) { "
	"model(name: $project, entityName: $entity) { id name entity { id name } "
	"bucket(name: $name, missingOk: true) { "
	"id name summaryMetrics historyLineCount historyTail } } }";

struct variable {
	const char *name, *text;
};

static void put_variables(struct payload_writer *w, const struct variable *variables, size_t n) {
	for (size_t i = 0; i < n; i++) {
		payload_put(w, i > 0 ? "," : "");
		payload_put_text(w, variables[i].name);
		payload_put(w, ":");
		payload_put_text(w, variables[i].text);
	}
}

/* Up to the first variable, and behind the last. */
static void put_head(struct payload_writer *w, const char *query) {
	payload_put(w, "{\"query\":");
	payload_put_text(w, query);
	payload_put(w, ",\"variables\":{");
}

static void put_foot(struct payload_writer *w, const char *operation) {
	payload_put(w, "},\"operationName\":");
	payload_put_text(w, operation);
	payload_put(w, "}");
}

/* The config is JSON in a text. */
static void put_config(struct payload_writer *w, const struct payload_run *run) {
	struct buf config = {0};
	int err = payload_config(&config, run);

	if (w->err == 0 && err == 0) {
		err = json_write_text(w->out, text_of((const char *)config.data, config.len));
	}
	if (w->err == 0) {
		w->err = err;
	}
	buf_finish(&config);
}

int payload_upsert(struct buf *out, const struct payload_run *run) {
	const struct variable variables[] = {
		{"id", run->storage_id},
		{"name", run->id},
		{"project", run->project},
		{"entity", run->entity},
		{"groupName", run->group},
		{"description", NULL},
		{"displayName", run->display_name},
		{"notes", run->notes},
		{"commit", run->git_commit},
		{"host", run->host},
		{"debug", NULL},
		{"program", run->program},
		{"repo", run->git_remote},
		{"jobType", run->job_type},
		{"state", NULL},
		{"sweep", run->sweep_id},
		{"summaryMetrics", NULL},
	};
	struct payload_writer w;

	payload_begin(&w, out);
	put_head(&w, upsert_query);
	put_variables(&w, variables, sizeof variables / sizeof *variables);
	payload_put(&w, ",\"tags\":");
	payload_put_texts(&w, run->tags_json);
	payload_put(&w, ",\"config\":");
	put_config(&w, run);
	put_foot(&w, "UpsertBucket");
	return payload_end(&w);
}

int payload_resume_status(
	struct buf *out, const char *entity, const char *project, const char *run_id) {
	const struct variable variables[] = {
		{"project", project},
		{"entity", entity},
		{"name", run_id},
	};
	struct payload_writer w;

	payload_begin(&w, out);
	put_head(&w, resume_query);
	put_variables(&w, variables, sizeof variables / sizeof *variables);
	put_foot(&w, "RunResumeStatus");
	return payload_end(&w);
}
