/* What a running daemon says of itself in the status document. */
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aside.h"
#include "clock.h"
#include "engine_hook.h"
#include "engine_private.h"
#include "engine_sum.h"

/* Sooner it says little: the log is written into the database now and then only. */
#define GROWTH_AFTER_S 600.0

static void set_count(json_t *object, const char *key, uint64_t count) {
	json_object_set_new(object, key, json_integer((json_int_t)count));
}

static void set_seconds(json_t *object, const char *key, double seconds, bool is_known) {
	json_object_set_new(
		object, key, is_known && isfinite(seconds) ? json_real(seconds) : json_null());
}

static void set_text(json_t *object, const char *key, const char *text) {
	json_object_set_new(
		object, key, text != NULL && text[0] != '\0' ? json_string(text) : json_null());
}

static json_t *refusals(const struct server_stats *stats) {
	static const char *const names[] = {
		[REFUSE_VERSION] = "version",
		[REFUSE_MALFORMED] = "malformed",
		[REFUSE_TOO_LARGE] = "too_large",
		[REFUSE_BAD_FIELD] = "bad_field",
		[REFUSE_BUDGET] = "budget",
		[REFUSE_RUN_BUSY] = "run_busy",
		[REFUSE_RANK_TAKEN] = "rank_taken",
		[REFUSE_MISMATCH] = "mismatch",
		[REFUSE_RESUME] = "resume",
		[REFUSE_OUT_OF_ORDER] = "out_of_order",
		[REFUSE_SHUTTING_DOWN] = "shutting_down",
		[REFUSE_TOO_MANY] = "too_many",
		[REFUSE_NOT_PERMITTED] = "not_permitted",
		[REFUSE_STORAGE] = "storage",
	};
	json_t *object = json_object();
	for (size_t i = 1; i < sizeof names / sizeof names[0]; i++) {
		if (stats->refused[i] > 0) {
			json_object_set_new(
				object, names[i], json_integer((json_int_t)stats->refused[i]));
		}
	}
	return object;
}

static void add_connections(const struct engine *e, const struct engine_sum *sum, json_t *daemon) {
	const struct server_stats *stats = server_stats(e->server);

	set_count(daemon, "connections", sum->connections);
	set_count(daemon, "held_connections", sum->held_connections);
	set_count(daemon, "accepted", stats->accepted);
	set_count(daemon, "messages", stats->messages);
	json_object_set_new(daemon, "messages_per_s", json_real(sum->messages_per_s));
	set_count(daemon, "received_bytes", stats->bytes);
	json_object_set_new(daemon, "refused", refusals(stats));
	set_count(daemon, "overdue", stats->overdue);
}

static void add_commits(const struct engine *e, const struct engine_sum *sum, json_t *daemon) {
	bool is_slow = engine_is_behind(e, clock_mono_ns() + CADENCE_INTERVAL_MAX_NS);

	set_count(daemon, "commits", e->commits);
	json_object_set_new(daemon, "commit_s", json_real(store_last_commit_s(e->store)));
	json_object_set_new(daemon, "commit_lag_s", json_real(sum->commit_lag_s));
	set_count(daemon, "uncut_bytes", e->uncut_bytes);
	set_count(daemon, "uncommitted_bytes", sum->uncommitted_bytes);
	set_text(daemon, "cadence",
		is_slow ? "commits are further apart than 5 s: the host's write budget is used up"
			: NULL);
}

