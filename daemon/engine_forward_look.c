/* What the report says of forwarding that only a running daemon knows. */
#include <jansson.h>
#include <string.h>

#include "clock.h"
#include "engine_private.h"
#include "engine_sum.h"
#include "format.h"
#include "report_row.h"

/* Most troubles of networks are over by then, and nothing is lost meanwhile: it need not wake anybody before. */
#define BEHIND_ALERT_S 600.0

static json_t *text_or_null(const char *text) {
	return text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *number_or_null(double value, bool is_known) {
	return is_known ? json_real(value) : json_null();
}

static void set_view(json_t *object, const struct forward_view *view, int64_t pending) {
	json_object_set_new(object, "pending_rows", json_integer(pending));
	json_object_set_new(object, "words", text_or_null(view->words));
	json_object_set_new(
		object, "retry_in_s", number_or_null(view->retry_in_s, view->retry_in_s >= 0));
}

/* NULL while it is no matter for anybody. */
static json_t *behind_words(const struct forward_view *view, int64_t pending) {
	char age[FORMAT_MAX], rows[FORMAT_MAX];
	bool waits = view->state == FORWARD_WAITING;

	if (view->lag_s <= BEHIND_ALERT_S) {
		return NULL;
	}
	return json_sprintf("W&B is %s behind (%s rows)%s%s", format_duration(age, view->lag_s),
		format_grouped(rows, (uint64_t)pending), waits ? ", waiting: " : "",
		waits ? view->words : "");
}

/* ---- of all ---- */

static json_t *host_alert(const struct forward_sum *sum) {
	json_t *words = sum->worst.state == FORWARD_REFUSED
				? json_sprintf("W&B refuses the key: %s", sum->worst.words)
				: behind_words(&sum->worst, sum->pending - sum->held_pending);
	return words != NULL ? words : json_null();
}

static void report_sum(json_t *object, const struct forward_sum *sum) {
	bool is_idle = sum->runs == sum->held;

	json_object_set_new(object, "state",
		json_string(is_idle ? "idle" : forward_state_name(sum->worst.state)));
	json_object_set_new(
		object, "lag_s", number_or_null(sum->worst.lag_s, sum->worst.lag_s > 0));
	set_view(object, &sum->worst, sum->pending);
	json_object_set_new(object, "held_runs", json_integer(sum->held));
	json_object_set_new(object, "outages", json_integer((json_int_t)sum->outages));
	json_object_set_new(object, "alert", host_alert(sum));
}

json_t *engine_forward_report(const struct engine *e, const struct engine_sum *sum) {
	bool forwards = e->registry_options.forwards;
	json_t *object = json_object();

	json_object_set_new(object, "target", json_string(forwards ? "wandb" : "none"));
	if (e->forward == NULL) {
		json_object_set_new(object, "state", json_string(forwards ? "offline" : "off"));
		json_object_set_new(object, "lag_s", json_null());
		json_object_set_new(object, "alert", text_or_null(e->forward_trouble));
		return object;
	}
	report_sum(object, &sum->forward);
	return object;
}

/* ---- of a run ---- */

/* What all runs share is said once, of all; that it is parked is in its row. */
static void lay_alert(json_t *run, const struct forward_view *view) {
	const char *kind = "forward_behind";
	json_t *words = NULL, *since = NULL;

	if (!view->own || view->parked) {
		return;
	}
	if (view->state == FORWARD_REFUSED) {
		kind = "forward_refused";
		words = json_sprintf("W&B refuses its own key: %s", view->words);
	} else {
		words = behind_words(view, view->pending);
		since = report_time(clock_wall() - view->lag_s); /* of the oldest row that waits */
	}
	if (words != NULL) {
		json_array_append_new(
			json_object_get(run, "alerts"), json_pack("{s:s, s:o, s:O?}", "kind", kind,
								"words", words, "since", since));
	}
	json_decref(since);
}

/* The row's own age of the oldest line stays: it is read with the row. */
static void lay_view(json_t *run, json_t *object, const struct forward_view *view) {
	json_object_set_new(object, "accepted_rows", json_integer(view->accepted));
	json_object_set_new(object, "state", json_string(forward_state_name(view->state)));
	set_view(object, view, view->pending);
	if (view->pending == 0) {
		json_object_set_new(object, "lag_s", json_null());
	}
	if (view->url != NULL) {
		json_object_set_new(object, "url", json_string(view->url));
	}
	lay_alert(run, view);
}

/* Lines that nobody sends before a `sync`. */
static void lay_offline(json_t *object, const char *committed) {
	if (strcmp(committed, "pending") == 0 || strcmp(committed, "ok") == 0) {
		json_object_set_new(object, "state", json_string("offline"));
	}
}

void engine_forward_lay(const struct engine *e, const char *id, json_t *run) {
	json_t *object = json_object_get(run, "forward");
	const char *committed = json_string_value(json_object_get(object, "state"));
	struct forward_view view;

	json_object_set_new(object, "unanswered",
		json_boolean(e->forward != NULL && forward_is_unanswered(e->forward, id)));
	if (committed == NULL || strcmp(committed, "off") == 0) {
		return;
	}
	if (e->forward != NULL) {
		if (forward_look(e->forward, id, clock_wall(), &view)) {
			lay_view(run, object, &view);
		}
	} else if (e->registry_options.forwards) {
		lay_offline(object, committed);
	}
}
