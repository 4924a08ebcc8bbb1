#include "run_source.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "bounds.h"
#include "paths.h"
#include "places.h"
#include "run_match.h"
#include "subcommand.h"

static void say(const struct run_source *s, const char *about, const char *words) {
	fprintf(stderr, "sae-metricsd %s: %s%s%s\n", s->command, about,
		about[0] != '\0' ? ": " : "", words);
}

/* ---- files ---- */

/* A database with the run in it. */
struct find {
	sqlite3 *sql;
	int64_t n;
	char id[RUN_ID_MAX + 1];
	double last_seen;
};

static void find_drop(struct find *f) {
	(void)sqlite3_close(f->sql);
	*f = (struct find){0};
}

static int read_find(struct find *f) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(
		f->sql, "SELECT id, last_seen FROM runs_data WHERE n = ?", -1, &st, NULL);

	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_int64(st, 1, f->n);
		rc = sqlite3_step(st);
	}
	if (rc == SQLITE_ROW) {
		snprintf(f->id, sizeof f->id, "%s", (const char *)sqlite3_column_text(st, 0));
		f->last_seen = sqlite3_column_double(st, 1);
	}
	(void)sqlite3_finalize(st);
	return rc == SQLITE_ROW ? 0 : -1;
}

/* EXIT_OK: it is there. EXIT_NO_SUCH_RUN, with words: not in this one. Anything else has been said. */
static int look_into(const struct run_source *s, const char *path, struct find *ret,
	char ret_words[RUN_MATCH_WORDS_MAX]) {
	char words[DATABASE_WORDS_MAX];
	enum database_result opened = database_open(path, DATABASE_CURRENT, &ret->sql, words);

	if (words[0]) {
		say(s, path, words);
	}
	if (opened != DATABASE_OK) {
		return EXIT_NO_ANSWER;
	}
	const struct viewer viewer = database_viewer(path);
	int matched = run_match(ret->sql, s->where->run_part, &viewer, &ret->n, ret_words);
	if (matched == RUN_MATCH_ONE && read_find(ret) == 0) {
		return EXIT_OK;
	}
	if (matched != RUN_MATCH_NOT_ONE) {
		fprintf(stderr, "sae-metricsd %s: %s: the database cannot be read: %s\n",
			s->command, path, sqlite3_errmsg(ret->sql));
	}
	find_drop(ret);
	return matched == RUN_MATCH_NOT_ONE ? EXIT_NO_SUCH_RUN : EXIT_FAILED;
}

/* Of copies of one run the one that was seen last. False: two runs, and neither is meant. */
static bool keep_newer(struct find *best, struct find *other) {
	if (best->sql != NULL && strcmp(best->id, other->id) != 0) {
		find_drop(other);
		return false;
	}
	if (best->sql == NULL || other->last_seen > best->last_seen) {
		struct find older = *best;
		*best = *other;
		*other = older;
	}
	find_drop(other);
	return true;
}

static int open_files(const struct run_source *s, struct find *ret) {
	char words[RUN_MATCH_WORDS_MAX] = "";
	int status = EXIT_NO_ANSWER;

	for (size_t i = 0; i < s->where->files.n; i++) {
		struct find one = {0};
		int found = look_into(s, s->where->files.paths[i], &one, words);
		if (found == EXIT_OK && !keep_newer(ret, &one)) {
			say(s, "", "runs of several databases fit: give more of the id");
			return EXIT_NO_SUCH_RUN;
		}
		status = found == EXIT_OK || status == EXIT_NO_ANSWER ? found : status;
	}
	if (ret->sql != NULL) {
		return EXIT_OK;
	}
	if (status == EXIT_NO_SUCH_RUN) {
		say(s, "", words);
	}
	return status;
}

/* Without a word where it is not there. */
static bool open_default_file(const struct run_source *s, struct find *ret) {
	char path[PATH_MAX], words[RUN_MATCH_WORDS_MAX];

	return database_default(path) && access(path, R_OK) == 0 &&
	       look_into(s, path, ret, words) == EXIT_OK;
}

