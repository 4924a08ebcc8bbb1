/* The socket file: who may have it, who loses it. */
#include <errno.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness.h"
#include "listener.h"

struct fixture {
	struct harness h;
	char directory[64], path[96], words[256];
	struct listener_options options;
	struct listener *listener;
	bool closed;
};

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof *f);
	harness_open(&f->h, &server_default_limits);
	snprintf(f->directory, sizeof f->directory, "/tmp/sae-listener-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof f->path, "%s/run/socket", f->directory);
	f->options =
		(struct listener_options){.path = f->path, .mode = 0600, .directory_mode = 0700};
	*state = f;
	return 0;
}

static int open_listener(struct fixture *f) {
	return listener_open(&f->h.loop, &f->options, f->h.server, &f->listener, f->words);
}

static void on_closed(void *user) {
	*(bool *)user = true;
}

static void close_listener(struct fixture *f) {
	if (f->listener == NULL) {
		return;
	}
	listener_close(f->listener, on_closed, &f->closed);
	while (!f->closed) {
		harness_turn(&f->h);
	}
	f->listener = NULL;
	f->closed = false;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	char parent[80];

	close_listener(f);
	harness_close(&f->h);
	(void)unlink(f->path);
	snprintf(parent, sizeof parent, "%s/run", f->directory);
	(void)rmdir(parent);
	assert_int_equal(rmdir(f->directory), 0);
	free(f);
	return 0;
}

static int bind_to(const char *path, bool listening) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	if (listening) {
		assert_int_equal(listen(fd, 1), 0);
	}
	return fd;
}

static void make_parent(struct fixture *f) {
	char parent[80];
	snprintf(parent, sizeof parent, "%s/run", f->directory);
	assert_int_equal(mkdir(parent, 0700), 0);
}

static void a_peer_that_connects_is_greeted(void **state) {
	struct fixture *f = *state;
	struct peer peer;

	assert_int_equal(open_listener(f), 0);
	peer_connect(&peer, &f->h.loop, f->path);
	peer_greet(&f->h, &peer, 32);
	assert_int_equal(session_uid(f->h.session), getuid());
	assert_int_equal(session_pid(f->h.session), getpid());
	peer_close(&peer);
}

