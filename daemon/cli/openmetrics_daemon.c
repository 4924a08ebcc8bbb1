/* What the daemon says of itself, of its database and of W&B (REPORT.md), as metrics. */
#include "openmetrics_private.h"

#include <stdio.h>

#include "document.h"

static void put_info(struct exposition *x, const struct openmetric *m, const json_t *object) {
	const json_t *daemon = document_at(object, m->path);
	const struct exposition_label labels[] = {
		{"version", document_text(daemon, "version")},
		{"scope", document_text(daemon, "scope")},
		{"host", document_text(daemon, "host")},
	};

	if (daemon != NULL) {
		exposition_sample(x, labels, sizeof(labels) / sizeof(labels[0]), 1);
	}
}

/* `path` is one of held, limit and refused. */
static void put_of_host(struct exposition *x, const struct openmetric *m, const json_t *object) {
	json_t *host = json_object_get(
		json_object_get(json_object_get(object, "daemon"), "limits"), "host");
	const char *resource;
	json_t *holding;

	json_object_foreach(host, resource, holding) {
		double value;
		if (document_number(holding, m->path, &value)) {
			struct exposition_label label = {m->label, resource};
			exposition_sample(x, &label, 1, value);
		}
	}
}

static void put_of_user(struct exposition *x, const struct openmetric *m, json_t *user) {
	char uid[16];
	const char *resource;
	json_t *holding;

	snprintf(uid, sizeof uid, "%.0f", document_count(user, "uid"));
	json_object_foreach(user, resource, holding) {
		double value;
		if (document_number(holding, m->path, &value)) {
			struct exposition_label labels[] = {{"uid", uid}, {m->label, resource}};
			exposition_sample(x, labels, 2, value);
		}
	}
}

static void put_of_users(struct exposition *x, const struct openmetric *m, const json_t *object) {
	const json_t *users = document_at(object, "daemon.limits.users");

	for (size_t i = 0; i < json_array_size(users); i++) {
		put_of_user(x, m, json_array_get(users, i));
	}
}

static const char *const forward_states[] = {
	"off", "offline", "idle", "ok", "behind", "waiting", "refused", NULL};

#define NUMBER openmetric_put_number
#define OR_0   openmetric_put_or_0
#define FLAG   openmetric_put_flag

