#include "tell.h"

#include <stdarg.h>

#include "message.h"
#include "paths.h"
#include "places.h"
#include "subcommand.h"
#include "terminal.h"

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

bool tell_print(FILE *to, const char *format, ...) {
	char line[ASK_WORDS_MAX + 512]; /* and where it was asked */
	struct look look = terminal_look(fileno(to), COLOUR_NEVER);
	struct page page;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof line, format, args);
	va_end(args);
	look.width = 0;
	page_init(&page, &look);
	page_put(&page, STYLE_PLAIN, line);
	page_end_line(&page);
	const char *text = page_text(&page);
	bool is_written = text != NULL && fputs(text, to) >= 0 && fflush(to) == 0;
	page_finish(&page);
	return is_written;
}

static int conclude(const struct answer *a, const char *command) {
	switch (a->result) {
	case ASK_ANSWERED:
		return tell_print(stdout, "%s", a->words) ? EXIT_OK : EXIT_FAILED;
	case ASK_NO_SUCH_RUN:
		(void)tell_print(stderr, "sae-metricsd %s: %s", command, a->words);
		return EXIT_NO_SUCH_RUN;
	case ASK_REFUSED:
		(void)tell_print(stderr, "sae-metricsd %s: %s", command, a->words);
		return EXIT_FAILED;
	default:
		(void)tell_print(stderr, "sae-metricsd %s: no answer from %s: %s%s", command,
			a->socket, a->words,
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
