/* The reader's side of the socket, against daemons that keep to the protocol and others that do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "ask.h"
#include "encode.h"
#include "frame.h"

#define LONG_MS  20000u /* never reached */
#define SHORT_MS 60u    /* reached on purpose */

static char folder[] = "/tmp/sae-test-ask-XXXXXX";
static char path[sizeof(folder) + 16];
static char words[ASK_WORDS_MAX];

static int make_folder(void **state) {
	(void)state;

	if (!mkdtemp(folder)) {
		return -1;
	}
	snprintf(path, sizeof(path), "%s/socket", folder);
	return 0;
}

static int remove_folder(void **state) {
	(void)state;

	(void)unlink(path);
	return rmdir(folder);
}

/* What a fake daemon does with its one connection. */
typedef void (*script)(int fd);

static int listen_here(void) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)unlink(path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* Asks while a child plays the daemon, which lives until the answer is there. */
static enum ask_result ask_of(
	script play, uint32_t timeout_ms, const struct msg_query *query, json_t **ret) {
	int fd = listen_here();
	pid_t child = fork();

	if (child == 0) {
		int peer = accept(fd, NULL, NULL);
		char byte;
		play(peer);
		while (read(peer, &byte, 1) > 0) {
		}
		_exit(0);
	}
	enum ask_result result = query != NULL ? ask_to(path, query, timeout_ms, words)
					       : ask_status(path, "8f3a", timeout_ms, ret, words);
	assert_int_equal(waitpid(child, NULL, 0), child);
	(void)close(fd);
	return result;
}

static enum ask_result ask_against(script play, uint32_t timeout_ms, json_t **ret) {
	return ask_of(play, timeout_ms, NULL, ret);
}

static enum ask_result tell_against(script play) {
	static const struct msg_query query = {
		.what = {"stop", 4}, .run = {"8f3a", 4}, .reason = {"enough", 6}};

	return ask_of(play, LONG_MS, &query, NULL);
}

static void send_all(int fd, const void *data, size_t len) {
	const char *p = data;

	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
		if (n <= 0) {
			_exit(1);
		}
		p += n;
		len -= (size_t)n;
	}
}

static void send_message(int fd, const struct message *m, const char *payload) {
	uint8_t frame[1024];
	size_t len = encode(m, (uint32_t)strlen(payload), frame, sizeof(frame));

	send_all(fd, frame, len);
	send_all(fd, payload, strlen(payload));
}

/* How many whole messages these are. */
static unsigned count_frames(const uint8_t *bytes, size_t len) {
	struct frame_view frame;
	unsigned n = 0;

	while (frame_next(bytes, len, REPLY_PAYLOAD_MAX, &frame) == FRAME_READY) {
		bytes += frame.total_len;
		len -= frame.total_len;
		n++;
	}
	return n;
}

/* The reader speaks first: a HELLO and the question behind it, without waiting for the answer to the one. */
static void await_reader(int fd) {
	static uint8_t bytes[QUERY_SQL_MAX + 4 * FIELD_MAX_BYTES];
	size_t len = 0;

	while (count_frames(bytes, len) < 2) {
		ssize_t n = read(fd, bytes + len, sizeof(bytes) - len);
		if (n <= 0) {
			_exit(1);
		}
		len += (size_t)n;
	}
}

static void welcome(int fd) {
	static const struct message m = {
		.type = MSG_WELCOME,
		.welcome = {.version = 1,
			.daemon = {"0.1.0", 5},
			.header_len_max = HEADER_LEN_MAX,
			.d_sae_max = D_SAE_MAX},
	};

	await_reader(fd);
	send_message(fd, &m, "");
}

static void reply(int fd, uint32_t code, const char *why, const char *json) {
	struct message m = {.type = MSG_REPLY,
		.reply = {.token = 1, .code = code, .words = text_of(why, strlen(why))}};

	send_message(fd, &m, json);
}

static void play_answer(int fd) {
	welcome(fd);
	reply(fd, REPLY_OK, "", "{\"schema\":1,\"runs\":[]}");
}

static void the_documents_json_is_the_answer(void **state) {
	json_t *document = NULL;
	(void)state;

	assert_int_equal(ask_against(play_answer, LONG_MS, &document), ASK_ANSWERED);
	assert_int_equal(json_integer_value(json_object_get(document, "schema")), 1);
	json_decref(document);
}

static void play_answer_byte_by_byte(int fd) {
	static const char json[] = "{\"schema\":1,\"runs\":[]}";
	struct message m = {.type = MSG_REPLY, .reply = {.token = 1}};
	uint8_t frame[1024];

	welcome(fd);
	size_t len = encode(&m, sizeof(json) - 1, frame, sizeof(frame));
	memcpy(frame + len, json, sizeof(json) - 1);
	for (size_t i = 0; i < len + sizeof(json) - 1; i++) {
		send_all(fd, frame + i, 1);
	}
}

