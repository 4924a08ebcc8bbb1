/* What happens around the calls: forks, exits, stderr, a library that is closed. Each in a
 * process of its own, which is killed if it hangs. */
#include "fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define HANG_S 90

static const char *library_path;

/* A leak check at the end of a child meets the sender where it stands, and says so in the middle of what the
 * child says. The parent's is enough; LeakSanitizer asks here. */
static bool is_child;
int __lsan_is_turned_off(void);
__attribute__((visibility("default"))) int __lsan_is_turned_off(void) {
	return is_child;
}

/* Runs `child` in a process of its own, its stderr into `said`. Returns its exit status, -1 if
 * it was killed. */
static int in_child(struct fixture *x, void (*child)(struct fixture *x), char *said, size_t size) {
	int pipe_fds[2];
	int status = 0;
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		is_child = true;
		alarm(HANG_S);
		dup2(pipe_fds[1], STDERR_FILENO);
		unsetenv("SAE_METRICS_QUIET");
		child(x);
		_exit(99); /* it was to exit by itself */
	}

	close(pipe_fds[1]);
	size_t len = 0;
	for (ssize_t n; said != NULL && (n = read(pipe_fds[0], said + len, size - 1 - len)) > 0;) {
		len += (size_t)n;
	}
	if (said != NULL) {
		said[len] = '\0';
	}
	close(pipe_fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static struct saem_run *open_loud(struct fixture *x) {
	struct saem_options options = options_for(x);

	options.quiet = 0;
	options.run = "abcdefgh";
	options.name = "l9-x16";
	return open_run(&options);
}

/* ---- forks ---- */

static void log_and_finish(struct fixture *x) {
	struct saem_run *run = open_loud(x);

	log_step(run, 0);
	saem_finish(run, 0, NULL, 60000);
	saem_close(run);
	exit(0);
}

/* The sanitizers' own allocators are not made for a child of a process with threads. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHILD_MAY_ALLOCATE 0
#else
#define CHILD_MAY_ALLOCATE 1
#endif

static struct saem_run *inherited;

static bool is_inert(struct saem_run *run) {
	return log_step(run, 0) == SAEM_INERT && saem_flush(run, 60000) == SAEM_INERT &&
	       saem_finish(run, 0, NULL, 60000) == SAEM_INERT &&
	       strcmp(saem_id(run), "parent") == 0;
}

static bool can_open_its_own(const struct fixture *x) {
	struct saem_options options = options_for(x);

	options.socket = "/nowhere/socket";
	struct saem_run *run = open_run(&options);
	bool can = log_step(run, 0) == SAEM_AWAY && saem_finish(run, 0, NULL, 60000) == SAEM_AWAY;
	saem_close(run);
	return can;
}

static void use_what_is_the_parent_s(struct fixture *x) {
	if (!is_inert(inherited)) {
		exit(1);
	}
	saem_close(inherited);
	if (!CHILD_MAY_ALLOCATE) {
		_exit(0);
	}
	exit(can_open_its_own(x) ? 0 : 2);
}

static bool stop_logging;

static void *log_until_told(void *arg) {
	for (uint32_t step = 0; !__atomic_load_n(&stop_logging, __ATOMIC_RELAXED); step++) {
		log_step(arg, step);
	}
	return NULL;
}

static void children_forked_while_others_log_are_inert_and_alive(void **state) {
	struct fixture *x = *state;
	pthread_t threads[2];
	fake_start(&x->daemon, x->path, NULL);
	struct saem_options options = options_for(x);
	options.run = "parent";
	options.when_full = SAEM_DROP_OLDEST;
	options.outbox_bytes = 131072;
	inherited = open_run(&options);
	stop_logging = false;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, log_until_told, inherited), 0);
	}

	for (int i = 0; i < 30; i++) {
		assert_int_equal(in_child(x, use_what_is_the_parent_s, NULL, 0), 0);
	}
	__atomic_store_n(&stop_logging, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(saem_finish(inherited, 0, NULL, 20000), SAEM_QUEUED);
	saem_close(inherited);
	stop(x);
	assert_int_equal(x->daemon.n_opens, 1); /* no child has touched the connection */
	fake_free(&x->daemon);
}

