#include "points.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "db.h"
#include "points_private.h"
#include "run_match.h"

/* Members in the order of REPORT.md. */
static const char runs_sql[] =
	"SELECT r.n AS _n, r.id, r.name, r.project, r.group_name AS \"group\", r.user, "
	"r.uid = :viewer AS \"own:bool\", r.state, r.profile, r.architecture, r.d_in, r.d_sae, "
	"r.started AS \"started:time\", r.last_seen AS \"last_seen:time\", "
	"r.ended AS \"ended:time\", "
	"max(coalesce(r.ended, r.last_seen) - r.started, 0.0) AS duration_s, "
	"r.step, r.n_training_tokens, r.n_tokens_folded, r.feature_sampling_window, "
	"r.train_batch_size, CASE WHEN :config THEN a.config END AS \"config:json\", "
	"a.tags AS \"tags:json\" FROM runs_data r LEFT JOIN runs_about a ON a.run = r.n "
	"WHERE " RUN_VISIBLE " ORDER BY r.last_seen DESC, r.n DESC";

/* Gets each run, which it takes, without its points yet. false: no more of them. */
typedef bool (*each_fn)(void *user, struct points *p, int64_t n, json_t *run);

static void walk(struct points *p, each_fn each, void *user) {
	struct report *r = &p->report;
	sqlite3_stmt *st = report_query(r, runs_sql, 0);

	if (st != NULL) {
		run_match_bind(st, &p->query->viewer);
		(void)sqlite3_bind_int(
			st, sqlite3_bind_parameter_index(st, ":config"), !p->query->without_config);
	}
	while (report_next(r, &st)) {
		json_t *run = json_object();
		report_take_row(r, st, run);
		if (!each(user, p, sqlite3_column_int64(st, 0), run)) {
			report_end(r, &st);
		}
	}
}

/* One state of the database for all of it. */
static int each_run(sqlite3 *sql, const struct points_query *query, each_fn each, void *user,
	char ret_words[256]) {
	struct points p = {.report = {.sql = sql, .now = clock_wall()}, .query = query};

	p.report.err = db_error(sql, sqlite3_exec(sql, "BEGIN", NULL, NULL, NULL));
	points_prepare(&p);
	points_note_error(&p);
	walk(&p, each, user);
	points_note_error(&p);
	points_finish(&p);
	memcpy(ret_words, p.words, sizeof p.words);
	(void)sqlite3_exec(sql, "COMMIT", NULL, NULL, NULL);
	return p.report.err;
}

/* ---- as a tree ---- */

struct collecting {
	json_t *trajectory, *last;
};

static bool collect(void *user, struct points *p, json_t *point) {
	struct collecting *c = user;

	if (c->trajectory != NULL) {
		report_append(&p->report, c->trajectory, json_incref(point));
	}
	json_decref(c->last);
	c->last = point;
	return true;
}

static bool append_run(void *user, struct points *p, int64_t n, json_t *run) {
	struct collecting c = {.trajectory = p->query->trajectory ? json_array() : NULL};
	struct report *r = &p->report;

	points_each(p, n, collect, &c);
	report_set(r, run, "point", c.last != NULL ? c.last : json_null());
	if (p->query->has_at_time) {
		report_set(r, run, "earlier", points_earlier(p, n));
	}
	if (p->query->trajectory) {
		report_set(r, run, "trajectory", c.trajectory);
	}
	report_append(r, user, run);
	return true;
}

int points_build(
	sqlite3 *sql, const struct points_query *query, json_t **ret, char ret_words[256]) {
	json_t *runs = json_array();
	json_t *document = json_pack("{s:i, s:O}", "schema", POINTS_SCHEMA, "runs", runs);
	int err = document != NULL ? each_run(sql, query, append_run, runs, ret_words) : -ENOMEM;

	json_decref(runs);
	if (err < 0) {
		json_decref(document);
		return err;
	}
	*ret = document;
	return 0;
}

/* ---- as a text ---- */

struct writing {
	struct buf *text;
	size_t size_max;
	bool begun;
	const char *between; /* of a trajectory: what stands before the next point */
	json_t *last;
};

static void put_text(struct writing *w, struct points *p, const char *text, size_t len) {
	int err = text == NULL ? -ENOMEM : buf_append(w->text, text, len);

	p->report.err = p->report.err < 0 ? p->report.err : err;
}

static void put_word(struct writing *w, struct points *p, const char *word) {
	put_text(w, p, word, strlen(word));
}

/* Without its last `cut` bytes. */
static void put_json(struct writing *w, struct points *p, const json_t *value, size_t cut) {
	char *json = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	put_text(w, p, json, json != NULL ? strlen(json) - cut : 0);
	free(json);
}

static bool write_point(void *user, struct points *p, json_t *point) {
	struct writing *w = user;

	if (p->query->trajectory) {
		put_word(w, p, w->between);
		put_json(w, p, point, 0);
		w->between = ",";
	}
	json_decref(w->last);
	w->last = point;
	return w->text->len <= w->size_max;
}

static void put_earlier(struct writing *w, struct points *p, int64_t n) {
	json_t *earlier = points_earlier(p, n);

	put_word(w, p, ",\"earlier\":");
	put_json(w, p, earlier, 0);
	json_decref(earlier);
}

/* The run's object stays open for its points. */
static bool write_run(void *user, struct points *p, int64_t n, json_t *run) {
	struct writing *w = user;

	put_word(w, p, w->begun ? "," : "");
	put_json(w, p, run, 1);
	json_decref(run);
	put_word(w, p, p->query->trajectory ? ",\"trajectory\":[" : "");
	w->begun = true;
	w->between = "";
	w->last = NULL;
	points_each(p, n, write_point, w);
	put_word(w, p, p->query->trajectory ? "],\"point\":" : ",\"point\":");
	put_json(w, p, w->last != NULL ? w->last : json_null(), 0);
	json_decref(w->last);
	if (p->query->has_at_time) {
		put_earlier(w, p, n);
	}
	put_word(w, p, "}");
	return w->text->len <= w->size_max;
}

int points_write(sqlite3 *sql, const struct points_query *query, size_t size_max, struct buf *ret,
	char ret_words[256]) {
	struct writing w = {.text = ret, .size_max = size_max};
	int err = buf_printf(ret, "{\"schema\":%d,\"runs\":[", POINTS_SCHEMA);

	err = err < 0 ? err : each_run(sql, query, write_run, &w, ret_words);
	return err < 0 ? err : buf_append(ret, "]}", 2);
}