/* The database of nobody's choosing, for what is wrong with it. */
static int open_anyway(const struct run_source *s, struct find *ret) {
	char path[PATH_MAX], words[RUN_MATCH_WORDS_MAX];

	if (!database_default(path)) {
		say(s, "", "there is no database, and no daemon answers; name one with --db FILE");
		return EXIT_NO_ANSWER;
	}
	int status = look_into(s, path, ret, words);
	if (status == EXIT_NO_SUCH_RUN) {
		say(s, "", words);
	}
	return status;
}

/* ---- daemons ---- */

static int report(
	const struct run_source *s, const char *socket, enum ask_result result, const char *words) {
	switch (result) {
	case ASK_ANSWERED:
		return EXIT_OK;
	case ASK_NO_SUCH_RUN:
		say(s, "", words);
		return EXIT_NO_SUCH_RUN;
	case ASK_REFUSED: /* one that does not know the question says so */
		say(s, socket, words);
		say(s, "", "the daemon hands no run out; name its database with --db FILE");
		return EXIT_FAILED;
	case ASK_NO_DAEMON:
		fprintf(stderr, "sae-metricsd %s: no answer from %s: %s\n", s->command, socket,
			words);
		return EXIT_NO_ANSWER;
	default:
		say(s, socket, words);
		return EXIT_FAILED;
	}
}

/* There is one run in what was fetched. */
static int read_number(struct find *f) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(f->sql, "SELECT n FROM runs_data", -1, &st, NULL);

	rc = rc == SQLITE_OK ? sqlite3_step(st) : rc;
	f->n = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
	(void)sqlite3_finalize(st);
	return rc == SQLITE_ROW ? 0 : -1;
}

static enum ask_result fetch(const struct run_source *s, const char *socket, struct find *ret,
	char ret_words[ASK_WORDS_MAX]) {
	enum ask_result result = fetched_run_open(
		socket, s->where->run_part, &s->tables, s->stop, &ret->sql, ret_words);

	if (result == ASK_ANSWERED && read_number(ret) < 0) {
		snprintf(ret_words, ASK_WORDS_MAX, "what it handed out has no run in it");
		return ASK_FAILED;
	}
	return result;
}

static int ask_one(const struct run_source *s, const char *socket, struct find *ret) {
	char words[ASK_WORDS_MAX];

	return report(s, socket, fetch(s, socket, ret, words), words);
}

/* $SAE_METRICS_SOCKET, alone where it is set, else the user's and the host's. Where nobody listens, not a word. */
static int ask_default(const struct run_source *s, struct find *ret) {
	const char *override = paths_socket_override();
	struct places_sockets sockets;
	char words[ASK_WORDS_MAX];

	places_find_sockets(&sockets);
	for (size_t i = 0; i < (override != NULL ? 1 : sockets.n); i++) {
		const char *socket = override != NULL ? override : sockets.path[i];
		enum ask_result result = fetch(s, socket, ret, words);
		if (result != ASK_NO_DAEMON) {
			return report(s, socket, result, words);
		}
	}
	return EXIT_NO_ANSWER;
}

static int open_default(const struct run_source *s, struct find *ret) {
	if (open_default_file(s, ret)) {
		return EXIT_OK;
	}
	int status = ask_default(s, ret);
	return status == EXIT_NO_ANSWER ? open_anyway(s, ret) : status;
}

int run_source_open(const struct run_source *s, sqlite3 **ret_sql, int64_t *ret_n) {
	struct find found = {0};
	int status = s->where->files.n > 0      ? open_files(s, &found)
		     : s->where->socket != NULL ? ask_one(s, s->where->socket, &found)
						: open_default(s, &found);

	if (status == EXIT_OK) {
		*ret_sql = found.sql;
		*ret_n = found.n;
	} else {
		find_drop(&found);
	}
	return status;
}
