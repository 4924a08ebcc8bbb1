/* The status document over a running daemon: over the store's report of what is committed, what only the daemon knows of each
 * run. What it knows of itself: engine_report_daemon.c. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "acknowledged.h"
#include "clock.h"
#include "engine_private.h"
#include "report_row.h"

static void set_number(json_t *object, const char *key, double value, bool is_known) {
	json_object_set_new(
		object, key, is_known && isfinite(value) ? json_real(value) : json_null());
}

static void set_text(json_t *object, const char *key, const char *text) {
	json_object_set_new(object, key, text[0] != '\0' ? json_string(text) : json_null());
}

/* Its rate, and the time that is left at it. */
static void lay_rate(json_t *run, const struct run_live *live) {
	json_t *rate = json_object();
	bool is_known = live->steps_per_s > 0;
	set_number(rate, "tokens_per_s", live->rows_per_s, is_known);
	set_number(rate, "steps_per_s", live->steps_per_s, is_known);
	json_object_set_new(run, "rate", rate);

	json_int_t total = json_integer_value(json_object_get(run, "total_training_steps"));
	double left = (double)total - (double)live->step - 1;
	set_number(run, "eta_s", left / live->steps_per_s,
		is_known && total > 0 && left >= 0 && strcmp(live->state, "running") == 0);
}

/* The report's alerts of a state go by the committed one. */
static void lay_alerts(json_t *run, const char *committed_state, const struct run_live *live) {
	json_t *alerts = json_object_get(run, "alerts");
	size_t i;
	json_t *alert;

	if (alerts == NULL ||
		(committed_state != NULL && strcmp(committed_state, live->state) == 0)) {
		return;
	}
	json_array_foreach(alerts, i, alert) {
		const char *kind = json_string_value(json_object_get(alert, "kind"));
		if (kind != NULL && committed_state != NULL && strcmp(kind, committed_state) == 0) {
			json_array_remove(alerts, i);
			break;
		}
	}
	json_t *words = report_state_words(live->state, live->last_step_age_s,
		json_object_get(run, "exit_code"),
		json_string_value(json_object_get(run, "end_words")));
	if (words != NULL) {
		json_array_insert_new(alerts, 0,
			json_pack("{s:s, s:o, s:O}", "kind", live->state, "words", words, "since",
				json_object_get(run, "last_seen")));
	}
}

static void lay_without(json_t *run, const struct run_live *live) {
	char words[sizeof live->without + 32];

	if (live->without[0] != '\0') {
		snprintf(words, sizeof words, "goes on without %s", live->without);
		json_array_append_new(json_object_get(run, "alerts"),
			json_pack("{s:s, s:s, s:o}", "kind", "ranks", "words", words, "since",
				report_time(clock_wall() - live->without_s)));
	}
}

static void lay_run(json_t *object, const struct run *run) {
	struct run_live live;
	run_live(run, engine_now(), &live);

	const char *committed = json_string_value(json_object_get(object, "state"));
	char committed_state[16] = "";
	if (committed != NULL) {
		snprintf(committed_state, sizeof committed_state, "%s", committed);
	}
	json_object_set_new(object, "state", json_string(live.state));
	json_object_set_new(object, "streams_connected", json_integer(live.streams_connected));
	set_text(object, "waiting_for", live.waiting_for);
	set_text(object, "without_ranks", live.without);
	json_object_set_new(object, "bytes", json_integer((json_int_t)live.bytes));
	if (live.last_step_age_s >= 0) {
		set_number(object, "last_step_age_s", live.last_step_age_s, true);
	}
	if (live.steps_per_s > 0) {
		lay_rate(object, &live);
	}
	json_t *open_window = json_object_get(object, "open_window");
	if (json_is_object(open_window)) {
		set_number(open_window, "fill", live.window_fill, true);
	}
	lay_alerts(object, committed_state, &live);
	lay_without(object, &live);
}

void engine_report_lay(struct engine *e, const struct asker *asker, json_t *report) {
	size_t i;
	json_t *object, *daemon = engine_report_daemon(e);

	engine_hide(e, asker, daemon);
	json_object_set_new(report, "daemon", daemon);
	json_array_foreach(json_object_get(report, "runs"), i, object) {
		const char *id = json_string_value(json_object_get(object, "id"));
		struct run *run = id != NULL ? registry_find(e->registry, id) : NULL;
		if (run != NULL) {
			lay_run(object, run);
			engine_holding_lay(e, run, object);
		}
		if (id != NULL) {
			engine_forward_lay(e, id, object);
		}
		acknowledged_mark(object);
	}
}