static void a_child_does_not_keep_the_connection_open(void **state) {
	struct fixture *x = *state;
	int keep_alive[2];
	fake_start(&x->daemon, x->path, NULL);
	struct saem_options options = options_for(x);
	struct saem_run *run = open_run(&options);
	log_step(run, 0);
	assert_int_equal(saem_flush(run, 60000), SAEM_QUEUED);

	assert_int_equal(pipe2(keep_alive, O_CLOEXEC), 0);
	pid_t child = fork();
	if (child == 0) {
		char end;
		close(keep_alive[1]);
		(void)!read(keep_alive[0], &end, 1);
		_exit(0);
	}
	saem_close(run); /* without an end: all the daemon sees is that the connection is gone */
	assert_true(fake_wait(&x->daemon, fake_is_left, 0));
	close(keep_alive[1]);
	close(keep_alive[0]);
	waitpid(child, NULL, 0);
	stop(x);
	fake_free(&x->daemon);
}

/* ---- exits ---- */

static void exit_in_the_middle(struct fixture *x) {
	struct saem_run *run = open_loud(x);

	for (uint32_t step = 0; step < 100; step++) {
		log_step(run, step);
	}
	exit(7);
}

static void an_exit_ends_the_run_with_the_process_s_own_status(void **state) {
	struct fixture *x = *state;
	fake_start(&x->daemon, x->path, NULL);

	assert_int_equal(in_child(x, exit_in_the_middle, NULL, 0), 7);
	stop(x);
	assert_int_equal(x->daemon.n_records, 101);
	assert_int_equal(x->daemon.records[100].type, MSG_FINISH);
	assert_int_equal(x->daemon.records[100].exit_code, 7);
	fake_free(&x->daemon);
}

/* As an interpreter's: it would look at the flag later. */
static volatile sig_atomic_t was_told;

static void only_note(int number) {
	(void)number;
	was_told = 1;
}

/* Two waits, the first ended by the signal: then the process is one that never gets to it. */
static void be_busy_when_it_comes(struct fixture *x) {
	(void)x;
	if (saem_bound_sigterm(50) != -EINVAL) {
		_exit(1);
	}
	(void)signal(SIGTERM, only_note);
	for (int i = 0; i < 2; i++) {
		if (saem_bound_sigterm(50) != 0) {
			_exit(2);
		}
	}
	raise(SIGTERM);
	raise(SIGTERM);
	for (int i = 0; was_told && i < 300; i++) {
		poll(NULL, 0, 100);
	}
	_exit(3);
}

static void be_replaced(struct fixture *x) {
	(void)x;
	(void)signal(SIGTERM, only_note);
	(void)saem_bound_sigterm(50);
	(void)signal(SIGTERM, only_note);
	raise(SIGTERM);
	poll(NULL, 0, 200);
	_exit(was_told ? 4 : 3);
}

static void a_process_dies_of_sigterm_though_its_interpreter_never_gets_to_it(void **state) {
	assert_int_equal(in_child(*state, be_busy_when_it_comes, NULL, 0), -SIGTERM);
	assert_int_equal(in_child(*state, be_replaced, NULL, 0), 4);
}

#define MAY_NOT 77

static void be_busy_as_the_first_process(struct fixture *x) {
	int status = 0;
	if (unshare(CLONE_NEWPID) < 0) {
		_exit(MAY_NOT);
	}

	pid_t pid = fork();
	if (pid == 0) {
		be_busy_when_it_comes(x);
	}
	waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 5);
}

/* The kernel keeps it from the default action of a signal of its own. */
static void the_first_process_of_a_container_ends_as_if_it_had_died_of_sigterm(void **state) {
	int status = in_child(*state, be_busy_as_the_first_process, NULL, 0);
	if (status == MAY_NOT) {
		skip();
	}
	assert_int_equal(status, 128 + SIGTERM);
}

static void *exit_from_a_thread(void *unused) {
	(void)unused;
	exit(5);
}

