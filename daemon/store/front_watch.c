#include "front_watch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "front.h"
#include "window_stands.h"

#define WORDS_MAX 256u

struct front_place {
	int64_t n; /* of the run; 0: it is not in the database yet */
	char id[RUN_ID_MAX + 1];
	char *name;
	uint32_t uid;
	struct front_point at; /* NaN: it has no place */
};

/* Where runs stand, of those in `r`. */
#define PLACES(r)                                                                                  \
	"SELECT r.n, r.id, r.name, r.uid, m.l0, m.fvu FROM " r                                     \
	" r JOIN window_means_data m ON m.run = r.n AND (m.attempt, m.window) = "                  \
	"(SELECT w.attempt, w.window FROM windows_data w WHERE w.run = r.n AND w.flaws = 0 "       \
	"AND " WINDOW_STANDS " ORDER BY w.attempt DESC, w.window DESC LIMIT 1) "

static const char of_the_project[] = PLACES(
	"(SELECT n, id, name, uid FROM runs_data WHERE project IS ?1 AND CASE WHEN ?2 IS NULL THEN "
	"NOT private "
	"ELSE uid = ?2 AND (private OR ?3) END ORDER BY last_seen DESC LIMIT ?4)") "ORDER BY r.n";
static const char of_the_run[] = PLACES("runs_data") "WHERE r.n = ?1";

/* ---- where they stand ---- */

static double column_figure(sqlite3_stmt *st, int at) {
	return sqlite3_column_type(st, at) == SQLITE_NULL ? (double)NAN
							  : sqlite3_column_double(st, at);
}

static struct front_point column_place(sqlite3_stmt *st) {
	return (struct front_point){column_figure(st, 4), column_figure(st, 5)};
}

/* The next one; NULL when memory is short. */
static struct front_place *add(struct front_look *l) {
	struct front_place *places = reallocarray(l->places, l->n + 1, sizeof *places);
	if (places == NULL) {
		return NULL;
	}
	l->places = places;
	places[l->n] = (struct front_place){.at = {(double)NAN, (double)NAN}};
	return &places[l->n++];
}

static int take(struct front_look *l, sqlite3_stmt *st) {
	struct front_place *place = add(l);
	const char *name = (const char *)sqlite3_column_text(st, 2);
	if (place == NULL) {
		return SQLITE_NOMEM;
	}
	place->n = sqlite3_column_int64(st, 0);
	snprintf(place->id, sizeof place->id, "%s", (const char *)sqlite3_column_text(st, 1));
	place->name = name != NULL ? strdup(name) : NULL;
	place->uid = (uint32_t)sqlite3_column_int64(st, 3);
	place->at = column_place(st);
	l->n_placed += isfinite(place->at.x) && isfinite(place->at.y);
	return name != NULL && place->name == NULL ? SQLITE_NOMEM : SQLITE_OK;
}

