#include "report_row.h"

#include <inttypes.h>
#include <string.h>

#include "format.h"

static void add(struct report *r, json_t *alerts, const char *kind, json_t *words, json_t *since) {
	json_t *alert = json_object();
	report_append(r, alerts, alert);
	report_set(r, alert, "kind", json_string(kind));
	report_set(r, alert, "words", words);
	report_set(r, alert, "since", since);
}

static json_t *since_last_seen(const struct report_run *run) {
	return json_incref(json_object_get(run->object, "last_seen"));
}

/* Where it began to be so: the core leaves an event. */
static void since_not_finite(struct report *r, const struct report_run *run, const char *loss,
	int64_t *step, json_t **ret_since) {
	*ret_since = NULL;
	sqlite3_stmt *st = report_query_again(r,
		"SELECT step, time, text FROM events_data WHERE run = ? AND kind = 'nan' AND step "
		"IS NOT NULL ORDER BY n DESC",
		1, run->n);
	while (*ret_since == NULL && report_next(r, &st)) {
		const char *text = (const char *)sqlite3_column_text(st, 2);
		if (text != NULL && strncmp(text, loss, strlen(loss)) == 0) {
			*step = sqlite3_column_int64(st, 0);
			*ret_since = report_time(sqlite3_column_double(st, 1));
		}
	}
	report_end(r, &st);
	if (*ret_since == NULL) {
		*ret_since = since_last_seen(run);
	}
}

/* A loss that is not a number in the newest step that has it. */
static void alert_not_finite(struct report *r, const struct report_run *run, json_t *alerts) {
	const char *name;
	json_t *value;
	json_object_foreach(json_object_get(run->object, "losses"), name, value) {
		if (json_is_string(value)) {
			int64_t step = run->step;
			json_t *since;
			since_not_finite(r, run, name, &step, &since);
			add(r, alerts, "nan",
				report_printf("%s %s at step %" PRId64, name,
					json_string_value(value), step),
				since);
			return;
		}
	}
}

json_t *report_state_words(
	const char *state, double last_step_age_s, const json_t *exit_code, const char *end_words) {
	char age[FORMAT_MAX];

	if (strcmp(state, "stalled") == 0) {
		return report_printf("no step for %s", format_age(age, last_step_age_s));
	}
	if (strcmp(state, "crashed") == 0) {
		return json_string("the trainer ended without saying so");
	}
	if (strcmp(state, "failed") != 0) {
		return NULL;
	}
	if (!json_is_integer(exit_code)) {
		return json_string(end_words != NULL ? end_words : "failed");
	}
	return report_printf("exit code %" JSON_INTEGER_FORMAT "%s%s",
		json_integer_value(exit_code), end_words != NULL ? ": " : "",
		end_words != NULL ? end_words : "");
}

static void alert_state(struct report *r, const struct report_run *run, json_t *alerts) {
	const char *state = json_string_value(json_object_get(run->object, "state"));
	if (state == NULL) {
		return;
	}
	json_t *words = report_state_words(state,
		json_number_value(json_object_get(run->object, "last_step_age_s")),
		json_object_get(run->object, "exit_code"),
		json_string_value(json_object_get(run->object, "end_words")));
	if (words != NULL) {
		add(r, alerts, state, words, since_last_seen(run));
	}
	const char *waiting_for = json_string_value(json_object_get(run->object, "waiting_for"));
	if (waiting_for != NULL && waiting_for[0] != '\0') {
		add(r, alerts, "waiting", report_printf("waits for %s", waiting_for), json_null());
	}
}

/* What was counted against a run: how it is called in one and in many. */
static const struct {
	const char *counter, *kind, *one, *many;
} counters[] = {
	{"dropped", "dropped", "message was dropped by the trainer",
		"messages were dropped by the trainer"},
	{"late", "late", "message came after its step was folded without that rank",
		"messages came after their step was folded without that rank"},
	{"refused", "refused", "message could not be used", "messages could not be used"},
	{"lost", "lost", "message was acknowledged by a database that is gone",
		"messages were acknowledged by a database that is gone"},
	{"missing_steps", "missing", "step is missing, or came of some ranks only",
		"steps are missing, or came of some ranks only"},
};