static void exit_while_others_log(struct fixture *x) {
	struct saem_run *run = open_loud(x);
	pthread_t threads[3];

	stop_logging = false;
	for (size_t i = 0; i < 2; i++) {
		pthread_create(&threads[i], NULL, log_until_told, run);
	}
	pthread_create(&threads[2], NULL, exit_from_a_thread, NULL);
	pthread_join(threads[2], NULL);
}

static void an_exit_while_others_log_is_an_exit(void **state) {
	struct fixture *x = *state;
	fake_start(&x->daemon, x->path, NULL);

	assert_int_equal(in_child(x, exit_while_others_log, NULL, 0), 5);
	stop(x);
	assert_int_equal(x->daemon.records[x->daemon.n_records - 1].type, MSG_FINISH);
	fake_free(&x->daemon);
}

static void an_exit_without_a_daemon_leaves_a_note_and_does_not_wait(void **state) {
	struct fixture *x = *state;
	char folder[128];
	char said[2000];
	unsigned n_notes = 0;
	snprintf(folder, sizeof folder, "%s.notes", x->path);
	assert_int_equal(mkdir(folder, 0700), 0);

	assert_int_equal(in_child(x, exit_in_the_middle, said, sizeof said), 7);
	assert_non_null(strstr(said, "sae-metrics: no daemon answers at "));
	assert_non_null(strstr(said, "sae-metrics: run abcdefgh: 0 messages dropped, 0 refused, "
				     "100 not delivered\n"));
	DIR *notes = opendir(folder);
	for (struct dirent *entry; (entry = readdir(notes)) != NULL;) {
		if (entry->d_name[0] != '.') {
			n_notes++;
			unlinkat(dirfd(notes), entry->d_name, 0);
		}
	}
	closedir(notes);
	assert_int_equal(n_notes, 1);
	rmdir(folder);
}

static void exit_with_three_runs(struct fixture *x) {
	for (int i = 0; i < 3; i++) {
		log_step(open_loud(x), 0);
	}
	exit(0);
}

static void a_deaf_daemon_holds_up_an_exit_for_five_seconds_in_all(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {.deaf = true};
	struct timespec began;
	struct timespec ended;
	fake_start(&x->daemon, x->path, &script);

	clock_gettime(CLOCK_MONOTONIC, &began);
	assert_int_equal(in_child(x, exit_with_three_runs, NULL, 0), 0);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	assert_in_range(ended.tv_sec - began.tv_sec, 4, 12);
	stop(x);
	fake_free(&x->daemon);
}

/* ---- stderr ---- */

static void a_run_says_two_lines_when_it_begins_and_none_when_all_is_well(void **state) {
	struct fixture *x = *state;
	char said[2000];
	fake_start(&x->daemon, x->path, NULL);

	assert_int_equal(in_child(x, log_and_finish, said, sizeof said), 0);
	assert_string_equal(said, "sae-metrics: run l9-x16-abcdefgh  (project tests, d_sae 512)\n"
				  "sae-metrics: watch it with  sae-metricsd status abcdefgh\n");
	stop(x);
	fake_free(&x->daemon);
}

static void a_refusal_is_one_line(void **state) {
	struct fixture *x = *state;
	const struct fake_script script = {.refuse_open = REFUSE_BUDGET, .refuse_for_good = true};
	char said[2000];
	fake_start(&x->daemon, x->path, &script);

	assert_int_equal(in_child(x, log_and_finish, said, sizeof said), 0);
	assert_string_equal(said, "sae-metrics: run abcdefgh: refused, training goes on without "
				  "it: this fake refuses\n");
	stop(x);
	fake_free(&x->daemon);
}

static void finish_quietly(struct fixture *x) {
	setenv("SAE_METRICS_QUIET", "1", 1);
	log_and_finish(x);
}

static void quiet_is_quiet(void **state) {
	struct fixture *x = *state;
	char said[2000];

	assert_int_equal(in_child(x, finish_quietly, said, sizeof said), 0);
	assert_string_equal(said, "");
}

static void finish_with_a_broken_stderr(struct fixture *x) {
	int fds[2];

	(void)!pipe(fds);
	close(fds[0]);
	dup2(fds[1], STDERR_FILENO);
	log_and_finish(x);
}

