/* Trainers as processes: how they end, what they leave, how many there may be. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "encode.h"
#include "flow.h"
#include "listener.h"
#include "notes.h"

struct fixture {
	struct flow flow;
	struct listener *listener;
	bool listener_closed;
};

static void start(struct fixture *f) {
	struct listener_options options = {
		.path = f->flow.socket, .mode = 0600, .directory_mode = 0700};
	char words[256] = "";

	flow_start(&f->flow);
	assert_int_equal(
		listener_open(&f->flow.loop, &options, f->flow.server, &f->listener, words), 0);
	assert_int_equal(notes_make_folder(f->flow.socket), 0);
}

static void on_listener_closed(void *user) {
	((struct fixture *)user)->listener_closed = true;
}

static void stop(struct fixture *f) {
	if (f->listener == NULL) {
		return; /* a test that failed before it started again */
	}
	f->listener_closed = false;
	listener_close(f->listener, on_listener_closed, f);
	while (!f->listener_closed) {
		flow_turn(&f->flow);
	}
	f->listener = NULL;
	flow_stop(&f->flow);
}

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof *f);
	flow_init(&f->flow);
	start(f);
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	stop(f);
	flow_finish(&f->flow);
	free(f);
	return 0;
}

/* ---- a process of its own ---- */

static size_t add(uint8_t *out, size_t cap, const struct message *m) {
	size_t len = encode(m, 0, out, cap);
	assert_true(len > 0);
	return len;
}

static size_t conversation(const struct trainer *t, uint8_t *out, size_t cap, uint64_t n_logs) {
	struct message m = {.type = MSG_HELLO,
		.hello = {.version_min = 1, .version_max = 1, .role = ROLE_TRAINER}};
	size_t len = add(out, cap, &m);
	m = (struct message){.type = MSG_OPEN, .open = t->open};
	len += add(out + len, cap - len, &m);
	for (uint64_t seq = 1; seq <= n_logs; seq++) {
		m = (struct message){.type = MSG_EVENT,
			.event = {.seq = seq, .kind = {"note", 4}, .text = {"words", 5}}};
		len += add(out + len, cap - len, &m);
	}
	return len;
}

/* Connects, says all of it at once and does what a trainer does that nobody watches: nothing. */
static pid_t spawn_trainer(struct fixture *f, const struct trainer *t, uint64_t n_logs) {
	uint8_t bytes[16384];
	size_t len = conversation(t, bytes, sizeof bytes, n_logs);
	struct peer peer;

	pid_t pid = fork();
	if (pid == 0) {
		close_range(3, ~0u, 0); /* the lock of the database is not a trainer's */
		peer_connect(&peer, &f->flow.loop, f->flow.socket);
		ssize_t written = write(peer.fd, bytes, len);
		pause();
		_exit(written < 0);
	}
	return pid;
}