static void socket_and_directory_have_the_modes_asked_for(void **state) {
	struct fixture *f = *state;
	struct stat st;
	char parent[80];

	assert_int_equal(open_listener(f), 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	snprintf(parent, sizeof parent, "%s/run", f->directory);
	assert_int_equal(stat(parent, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void who_connects_is_a_member_of_his_groups_and_of_no_other(void **state) {
	struct fixture *f = *state;
	struct peer peer;
	gid_t groups[128] = {0};
	int n = getgroups(128, groups);

	assert_int_equal(open_listener(f), 0);
	peer_connect(&peer, &f->h.loop, f->path);
	peer_greet(&f->h, &peer, 32);
	assert_true(session_in_group(f->h.session, getegid()));
	for (int i = 0; i < n; i++) {
		assert_true(session_in_group(f->h.session, groups[i]));
	}
	assert_false(session_in_group(f->h.session, 3999999999u));
	peer_close(&peer);
}

static void many_supplementary_groups_are_all_looked_at(void **state) {
	struct fixture *f = *state;
	struct peer peer;
	gid_t before[128], many[1000];
	int n = getgroups(128, before);

	if (geteuid() != 0) {
		print_message("# only root can be in a thousand groups\n");
		return;
	}
	for (size_t i = 0; i < 1000; i++) {
		many[i] = (gid_t)(50000 + i);
	}
	assert_int_equal(open_listener(f), 0);
	assert_int_equal(setgroups(1000, many), 0);
	peer_connect(&peer, &f->h.loop, f->path);
	assert_int_equal(setgroups((size_t)n, before), 0);
	peer_greet(&f->h, &peer, 32);
	assert_true(session_in_group(f->h.session, 50000));
	assert_true(session_in_group(f->h.session, 50999));
	assert_false(session_in_group(f->h.session, 51000));
	peer_close(&peer);
}

static void the_socket_is_given_to_the_group_asked_for(void **state) {
	struct fixture *f = *state;
	struct stat st;

	f->options.mode = 0660;
	f->options.has_group = true;
	f->options.group = getegid();
	if (geteuid() == 0) {
		f->options.group = 3999999999u;
	} else {
		print_message("# only root gives it to a group that is not his\n");
	}
	assert_int_equal(open_listener(f), 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_gid, f->options.group);
	assert_int_equal(st.st_mode & 07777, 0660);
}

static void a_group_that_it_cannot_be_given_to_is_said_and_no_socket_is_left(void **state) {
	struct fixture *f = *state;

	bool is_root = geteuid() == 0; /* who gives it to any group */

	f->options.has_group = true;
	f->options.group = 3999999999u;
	assert_int_equal(is_root ? chown(f->directory, 65533, 65533) : 0, 0);
	assert_int_equal(is_root ? seteuid(65533) : 0, 0);
	int err = open_listener(f);
	assert_int_equal(is_root ? seteuid(0) : 0, 0);
	assert_int_equal(err, -EPERM);
	assert_non_null(strstr(f->words, "the daemon's user must be a member"));
	assert_int_equal(access(f->path, F_OK), -1);
}

static void a_stale_socket_is_replaced(void **state) {
	struct fixture *f = *state;
	make_parent(f);
	close(bind_to(f->path, false));
	assert_int_equal(open_listener(f), 0);
}

static void a_socket_that_answers_is_left_alone(void **state) {
	struct fixture *f = *state;
	make_parent(f);
	int other = bind_to(f->path, true);
	assert_int_equal(open_listener(f), -EADDRINUSE);
	assert_non_null(strstr(f->words, "another daemon answers"));
	assert_int_equal(access(f->path, F_OK), 0);
	close(other);
}

static void a_file_that_is_no_socket_is_left_alone(void **state) {
	struct fixture *f = *state;
	make_parent(f);
	fclose(fopen(f->path, "w"));
	assert_int_equal(open_listener(f), -EEXIST);
	assert_non_null(strstr(f->words, "no socket"));
	assert_int_equal(access(f->path, F_OK), 0);
}

static void a_path_longer_than_the_systems_is_refused_in_words(void **state) {
	struct fixture *f = *state;
	char path[200];
	memset(path, 'x', sizeof path);
	path[0] = '/';
	path[sizeof path - 1] = '\0';
	f->options.path = path;
	assert_int_equal(open_listener(f), -ENAMETOOLONG);
	assert_non_null(strstr(f->words, "107"));
}

static void a_directory_that_cannot_be_made_is_said(void **state) {
	struct fixture *f = *state;
	f->options.path = "/proc/sae-metricsd/socket";
	assert_true(open_listener(f) < 0);
	assert_non_null(strstr(f->words, "/proc/sae-metricsd"));
}

static void closing_removes_the_socket_file(void **state) {
	struct fixture *f = *state;
	assert_int_equal(open_listener(f), 0);
	close_listener(f);
	assert_int_equal(access(f->path, F_OK), -1);
}

static void closing_leaves_another_daemons_socket(void **state) {
	struct fixture *f = *state;
	assert_int_equal(open_listener(f), 0);
	assert_int_equal(unlink(f->path), 0);
	int other = bind_to(f->path, true);
	close_listener(f);
	assert_int_equal(access(f->path, F_OK), 0);
	close(other);
}

static void a_retired_listener_is_found_by_nobody(void **state) {
	struct fixture *f = *state;
	char aside[128];

	assert_int_equal(open_listener(f), 0);
	assert_true(listener_retire(f->listener));
	assert_int_equal(access(f->path, F_OK), -1);
	snprintf(aside, sizeof aside, "%s.ended", f->path);
	assert_int_equal(access(aside, F_OK), -1);
}

static void who_is_at_the_door_already_is_let_in(void **state) {
	struct fixture *f = *state;
	struct peer peer;

	assert_int_equal(open_listener(f), 0);
	peer_connect(&peer, &f->h.loop, f->path);
	assert_false(listener_retire(f->listener));
	assert_int_equal(access(f->path, F_OK), 0);
	peer_greet(&f->h, &peer, 32);
	peer_close(&peer);

	/* And so is the next one. */
	peer_connect(&peer, &f->h.loop, f->path);
	peer_greet(&f->h, &peer, 32);
	peer_close(&peer);
}

static void retiring_leaves_another_daemons_socket(void **state) {
	struct fixture *f = *state;

	assert_int_equal(open_listener(f), 0);
	assert_int_equal(unlink(f->path), 0);
	int other = bind_to(f->path, true);
	assert_true(listener_retire(f->listener));
	assert_int_equal(access(f->path, F_OK), 0);
	close(other);
}

/* Out of descriptors a waiting client is turned away, and the next one served when there is room again. */
static void running_out_of_descriptors_ends_with_the_shortage(void **state) {
	struct fixture *f = *state;
	struct peer peer;
	struct rlimit before, none;

	assert_int_equal(open_listener(f), 0);
	peer_connect(&peer, &f->h.loop, f->path);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)peer.fd + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	peer_read_to_end(&peer);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	peer_close(&peer);

	peer_connect(&peer, &f->h.loop, f->path);
	peer_greet(&f->h, &peer, 32);
	peer_close(&peer);
}

/* Somebody's debts keep the loop busy: who wants to connect meanwhile waits for the pauses to end, and is let in. */
static void who_connects_in_a_pause_is_let_in_after_it(void **state) {
	struct fixture *f = *state;
	struct peer honest, hostile, next;

	assert_int_equal(open_listener(f), 0);
	assert_int_equal(
		server_adopt_from(f->h.server, peer_pair(&honest, &f->h.loop), 1001, 1), 0);
	peer_greet(&f->h, &honest, 32);
	assert_int_equal(
		server_adopt_from(f->h.server, peer_pair(&hostile, &f->h.loop), 1000, 1), 0);
	peer_greet(&f->h, &hostile, 32);
	session_spend(f->h.session, 1000000000000u); /* for the whole test */
	for (int i = 0; i < 20; i++) {
		uint64_t before = server_stats(f->h.server)->accepted;
		while (!server_pauses(f->h.server)) {
			harness_turn(&f->h);
		}
		peer_connect(&next, &f->h.loop, f->path);
		while (server_pauses(f->h.server)) {
			assert_int_equal(server_stats(f->h.server)->accepted, before);
			harness_turn(&f->h);
		}
		peer_greet(&f->h, &next, 32);
		peer_close(&next);
	}
	peer_close(&hostile);
	peer_close(&honest);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_peer_that_connects_is_greeted),
		T(socket_and_directory_have_the_modes_asked_for),
		T(who_connects_is_a_member_of_his_groups_and_of_no_other),
		T(many_supplementary_groups_are_all_looked_at),
		T(the_socket_is_given_to_the_group_asked_for),
		T(a_group_that_it_cannot_be_given_to_is_said_and_no_socket_is_left),
		T(a_stale_socket_is_replaced),
		T(a_socket_that_answers_is_left_alone),
		T(a_file_that_is_no_socket_is_left_alone),
		T(a_path_longer_than_the_systems_is_refused_in_words),
		T(a_directory_that_cannot_be_made_is_said),
		T(closing_removes_the_socket_file),
		T(closing_leaves_another_daemons_socket),
		T(a_retired_listener_is_found_by_nobody),
		T(who_is_at_the_door_already_is_let_in),
		T(retiring_leaves_another_daemons_socket),
		T(running_out_of_descriptors_ends_with_the_shortage),
		T(who_connects_in_a_pause_is_let_in_after_it),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
