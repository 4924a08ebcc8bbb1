/* What is said to W&B, as text: GraphQL for what a run is, file_stream for what it logged. Pure. All append to
 * `out`, and nothing when they fail. */
#pragma once

#include "buf.h"
#include "message.h"

/* A metric as W&B's charts know it. A step metric need not be listed itself. */
struct payload_metric {
	const char *name;
	const char *step_metric; /* its x axis; NULL: _step */
};

/* A run as W&B gets to know it; whatever is NULL is not said. */
struct payload_run {
	const char *storage_id; /* what W&B called it; NULL at first */
	const char *id, *entity, *project, *display_name, *group, *job_type, *notes;
	const char *tags_json;   /* a JSON list of texts */
	const char *config_json; /* a JSON object; the trainer's own _wandb is left out */
	const char *args_json;   /* a JSON list of texts: the command line */
	const char *host, *program, *git_commit, *git_remote, *sweep_id;
	const char *version; /* of this program */
	double started;      /* since 1970; 0: not known */
	const struct payload_metric *metrics;
	size_t n_metrics;
};

/* UpsertBucket with everything. 0, -ENOMEM, or -EINVAL (config, tags or args are no JSON of their kind). */
int payload_upsert(struct buf *out, const struct payload_run *run);
/* RunResumeStatus. 0 or -ENOMEM. */
int payload_resume_status(
	struct buf *out, const char *entity, const char *project, const char *run_id);

struct payload_stream {
	bool lines; /* they stand in `out` already, behind what payload_stream_begin wrote */
	const char *summary; /* a JSON object (NaN allowed); NULL: none */
	bool complete;
	int32_t exit_code;
};

/* A file_stream body is written around its lines, so that nobody copies them: this, the lines by whoever
 * has them (JSON texts, commas between them), payload_stream. offset: the number of the first. 0 or -ENOMEM. */
int payload_stream_begin(struct buf *out, int64_t offset);
/* The rest, or all of it without lines; with nothing in it, a heartbeat: {}. 0 or -ENOMEM. */
int payload_stream(struct buf *out, const struct payload_stream *stream);

/* Addresses; entity, project and run are percent-escaped, slashes at the end of a base are left out. 0 or
 * -ENOMEM. */
int payload_graphql_url(struct buf *out, const char *base_url);
int payload_stream_url(struct buf *out, const char *base_url, const char *entity,
	const char *project, const char *run_id);
/* Where people look at it. app_url: NULL, or what WANDB_APP_URL says. */
int payload_run_url(struct buf *out, const char *base_url, const char *app_url, const char *entity,
	const char *project, const char *run_id);
