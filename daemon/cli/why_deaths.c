/* Which features died and which came alive, by their numbers. */
#include "document.h"
#include "why_private.h"

#define WAVES_LISTED 8 /* of the first so many; each may be all features there are */

/* ---- around the moment ---- */

static json_t *put_entry(struct why_building *b, sqlite3_stmt *st, json_t *list) {
	json_t *entry = json_object();

	report_append(&b->r, list, entry);
	report_set(&b->r, entry, "attempt", json_integer(b->attempt));
	report_set(&b->r, entry, "window", json_integer(sqlite3_column_int64(st, 0)));
	report_set(&b->r, entry, "since", json_integer(sqlite3_column_int64(st, 1)));
	report_set(&b->r, entry, "died", json_array());
	report_set(&b->r, entry, "revived", json_array());
	return entry;
}

static void put_features(struct why_building *b, sqlite3_stmt *st, json_t *list) {
	json_t *entry = NULL;

	while (report_next(&b->r, &st)) {
		double window = (double)sqlite3_column_int64(st, 0);
		const char *what = (const char *)sqlite3_column_text(st, 2);
		if (!entry || document_count(entry, "window") != window) {
			entry = put_entry(b, st, list);
		}
		report_append(&b->r, json_object_get(entry, what),
			json_integer(sqlite3_column_int64(st, 3)));
	}
}

/* Of the windows that are shown, and of the one behind them, where that is told of together with these. */
void why_put_deaths(struct why_building *b) {
	const json_t *windows = json_object_get(b->document, "windows");
	const json_t *first = json_array_get(windows, 0);
	const json_t *last = json_array_get(windows, json_array_size(windows) - 1);
	json_t *list = json_array();

	report_set(&b->r, b->document, "deaths", list);
	if (first) {
		put_features(b,
			report_query(&b->r,
				"SELECT window, since, what, feature FROM deaths WHERE run "
				"= " OF_RUN " AND attempt = ?2 AND window >= ?3 AND since < ?4 "
				"ORDER BY window, "
				"feature",
				4, b->query->run, b->attempt,
				(int64_t)document_count(first, "window"),
				(int64_t)document_count(last, "step_last")),
			list);
	}
}

/* ---- waves ---- */

/* Those that last fired in its steps; where its window's counts were not kept, they stand with the next that was. */
static json_t *wave_features(struct why_building *b, const struct why_observation *wave) {
	json_t *list = json_array();
	sqlite3_stmt *st = report_query(&b->r,
		"SELECT feature FROM deaths WHERE run = " OF_RUN
		" AND attempt = ?2 AND window = (SELECT min(window) FROM deaths_data WHERE run = "
		"?1 AND attempt = ?2 AND window >= ?3) AND what = 'died' AND last_fired BETWEEN ?4 "
		"AND ?5 ORDER BY feature",
		5, b->query->run, (int64_t)wave->attempt, wave->window, wave->step,
		wave->step_last);

	while (report_next(&b->r, &st)) {
		report_append(&b->r, list, json_integer(sqlite3_column_int64(st, 0)));
	}
	return list;
}

static void put_wave(
	struct why_building *b, const struct why_observation *wave, json_t *observation) {
	json_t *features = wave_features(b, wave);

	if (json_array_size(features) == 0) { /* of a version that kept no list */
		json_decref(features);
		features = json_null();
	}
	report_set(&b->r, observation, "features", features);
}

void why_put_waves(struct why_building *b) {
	const struct why_findings *f = &b->findings;
	json_t *observations = json_object_get(b->document, "observations");
	size_t n_listed = 0;

	for (size_t i = 0; i < f->n && b->r.err == 0 && n_listed < WAVES_LISTED; i++) {
		if (f->observations[i].kind == WHY_DEATHS) {
			put_wave(b, &f->observations[i], json_array_get(observations, i));
			n_listed++;
		}
	}
}