static void end(pid_t pid) {
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void a_killed_trainer_has_crashed_and_all_it_sent_is_there(void **state) {
	struct fixture *f = *state;
	struct trainer t;

	trainer_init(&t, &f->flow, "killed", 0, 1);
	pid_t pid = spawn_trainer(f, &t, 100);
	flow_until(&f->flow, 1, "SELECT state = 'running' FROM runs");
	end(pid);
	flow_until(&f->flow, 1, "SELECT state = 'crashed' FROM runs");
	assert_int_equal(flow_ask(&f->flow, "SELECT applied FROM streams"), 100);
	assert_int_equal(
		flow_ask(&f->flow, "SELECT count(*) FROM events WHERE kind = 'note'"), 100);
}

/* The state that is seen is there before its row: so must be the word of why. */
static void a_crash_that_is_seen_is_explained(void **state) {
	struct fixture *f = *state;
	struct trainer t;
	struct peer reader;
	struct message m = {0};
	bool seen = false;

	trainer_init(&t, &f->flow, "explained", 0, 1);
	pid_t pid = spawn_trainer(f, &t, 1);
	flow_until(&f->flow, 1, "SELECT applied FROM streams");
	end(pid);
	reader_connect(&f->flow, &reader);
	while (!seen) {
		reader_ask(&reader, "status", NULL, &m);
		char *json = strndup((const char *)m.reply.json, m.reply.json_len);
		seen = strstr(json, "\"state\":\"crashed\"") != NULL;
		bool explained = strstr(json, "ended without saying so") != NULL;
		free(json);
		assert_int_equal(seen, explained);
	}
	peer_close(&reader);
}

static void a_trainer_killed_while_its_child_keeps_the_socket_has_crashed(void **state) {
	struct fixture *f = *state;
	struct trainer t;
	uint8_t bytes[4096];
	struct peer peer;
	int pids[2];

	trainer_init(&t, &f->flow, "forked", 0, 1);
	size_t len = conversation(&t, bytes, sizeof bytes, 3);
	assert_int_equal(pipe(pids), 0);
	pid_t pid = fork();
	if (pid == 0) {
		peer_connect(&peer, &f->flow.loop, f->flow.socket);
		ssize_t written = write(peer.fd, bytes, len);
		pid_t child = fork();
		if (child > 0) {
			written = write(pids[1], &child, sizeof child);
		}
		pause();
		_exit(written < 0);
	}
	flow_until(&f->flow, 3, "SELECT applied FROM streams");
	pid_t child = 0;
	assert_int_equal(read(pids[0], &child, sizeof child), sizeof child);
	end(pid);
	flow_until(&f->flow, 1, "SELECT state = 'crashed' FROM runs");
	kill(child, SIGKILL);
	close(pids[0]);
	close(pids[1]);
}

static void a_trainer_that_died_while_the_daemon_was_down_has_crashed(void **state) {
	struct fixture *f = *state;
	struct trainer dead, alive;

	trainer_init(&dead, &f->flow, "dead", 0, 1);
	trainer_init(&alive, &f->flow, "alive", 0, 1);
	pid_t dead_pid = spawn_trainer(f, &dead, 1), alive_pid = spawn_trainer(f, &alive, 1);
	flow_until(&f->flow, 2, "SELECT sum(applied) FROM streams");
	stop(f);
	end(dead_pid);
	start(f);
	flow_until(&f->flow, 1, "SELECT state = 'crashed' FROM runs WHERE id = 'dead'");
	assert_int_equal(
		flow_ask(&f->flow, "SELECT state = 'running' FROM runs WHERE id = 'alive'"), 1);
	end(alive_pid);
	flow_until(&f->flow, 1, "SELECT state = 'crashed' FROM runs WHERE id = 'alive'");
}

/* ---- notes ---- */

static void note_path(const struct fixture *f, const struct trainer *t, char out[PATH_MAX]) {
	int len = snprintf(out, PATH_MAX, "%s.notes/", f->flow.socket);
	for (size_t i = 0; i < STREAM_ID_SIZE; i++) {
		len += snprintf(out + len, PATH_MAX - (size_t)len, "%02x", t->open.stream[i]);
	}
}

static void write_file(const char *path, const void *bytes, size_t len) {
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

/* What a trainer leaves that had `from … through` undelivered, and then finished. */
static void leave_note(
	const struct fixture *f, struct trainer *t, uint64_t from, uint64_t through) {
	uint8_t bytes[NOTE_BYTES_MAX];
	char path[PATH_MAX];

	t->open.first_seq = from;
	size_t len = conversation(t, bytes, sizeof bytes, 0);
	struct message m = {.type = MSG_DROPPED,
		.dropped = {.seq = from,
			.count = through - from + 1,
			.has_step = true,
			.step = (uint32_t)through - 1}};
	len += add(bytes + len, sizeof bytes - len, &m);
	m = (struct message){.type = MSG_FINISH, .finish = {.seq = through + 1, .time = 1.7e9}};
	len += add(bytes + len, sizeof bytes - len, &m);
	note_path(f, t, path);
	write_file(path, bytes, len);
}

static void a_note_says_what_was_lost_and_that_the_run_ended(void **state) {
	struct fixture *f = *state;
	struct trainer t;
	char path[PATH_MAX];

	trainer_init(&t, &f->flow, "noted", 0, 1);
	trainer_join(&t);
	for (int i = 0; i < 7; i++) {
		trainer_step(&t);
	}
	trainer_until_acked(&t, 7);
	trainer_close(&t);
	stop(f);
	leave_note(f, &t, 6, 10); /* its last ack never reached it */
	start(f);
	flow_until(&f->flow, 1, "SELECT state = 'finished' FROM runs");
	assert_int_equal(flow_ask(&f->flow, "SELECT dropped FROM runs"), 3);
	assert_int_equal(flow_ask(&f->flow, "SELECT count(*) FROM steps"), 7);
	note_path(f, &t, path);
	while (access(path, F_OK) == 0) {
		flow_turn(&f->flow);
	}
}

static void a_note_of_a_run_nobody_knows_begins_it(void **state) {
	struct fixture *f = *state;
	struct trainer t;

	stop(f);
	trainer_init(&t, &f->flow, "unheard", 0, 1);
	leave_note(f, &t, 1, 20);
	start(f);
	flow_until(&f->flow, 1, "SELECT state = 'finished' FROM runs WHERE id = 'unheard'");
	assert_int_equal(flow_ask(&f->flow, "SELECT dropped FROM runs"), 20);
}

static void what_is_no_note_is_removed_and_what_is_no_file_stays(void **state) {
	struct fixture *f = *state;
	struct trainer t;
	struct stat st;
	char path[PATH_MAX], other[PATH_MAX], secret[128];

	trainer_init(&t, &f->flow, "none", 0, 1);
	note_path(f, &t, path);
	stop(f);
	write_file(path, "nothing of ours", 15);
	snprintf(secret, sizeof secret, "%s/secret", f->flow.directory);
	write_file(secret, "s", 1);
	trainer_init(&t, &f->flow, "link", 0, 1);
	note_path(f, &t, other);
	assert_int_equal(symlink(secret, other), 0);
	trainer_init(&t, &f->flow, "pipe", 0, 1);
	char pipe_path[PATH_MAX];
	note_path(f, &t, pipe_path);
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	start(f);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(lstat(other, &st), 0);
	assert_int_equal(lstat(pipe_path, &st), 0);
	assert_int_equal(stat(secret, &st), 0);
	assert_int_equal(flow_ask(&f->flow, "SELECT count(*) FROM runs"), 0);
}

/* ---- many ---- */

static void thousands_of_connections_disturb_nobody(void **state) {
	struct fixture *f = *state;
	enum { N = 2500 };
	struct peer *idle = calloc(N, sizeof *idle);
	struct trainer t;

	for (int i = 0; i < N; i++) {
		peer_connect(&idle[i], &f->flow.loop, f->flow.socket);
		if (i % 100 == 99) {
			while (server_stats(f->flow.server)->accepted < (uint64_t)i + 1) {
				flow_turn(&f->flow);
			}
		}
	}
	trainer_init(&t, &f->flow, "crowd", 0, 1);
	trainer_join(&t);
	for (int i = 0; i < 20; i++) {
		trainer_step(&t);
	}
	trainer_until_acked(&t, 20);
	assert_int_equal(server_stats(f->flow.server)->sessions, N + 1);
	for (int i = 0; i < N; i++) {
		peer_close(&idle[i]);
	}
	trainer_close(&t);
	free(idle);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_killed_trainer_has_crashed_and_all_it_sent_is_there),
		T(a_crash_that_is_seen_is_explained),
		T(a_trainer_killed_while_its_child_keeps_the_socket_has_crashed),
		T(a_trainer_that_died_while_the_daemon_was_down_has_crashed),
		T(a_note_says_what_was_lost_and_that_the_run_ended),
		T(a_note_of_a_run_nobody_knows_begins_it),
		T(what_is_no_note_is_removed_and_what_is_no_file_stays),
		T(thousands_of_connections_disturb_nobody),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("processes", tests, NULL, NULL);
}
