#include "tell.h"

#include <stdbool.h>
#include <stdio.h>

#include "message.h"
#include "paths.h"
#include "places.h"
#include "subcommand.h"

#define ANSWER_TIMEOUT_MS 5000u /* whoever asks is a person */

struct answer {
	const char *socket; /* NULL: nobody was asked */
	enum ask_result result;
	char words[ASK_WORDS_MAX];
};

static void tell(struct answer *a, const char *socket, const struct msg_query *query) {
	a->socket = socket;
	a->words[0] = '\0';
	a->result = ask_to(socket, query, ANSWER_TIMEOUT_MS, a->words);
}

static bool is_decided(const struct answer *a) {
	return a->result != ASK_NO_DAEMON && a->result != ASK_FAILED;
}

/* The user's own, then the host's. A daemon that is there and fails says more than one that is not there. */
static void tell_any(
	struct answer *ret, struct places_sockets *sockets, const struct msg_query *query) {
	places_find_sockets(sockets);
	*ret = (struct answer){0};
	for (size_t i = 0; i < sockets->n && (ret->socket == NULL || !is_decided(ret)); i++) {
		struct answer answer;
		tell(&answer, sockets->path[i], query);
		if (ret->socket == NULL || answer.result != ASK_NO_DAEMON) {
			*ret = answer;
		}
	}
}

static int conclude(const struct answer *a, const char *command) {
	switch (a->result) {
	case ASK_ANSWERED:
		return printf("%s\n", a->words) > 0 && fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
	case ASK_NO_SUCH_RUN:
		fprintf(stderr, "sae-metricsd %s: %s\n", command, a->words);
		return EXIT_NO_SUCH_RUN;
	case ASK_REFUSED:
		fprintf(stderr, "sae-metricsd %s: %s\n", command, a->words);
		return EXIT_FAILED;
	default:
		fprintf(stderr, "sae-metricsd %s: no answer from %s: %s%s\n", command, a->socket,
			a->words,
			a->result == ASK_NO_DAEMON ? "; is `sae-metricsd serve` running?" : "");
		return EXIT_NO_ANSWER;
	}
}

/* `sockets` is what the answer may borrow from. */
static void tell_chosen(struct answer *ret, const char *socket, struct places_sockets *sockets,
	const struct msg_query *query) {
	if (socket == NULL) {
		socket = paths_socket_override();
	}
	if (socket != NULL) {
		tell(ret, socket, query);
	} else {
		tell_any(ret, sockets, query);
	}
}

int tell_daemon(const char *command, const char *socket, const struct msg_query *query) {
	struct answer answer;
	struct places_sockets sockets;

	tell_chosen(&answer, socket, &sockets, query);
	return conclude(&answer, command);
}

enum ask_result tell_quietly(
	const char *socket, const struct msg_query *query, char ret_words[ASK_WORDS_MAX]) {
	struct answer answer;
	struct places_sockets sockets;

	tell_chosen(&answer, socket, &sockets, query);
	snprintf(ret_words, ASK_WORDS_MAX, "%s", answer.words);
	return answer.result;
}
