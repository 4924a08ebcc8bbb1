#include "source.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "paths.h"
#include "places.h"
#include "subcommand.h"

#define ANSWER_TIMEOUT_MS 5000u /* the deadline of a question: whoever asks is a person */
#define POINTS_TIMEOUT_MS                                                                          \
	60000u /* of many runs of an older version the means are added up: some milliseconds each */

struct question {
	const char *run_part;
	const struct points_query *points; /* NULL: the status document */
};

/* ---- files ---- */

/* What came of all files together. */
struct harvest {
	json_t *document;
	size_t n_read;
	int status;
	bool is_silent;
	char words[DATABASE_WORDS_MAX]; /* of the last file without such a run */
};

static void read_file(struct harvest *h, const char *path, const struct question *q) {
	char words[DATABASE_WORDS_MAX];
	json_t *one = NULL;
	enum database_result result = q->points != NULL
					      ? database_read_points(path, q->points, &one, words)
					      : database_read(path, q->run_part, &one, words);

	if (result == DATABASE_NO_SUCH_RUN) {
		memcpy(h->words, words, sizeof(words));
	} else if (words[0] && !h->is_silent) {
		fprintf(stderr, "sae-metricsd: %s: %s\n", path, words);
	}
	if (result == DATABASE_UNREADABLE || (one && database_merge(h->document, one, path) < 0)) {
		h->status = EXIT_FAILED;
	}
	h->n_read += result != DATABASE_UNREADABLE;
	json_decref(one);
}

/* One file that cannot be read does not stop the others. */
static int read_files(const struct source *s, const struct question *q, json_t **ret_document) {
	struct harvest h = {.document = json_pack("{s:i, s:[]}", "schema", 1, "runs"),
		.is_silent = s->is_read_again};

	if (!h.document) {
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < s->files.n; i++) {
		read_file(&h, s->files.paths[i], q);
	}
	*ret_document = h.document;

	size_t n_runs = json_array_size(json_object_get(h.document, "runs"));
	if (h.n_read == 0) {
		return EXIT_NO_ANSWER;
	}
	if (q->run_part && n_runs != 1) {
		fprintf(stderr, "sae-metricsd: %s\n",
			n_runs > 1 ? "runs of several databases fit: give more of the id"
				   : h.words);
		return EXIT_NO_SUCH_RUN;
	}
	return h.status;
}

/* ---- a daemon ---- */

struct attempt {
	const char *socket;
	enum ask_result result;
	char words[ASK_WORDS_MAX];
};

static void attempt_make(
	struct attempt *a, const char *socket, const struct question *q, json_t **ret_document) {
	a->socket = socket;
	a->words[0] = '\0';
	a->result = q->points != NULL ? ask_points(socket, q->points, POINTS_TIMEOUT_MS,
						ret_document, a->words)
				      : ask_status(socket, q->run_part, ANSWER_TIMEOUT_MS,
						ret_document, a->words);
}

static bool attempt_decided(const struct attempt *a) {
	return a->result == ASK_ANSWERED || a->result == ASK_NO_SUCH_RUN;
}

static int attempt_report(const struct attempt *a) {
	switch (a->result) {
	case ASK_ANSWERED:
		return EXIT_OK;
	case ASK_NO_SUCH_RUN:
		fprintf(stderr, "sae-metricsd: %s\n", a->words);
		return EXIT_NO_SUCH_RUN;
	default:
		fprintf(stderr, "sae-metricsd: no answer from %s: %s%s\n", a->socket, a->words,
			a->result == ASK_NO_DAEMON ? "; is `sae-metricsd serve` running?" : "");
		return EXIT_NO_ANSWER;
	}
}

/* The socket of nobody's choosing does not answer: what its daemon wrote may still be there. */
static int read_default_database(struct source *s, const struct question *q,
	const struct attempt *failed, json_t **ret_document) {
	char places[DATABASE_PLACES][PATH_MAX];

	database_places(places);
	for (size_t i = 0; i < DATABASE_PLACES; i++) {
		const char *database = places[i];
		if (database[0] && access(database, R_OK) == 0 &&
			database_list_add(&s->files, database) == 0) {
			fprintf(stderr,
				"sae-metricsd: no answer from %s: %s; showing %s as last "
				"committed\n",
				failed->socket, failed->words, database);
			return read_files(s, q, ret_document);
		}
	}
	return attempt_report(failed);
}

static int ask_default(struct source *s, const struct question *q, json_t **ret_document) {
	struct attempt attempt, failed = {0};
	struct places_sockets sockets;

	places_find_sockets(&sockets);
	for (size_t i = 0; i < sockets.n; i++) {
		attempt_make(&attempt, sockets.path[i], q, ret_document);
		if (attempt_decided(&attempt)) {
			return attempt_report(&attempt);
		}
		/* A daemon that is there and fails says more than one that is not there. */
		if (!failed.socket || attempt.result == ASK_FAILED) {
			failed = attempt;
		}
	}
	return read_default_database(s, q, &failed, ret_document);
}

static int ask_or_read(struct source *s, const struct question *q, json_t **ret_document) {
	const char *socket = s->socket ? s->socket : paths_socket_override();
	struct attempt attempt;

	if (s->files.n > 0) {
		return read_files(s, q, ret_document);
	}
	if (!socket) {
		return ask_default(s, q, ret_document);
	}
	attempt_make(&attempt, socket, q, ret_document);
	return attempt_report(&attempt);
}

int source_read(struct source *s, json_t **ret_document) {
	const struct question question = {.run_part = s->run_part};

	return ask_or_read(s, &question, ret_document);
}

int source_read_points(struct source *s, const struct points_query *query, json_t **ret_document) {
	const struct question question = {.points = query};

	return ask_or_read(s, &question, ret_document);
}
