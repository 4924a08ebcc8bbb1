#include "known.h"

#include <assert.h>
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_ids(const void *a, const void *b) {
	return strcmp(a, b);
}

static void run_destroy(void *node) {
	struct known_run *run = node;
	assert(run->cuts == NULL);
	free(run->why);
	free(run);
}

void known_finish(struct known *k) {
	tdestroy(k->tree, run_destroy);
	k->tree = NULL;
}

struct known_run *known_find(const struct known *k, const char *run_id) {
	void *node = tfind(run_id, &k->tree, compare_ids);
	return node == NULL ? NULL : *(struct known_run **)node;
}

void known_forget(struct known *k, const char *run_id) {
	struct known_run *run = known_find(k, run_id);
	if (run != NULL) {
		(void)tdelete(run_id, &k->tree, compare_ids);
		run_destroy(run);
	}
}

static void renumber(const void *node, VISIT visit, int depth) {
	(void)depth;
	if (visit == postorder || visit == leaf) {
		struct known_run *run = *(struct known_run *const *)node;
		run->now.n = 0;
		run->now.mark_first = run->now.mark_last + 1;
		run->now.forwards = false;
		run->now.forward_lines = 0;
		run->now.forward_step = -1;
	}
}

void known_renumber(struct known *k) {
	twalk(k->tree, renumber);
}

/* A row of one of the statements that ask for names; SQLITE_DONE when there is none. */
static int ask(struct db *db, enum statement statement, const char *id, int64_t n,
	void (*take)(struct names *names, sqlite3_stmt *st), struct names *names) {
	sqlite3_stmt *st = db->writer.statements[statement];
	(void)(id != NULL ? sqlite3_bind_text(st, 1, id, -1, SQLITE_STATIC)
			  : sqlite3_bind_int64(st, 1, n));
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		take(names, st);
	}
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	return db_error(db->sql, rc);
}

static void take_number(struct names *names, sqlite3_stmt *st) {
	names->n = sqlite3_column_int64(st, 0);
}

static void take_slots(struct names *names, sqlite3_stmt *st) {
	names->hot = db_column_slot(st, 0);
	names->base = db_column_slot(st, 3);
}

static void take_marks(struct names *names, sqlite3_stmt *st) {
	names->mark_first = sqlite3_column_int64(st, 0);
	names->mark_last = sqlite3_column_int64(st, 1);
}

static void take_forward(struct names *names, sqlite3_stmt *st) {
	names->forwards = true;
	names->forward_lines = sqlite3_column_int64(st, 0);
	if (sqlite3_column_type(st, 1) != SQLITE_NULL) {
		names->forward_step = sqlite3_column_int64(st, 1);
	}
}

static int read_names(struct db *db, const char *run_id, struct names *ret) {
	struct names names = {.mark_first = 1, .forward_step = -1};
	int err = ask(db, STATEMENT_FIND_RUN, run_id, 0, take_number, &names);
	if (err == 0 && names.n != 0) {
		err = ask(db, STATEMENT_FIND_STATE, NULL, names.n, take_slots, &names);
	}
	if (err == 0 && names.n != 0) {
		err = ask(db, STATEMENT_MARK_RANGE, NULL, names.n, take_marks, &names);
	}
	if (err == 0 && names.n != 0) {
		err = ask(db, STATEMENT_FIND_FORWARD, NULL, names.n, take_forward, &names);
	}
	if (err == 0) {
		*ret = names;
	}
	return err;
}

static int run_create(struct db *db, const struct run_cut *cut, struct known_run **ret) {
	struct known_run *run = calloc(1, sizeof *run);
	if (run == NULL) {
		return -ENOMEM;
	}
	snprintf(run->id, sizeof run->id, "%s", cut->run_id);
	run->tail = &run->cuts;
	int err = read_names(db, cut->run_id, &run->now);
	if (err < 0) {
		run_destroy(run);
		return err;
	}
	*ret = run;
	return 0;
}

int known_get(struct known *k, struct db *db, const struct run_cut *cut, struct known_run **ret) {
	struct known_run *run = known_find(k, cut->run_id);
	if (run == NULL) {
		int err = run_create(db, cut, &run);
		if (err < 0) {
			return err;
		}
		if (tsearch(run, &k->tree, compare_ids) == NULL) {
			run_destroy(run);
			return -ENOMEM;
		}
	}
	*ret = run;
	return 0;
}
