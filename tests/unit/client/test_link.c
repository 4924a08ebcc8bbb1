/* One connection, turn by turn, against a daemon that dies, mumbles, refuses or says nothing at
 * all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <poll.h>
#include <unistd.h>

#include <cmocka.h>

#include "deadline.h"
#include "encode.h"
#include "fake_daemon.h"
#include "link.h"

#define OUTBOX_BYTES (256u << 10)
#define N_STEPS      4u

struct fixture {
	char folder[64], path[96];
	struct fake_daemon daemon;
	struct opening opening;
	struct stream stream;
	struct link link;
};

static void nobody_to_wake(void) {
}

static void begin(struct fixture *x, const struct fake_script *script) {
	char words[OPENING_WORDS_SIZE];
	struct saem_options options = SAEM_OPTIONS_INIT;
	struct link_paths paths = {{x->path}};

	options.run = "linktest";
	options.quiet = 1;
	assert_int_equal(opening_init(&x->opening, &options, words), 0);
	assert_int_equal(stream_init(&x->stream, OUTBOX_BYTES, 1000, nobody_to_wake), 0);
	link_init(&x->link, &x->stream, &x->opening, &paths);
	if (script != NULL) {
		fake_start(&x->daemon, x->path, script);
	}
}

static void end(struct fixture *x) {
	link_finish(&x->link);
	stream_finish(&x->stream);
	opening_finish(&x->opening);
}

/* Only now may what the daemon has recorded be looked at. */
static void stop(struct fixture *x) {
	fake_stop(&x->daemon);
	assert_string_equal(x->daemon.violation, "");
}

static void end_both(struct fixture *x) {
	end(x);
	fake_free(&x->daemon);
}

static int setup(void **state) {
	struct fixture *x = calloc(1, sizeof *x);

	strcpy(x->folder, "/tmp/saem-link-XXXXXX");
	assert_non_null(mkdtemp(x->folder));
	snprintf(x->path, sizeof x->path, "%s/socket", x->folder);
	*state = x;
	return 0;
}

static int teardown(void **state) {
	struct fixture *x = *state;

	rmdir(x->folder);
	free(x);
	return 0;
}

/* ---- saying things ---- */

static void say_mark(struct fixture *x, uint32_t step) {
	struct message m = {.type = MSG_MARK};
	uint8_t *place;

	m.mark.seq = x->stream.outbox.next_seq;
	m.mark.step = step;
	m.mark.text = text_of("x", 1);
	assert_int_equal(stream_enter(&x->stream), 0);
	place = stream_make_room(&x->stream, 0, 128);
	assert_non_null(place);
	outbox_commit(&x->stream.outbox, NULL, 0, encode(&m, 0, place, 128), NULL);
	stream_leave(&x->stream, SAEM_QUEUED);
}

static void say_end(struct fixture *x) {
	struct message m = {.type = MSG_FINISH};
	uint8_t frame[OUTBOX_SMALL_MAX];

	m.finish.seq = x->stream.outbox.next_seq;
	outbox_end(&x->stream.outbox, frame, encode(&m, 0, frame, sizeof frame));
}

/* A conversation with everything in it: marks, a drop, the end. */
static void say_all(struct fixture *x) {
	struct place place = {0, 77};

	for (uint32_t i = 0; i < N_STEPS; i++) {
		say_mark(x, i);
	}
	outbox_drop_newest(&x->stream.outbox, &place);
	say_end(x);
}

/* ---- turning ---- */

static bool is_over(struct fixture *x) {
	return x->link.phase == LINK_OVER;
}

static bool is_streaming(struct fixture *x) {
	return x->link.phase == LINK_STREAMING;
}

static bool has_trouble(struct fixture *x) {
	return x->stream.words[0] != '\0';
}

static bool is_all_sent(struct fixture *x) {
	return is_streaming(x) && !outbox_has_unsent(&x->stream.outbox);
}

/* Turns the link until it is so. Reconnects without backing off. */
static void turn_until(struct fixture *x, bool (*is_so)(struct fixture *x)) {
	uint64_t deadline_ms = clock_now_ms() + 20000;

	x->stream.hurry = true;
	link_run(&x->link, 0, clock_now_ms());
	while (!is_so(x)) {
		uint64_t due_ms;
		struct pollfd fd = {.fd = x->link.socket.fd};
		fd.events = link_prepare(&x->link, &due_ms);
		if (fd.events != 0) {
			assert_true(clock_now_ms() < deadline_ms);
			poll(&fd, 1, 20000);
		}
		x->stream.hurry = true;
		link_run(&x->link, fd.revents, clock_now_ms());
	}
}

