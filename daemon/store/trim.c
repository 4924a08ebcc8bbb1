#include "trim.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "crash.h"
#include "trim_private.h"

#define TURN_NS 5000000ull /* rather less than what a commit takes on a disk */
/* Pages given back to the file system in a turn; and so many stay for what comes: a sixteenth, and 4 MiB. */
#define GIVE_BACK_PAGES 128
#define SPARE_PAGES     1024

int trim_end(struct db *db, int err) {
	CRASH_POINT("before-trim-commit");
	err = err < 0 ? err : db_commit(db);
	CRASH_POINT("after-trim-commit");
	if (err < 0) {
		db_rollback(db);
	}
	return err;
}

/* ---- how large it is ---- */

struct pages {
	int64_t all, free, size;
};

static int count_pages(sqlite3 *sql, struct pages *ret) {
	int err = trim_read_int(sql, 0, &ret->all, "PRAGMA page_count", 0);
	err = err < 0 ? err : trim_read_int(sql, 0, &ret->free, "PRAGMA freelist_count", 0);
	return err < 0 ? err : trim_read_int(sql, 0, &ret->size, "PRAGMA page_size", 0);
}

/* A database that somebody has rebuilt may not know how: its pages are used again, and its file stays as large. */
static int give_back(struct db *db, const struct pages *pages) {
	int64_t mode = 0;
	if (pages->free <= SPARE_PAGES + pages->all / 16) {
		return TRIM_DONE;
	}
	int err = trim_read_int(db->sql, 0, &mode, "PRAGMA auto_vacuum", 0);
	if (err < 0 || mode != 2) {
		return err < 0 ? err : TRIM_DONE;
	}
	char text[64];
	snprintf(text, sizeof text, "PRAGMA incremental_vacuum(%d)", GIVE_BACK_PAGES);
	err = db_begin(db);
	if (err == 0) {
		err = db_error(db->sql, sqlite3_exec(db->sql, text, NULL, NULL, NULL));
	}
	err = err < 0 ? err : db_commit(db);
	if (err < 0) {
		db_rollback(db);
	}
	return err < 0 ? err : TRIM_MORE;
}

/* ---- some rows of a run ---- */

static int trim_some(struct trim *t, struct db *db, const struct trim_run *run,
	const struct trim_order *order, uint64_t deadline_ns, bool *ret_more) {
	int64_t removed = 0;
	int err = db_begin(db);
	do {
		err = err < 0 ? err : trim_rows(db->sql, run, order, &removed, ret_more);
	} while (err == 0 && *ret_more && clock_mono_ns() < deadline_ns);
	err = trim_end(db, err);
	if (err < 0) {
		return err;
	}
	uint64_t *const counts[] = {&t->removed.steps, &t->removed.lines, &t->removed.windows};
	*counts[order->what] += (uint64_t)removed;
	return 0;
}

static int ask_for(struct trim *t, const struct trim_run *run, const char *why) {
	t->asked.n = run->n;
	snprintf(t->asked.id, sizeof t->asked.id, "%s", run->id);
	snprintf(t->asked.why, sizeof t->asked.why, "%s", why);
	return TRIM_ASKS;
}

/* What goes of a run under one head. TRIM_DONE: nothing more of it. */
static int trim_what(struct trim *t, struct db *db, struct trim_run *run, enum retention_what what,
	bool by_size, uint64_t deadline_ns) {
	char why[RETENTION_WHY_SIZE];
	struct trim_order order = {
		.policy = &t->policy,
		.what = what,
		.before = by_size ? INFINITY : retention_before(&t->policy, what, t->now),
		.now = t->now,
		.why = retention_why(&t->policy, what, by_size, why),
	};
	if (order.before == -INFINITY) {
		return TRIM_DONE;
	}
	int err = trim_look_at(db->sql, run, what);
	if (err < 0 || !retention_takes(&t->policy, &run->facts, what, order.before)) {
		return err < 0 ? err : TRIM_DONE;
	}
	if (what == RETENTION_RUN) {
		return ask_for(t, run, why);
	}
	bool more = false;
	err = trim_some(t, db, run, &order, deadline_ns, &more);
	return err < 0 ? err : more ? TRIM_MORE : TRIM_DONE;
}

/* ---- by age ---- */

/* A run that goes needs no trimming first. */
static const enum retention_what age_stages[] = {
	RETENTION_RUN, RETENTION_STEPS, RETENTION_LINES, RETENTION_WINDOWS};
#define N_STAGES 4u

static int pass_on(struct trim *t, struct db *db, struct trim_run *run, uint64_t deadline_ns) {
	struct trim_walk *walk = &t->by_age;
	if (run->n != walk->n) {
		walk->stage = 0;
		walk->n = run->n;
	}
	int result = TRIM_DONE;
	while (result == TRIM_DONE && walk->stage < N_STAGES) {
		result = trim_what(t, db, run, age_stages[walk->stage], false, deadline_ns);
		/* A run that may not go now is trimmed like any other. */
		walk->stage += result == TRIM_DONE || result == TRIM_ASKS;
	}
	if (result == TRIM_DONE) {
		walk->n++;
		walk->stage = 0;
	}
	return result;
}

