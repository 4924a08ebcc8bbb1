#include "background.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "location.h"
#include "notify.h"

#define PATIENCE_MS   10000u /* with one that opens a large database, and with whoever has the lock */
#define LOOK_EVERY_MS 2
#define LOG_BYTES_MAX (1 << 20) /* of a log that is gone on with; a longer one is set aside */

/* ---- one at a time ---- */

/* Takes it when whoever has it lets go; 0 or -errno. */
static int wait_for_lock(int fd, uint64_t deadline_ms) {
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno != EAGAIN) {
			return -errno;
		}
		if (clock_mono_ms() >= deadline_ms) {
			return -ETIMEDOUT;
		}
		(void)poll(NULL, 0, LOOK_EVERY_MS);
	}
	return 0;
}

/* Its descriptor, or -errno. It is let go with the process, too. */
static int take_lock(const struct background *b, uint64_t deadline_ms) {
	char path[PATH_MAX + 8];

	snprintf(path, sizeof path, "%s.lock", b->home.socket);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		return -errno;
	}
	int err = wait_for_lock(fd, deadline_ms);
	if (err < 0) {
		(void)close(fd);
	}
	return err < 0 ? err : fd;
}

enum database_wait { DATABASE_FREE, DATABASE_ANSWERED_FOR };

/* One that is ending has the database until all of its log is copied back, and nobody finds it any more by then: unless
 * somebody came at the last moment, and it goes on. */
static int await_database(
	const struct background *b, uint64_t deadline_ms, char words[HOME_WORDS_MAX]) {
	char why[LOCATION_WORDS_MAX];
	char *path = location_resolve(b->home.database);
	int lock = -1;
	int err = path != NULL ? location_lock(path, &lock, why) : -ENOMEM;

	bool answers = false;
	while (err == -EBUSY && !answers && clock_mono_ms() < deadline_ms) {
		(void)poll(NULL, 0, LOOK_EVERY_MS);
		answers = places_answers(b->home.socket);
		err = location_lock(path, &lock, why);
	}
	free(path);
	if (lock >= 0) {
		(void)close(lock);
	}
	if (err == -EBUSY && answers) {
		return DATABASE_ANSWERED_FOR;
	}
	if (err < 0) {
		snprintf(words, HOME_WORDS_MAX, "%s", err == -ENOMEM ? "memory is short" : why);
	}
	return err < 0 ? err : DATABASE_FREE;
}

/* ---- starting ---- */

/* The daemon has a folder of its own to be in: a path that is told by a variable has to mean the same there. */
static int make_absolute(const char *variable) {
	const char *value = getenv(variable);
	char here[PATH_MAX], path[2 * PATH_MAX];

	if (value == NULL || value[0] == '\0' || value[0] == '/') {
		return 0;
	}
	if (getcwd(here, sizeof here) == NULL) {
		return -errno;
	}
	if (snprintf(path, sizeof path, "%s/%s", here, value) >= (int)sizeof path) {
		return -ENAMETOOLONG;
	}
	return setenv(variable, path, true) < 0 ? -errno : 0;
}

/* Its log, beside its database. A descriptor or -errno. */
static int open_log(struct background *b) {
	char old[PATH_MAX + 8];
	struct stat st;
	const char *slash = strrchr(b->home.database, '/');
	int folder_len = slash != NULL ? (int)(slash - b->home.database) : 0;

	int len = snprintf(
		b->log, sizeof b->log, "%.*s/sae-metricsd.log", folder_len, b->home.database);
	if (len >= (int)sizeof b->log) {
		return -ENAMETOOLONG;
	}
	if (stat(b->log, &st) == 0 && st.st_size > LOG_BYTES_MAX) {
		snprintf(old, sizeof old, "%s.old", b->log);
		(void)rename(b->log, old);
	}
	int fd = open(b->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

/* A trainer may be pinned to one core, and needs all of it. The kernel keeps to what the job may use. */
static void leave_the_core(void) {
	cpu_set_t all;

	memset(&all, 0xff, sizeof all);
	(void)sched_setaffinity(0, sizeof all, &all);
}

/* In the child: nothing of whoever asked for it is held on to. */
static void become_daemon(const struct background *b, const char *program, int log) {
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	(void)setsid();
	notify_leave(); /* whoever's service this is */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	leave_the_core();
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
		dup2(log, STDERR_FILENO) < 0 || chdir("/") < 0) {
		_exit(1);
	}
	(void)close_range(STDERR_FILENO + 1, ~0u, 0);
	execl(program, "sae-metricsd", "serve", b->idle != NULL ? "--exit-when-idle" : NULL,
		b->idle, (char *)NULL);
	dprintf(STDERR_FILENO, "%s: %s\n", program, strerror(errno));
	_exit(1);
}

static int spawn(struct background *b) {
	char program[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
	if (len < 0) {
		return -errno;
	}
	program[len] = '\0';
	int log = open_log(b);
	if (log < 0) {
		return log;
	}
	b->pid = fork();
	if (b->pid == 0) {
		become_daemon(b, program, log);
	}
	int err = b->pid < 0 ? -errno : 0;
	(void)close(log);
	return err;
}

/* 0, -ECHILD: it has ended, or -ETIMEDOUT. */
static int await_socket(const struct background *b, uint64_t deadline_ms) {
	while (!places_answers(b->home.socket)) {
		if (waitpid(b->pid, NULL, WNOHANG) != 0) {
			return -ECHILD;
		}
		if (clock_mono_ms() >= deadline_ms) {
			return -ETIMEDOUT;
		}
		(void)poll(NULL, 0, LOOK_EVERY_MS);
	}
	return 0;
}

static int start(struct background *b, uint64_t deadline_ms, char words[HOME_WORDS_MAX]) {
	int err = await_database(b, deadline_ms, words);
	if (err != DATABASE_FREE) {
		return err < 0 ? err : 0;
	}
	err = spawn(b);
	if (err < 0) {
		snprintf(words, HOME_WORDS_MAX, "it could not be started: %s", strerror(-err));
		return err;
	}
	err = await_socket(b, deadline_ms);
	if (err < 0) {
		snprintf(words, HOME_WORDS_MAX, "%s %.400s",
			err == -ECHILD ? "it ended at once; why is in"
				       : "it does not listen yet; see",
			b->log);
	}
	return err;
}

static bool find(struct background *b) {
	b->socket = b->found;
	return places_find_daemon(b->found);
}

int background_start(struct background *b, char ret_words[HOME_WORDS_MAX]) {
	uint64_t deadline_ms = clock_mono_ms() + PATIENCE_MS;

	if (find(b)) {
		return 0;
	}
	int err = make_absolute("SAE_METRICS_SOCKET");
	if (err == 0) {
		err = make_absolute("SAE_METRICSD_CONFIG");
	}
	if (err < 0) {
		snprintf(ret_words, HOME_WORDS_MAX, "a relative path cannot be kept: %s",
			strerror(-err));
		return err;
	}
	err = home_find(NULL, NULL, false, &b->home, ret_words);
	if (err < 0) {
		return err;
	}
	int lock = take_lock(b, deadline_ms);
	if (lock < 0) {
		snprintf(ret_words, HOME_WORDS_MAX, "the lock beside %.300s: %s", b->home.socket,
			strerror(-lock));
		return lock;
	}
	if (!find(b)) {
		err = start(b, deadline_ms, ret_words);
		b->socket = b->home.socket;
	}
	(void)close(lock);
	return err;
}