static void a_broken_stderr_kills_nobody(void **state) {
	struct fixture *x = *state;

	assert_int_equal(in_child(x, finish_with_a_broken_stderr, NULL, 0), 0);
}

static void finish_without_standard_descriptors(struct fixture *x) {
	closefrom(0);
	log_and_finish(x);
}

static void without_stderr_nothing_is_written_into_the_connection(void **state) {
	struct fixture *x = *state;
	fake_start(&x->daemon, x->path, NULL);

	assert_int_equal(in_child(x, finish_without_standard_descriptors, NULL, 0), 0);
	stop(x);
	assert_int_equal(x->daemon.n_records, 2);
	fake_free(&x->daemon);
}

/* ---- signals ---- */

static volatile sig_atomic_t n_signals;

static void on_signal(int signal) {
	(void)signal;
	n_signals++;
}

static void be_signalled(struct fixture *x) {
	sigset_t all;
	struct saem_run *run = open_loud(x);
	log_step(run, 0);
	if (saem_flush(run, 60000) != SAEM_QUEUED) {
		exit(1);
	}

	/* Blocked in this thread: it would have to come to the sender's, if anywhere. */
	signal(SIGUSR1, on_signal);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	kill(getpid(), SIGUSR1);
	log_step(run, 1);
	saem_finish(run, 0, NULL, 60000);
	saem_close(run);
	exit(n_signals == 0 ? 0 : 2);
}

static void no_signal_is_ever_handled_by_the_sender_s_thread(void **state) {
	struct fixture *x = *state;
	fake_start(&x->daemon, x->path, NULL);

	assert_int_equal(in_child(x, be_signalled, NULL, 0), 0);
	stop(x);
	fake_free(&x->daemon);
}

/* ---- the shared library ---- */

static void use_and_close_the_library(struct fixture *x) {
	struct saem_options options = options_for(x);
	struct saem_run *run = NULL;
	void *library = dlopen(library_path, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		exit(1);
	}
	int (*open)(const struct saem_options *, struct saem_run **, const char **);
	int (*mark)(struct saem_run *, uint32_t, const char *);
	*(void **)&open = dlsym(library, "saem_open");
	*(void **)&mark = dlsym(library, "saem_mark");

	open(&options, &run, NULL);
	mark(run, 3, NULL);
	dlclose(library);
	exit(0); /* its thread still runs, and its exit handler has work to do */
}

static void a_library_that_was_closed_still_delivers(void **state) {
	struct fixture *x = *state;
	fake_start(&x->daemon, x->path, NULL);

	assert_int_equal(in_child(x, use_and_close_the_library, NULL, 0), 0);
	stop(x);
	assert_int_equal(x->daemon.n_records, 2);
	assert_int_equal(x->daemon.records[0].type, MSG_MARK);
	assert_int_equal(x->daemon.records[1].type, MSG_FINISH);
	fake_free(&x->daemon);
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(children_forked_while_others_log_are_inert_and_alive),
		T(a_child_does_not_keep_the_connection_open),
		T(an_exit_ends_the_run_with_the_process_s_own_status),
		T(a_process_dies_of_sigterm_though_its_interpreter_never_gets_to_it),
		T(the_first_process_of_a_container_ends_as_if_it_had_died_of_sigterm),
		T(an_exit_while_others_log_is_an_exit),
		T(an_exit_without_a_daemon_leaves_a_note_and_does_not_wait),
		T(a_deaf_daemon_holds_up_an_exit_for_five_seconds_in_all),
		T(a_run_says_two_lines_when_it_begins_and_none_when_all_is_well),
		T(a_refusal_is_one_line),
		T(quiet_is_quiet),
		T(a_broken_stderr_kills_nobody),
		T(without_stderr_nothing_is_written_into_the_connection),
		T(no_signal_is_ever_handled_by_the_sender_s_thread),
		T(a_library_that_was_closed_still_delivers),
#undef T
	};

	assert_int_equal(argc, 2);
	library_path = argv[1];
	unsetenv("SAE_METRICS");
	setenv("SAE_METRICS_QUIET", "1", 1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return end_of_tests(cmocka_run_group_tests(tests, NULL, NULL));
}
