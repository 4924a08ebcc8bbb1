/* While nothing is taken, or nothing is committed, trainers keep what they log: how long they can. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "clock.h"
#include "engine_private.h"
#include "report_row.h"

#define TIME_SIZE 32

/* What keeps all trainers from being acked; NULL: nothing does. */
static const char *why_held(const struct engine *e) {
	return store_is_full(e->store) ? "disk full: nothing is taken"
	       : engine_space_holds(e) ? "disk nearly full: nothing is taken"
	       : e->trouble[0] != '\0' ? "commits fail: nothing is acknowledged"
				       : NULL;
}

void engine_holding_tick(struct engine *e) {
	uint64_t now_ms = clock_mono_ms();

	list_for_each(link, &e->peers) {
		struct peer *peer = container_of(link, struct peer, link);
		if (peer->stream != NULL) {
			outbox_look(&peer->outbox, session_bytes(peer->session), now_ms);
		}
	}
	if (why_held(e) == NULL) {
		e->held_since = 0;
	} else if (e->held_since == 0) {
		e->held_since = clock_wall();
	}
}

/* The one that is full first: of a run, or of all (NULL). While nobody is held, those that are read from do not count. NULL:
 * there is none. */
static const struct peer *first_to_fill(
	const struct engine *e, const struct run *run, struct outbox_estimate *ret) {
	const struct peer *first = NULL;
	uint64_t now_ms = clock_mono_ms();

	list_for_each(link, &e->peers) {
		const struct peer *peer = container_of(link, struct peer, link);
		if (peer->stream == NULL || (run != NULL && stream_run(peer->stream) != run)) {
			continue;
		}
		struct outbox_estimate estimate = outbox_estimate(
			&peer->outbox, peer->outbox_bytes, session_bytes(peer->session), now_ms);
		bool counts = e->held_since > 0 || estimate.paused_s > 0;
		bool is_sooner = first == NULL || ret->full_in_s < 0 ||
				 (estimate.full_in_s >= 0 && estimate.full_in_s < ret->full_in_s);
		if (counts && is_sooner) {
			first = peer;
			*ret = estimate;
		}
	}
	return first;
}

static void set_estimate(
	json_t *object, const struct outbox_estimate *estimate, uint64_t size_bytes) {
	json_object_set_new(object, "outbox_bytes", json_integer((json_int_t)size_bytes));
	json_object_set_new(
		object, "filled_bytes", json_integer((json_int_t)estimate->filled_bytes));
	json_object_set_new(object, "full_in_s",
		estimate->full_in_s < 0 ? json_null() : json_real(estimate->full_in_s));
}

/* `12:03:11`, or with the day when that was another one. */
static const char *write_since(char out[TIME_SIZE], double since) {
	time_t then = (time_t)since, now = (time_t)clock_wall();
	struct tm at, today;
	localtime_r(&then, &at);
	localtime_r(&now, &today);
	bool same_day = at.tm_year == today.tm_year && at.tm_yday == today.tm_yday;
	return strftime(out, TIME_SIZE, same_day ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &at) > 0 ? out
											      : "?";
}

json_t *engine_holding_report(const struct engine *e) {
	char words[OUTBOX_WORDS_MAX], sentence[384], since[TIME_SIZE];
	struct outbox_estimate estimate;
	const char *why = why_held(e);

	if (why == NULL || e->held_since == 0) {
		return json_null();
	}
	json_t *holding = json_object();
	json_object_set_new(holding, "since", report_time(e->held_since));
	const struct peer *first = first_to_fill(e, NULL, &estimate);
	snprintf(sentence, sizeof sentence, "%s since %s", why, write_since(since, e->held_since));
	if (first != NULL) {
		set_estimate(holding, &estimate, first->outbox_bytes);
		outbox_words(words, &estimate, first->outbox_bytes, "the first trainer's");
		snprintf(sentence, sizeof sentence, "%s since %s; %s", why,
			write_since(since, e->held_since), words);
	}
	json_object_set_new(holding, "words", json_string(sentence));
	return holding;
}

/* A run that is read from has nothing to tell, and neither has one that nobody reads from for a moment. A pause that is the
 * run's own (it waits for a rank) is an alert when it comes to an end soon. */
void engine_holding_lay(const struct engine *e, const struct run *run, json_t *object) {
	char words[OUTBOX_WORDS_MAX];
	struct outbox_estimate estimate;
	const struct peer *first = first_to_fill(e, run, &estimate);
	bool is_held = e->held_since > 0;

	if (first == NULL) {
		json_object_set_new(object, "outbox", json_null());
		return;
	}
	json_t *outbox = json_object();
	set_estimate(outbox, &estimate, first->outbox_bytes);
	outbox_words(words, &estimate, first->outbox_bytes, "its");
	json_object_set_new(outbox, "words", json_string(words));
	json_object_set_new(object, "outbox", outbox);
	if (!is_held && estimate.full_in_s >= 0 && estimate.full_in_s < HOLDING_ALERT_S) {
		json_array_append_new(json_object_get(object, "alerts"),
			json_pack("{s:s, s:s, s:o}", "kind", "outbox", "words", words, "since",
				report_time(clock_wall() - estimate.paused_s)));
	}
}