int front_look_begin(struct front_look *l, sqlite3 *sql, const struct front_rules *rules,
	const struct run_row *row) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(sql, of_the_project, -1, &st, NULL);
	if (rc != SQLITE_OK) {
		return rc;
	}
	(void)sqlite3_bind_text(st, 1, row->project, -1, SQLITE_STATIC);
	if (row->is_private || rules->all_private) {
		(void)sqlite3_bind_int64(st, 2, row->uid);
	}
	(void)sqlite3_bind_int(st, 3, rules->all_private);
	(void)sqlite3_bind_int(st, 4, FRONT_RUNS_MAX);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		rc = take(l, st);
		if (rc != SQLITE_OK) {
			break;
		}
	}
	(void)sqlite3_finalize(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int read_place(sqlite3 *sql, int64_t run, struct front_point *ret) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(sql, of_the_run, -1, &st, NULL);
	if (rc != SQLITE_OK) {
		return rc;
	}
	(void)sqlite3_bind_int64(st, 1, run);
	rc = sqlite3_step(st);
	*ret = rc == SQLITE_ROW ? column_place(st) : (struct front_point){(double)NAN, (double)NAN};
	(void)sqlite3_finalize(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The run at hand among the others. */
static struct front_place *place_of(struct front_look *l, int64_t run, const struct run_row *row) {
	for (size_t i = 0; i < l->n; i++) {
		if (l->places[i].n == run) {
			return &l->places[i];
		}
	}
	struct front_place *place = add(l);
	if (place == NULL) {
		return NULL;
	}
	place->n = run;
	snprintf(place->id, sizeof place->id, "%s", row->id);
	place->name = row->name != NULL ? strdup(row->name) : NULL;
	place->uid = row->uid;
	return place;
}

/* ---- what is new ---- */

struct fronts {
	struct front_point *points;
	struct front_verdict *before, *now;
};

static int judge(
	const struct front_look *l, struct front_point *points, struct front_verdict *ret) {
	static const struct front_axes less_of_both = {false, false};

	for (size_t i = 0; i < l->n; i++) {
		points[i] = l->places[i].at;
	}
	return front_judge(&less_of_both, points, l->n, ret) < 0 ? SQLITE_NOMEM : SQLITE_OK;
}

static void describe(const struct front_look *l, size_t i, const struct front_verdict *now,
	char ret[WORDS_MAX]) {
	const struct front_place *place = &l->places[i];
	char l0[FORMAT_MAX], fvu[FORMAT_MAX], by_l0[FORMAT_MAX], by_fvu[FORMAT_MAX];

	format_general(l0, place->at.x);
	format_general(fvu, place->at.y);
	if (now->on_front) {
		snprintf(ret, WORDS_MAX, "joined the front of its project: l0 %s, fvu %s", l0, fvu);
	} else if (now->dominator == FRONT_NONE) {
		snprintf(ret, WORDS_MAX, "left the front of its project: its window has no %s",
			isfinite(place->at.x) ? "fvu" : "l0");
	} else {
		const struct front_place *by = &l->places[now->dominator];
		snprintf(ret, WORDS_MAX,
			"left the front of its project: l0 %s, fvu %s; worse than %s (l0 %s, fvu "
			"%s)",
			l0, fvu, by->id, format_general(by_l0, by->at.x),
			format_general(by_fvu, by->at.y));
	}
}

static int tell(const struct front_look *l, size_t i, const struct front_verdict *now,
	struct writer *w, double time, struct front_news **news) {
	const struct front_place *place = &l->places[i];
	char words[WORDS_MAX];

	describe(l, i, now, words);
	struct front_news *one = front_news_create(place->id, place->name, words);
	if (one == NULL) {
		return SQLITE_NOMEM;
	}
	one->joined = now->on_front;
	one->uid = place->uid;
	one->time = time;
	while (*news != NULL) {
		news = &(*news)->next;
	}
	*news = one;
	return writer_put_event(w, place->n, time, "front", words);
}

static int compare(const struct front_look *l, const struct fronts *f, struct writer *w,
	double time, struct front_news **news) {
	int rc = SQLITE_OK;

	for (size_t i = 0; i < l->n && rc == SQLITE_OK; i++) {
		if (f->before[i].on_front != f->now[i].on_front) {
			rc = tell(l, i, &f->now[i], w, time, news);
		}
	}
	return rc;
}

static int look(struct front_look *l, struct front_place *own, const struct fronts *f,
	struct writer *w, double time, struct front_news **news) {
	int rc = judge(l, f->points, f->before);

	rc = rc == SQLITE_OK ? read_place(w->sql, own->n, &own->at) : rc;
	rc = rc == SQLITE_OK ? judge(l, f->points, f->now) : rc;
	return rc == SQLITE_OK ? compare(l, f, w, time, news) : rc;
}

int front_look_end(struct front_look *l, struct writer *w, int64_t run, const struct run_row *row,
	double time, struct front_news **news) {
	/* The first run of a project has nobody to be compared with. */
	if (l->n_placed == 0) {
		return SQLITE_OK;
	}
	struct front_place *own = place_of(l, run, row);
	struct fronts f = {
		.points = calloc(l->n, sizeof *f.points),
		.before = calloc(l->n, sizeof *f.before),
		.now = calloc(l->n, sizeof *f.now),
	};
	bool is_whole = own != NULL && f.points != NULL && f.before != NULL && f.now != NULL;
	int rc = is_whole ? look(l, own, &f, w, time, news) : SQLITE_NOMEM;

	free(f.points);
	free(f.before);
	free(f.now);
	return rc;
}

void front_look_finish(struct front_look *l) {
	for (size_t i = 0; i < l->n; i++) {
		free(l->places[i].name);
	}
	free(l->places);
	*l = (struct front_look){0};
}
