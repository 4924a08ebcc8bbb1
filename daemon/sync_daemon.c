#include "sync_daemon.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "clock.h"
#include "message.h"
#include "paths.h"
#include "places.h"
#include "subcommand.h"
#include "sync_show.h"
#include "sync_watch.h"

#define ANSWER_TIMEOUT_MS 5000u /* whoever asks is a person */
#define LOOK_EVERY_MS     300

static struct text text_or_none(const char *text) {
	return text == NULL ? text_of(NULL, 0) : text_of(text, strlen(text));
}

/* ---- waiting ---- */

static json_t *ask_how_it_stands(const struct sync_request *r, const char *socket) {
	char words[ASK_WORDS_MAX] = "";
	json_t *document = NULL;
	if (ask_status(socket, r->run_part, ANSWER_TIMEOUT_MS, &document, words) != ASK_ANSWERED) {
		sync_end_progress();
		fprintf(stderr, "sae-metricsd sync: no answer from %s: %s\n", socket, words);
		return NULL;
	}
	return document;
}

/* Until W&B has what is waited for, or nothing has moved for as long as we are patient. False: no answer. */
static bool watch(const struct sync_request *r, const char *socket, struct sync_watch *w) {
	uint64_t moved_ms = clock_mono_ms();

	for (;;) {
		uint64_t now_ms = clock_mono_ms();
		moved_ms = w->moved ? now_ms : moved_ms;
		if (w->all_settled || now_ms - moved_ms > r->patience_s * 1000ull) {
			sync_end_progress();
			return true;
		}
		sync_show_progress(w->pending, w->words);
		(void)poll(NULL, 0, LOOK_EVERY_MS);
		json_t *document = ask_how_it_stands(r, socket);
		if (document == NULL) {
			return false;
		}
		sync_watch_look(w, document);
		json_decref(document);
	}
}

static int wait_for_it(const struct sync_request *r, const char *socket) {
	struct sync_watch w;
	json_t *document = ask_how_it_stands(r, socket);
	int status = EXIT_FAILED;

	if (document == NULL) {
		return status;
	}
	if (sync_watch_begin(&w, document, r->run_part != NULL) == 0) {
		sync_watch_look(&w, document);
		if (watch(r, socket, &w)) {
			json_t *seen = sync_watch_document(&w);
			status = sync_print(seen, false);
			json_decref(seen);
		}
	}
	sync_watch_finish(&w);
	json_decref(document);
	return status;
}

/* ---- asking ---- */

/* What the daemon said is of use to whoever has not got what he wanted. */
static int wait_and_say(const struct sync_request *r, const char *socket, const char *words) {
	int status = wait_for_it(r, socket);
	if (status != EXIT_OK) {
		fprintf(stderr, "sae-metricsd sync: %s\n", words);
	}
	return status;
}

static int ask_one(const struct sync_request *r, const char *socket) {
	char words[ASK_WORDS_MAX] = "";
	struct msg_query query = {
		.what = text_or_none("sync"),
		.run = text_or_none(r->run_part),
		.wandb_key = text_or_none(r->key),
		.wandb_base_url = text_or_none(r->key != NULL ? r->base_url : NULL),
		.take_over = r->take_over,
	};
	switch (ask_to(socket, &query, ANSWER_TIMEOUT_MS, words)) {
	case ASK_ANSWERED:
		return wait_and_say(r, socket, words);
	case ASK_NO_DAEMON:
		return EXIT_NO_ANSWER;
	case ASK_NO_SUCH_RUN:
		fprintf(stderr, "sae-metricsd sync: %s\n", words);
		return EXIT_NO_SUCH_RUN;
	case ASK_REFUSED:
		fprintf(stderr, "sae-metricsd sync: %s\n", words);
		return EXIT_FAILED;
	case ASK_FAILED:
		break;
	}
	fprintf(stderr, "sae-metricsd sync: no answer from %s: %s\n", socket, words);
	return EXIT_FAILED;
}

int sync_through_daemon(const struct sync_request *request) {
	const char *socket = request->socket != NULL ? request->socket : paths_socket_override();
	struct places_sockets sockets;
	int status = EXIT_NO_ANSWER;

	if (socket != NULL) {
		return ask_one(request, socket);
	}
	places_find_sockets(&sockets);
	for (size_t i = 0; i < sockets.n && status == EXIT_NO_ANSWER; i++) {
		status = ask_one(request, sockets.path[i]);
	}
	return status;
}
