/* What the service manager is told. The engine is a double: this file says how it stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon_notify.h"

static struct engine_sum now;
static unsigned n_looks;

void engine_sum(struct engine *e, struct engine_sum *ret) {
	(void)e;
	n_looks++;
	*ret = now;
}

static void assert_words(
	const struct engine_sum *sum, enum daemon_forward forward, const char *expected) {
	char words[DAEMON_STATUS_SIZE];
	assert_string_equal(daemon_status_words(sum, forward, words), expected);
}

static void the_status_line_says_runs_forwarding_and_rate(void **state) {
	(void)state;
	struct engine_sum sum = {.runs = 5, .running = 2, .messages_per_s = 21.7, .trouble = ""};

	sum.forward = (struct forward_sum){.runs = 2, .worst = {.state = FORWARD_OK, .lag_s = 4.2}};
	assert_words(&sum, DAEMON_FORWARD_WANDB,
		"5 runs, 2 running; forward wandb ok (lag 4s, 0 pending); 22 msg/s");
	sum.forward = (struct forward_sum){
		.runs = 2, .pending = 4711, .worst = {.state = FORWARD_WAITING, .lag_s = 8040}};
	assert_words(&sum, DAEMON_FORWARD_WANDB,
		"5 runs, 2 running; forward wandb waiting (lag 2h14m, 4711 pending); 22 msg/s");
	sum.runs = sum.running = 1;
	assert_words(&sum, DAEMON_FORWARD_OFF, "1 run, 1 running; forward off; 22 msg/s");
	assert_words(&sum, DAEMON_FORWARD_OFFLINE, "1 run, 1 running; forward offline; 22 msg/s");
}

static void what_is_in_the_way_of_commits_comes_first(void **state) {
	(void)state;
	const struct engine_sum sum = {.trouble = "the disk is full"};

	assert_words(&sum, DAEMON_FORWARD_OFF,
		"the disk is full; 0 runs, 0 running; forward off; 0 msg/s");
}

/* ---- with a manager that listens ---- */

struct fixture {
	uv_loop_t loop;
	char folder[64], path[96], said[4096];
	int fd;
	struct daemon_notify *notify;
	bool closed;
};

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof *f);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(f->folder, sizeof f->folder, "/tmp/sae-notify-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof f->path, "%s/notify", f->folder);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", f->path);
	f->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(f->fd, (struct sockaddr *)&address, sizeof address), 0);
	setenv("NOTIFY_SOCKET", f->path, 1);
	setenv("WATCHDOG_USEC", "6000", 1);
	unsetenv("WATCHDOG_PID");
	assert_int_equal(uv_loop_init(&f->loop), 0);
	now = (struct engine_sum){.trouble = ""};
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;

	assert_int_equal(uv_loop_close(&f->loop), 0);
	close(f->fd);
	unlink(f->path);
	rmdir(f->folder);
	free(f);
	return 0;
}

/* All that was said since, "" for nothing. */
static const char *hear(struct fixture *f) {
	size_t len = 0;
	ssize_t n;

	f->said[0] = '\0';
	while ((n = recv(f->fd, f->said + len, sizeof f->said - len - 2, 0)) > 0) {
		len += (size_t)n;
		memcpy(f->said + len, "\n", 2);
		len++;
	}
	return f->said;
}

static void let_it_look(struct fixture *f, unsigned times) {
	for (unsigned until = n_looks + times; n_looks < until;) {
		(void)uv_run(&f->loop, UV_RUN_ONCE);
	}
}

static void on_closed(void *user) {
	*(bool *)user = true;
}

static void close_it(struct fixture *f) {
	daemon_notify_close(f->notify, on_closed, &f->closed);
	while (!f->closed) {
		(void)uv_run(&f->loop, UV_RUN_ONCE);
	}
}

static void a_worker_that_stands_still_is_no_sign_of_life(void **state) {
	struct fixture *f = *state;

	f->notify = daemon_notify_open(&f->loop, NULL, DAEMON_FORWARD_OFF);
	if (f->notify == NULL) {
		skip(); /* built without libsystemd */
	}
	assert_non_null(strstr(hear(f), "READY=1\nSTATUS=0 runs"));
	let_it_look(f, 2);
	assert_non_null(strstr(hear(f), "WATCHDOG=1"));
	now.worker_s = DAEMON_WORKER_STUCK_S;
	let_it_look(f, 3);
	assert_null(strstr(hear(f), "WATCHDOG=1"));
	now.worker_s = 0;
	let_it_look(f, 1);
	assert_non_null(strstr(hear(f), "WATCHDOG=1"));
	close_it(f);
}

static void settings_being_read_anew_is_said_before_and_after(void **state) {
	struct fixture *f = *state;

	f->notify = daemon_notify_open(&f->loop, NULL, DAEMON_FORWARD_OFF);
	if (f->notify == NULL) {
		skip();
	}
	(void)hear(f);
	daemon_notify_reloading(f->notify);
	assert_non_null(strstr(hear(f), "RELOADING=1\nMONOTONIC_USEC="));
	daemon_notify_reloaded(f->notify);
	assert_non_null(strstr(hear(f), "READY=1\nSTATUS=0 runs"));
	close_it(f);
}

static void an_engine_that_is_going_is_asked_nothing_more(void **state) {
	struct fixture *f = *state;

	f->notify = daemon_notify_open(&f->loop, NULL, DAEMON_FORWARD_OFF);
	if (f->notify == NULL) {
		skip();
	}
	unsigned before = n_looks;
	(void)hear(f);
	daemon_notify_ending(f->notify, "the last commit");
	assert_non_null(
		strstr(hear(f), "STOPPING=1\nEXTEND_TIMEOUT_USEC=60000000\nSTATUS=ending: the last "
				"commit"));
	while (strstr(hear(f), "WATCHDOG=1\nEXTEND_TIMEOUT_USEC=") == NULL) {
		(void)uv_run(&f->loop, UV_RUN_ONCE);
	}
	assert_int_equal(n_looks, before);
	close_it(f);
}

static void nobody_listens_and_nothing_is_said(void **state) {
	(void)state;
	uv_loop_t loop;
	bool closed = false;

	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(uv_loop_init(&loop), 0);
	struct daemon_notify *n = daemon_notify_open(&loop, NULL, DAEMON_FORWARD_OFF);
	assert_null(n);
	daemon_notify_reloading(n);
	daemon_notify_reloaded(n);
	daemon_notify_ending(n, "the last commit");
	daemon_notify_close(n, on_closed, &closed);
	assert_true(closed);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_status_line_says_runs_forwarding_and_rate),
		cmocka_unit_test(what_is_in_the_way_of_commits_comes_first),
		cmocka_unit_test_setup_teardown(
			a_worker_that_stands_still_is_no_sign_of_life, setup, teardown),
		cmocka_unit_test_setup_teardown(
			settings_being_read_anew_is_said_before_and_after, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_engine_that_is_going_is_asked_nothing_more, setup, teardown),
		cmocka_unit_test(nobody_listens_and_nothing_is_said),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
