#include "sync_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "sync_show.h"

struct watched {
	json_t *run; /* as last seen, or when it was done */
	int64_t goal;
	bool done;
};

static int64_t accepted_rows(const json_t *run) {
	return (int64_t)document_count(run, "forward.accepted_rows");
}

static int64_t all_rows(const json_t *run) {
	return accepted_rows(run) + (int64_t)document_count(run, "forward.pending_rows");
}

int sync_watch_begin(struct sync_watch *w, const json_t *document, bool was_named) {
	const json_t *runs = json_object_get(document, "runs");
	size_t i;
	json_t *run;

	*w = (struct sync_watch){.taken = -1};
	w->runs = calloc(json_array_size(runs) + 1, sizeof *w->runs);
	if (w->runs == NULL) {
		return -ENOMEM;
	}
	json_array_foreach(runs, i, run) {
		if (was_named || document_true(run, "own")) {
			w->runs[w->n++] =
				(struct watched){.run = json_incref(run), .goal = all_rows(run)};
		}
	}
	return 0;
}

/* Borrowed; a run that is not there any more stays as it was. */
static json_t *find(const json_t *by_id, const struct watched *one) {
	json_t *run = json_object_get(by_id, document_text(one->run, "id"));
	return run != NULL ? run : one->run;
}

static void take(struct watched *one, json_t *run) {
	if (sync_is_over(run)) {
		one->goal = all_rows(run);
	}
	int64_t rest = one->goal - accepted_rows(run);
	json_object_set_new(
		json_object_get(run, "forward"), "asked_rows", json_integer(rest > 0 ? rest : 0));
	json_incref(run);
	json_decref(one->run);
	one->run = run;
	one->done = !sync_is_forwarded(run) || sync_is_synced(run);
}

static void count(struct sync_watch *w, const struct watched *one) {
	const char *words = document_text(one->run, "forward.words");

	w->pending += sync_pending(one->run);
	w->all_settled = w->all_settled && sync_is_refused(one->run);
	if (words != NULL) {
		snprintf(w->words, sizeof w->words, "%s", words);
	}
}

static json_t *index_runs(const json_t *document) {
	json_t *by_id = json_object();
	size_t i;
	json_t *run;
	json_array_foreach(json_object_get(document, "runs"), i, run) {
		const char *id = document_text(run, "id");
		if (id != NULL) {
			json_object_set(by_id, id, run);
		}
	}
	return by_id;
}

void sync_watch_look(struct sync_watch *w, const json_t *document) {
	json_t *by_id = index_runs(document);
	int64_t taken = 0;

	w->all_settled = true;
	w->pending = 0;
	w->words[0] = '\0';
	for (size_t i = 0; i < w->n; i++) {
		struct watched *one = &w->runs[i];
		if (!one->done) {
			take(one, find(by_id, one));
		}
		if (!one->done) {
			count(w, one);
		}
		/* Its end is worth a row. */
		taken += one->goal - sync_pending(one->run) + one->done;
	}
	w->moved = taken > w->taken;
	w->taken = w->moved ? taken : w->taken;
	json_decref(by_id);
}

json_t *sync_watch_document(const struct sync_watch *w) {
	json_t *runs = json_array();
	for (size_t i = 0; i < w->n; i++) {
		json_array_append(runs, w->runs[i].run);
	}
	return json_pack("{s:o}", "runs", runs);
}

void sync_watch_finish(struct sync_watch *w) {
	for (size_t i = 0; i < w->n; i++) {
		json_decref(w->runs[i].run);
	}
	free(w->runs);
	*w = (struct sync_watch){0};
}
