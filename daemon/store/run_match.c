#include "run_match.h"

#include <stdio.h>
#include <string.h>

#include "db.h"
#include "removed.h"

#define MATCHES_NAMED 3 /* in the sentence about a part that fits several runs */

struct matching {
	sqlite3 *sql;
	const char *part;
	const struct viewer *viewer;
	int64_t n; /* the last that fits */
	int count;
	char ids[128]; /* the first few */
};

/* How a part may fit, the surest first: a whole id (whatever others call theirs), a whole name, then the beginning or end of an id, then
 * any part of either. The first that fits any run decides. */
static const char *const matches[] = {
	"r.id = :part",
	"r.name = :part",
	"substr(r.id, 1, length(:part)) = :part OR substr(r.id, -length(:part)) = :part",
	"instr(r.id, :part) > 0 OR instr(coalesce(r.name, ''), :part) > 0",
};

static void bind(sqlite3_stmt *st, const char *name, int64_t value) {
	(void)sqlite3_bind_int64(st, sqlite3_bind_parameter_index(st, name), value);
}

void run_match_bind(sqlite3_stmt *st, const struct viewer *viewer) {
	bind(st, ":viewer", viewer->uid);
	bind(st, ":sees_all", viewer->sees_all);
	bind(st, ":all_private", viewer->all_private);
}

static int prepare(const struct matching *m, const char *match, sqlite3_stmt **ret) {
	char sql[512];
	snprintf(sql, sizeof sql,
		"SELECT r.n, r.id FROM runs_data r WHERE (%s) AND " RUN_VISIBLE
		" ORDER BY r.last_seen DESC",
		match);
	int rc = sqlite3_prepare_v2(m->sql, sql, -1, ret, NULL);
	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_text(*ret, sqlite3_bind_parameter_index(*ret, ":part"), m->part,
			-1, SQLITE_STATIC);
		run_match_bind(*ret, m->viewer);
	}
	return rc;
}

static void take(struct matching *m, sqlite3_stmt *st) {
	size_t len = strlen(m->ids);
	m->n = sqlite3_column_int64(st, 0);
	if (m->count < MATCHES_NAMED) {
		snprintf(m->ids + len, sizeof m->ids - len, "%s%.24s", m->count > 0 ? ", " : "",
			(const char *)sqlite3_column_text(st, 1));
	}
	m->count++;
}

static int count_matches(struct matching *m, const char *match) {
	sqlite3_stmt *st = NULL;
	int rc = prepare(m, match, &st);
	while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		take(m, st);
		rc = SQLITE_OK;
	}
	int err = db_error(m->sql, rc);
	(void)sqlite3_finalize(st);
	return err;
}

/* It may have been there. */
static void say_none(const struct matching *m, char ret_words[RUN_MATCH_WORDS_MAX]) {
	char removed[REMOVED_WORDS_MAX];
	bool found = false;
	if (removed_find(m->sql, m->part, m->viewer, &found, removed) < 0 || !found) {
		removed[0] = '\0';
	}
	snprintf(ret_words, RUN_MATCH_WORDS_MAX, "no run fits '%.48s'%s%.180s", m->part,
		removed[0] != '\0' ? ": " : "", removed);
}

int run_match(sqlite3 *sql, const char *part, const struct viewer *viewer, int64_t *ret_n,
	char ret_words[RUN_MATCH_WORDS_MAX]) {
	struct matching m = {.sql = sql, .part = part, .viewer = viewer};
	for (size_t i = 0; m.count == 0 && i < sizeof matches / sizeof matches[0]; i++) {
		int err = count_matches(&m, matches[i]);
		if (err < 0) {
			return err;
		}
	}
	if (m.count == 1) {
		*ret_n = m.n;
		return RUN_MATCH_ONE;
	}
	if (m.count == 0) {
		say_none(&m, ret_words);
	} else {
		snprintf(ret_words, RUN_MATCH_WORDS_MAX, "%d runs fit '%.48s': %s%s", m.count, part,
			m.ids, m.count > MATCHES_NAMED ? ", …" : "");
	}
	return RUN_MATCH_NOT_ONE;
}
