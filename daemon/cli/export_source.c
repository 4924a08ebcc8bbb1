#include "export_source.h"

#include <stdio.h>
#include <unistd.h>

#include "database_file.h"
#include "fetched_run.h"
#include "paths.h"
#include "places.h"
#include "run_match.h"
#include "subcommand.h"

static void say(const char *about, const char *words) {
	fprintf(stderr, "sae-metricsd export: %s%s%s\n", about, about[0] != '\0' ? ": " : "",
		words);
}

/* ---- files ---- */

static int open_file(const char *path, sqlite3 **ret) {
	char words[DATABASE_WORDS_MAX];
	enum database_result result = database_open(path, DATABASE_CURRENT, ret, words);

	if (words[0]) {
		say(path, words);
	}
	return result == DATABASE_OK ? EXIT_OK : EXIT_NO_ANSWER;
}

/* With the run in it; without a word where it is not. */
static bool open_default_file(const char *run_part, sqlite3 **ret) {
	char path[PATH_MAX], words[RUN_MATCH_WORDS_MAX];
	int64_t n;

	if (!database_default(path) || access(path, R_OK) < 0 || open_file(path, ret) != EXIT_OK) {
		return false;
	}
	const struct viewer viewer = database_viewer(path);
	if (run_match(*ret, run_part, &viewer, &n, words) == RUN_MATCH_ONE) {
		return true;
	}
	(void)sqlite3_close(*ret);
	*ret = NULL;
	return false;
}

/* ---- daemons ---- */

static int report(const char *socket, enum ask_result result, const char *words) {
	switch (result) {
	case ASK_ANSWERED:
		return EXIT_OK;
	case ASK_NO_SUCH_RUN:
		say("", words);
		return EXIT_NO_SUCH_RUN;
	case ASK_REFUSED: /* one that does not know the question says so */
		say(socket, words);
		say("", "the daemon hands no run out; name its database with --db FILE");
		return EXIT_FAILED;
	case ASK_NO_DAEMON:
		fprintf(stderr, "sae-metricsd export: no answer from %s: %s\n", socket, words);
		return EXIT_NO_ANSWER;
	default:
		say(socket, words);
		return EXIT_FAILED;
	}
}

static int ask_one(const struct export_source *s, const char *socket, sqlite3 **ret) {
	char words[ASK_WORDS_MAX];

	return report(socket, fetched_run_open(socket, s->run_part, s->tables, s->stop, ret, words),
		words);
}

/* $SAE_METRICS_SOCKET, alone where it is set, else the user's and the host's. Where nobody listens, not a word. */
static int ask_default(const struct export_source *s, sqlite3 **ret) {
	struct places_sockets sockets;
	char words[ASK_WORDS_MAX];

	if (paths_socket_override() != NULL) {
		enum ask_result result = fetched_run_open(
			paths_socket_override(), s->run_part, s->tables, s->stop, ret, words);
		return result == ASK_NO_DAEMON ? EXIT_NO_ANSWER
					       : report(paths_socket_override(), result, words);
	}
	places_find_sockets(&sockets);
	for (size_t i = 0; i < sockets.n; i++) {
		enum ask_result result = fetched_run_open(
			sockets.path[i], s->run_part, s->tables, s->stop, ret, words);
		if (result != ASK_NO_DAEMON) {
			return report(sockets.path[i], result, words);
		}
	}
	return EXIT_NO_ANSWER;
}

/* The database of nobody's choosing, for what is wrong with it. */
static int open_anyway(const struct export_source *s, sqlite3 **ret) {
	char path[PATH_MAX], words[RUN_MATCH_WORDS_MAX] = "";
	int64_t n;

	if (!database_default(path)) {
		say("", "there is no database, and no daemon answers; name one with --db FILE");
		return EXIT_NO_ANSWER;
	}
	int status = open_file(path, ret);
	if (status != EXIT_OK) {
		return status;
	}
	const struct viewer viewer = database_viewer(path);
	if (run_match(*ret, s->run_part, &viewer, &n, words) != RUN_MATCH_ONE) {
		say("", words);
		return EXIT_NO_SUCH_RUN;
	}
	return EXIT_OK;
}

int export_source_open(const struct export_source *s, sqlite3 **ret) {
	if (s->database != NULL) {
		return open_file(s->database, ret);
	}
	if (s->socket != NULL) {
		return ask_one(s, s->socket, ret);
	}
	if (open_default_file(s->run_part, ret)) {
		return EXIT_OK;
	}
	int status = ask_default(s, ret);
	return status == EXIT_NO_ANSWER ? open_anyway(s, ret) : status;
}