static void check_all_arrived(struct fixture *x) {
	struct fake_daemon *f = &x->daemon;

	assert_int_equal(f->n_records, N_STEPS + 2);
	for (uint32_t i = 0; i < N_STEPS; i++) {
		assert_int_equal(f->records[i].type, MSG_MARK);
		assert_int_equal(f->records[i].seq, i + 1);
	}
	assert_int_equal(f->records[N_STEPS].type, MSG_DROPPED);
	assert_int_equal(f->records[N_STEPS].step, 77);
	assert_int_equal(f->records[N_STEPS + 1].type, MSG_FINISH);
	assert_int_equal(x->stream.outbox.n_frames, 0);
}

/* ---- a daemon that dies ---- */

static uint64_t play_all(
	struct fixture *x, const struct fake_script *script, uint64_t *ret_written) {
	begin(x, script);
	say_all(x);
	turn_until(x, is_over);
	end(x);
	stop(x);
	check_all_arrived(x);
	uint64_t bytes_read = x->daemon.bytes_read;
	*ret_written = x->daemon.bytes_written;
	fake_free(&x->daemon);
	return bytes_read;
}

static void nothing_is_lost_whatever_byte_the_daemon_dies_after(void **state) {
	struct fake_script script = {0};
	uint64_t n_written = 0;
	uint64_t n_read = play_all(*state, &script, &n_written);

	for (uint64_t n = 1; n < n_read; n++) {
		script = (struct fake_script){.die_after_read = n, .die_forgetful = n % 2 == 0};
		(void)play_all(*state, &script, &n_written);
	}
}

static void nothing_is_lost_whatever_byte_of_an_answer_comes_last(void **state) {
	struct fake_script script = {0};
	uint64_t n_written = 0;
	uint64_t n_answered = 0;
	(void)play_all(*state, &script, &n_answered);

	for (uint64_t n = 1; n < n_answered; n++) {
		script = (struct fake_script){.die_after_written = n, .die_forgetful = n % 2 == 0};
		(void)play_all(*state, &script, &n_written);
	}
}

static void a_byte_at_a_time_is_enough(void **state) {
	const struct fake_script script = {.read_max = 1, .write_max = 1};
	uint64_t n_written = 0;

	(void)play_all(*state, &script, &n_written);
}

static void what_the_daemon_forgot_is_sent_again_from_where_it_wants_it(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {.acks = FAKE_ACK_NONE};
	begin(x, &script);
	for (uint32_t i = 0; i < N_STEPS; i++) {
		say_mark(x, i);
	}
	turn_until(x, is_all_sent);
	assert_true(fake_wait(&x->daemon, fake_has_received, N_STEPS));
	fake_crash(&x->daemon);

	fake_lock(&x->daemon);
	x->daemon.script.acks = FAKE_ACK_ALL;
	fake_unlock(&x->daemon);
	outbox_drop_newest(&x->stream.outbox, &(struct place){0, 77});
	say_end(x);
	turn_until(x, is_over);
	stop(x);
	check_all_arrived(x);
	assert_int_equal(x->daemon.n_opens, 2);
	assert_int_equal(x->daemon.n_discarded, 0);
	end_both(x);
}

static void what_the_daemon_has_in_memory_is_not_sent_again(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {.acks = FAKE_ACK_NONE};
	begin(x, &script);
	say_mark(x, 0);
	say_mark(x, 1);
	turn_until(x, is_all_sent);
	assert_true(fake_wait(&x->daemon, fake_has_received, 2));

	fake_lock(&x->daemon); /* the connection is lost, the daemon is not */
	shutdown(x->daemon.connection, SHUT_RDWR);
	x->daemon.script.acks = FAKE_ACK_ALL;
	fake_unlock(&x->daemon);
	turn_until(x, has_trouble);
	say_mark(x, 2);
	say_mark(x, 3);
	outbox_drop_newest(&x->stream.outbox, &(struct place){0, 77});
	say_end(x);
	turn_until(x, is_over);
	stop(x);
	check_all_arrived(x);
	assert_int_equal(x->daemon.n_discarded, 0);
	end_both(x);
}

/* ---- a daemon that lies or mumbles ---- */

static void garbage_ends_the_connection_and_nothing_else(void **state) {
#define GARBAGE(bytes)                                                                             \
	{ (bytes), sizeof(bytes) - 1 }
	static const struct text garbage[] = {
		GARBAGE("HTTP/1.1 400 Bad Request\r\n\r\n"),
		GARBAGE("\xff\xff\xff\xff\xff\xff\xff\xff"),
		GARBAGE("\x01\x00\x00\x00\xff\xff\xff\x7f"),     /* 2 GiB of payload */
		GARBAGE("\xff\xff\x01\x00\x00\x00\x00\x00"),     /* a header as long as an OPEN's */
		GARBAGE("\x00\x00\x00\x00\x00\x00\x00\x00"),     /* and an empty one */
		GARBAGE("\x01\x00\x00\x00\x00\x00\x00\x00\xc0"), /* nil */
		GARBAGE("\x02\x00\x00\x00\x00\x00\x00\x00\x91\x01"),     /* a HELLO */
		GARBAGE("\x03\x00\x00\x00\x00\x00\x00\x00\x92\x11\x05"), /* an ACK out of turn */
		GARBAGE("\x05\x00\x00\x00\x00\x00\x00\x00\xdd\xff\xff\xff\xff"), /* a huge array */
	};
#undef GARBAGE

	for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
		const struct fake_script script = {.garbage = garbage[i]};
		uint64_t n_written = 0;
		(void)play_all(*state, &script, &n_written);
	}
}