static void alert_counters(struct report *r, const struct report_run *run, json_t *alerts) {
	const json_t *client = json_object_get(run->object, "client");
	for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
		json_int_t n = json_integer_value(json_object_get(client, counters[i].counter));
		if (n > 0) {
			char count[FORMAT_MAX];
			add(r, alerts, counters[i].kind,
				report_printf("%s %s", format_grouped(count, (uint64_t)n),
					n == 1 ? counters[i].one : counters[i].many),
				json_null());
		}
	}
}

/* What was given does not agree with what was counted: the core leaves an event, and another now and then while it goes on. It began
 * with the attempt's first one about that metric, whose name is the first word. */
static void alert_disagree(struct report *r, const struct report_run *run, json_t *alerts) {
	sqlite3_stmt *st = report_query_again(r,
		"SELECT e.text, (SELECT min(f.time) FROM events_data f WHERE f.run = e.run AND "
		"f.kind = e.kind "
		"AND f.attempt IS e.attempt AND substr(f.text, 1, instr(f.text, ' ')) = "
		"substr(e.text, 1, instr(e.text, ' '))) "
		"FROM events_data e WHERE e.run = ? AND e.kind IN ('disagree', 'ranks_disagree') "
		"ORDER BY e.n DESC LIMIT 1",
		1, run->n);
	while (report_next(r, &st)) {
		const char *text = (const char *)sqlite3_column_text(st, 0);
		add(r, alerts, "disagree", json_string(text == NULL ? "" : text),
			report_time(sqlite3_column_double(st, 1)));
	}
}

/* What only somebody can mend. */
static void alert_parked(struct report *r, const struct report_run *run, json_t *alerts) {
	sqlite3_stmt *st = report_query_again(r,
		"SELECT f.parked, (SELECT max(e.time) FROM events_data e WHERE e.run = f.run AND "
		"e.kind = 'forward') FROM forwards_data f WHERE f.run = ? AND f.parked IS NOT NULL",
		1, run->n);
	while (report_next(r, &st)) {
		add(r, alerts, "forward_refused",
			report_printf("nothing more is sent to W&B: %s",
				(const char *)sqlite3_column_text(st, 0)),
			report_time(sqlite3_column_double(st, 1)));
	}
}

static void alert_rows_refused(struct report *r, const struct report_run *run, json_t *alerts) {
	sqlite3_stmt *st = report_query_again(r,
		"SELECT count(*), max(refused) FROM refused_lines_data WHERE run = ? "
		"HAVING count(*) > 0",
		1, run->n);
	while (report_next(r, &st)) {
		char count[FORMAT_MAX];
		int64_t n = sqlite3_column_int64(st, 0);
		add(r, alerts, "forward_rows",
			report_printf("%s %s: see refused_lines",
				format_grouped(count, (uint64_t)n),
				n == 1 ? "row was not taken by W&B" : "rows were not taken by W&B"),
			report_time(sqlite3_column_double(st, 1)));
	}
}

static void alert_resumed(struct report *r, const struct report_run *run, json_t *alerts) {
	if (!json_is_true(json_object_get(run->object, "resumed"))) {
		return;
	}
	json_t *since = json_null();
	sqlite3_stmt *st =
		report_query(r, "SELECT time FROM attempts_data WHERE run = ? AND attempt = ?", 2,
			run->n, (int64_t)run->attempt);
	while (report_next(r, &st)) {
		since = report_time(sqlite3_column_double(st, 0));
	}
	add(r, alerts, "resumed",
		json_string("went on without the state of what was before: windows and dead "
			    "features are not exact until they have been seen anew"),
		since);
}

/* By rule: they hold until the core says that they are over. */
static void alert_by_rule(struct report *r, const struct report_run *run, json_t *alerts) {
	sqlite3_stmt *st = report_query_again(r,
		"SELECT kind, words, time FROM alerts_data WHERE run = ? AND over_time IS NULL "
		"ORDER BY n",
		1, run->n);
	while (report_next(r, &st)) {
		add(r, alerts, (const char *)sqlite3_column_text(st, 0),
			json_string((const char *)sqlite3_column_text(st, 1)),
			report_time(sqlite3_column_double(st, 2)));
	}
}

void report_alerts(struct report *r, const struct report_run *run) {
	json_t *alerts = json_array();
	report_set(r, run->object, "alerts", alerts);
	alert_not_finite(r, run, alerts);
	alert_state(r, run, alerts);
	alert_by_rule(r, run, alerts);
	alert_counters(r, run, alerts);
	alert_disagree(r, run, alerts);
	alert_parked(r, run, alerts);
	alert_rows_refused(r, run, alerts);
	alert_resumed(r, run, alerts);
}
