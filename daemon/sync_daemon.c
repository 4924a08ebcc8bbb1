#include "sync_daemon.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "clock.h"
#include "document.h"
#include "message.h"
#include "paths.h"
#include "subcommand.h"
#include "sync_show.h"

#define ANSWER_TIMEOUT_MS 5000u /* whoever asks is a person */
#define LOOK_EVERY_MS     300

static struct text text_or_none(const char *text) {
	return text == NULL ? text_of(NULL, 0) : text_of(text, strlen(text));
}

/* ---- waiting ---- */

struct progress {
	bool all_settled; /* W&B has everything, or has said no */
	int64_t pending;
	char words[256]; /* of one that waits */
};

static struct progress look(const json_t *document) {
	struct progress p = {.all_settled = true};
	size_t i;
	json_t *run;
	json_array_foreach(json_object_get(document, "runs"), i, run) {
		if (!sync_is_forwarded(run)) {
			continue;
		}
		const char *words = document_text(run, "forward.words");
		p.pending += sync_pending(run);
		p.all_settled = p.all_settled && (sync_is_synced(run) || sync_is_refused(run));
		if (words != NULL) {
			snprintf(p.words, sizeof p.words, "%s", words);
		}
	}
	return p;
}

/* Until W&B has everything, or nothing has moved for as long as we are patient. */
static int wait_for_it(const struct sync_request *r, const char *socket) {
	uint64_t moved_ms = clock_mono_ms();
	int64_t pending = -1;

	for (;;) {
		char words[ASK_WORDS_MAX] = "";
		json_t *document = NULL;
		if (ask_status(socket, r->run_part, ANSWER_TIMEOUT_MS, &document, words) !=
			ASK_ANSWERED) {
			sync_end_progress();
			fprintf(stderr, "sae-metricsd sync: no answer from %s: %s\n", socket,
				words);
			return EXIT_FAILED;
		}
		struct progress now = look(document);
		uint64_t now_ms = clock_mono_ms();
		if (now.pending != pending) {
			pending = now.pending;
			moved_ms = now_ms;
		}
		if (now.all_settled || now_ms - moved_ms > r->patience_s * 1000ull) {
			sync_end_progress();
			int status = sync_print(document, false);
			json_decref(document);
			return status;
		}
		sync_show_progress(now.pending, now.words);
		json_decref(document);
		(void)poll(NULL, 0, LOOK_EVERY_MS);
	}
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
	struct paths candidates[2];
	int status = EXIT_NO_ANSWER;

	if (socket != NULL) {
		return ask_one(request, socket);
	}
	paths_user(&candidates[0]);
	paths_system(&candidates[1]);
	for (size_t i = 0; i < 2 && status == EXIT_NO_ANSWER; i++) {
		if (candidates[i].socket[0] != '\0') {
			status = ask_one(request, candidates[i].socket);
		}
	}
	return status;
}