static void an_ack_above_what_was_sent_frees_nothing(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {.ack_too_much = 100};
	begin(x, &script);
	say_all(x);
	turn_until(x, has_trouble);
	assert_string_equal(x->stream.words, "the daemon acked what it was not sent");
	assert_int_equal(x->stream.outbox.acked, 0);

	turn_until(x, is_over);
	stop(x);
	check_all_arrived(x);
	end_both(x);
}

static void a_daemon_that_wants_what_was_never_said_is_left(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {.wanted_offset = 1000};
	begin(x, &script);
	say_all(x);
	turn_until(x, has_trouble);
	assert_string_equal(x->stream.words, "the daemon opened the stream where it cannot be");
	turn_until(x, is_over);
	stop(x);
	check_all_arrived(x);
	end_both(x);
}

/* ---- a daemon that refuses ---- */

static void a_refusal_for_now_is_tried_again(void **state) {
	struct fixture *x = *state;
	const struct fake_script at_hello = {.refuse_hello = REFUSE_TOO_MANY, .n_refusals = 3};
	const struct fake_script at_open = {.refuse_open = REFUSE_RUN_BUSY, .n_refusals = 3};
	uint64_t n_written = 0;

	(void)play_all(x, &at_hello, &n_written);
	(void)play_all(x, &at_open, &n_written);
}

static void a_refusal_for_good_ends_the_run_and_frees_its_memory(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {.refuse_open = REFUSE_BUDGET, .refuse_for_good = true};
	begin(x, &script);
	say_mark(x, 0);
	turn_until(x, is_over);
	assert_true(x->stream.refused);
	assert_string_equal(x->stream.words, "this fake refuses");
	assert_int_equal(stream_enter(&x->stream), SAEM_REFUSED);
	assert_int_equal(x->stream.outbox.chunks.bytes, 0);
	assert_int_equal(x->stream.outbox.n_dropped, 2);
	stop(x);
	end_both(x);
}

/* ---- a daemon that is not there, or has no time ---- */

static void an_absent_daemon_is_asked_for_less_and_less_often(void **state) {
	struct fixture *x = *state;
	uint64_t shortest = 0;
	begin(x, NULL);

	for (int i = 0; i < 12; i++) {
		uint64_t due_ms;
		uint64_t now_ms = clock_now_ms();
		x->link.retry_at_ms = now_ms;
		link_run(&x->link, 0, now_ms);
		assert_int_equal(link_prepare(&x->link, &due_ms), 0);
		assert_int_equal(x->stream.absences, i + 1);
		assert_true(due_ms >= now_ms + shortest && due_ms <= clock_now_ms() + 5000);
		shortest = i == 0 ? 25 : shortest >= 1600 ? 2500 : 2 * shortest;
	}
	end(x);
}

static int listen_without_accepting(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 0), 0);
	return fd;
}

static void a_full_backlog_is_no_absence_and_is_tried_again(void **state) {
	struct fixture *x = *state;
	struct link other;
	const struct link_paths paths = {{x->path}};
	begin(x, NULL);
	link_init(&other, &x->stream, &x->opening, &paths);
	int listener = listen_without_accepting(x->path);
	link_run(&other, 0, clock_now_ms());
	assert_int_equal(other.phase, LINK_GREETING);

	link_run(&x->link, 0, clock_now_ms());
	assert_int_equal(x->link.phase, LINK_AWAY);
	assert_int_equal(x->stream.absences, 0);
	int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	x->stream.hurry = true;
	link_run(&x->link, 0, clock_now_ms());
	assert_int_equal(x->link.phase, LINK_GREETING);

	close(accepted);
	close(listener);
	unlink(x->path);
	link_finish(&other);
	end(x);
}

