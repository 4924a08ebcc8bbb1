#include "run_ids.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "ask.h"
#include "database_file.h"
#include "document.h"
#include "glyph.h"
#include "paths.h"
#include "places.h"
#include "source.h"
#include "subcommand.h"

#define TIMEOUT_MS 500u /* longer than that nobody waits for a completion */

/* A shell shows it beside the id, on a terminal: names are a trainer's. */
static void print_shown(const char *before, const char *text, const char *behind) {
	struct glyph glyph;

	if (text) {
		fputs(before, stdout);
		while (glyph_next(&text, true, &glyph)) {
			fputs(glyph.bytes, stdout);
		}
		fputs(behind, stdout);
	}
}

static void print_run(const json_t *run) {
	print_shown("", document_text(run, "id"), "\t");
	print_shown("", document_text(run, "state"), "");
	print_shown(" ", document_text(run, "name"), "");
	print_shown(" (", document_text(run, "project"), ")");
	putchar('\n');
}

static void print_runs(const json_t *document) {
	const json_t *runs = document_at(document, "runs");

	for (size_t i = 0; i < json_array_size(runs); i++) {
		print_run(json_array_get(runs, i));
	}
}

static bool print_daemons(const char *socket) {
	char words[ASK_WORDS_MAX];
	json_t *document = NULL;
	bool is_there = ask_runs(socket, TIMEOUT_MS, &document, words) == ASK_ANSWERED;

	print_runs(document);
	json_decref(document);
	return is_there;
}

static bool print_file(const char *path) {
	char words[DATABASE_WORDS_MAX];
	json_t *document = NULL;
	bool is_read = database_read_brief(path, &document, words) == DATABASE_OK;

	print_runs(document);
	json_decref(document);
	return is_read;
}

/* As `status` looks for one. */
static bool print_default(void) {
	struct places_sockets sockets;
	char database[PATH_MAX];

	places_find_sockets(&sockets);
	for (size_t i = 0; i < sockets.n; i++) {
		if (print_daemons(sockets.path[i])) {
			return true;
		}
	}
	return database_default(database) && print_file(database);
}

int run_ids_print(const struct source *s) {
	const char *socket = s->socket ? s->socket : paths_socket_override();
	bool any = false;

	for (size_t i = 0; i < s->files.n; i++) {
		any = print_file(s->files.paths[i]) || any;
	}
	if (s->files.n == 0) {
		any = socket ? print_daemons(socket) : print_default();
	}
	if (fflush(stdout) != 0) {
		return EXIT_FAILED;
	}
	return any ? EXIT_OK : EXIT_NO_ANSWER;
}