const struct openmetric openmetrics_of_daemon[] = {
	{{"sae_daemon_info", "Which daemon it is."}, put_info, "daemon"},
	{{"sae_daemon_uptime_seconds", "Since it started.", "seconds"}, NUMBER, "daemon.uptime_s"},
	{{"sae_daemon_open_runs", "Runs that it has in memory."}, NUMBER, "daemon.open_runs"},
	{{"sae_daemon_running_runs", "Runs that are being trained."}, NUMBER,
		"daemon.running_runs"},
	{{"sae_daemon_memory_bytes", "What all runs hold in memory.", "bytes"}, NUMBER,
		"daemon.bytes"},
	{{"sae_daemon_trouble",
		 "Whether commits fail, the log cannot shrink, or no backup is made."},
		FLAG, "daemon.trouble"},

	{{"sae_daemon_outbox_full_seconds",
		 "While nothing is taken: until the first trainer's outbox is full.", "seconds"},
		NUMBER, "daemon.holding.full_in_s"},
	{{"sae_daemon_removed_total", "What retention has removed: runs, and rows of others."},
		openmetric_put_members, "daemon.removed", "what"},

	/* Connections. */
	{{"sae_daemon_connections", "Connections now."}, NUMBER, "daemon.connections"},
	{{"sae_daemon_held_connections",
		 "Connections that are not read from until rows are committed."},
		NUMBER, "daemon.held_connections"},
	{{"sae_daemon_accepted_connections_total", "Connections since it started."}, NUMBER,
		"daemon.accepted"},
	{{"sae_daemon_messages_total", "Messages since it started."}, NUMBER, "daemon.messages"},
	{{"sae_daemon_received_bytes_total", "Bytes from trainers and readers since it started.",
		 "bytes"},
		NUMBER, "daemon.received_bytes"},
	{{"sae_daemon_refused_connections_total",
		 "Connections turned away, by why; those that are missing are 0."},
		openmetric_put_members, "daemon.refused", "code"},
	{{"sae_daemon_overdue_connections_total",
		 "Connections closed because nothing was said, or read, in time."},
		NUMBER, "daemon.overdue"},

	/* Limits: what everybody makes it hold, and may. */
	{{"sae_host_held", "What it holds for all users: connections, or bytes."}, put_of_host,
		"held", "resource"},
	{{"sae_host_limit", "How much of that it takes; without a limit there is no sample."},
		put_of_host, "limit", "resource"},
	{{"sae_user_held", "What a user makes it hold: connections, runs, keys, or bytes."},
		put_of_users, "held", "resource"},
	{{"sae_user_limit", "How much of that he may; without a limit there is no sample."},
		put_of_users, "limit", "resource"},
	{{"sae_user_refused_total", "How often he was told no, or (queued) to wait."}, put_of_users,
		"refused", "resource"},
	{{"sae_forgotten_users_refused_total",
		 "The same of users who are not remembered any longer."},
		openmetric_put_members, "daemon.limits.forgotten_refused", "resource"},

	/* Commits. */
	{{"sae_daemon_commits_total", "Commits since it started."}, NUMBER, "daemon.commits"},
	{{"sae_daemon_last_commit_seconds", "How long the last commit took.", "seconds"}, NUMBER,
		"daemon.commit_s"},
	{{"sae_daemon_commit_lag_seconds", "Age of the oldest change that is not on disk.",
		 "seconds"},
		NUMBER, "daemon.commit_lag_s"},
	{{"sae_daemon_uncommitted_bytes", "Taken in, not on disk yet.", "bytes"}, NUMBER,
		"daemon.uncommitted_bytes"},
	{{"sae_daemon_uncut_bytes", "Of these, what no commit has begun to write.", "bytes"},
		NUMBER, "daemon.uncut_bytes"},
	{{"sae_daemon_write_budget_exceeded", "Whether commits wait for the host's write budget."},
		FLAG, "daemon.cadence"},

	/* The disk. */
	{{"sae_database_bytes", "The database, its write-ahead log included.", "bytes"}, NUMBER,
		"daemon.database_bytes"},
	{{"sae_database_log_bytes", "Its write-ahead log.", "bytes"}, NUMBER, "daemon.log_bytes"},
	{{"sae_database_log_pinned", "Whether a reader keeps the log from shrinking."}, FLAG,
		"daemon.log_pinned"},
	{{"sae_database_free_bytes", "Room where the database lies, for the daemon.", "bytes"},
		NUMBER, "daemon.free_bytes"},
	{{"sae_database_keep_free_bytes", "With less room than that nothing more is taken.",
		 "bytes"},
		NUMBER, "daemon.keep_free_bytes"},
	{{"sae_database_growth_bytes_per_second",
		 "At which pace it grew since the daemon started."},
		NUMBER, "daemon.growth_bytes_per_s"},
	{{"sae_daemon_takes_nothing",
		 "Whether trainers have to keep what they log, for want of room."},
		FLAG, "daemon.takes_nothing"},
	{{"sae_backup_age_seconds", "Of the newest copy that the daemon made by itself.",
		 "seconds"},
		NUMBER, "daemon.backup_age_s"},

	/* Weights & Biases. */
	{{"sae_forward_state", "How W&B stands with all runs together: 1 for the state it is."},
		openmetric_put_state, "daemon.forward.state", "state", forward_states},
	{{"sae_forward_lag_seconds", "Age of the oldest row that W&B does not have; 0: it has all.",
		 "seconds"},
		OR_0, "daemon.forward.lag_s"},
	{{"sae_forward_pending_rows", "Rows that W&B does not have."}, NUMBER,
		"daemon.forward.pending_rows"},
	{{"sae_forward_held_runs", "Runs that are kept from W&B by what is their own."}, NUMBER,
		"daemon.forward.held_runs"},
	{{"sae_forward_retry_seconds", "Until it is tried again.", "seconds"}, NUMBER,
		"daemon.forward.retry_in_s"},
	{{"sae_forward_outages_total", "How often W&B could not be reached."}, NUMBER,
		"daemon.forward.outages"},
	{{"sae_forward_alert", "Whether the host's key is refused, or rows have waited for more "
			       "than ten minutes."},
		FLAG, "daemon.forward.alert"},
};
const size_t openmetrics_n_of_daemon =
	sizeof(openmetrics_of_daemon) / sizeof(openmetrics_of_daemon[0]);