static void a_daemon_that_reads_nothing_stops_the_writing_and_not_the_logging(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {0};
	begin(x, &script);
	say_mark(x, 0);
	turn_until(x, is_all_sent);
	fake_lock(&x->daemon);
	x->daemon.script.deaf = true;
	fake_unlock(&x->daemon);

	/* It may take one more message before it goes deaf. */
	uint8_t *place = NULL;
	uint32_t n = 0;
	while (!x->link.blocked) {
		place = outbox_reserve(&x->stream.outbox, 64, 50000);
		if (place == NULL) {
			break;
		}
		struct message m = {.type = MSG_RESTORE};
		uint8_t header[64];
		memset(place, 7, 50000);
		m.restore.seq = x->stream.outbox.next_seq;
		outbox_commit(&x->stream.outbox, header, encode(&m, 50000, header, sizeof header),
			50000, NULL);
		n++;
		link_run(&x->link, 0, clock_now_ms());
	}
	assert_true(n > 0);
	say_end(x);
	fake_lock(&x->daemon);
	x->daemon.script.deaf = false;
	fake_unlock(&x->daemon);
	turn_until(x, is_over);
	stop(x);
	assert_int_equal(x->daemon.n_records, n + 2);
	end_both(x);
}

/* ---- what the daemon has to say ---- */

static void a_poison_message_is_counted_and_not_sent_twice(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {.refuse_seq = 2};
	begin(x, &script);
	say_all(x);
	turn_until(x, is_over);
	assert_int_equal(x->stream.n_refused, 1);
	assert_string_equal(x->stream.words, "not this one");
	stop(x);
	check_all_arrived(x);
	end_both(x);
}

static void the_first_reason_to_stop_is_kept(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {.stop = "enough"};
	begin(x, &script);
	say_all(x);
	turn_until(x, is_over);
	assert_true(x->stream.stop);
	assert_string_equal(x->stream.stop_reason, "enough");
	stop(x);
	end_both(x);
}

static bool has_pressed(struct fixture *x) {
	return is_all_sent(x) && x->link.flush_sent > 0 && x->link.outgoing.bytes == NULL;
}

static void a_commit_is_asked_for_once_when_room_gets_short(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {.acks = FAKE_ACK_NONE};
	begin(x, &script);
	while (x->stream.outbox.chunks.bytes < OUTBOX_BYTES / 2) {
		say_mark(x, 0);
	}
	turn_until(x, has_pressed);
	say_mark(x, 1);
	turn_until(x, is_all_sent);
	assert_true(fake_wait(&x->daemon, fake_has_received, x->stream.outbox.next_seq - 1));
	fake_lock(&x->daemon);
	assert_int_equal(x->daemon.n_flushes, 1);
	fake_unlock(&x->daemon);

	/* Once something was acked, the next shortage is another one. */
	fake_lock(&x->daemon);
	x->daemon.script.acks = FAKE_ACK_ALL;
	fake_unlock(&x->daemon);
	say_end(x);
	turn_until(x, is_over);
	stop(x);
	end_both(x);
}

static void who_acked_is_named_when_the_stream_is_opened_again(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {0};
	begin(x, &script);
	say_mark(x, 0);
	turn_until(x, is_streaming);
	while (x->stream.outbox.acked == 0) {
		turn_until(x, is_all_sent);
		struct pollfd fd = {.fd = x->link.socket.fd, .events = POLLIN};
		poll(&fd, 1, 20000);
		link_run(&x->link, fd.revents, clock_now_ms());
	}
	fake_lock(&x->daemon);
	assert_false(x->daemon.last_had_db_id);
	fake_unlock(&x->daemon);
	fake_crash(&x->daemon);
	turn_until(x, has_trouble);
	turn_until(x, is_streaming);
	stop(x);
	assert_true(x->daemon.last_had_db_id);
	assert_int_equal(x->daemon.last_first_seq, 2);
	end_both(x);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(nothing_is_lost_whatever_byte_the_daemon_dies_after),
		T(nothing_is_lost_whatever_byte_of_an_answer_comes_last),
		T(a_byte_at_a_time_is_enough),
		T(what_the_daemon_forgot_is_sent_again_from_where_it_wants_it),
		T(what_the_daemon_has_in_memory_is_not_sent_again),
		T(garbage_ends_the_connection_and_nothing_else),
		T(an_ack_above_what_was_sent_frees_nothing),
		T(a_daemon_that_wants_what_was_never_said_is_left),
		T(a_refusal_for_now_is_tried_again),
		T(a_refusal_for_good_ends_the_run_and_frees_its_memory),
		T(an_absent_daemon_is_asked_for_less_and_less_often),
		T(a_full_backlog_is_no_absence_and_is_tried_again),
		T(a_daemon_that_reads_nothing_stops_the_writing_and_not_the_logging),
		T(a_poison_message_is_counted_and_not_sent_twice),
		T(the_first_reason_to_stop_is_kept),
		T(a_commit_is_asked_for_once_when_room_gets_short),
		T(who_acked_is_named_when_the_stream_is_opened_again),
#undef T
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