static void an_answer_in_pieces_is_put_together(void **state) {
	json_t *document = NULL;
	(void)state;

	assert_int_equal(ask_against(play_answer_byte_by_byte, LONG_MS, &document), ASK_ANSWERED);
	json_decref(document);
}

static void play_warning_first(int fd) {
	static const struct message warning = {
		.type = MSG_ERROR, .error = {.code = ERROR_BAD_MESSAGE, .words = {"careful", 7}}};

	welcome(fd);
	send_message(fd, &warning, "");
	reply(fd, REPLY_OK, "", "{}");
}

static void what_was_not_asked_for_is_passed_over(void **state) {
	json_t *document = NULL;
	(void)state;

	assert_int_equal(ask_against(play_warning_first, LONG_MS, &document), ASK_ANSWERED);
	json_decref(document);
}

static void play_no_such_run(int fd) {
	welcome(fd);
	reply(fd, REPLY_NO_SUCH_RUN, "2 runs fit '8f3a': a, b", "");
}

static void a_run_there_is_not_is_an_outcome_of_its_own(void **state) {
	json_t *document = NULL;
	(void)state;

	assert_int_equal(ask_against(play_no_such_run, LONG_MS, &document), ASK_NO_SUCH_RUN);
	assert_string_equal(words, "2 runs fit '8f3a': a, b");
	assert_null(document);
}

static void play_unknown_query(int fd) {
	welcome(fd);
	reply(fd, REPLY_UNKNOWN_QUERY, "this daemon knows no such query", "");
}

static void a_daemon_that_does_not_know_the_question_says_so(void **state) {
	json_t *document = NULL;
	(void)state;

	assert_int_equal(ask_against(play_unknown_query, LONG_MS, &document), ASK_FAILED);
	assert_string_equal(words, "this daemon knows no such query");
}

/* ---- what is to be done ---- */

static void play_doing(int fd) {
	welcome(fd);
	reply(fd, REPLY_OK, "run 8f3a is asked to stop", "");
}

static void play_not_permitted(int fd) {
	welcome(fd);
	reply(fd, REPLY_NOT_PERMITTED, "run 8f3a is joe's", "");
}

static void what_was_done_is_told_in_the_daemons_words(void **state) {
	(void)state;

	assert_int_equal(tell_against(play_doing), ASK_ANSWERED);
	assert_string_equal(words, "run 8f3a is asked to stop");
}

static void what_is_not_done_is_told_apart_from_no_answer(void **state) {
	(void)state;

	assert_int_equal(tell_against(play_not_permitted), ASK_REFUSED);
	assert_string_equal(words, "run 8f3a is joe's");
	assert_int_equal(tell_against(play_unknown_query), ASK_REFUSED);
	assert_string_equal(words, "this daemon knows no such query");
	assert_int_equal(tell_against(play_no_such_run), ASK_NO_SUCH_RUN);
}

static void a_key_may_be_as_long_as_one_a_trainer_hands_over(void **state) {
	static char key[FIELD_MAX_BYTES], url[FIELD_MAX_BYTES];
	struct msg_query query = {.what = {"sync", 4}, .run = {"8f3a", 4}};
	(void)state;

	memset(key, 'k', sizeof(key));
	memset(url, 'u', sizeof(url));
	query.wandb_key = text_of(key, sizeof(key));
	query.wandb_base_url = text_of(url, sizeof(url));
	assert_int_equal(ask_of(play_doing, LONG_MS, &query, NULL), ASK_ANSWERED);
}

static void play_refusal(int fd) {
	static const struct message m = {.type = MSG_REFUSAL,
		.refusal = {.code = REFUSE_TOO_MANY, .words = {"too many connections", 20}}};

	await_reader(fd);
	send_message(fd, &m, "");
}

static void a_refusal_is_passed_on_in_its_own_words(void **state) {
	json_t *document = NULL;
	(void)state;

	assert_int_equal(ask_against(play_refusal, LONG_MS, &document), ASK_FAILED);
	assert_string_equal(words, "too many connections");
}

static void play_hang_up(int fd) {
	welcome(fd);
	(void)shutdown(fd, SHUT_RDWR);
}

static void a_connection_closed_early_is_a_failure(void **state) {
	json_t *document = NULL;
	(void)state;

	assert_int_equal(ask_against(play_hang_up, LONG_MS, &document), ASK_FAILED);
	assert_string_equal(words, "it closed the connection");
}

static void play_silence(int fd) {
	(void)fd;
}

static void a_silent_daemon_is_waited_for_until_the_deadline(void **state) {
	json_t *document = NULL;
	(void)state;

	assert_int_equal(ask_against(play_silence, SHORT_MS, &document), ASK_FAILED);
	assert_string_equal(words, "it does not answer in time");
}

static void play_http(int fd) {
	static const char page[] = "HTTP/1.1 400 Bad Request\r\n\r\n";

	await_reader(fd);
	send_all(fd, page, sizeof(page) - 1);
}