static uint64_t file_bytes(const char *path, const char *suffix) {
	char full[PATH_MAX];
	struct stat st;

	snprintf(full, sizeof full, "%s%s", path, suffix);
	return stat(full, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* As far as this user may use it; of all that is watched, as it was a moment ago. */
static void add_free(const struct engine *e, json_t *daemon) {
	set_count(daemon, "free_bytes", e->space.free_bytes);
	set_count(daemon, "keep_free_bytes", space_kept_bytes(&e->space));
	json_object_set_new(daemon, "takes_nothing", json_boolean(engine_space_holds(e)));
}

/* Until somebody has looked after it: "" when there is none. */
static const char *aside_words(const struct engine *e, char out[1024]) {
	char path[PATH_MAX];
	out[0] = '\0';
	if (aside_newest(e->database, path)) {
		snprintf(out, 1024,
			"%.400s was damaged and set aside, and a new database begun: save what can "
			"be read "
			"(sqlite3 %.400s .recover, or .dump), then move it away",
			path, path);
	}
	return out;
}

void engine_report_begin(struct engine *e) {
	e->bytes_at_start = file_bytes(e->database, "");
}

/* Of all that was written since the start; a database that shrank does not grow. */
static double growth_bytes_per_s(const struct engine *e, double since_s) {
	uint64_t bytes = file_bytes(e->database, "");

	return bytes > e->bytes_at_start ? (double)(bytes - e->bytes_at_start) / since_s : 0;
}

static void add_retention(const struct engine *e, json_t *daemon) {
	const struct engine_retention *r = &e->retention;
	uint64_t limit = r->policy.max_db_bytes;

	json_object_set_new(daemon, "max_db_bytes",
		limit != UINT64_MAX ? json_integer((json_int_t)limit) : json_null());
	set_text(daemon, "too_large", r->words);
	json_object_set_new(daemon, "removed",
		json_pack("{s:I, s:I, s:I, s:I}", "runs", (json_int_t)r->told.runs, "steps",
			(json_int_t)r->told.steps, "lines", (json_int_t)r->told.lines, "windows",
			(json_int_t)r->told.windows));
}

static void add_database(const struct engine *e, const struct engine_sum *sum, json_t *daemon) {
	uint64_t log_bytes = file_bytes(e->database, "-wal");
	const char *log_words = store_log_words(e->store);

	json_object_set_new(daemon, "database", json_string(e->database));
	set_count(daemon, "database_bytes", file_bytes(e->database, "") + log_bytes);
	set_count(daemon, "log_bytes", log_bytes);
	set_text(daemon, "log_pinned", log_words);
	add_free(e, daemon);
	double since_s = clock_wall() - e->started;
	set_seconds(daemon, "growth_bytes_per_s", growth_bytes_per_s(e, since_s),
		since_s >= GROWTH_AFTER_S);
	char aside[1024];
	set_text(daemon, "trouble", sum->trouble[0] != '\0' ? sum->trouble : aside_words(e, aside));
	json_object_set_new(daemon, "holding", engine_holding_report(e));
	add_retention(e, daemon);
	json_object_set_new(daemon, "alert_program", engine_hook_report(e));
	set_seconds(daemon, "backup_age_s", clock_wall() - e->backed_up, e->backed_up > 0);
}

void engine_tell_backup(struct engine *e, const char *words, double newest) {
	snprintf(e->backup_trouble, sizeof e->backup_trouble, "%s%s",
		words[0] != '\0' ? "no backup is made: " : "", words);
	e->backed_up = newest;
}

json_t *engine_report_daemon(struct engine *e) {
	struct engine_sum sum;
	char host[256] = "";

	(void)gethostname(host, sizeof host - 1);
	engine_sum(e, &sum);
	json_t *daemon = json_pack("{s:s, s:s, s:b, s:s, s:i, s:f, s:s}", "version", e->version,
		"scope", e->scope, "reachable", 1, "host", host, "pid", (int)getpid(), "uptime_s",
		clock_wall() - e->started, "socket", e->socket);
	if (daemon != NULL) {
		json_object_set_new(daemon, "forward", engine_forward_report(e, &sum));
		add_database(e, &sum, daemon);
		add_commits(e, &sum, daemon);
		add_connections(e, &sum, daemon);
		json_object_set_new(daemon, "limits", engine_report_limits(e));
		set_count(daemon, "open_runs", sum.runs);
		set_count(daemon, "running_runs", sum.running);
		set_count(daemon, "bytes", sum.bytes);
	}
	return daemon;
}