static int turn_by_age(struct trim *t, struct db *db, uint64_t deadline_ns) {
	struct trim_walk *walk = &t->by_age;
	if (t->pass_wanted) {
		t->pass_wanted = false;
		*walk = (struct trim_walk){.on = true};
	}
	while (walk->on) {
		struct trim_run run;
		int result = trim_look(db->sql, walk->n, &run);
		if (result == -ENOENT) {
			walk->on = false;
			return TRIM_DONE;
		}
		result = result < 0 ? result : pass_on(t, db, &run, deadline_ns);
		if (result != TRIM_DONE) {
			return result;
		}
		if (clock_mono_ns() >= deadline_ns) {
			return TRIM_MORE;
		}
	}
	return TRIM_DONE;
}

/* ---- by size ---- */

static void forget_victims(struct trim *t) {
	free(t->victims);
	t->victims = NULL;
	t->n_victims = t->victims_cap = 0;
}

void trim_finish(struct trim *t) {
	forget_victims(t);
}

static int add_victim(struct trim *t, int64_t n) {
	if (t->victims == NULL || t->n_victims == t->victims_cap) {
		size_t cap = t->victims_cap == 0 ? 64 : t->victims_cap * 2;
		int64_t *more = reallocarray(t->victims, cap, sizeof *more);
		if (more == NULL) {
			return -ENOMEM;
		}
		t->victims = more;
		t->victims_cap = cap;
	}
	t->victims[t->n_victims++] = n;
	return 0;
}

static int find_victims(struct trim *t, sqlite3 *sql) {
	sqlite3_stmt *st;
	int err = trim_prepare(sql, &st,
		"SELECT n FROM runs_data WHERE state NOT IN ('running', 'stalled') "
		"ORDER BY max(coalesce(ended, 0), coalesce(last_seen, 0)), n",
		0);
	int rc = SQLITE_DONE;
	while (err == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		err = add_victim(t, sqlite3_column_int64(st, 0));
	}
	err = err < 0 ? err : db_error(sql, rc);
	(void)sqlite3_finalize(st);
	return err;
}

static int take_victim(struct trim *t, struct db *db, uint64_t deadline_ns) {
	struct trim_walk *walk = &t->by_size;
	struct trim_run run;
	int64_t n = t->victims[walk->n];
	int result = trim_look(db->sql, n, &run);
	if (result == -ENOENT || (result == 0 && (run.n != n || !run.facts.ended))) {
		result = TRIM_DONE; /* it is gone, or goes on */
	} else if (result == 0) {
		result =
			trim_what(t, db, &run, (enum retention_what)walk->stage, true, deadline_ns);
	}
	if (result == TRIM_DONE || result == TRIM_ASKS) {
		walk->n++;
		if (walk->n == (int64_t)t->n_victims) {
			walk->n = 0;
			walk->stage++;
		}
	}
	return result;
}

static int turn_by_size(struct trim *t, struct db *db, uint64_t deadline_ns) {
	struct trim_walk *walk = &t->by_size;
	bool presses = retention_presses(&t->policy, t->used_bytes, walk->on);
	if (presses && t->victims == NULL) {
		*walk = (struct trim_walk){.on = true};
		int err = find_victims(t, db->sql);
		if (err < 0) {
			forget_victims(t);
			return err;
		}
	}
	while (presses && t->n_victims > 0 && walk->stage < N_STAGES) {
		int result = take_victim(t, db, deadline_ns);
		if (result != TRIM_DONE) {
			return result;
		}
		if (clock_mono_ns() >= deadline_ns) {
			return TRIM_MORE;
		}
	}
	/* Looked at anew the next time: runs end. */
	t->too_large = presses;
	walk->on = presses;
	forget_victims(t);
	return TRIM_DONE;
}

/* ---- a turn ---- */

static int remove_asked(
	struct trim *t, struct db *db, const struct slots *slots, struct known *known) {
	t->may_remove = false;
	int err = trim_remove(db, slots, known, &t->asked, t->now, NULL);
	t->removed.runs += err == 0;
	return err < 0 && err != -ENOENT ? err : TRIM_MORE;
}

int trim_turn(struct trim *t, struct db *db, const struct slots *slots, struct known *known) {
	uint64_t deadline_ns = clock_mono_ns() + TURN_NS;
	struct pages pages;
	bool any = false;

	if (db->wal_bytes > TRIM_LOG_MAX) {
		return TRIM_WAITS;
	}
	int result = count_pages(db->sql, &pages);
	if (result < 0) {
		return result;
	}
	t->used_bytes = (uint64_t)((pages.all - pages.free) * pages.size);
	if (t->may_remove) {
		return remove_asked(t, db, slots, known);
	}
	result = trim_collect(db, slots, deadline_ns, &any);
	if (result < 0 || any) {
		return result < 0 ? result : TRIM_MORE;
	}
	result = turn_by_age(t, db, deadline_ns);
	result = result == TRIM_DONE ? turn_by_size(t, db, deadline_ns) : result;
	return result == TRIM_DONE ? give_back(db, &pages) : result;
}