static void another_programs_socket_is_recognised(void **state) {
	json_t *document = NULL;
	(void)state;

	assert_int_equal(ask_against(play_http, LONG_MS, &document), ASK_FAILED);
	assert_string_equal(words, "what listens there is not sae-metricsd");
}

static void play_huge_payload(int fd) {
	struct message m = {.type = MSG_REPLY, .reply = {.token = 1}};
	uint8_t frame[1024];

	welcome(fd);
	send_all(fd, frame, encode(&m, REPLY_PAYLOAD_MAX + 1, frame, sizeof(frame)));
}

static void an_answer_announced_too_large_is_not_waited_for(void **state) {
	json_t *document = NULL;
	(void)state;

	assert_int_equal(ask_against(play_huge_payload, LONG_MS, &document), ASK_FAILED);
}

static void play_broken_json(int fd) {
	welcome(fd);
	reply(fd, REPLY_OK, "", "{\"schema\":");
}

static void json_that_is_none_is_a_failure(void **state) {
	json_t *document = NULL;
	(void)state;

	assert_int_equal(ask_against(play_broken_json, LONG_MS, &document), ASK_FAILED);
	assert_string_equal(words, "its answer cannot be understood");
}

static void without_a_listener_there_is_no_daemon(void **state) {
	json_t *document = NULL;
	(void)state;

	(void)close(listen_here()); /* leaves the socket's file behind */
	assert_int_equal(ask_status(path, NULL, LONG_MS, &document, words), ASK_NO_DAEMON);
	assert_string_equal(words, "Connection refused");

	assert_int_equal(unlink(path), 0);
	assert_int_equal(ask_status(path, NULL, LONG_MS, &document, words), ASK_NO_DAEMON);
	assert_string_equal(words, "there is no such socket");
}

static void a_path_too_long_for_a_socket_is_no_daemon(void **state) {
	json_t *document = NULL;
	char long_path[200];
	(void)state;

	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(ask_status(long_path, NULL, LONG_MS, &document, words), ASK_NO_DAEMON);
}

static void a_full_backlog_is_waited_for_until_the_deadline(void **state) {
	json_t *document = NULL;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = listen_here(), waiting[16], n = 0;
	(void)state;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	for (; n < 16; n++) {
		waiting[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(waiting[n], (struct sockaddr *)&address, sizeof(address)) < 0) {
			(void)close(waiting[n]);
			break;
		}
	}
	assert_true(n < 16);
	assert_int_equal(ask_status(path, NULL, SHORT_MS, &document, words), ASK_FAILED);
	assert_string_equal(words, "it takes no connection in time");
	while (n > 0) {
		(void)close(waiting[--n]);
	}
	(void)close(listener);
}

static void a_question_too_long_to_ask_is_a_failure(void **state) {
	json_t *document = NULL;
	static char part[QUERY_SQL_MAX + 4 * FIELD_MAX_BYTES];
	(void)state;

	memset(part, 'x', sizeof(part));
	part[sizeof(part) - 1] = '\0';
	int fd = listen_here();
	pid_t child = fork();
	if (child == 0) {
		int peer = accept(fd, NULL, NULL);
		static const struct message m = {.type = MSG_WELCOME, .welcome = {.version = 1}};
		await_reader(peer);
		send_message(peer, &m, "");
		_exit(0);
	}
	assert_int_equal(ask_status(path, part, LONG_MS, &document, words), ASK_FAILED);
	assert_string_equal(words, "the question is too long");
	assert_int_equal(waitpid(child, NULL, 0), child);
	(void)close(fd);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_documents_json_is_the_answer),
		cmocka_unit_test(an_answer_in_pieces_is_put_together),
		cmocka_unit_test(what_was_not_asked_for_is_passed_over),
		cmocka_unit_test(a_run_there_is_not_is_an_outcome_of_its_own),
		cmocka_unit_test(a_daemon_that_does_not_know_the_question_says_so),
		cmocka_unit_test(what_was_done_is_told_in_the_daemons_words),
		cmocka_unit_test(what_is_not_done_is_told_apart_from_no_answer),
		cmocka_unit_test(a_key_may_be_as_long_as_one_a_trainer_hands_over),
		cmocka_unit_test(a_refusal_is_passed_on_in_its_own_words),
		cmocka_unit_test(a_connection_closed_early_is_a_failure),
		cmocka_unit_test(a_silent_daemon_is_waited_for_until_the_deadline),
		cmocka_unit_test(another_programs_socket_is_recognised),
		cmocka_unit_test(an_answer_announced_too_large_is_not_waited_for),
		cmocka_unit_test(json_that_is_none_is_a_failure),
		cmocka_unit_test(without_a_listener_there_is_no_daemon),
		cmocka_unit_test(a_path_too_long_for_a_socket_is_no_daemon),
		cmocka_unit_test(a_full_backlog_is_waited_for_until_the_deadline),
		cmocka_unit_test(a_question_too_long_to_ask_is_a_failure),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("ask", tests, make_folder, remove_folder);
}
