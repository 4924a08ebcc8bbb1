#include "doctor_systemd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

#define SYSTEMD_RUNS  "/run/systemd/system"
#define ANSWER_MAX_MS 3000u /* of a systemd that hangs */

/* ---- judged ---- */

static void take(const char *line, const char *name, char out[UNIT_WORD_SIZE]) {
	size_t len = strlen(name);

	if (strncmp(line, name, len) == 0 && line[len] == '=') {
		size_t value_len = strcspn(line + len + 1, "\n");
		snprintf(out, UNIT_WORD_SIZE, "%.*s", (int)value_len, line + len + 1);
	}
}

void unit_state_read(const char *text, struct unit_state *ret) {
	char restarts[UNIT_WORD_SIZE] = "";

	*ret = (struct unit_state){0};
	for (const char *line = text; *line != '\0';) {
		take(line, "LoadState", ret->load);
		take(line, "ActiveState", ret->active);
		take(line, "Result", ret->result);
		take(line, "NRestarts", restarts);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	ret->restarts = (unsigned)strtoul(restarts, NULL, 10);
}

static bool is_loaded(const struct unit_state *u) {
	return strcmp(u->load, "loaded") == 0;
}

static bool is_failed(const struct unit_state *u) {
	return strcmp(u->active, "failed") == 0;
}

void doctor_judge_units(
	struct doctor *d, const struct unit_state *socket, const struct unit_state *service) {
	if (!is_loaded(socket) && !is_loaded(service)) {
		doctor_say(d, FINDING_OK, NULL, "it has no unit of sae-metricsd's");
		return;
	}
	if (is_failed(service) || is_failed(socket)) {
		doctor_say(d, FINDING_FAIL,
			"`journalctl -u sae-metricsd -n 20` says why; then `systemctl reset-failed "
			"sae-metricsd.service sae-metricsd.socket`, and start it",
			"sae-metricsd.%s failed: %s", is_failed(service) ? "service" : "socket",
			is_failed(service) ? service->result : socket->result);
	} else if (is_loaded(socket) && strcmp(socket->active, "active") != 0) {
		doctor_say(d, FINDING_WARN, "`systemctl enable --now sae-metricsd.socket`",
			"sae-metricsd.socket is %s: nobody holds the socket while the service "
			"restarts",
			socket->active);
	} else {
		doctor_say(d, FINDING_OK, NULL, "sae-metricsd.socket %s, sae-metricsd.service %s",
			is_loaded(socket) ? socket->active : "not there", service->active);
	}
	if (service->restarts > 0) {
		doctor_say(d, FINDING_WARN, "`journalctl -u sae-metricsd` says why",
			"sae-metricsd.service was restarted %u times after it had failed",
			service->restarts);
	}
}

/* ---- asked ---- */

/* Reads until it ends, or the time is over. */
static void read_all(int fd, char *out, size_t size) {
	uint64_t until_ms = clock_mono_ms() + ANSWER_MAX_MS;
	size_t len = 0;

	for (uint64_t now_ms; (now_ms = clock_mono_ms()) < until_ms && len + 1 < size;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, (int)(until_ms - now_ms)) <= 0) {
			break;
		}
		ssize_t n = read(fd, out + len, size - 1 - len);
		if (n <= 0) {
			break;
		}
		len += (size_t)n;
	}
	out[len] = '\0';
}

extern char **environ;

static int ask(const char *unit, struct unit_state *ret) {
	const char *argv[] = {
		"systemctl", "show", "-p", "LoadState,ActiveState,Result,NRestarts", unit, NULL};
	posix_spawn_file_actions_t actions;
	char text[1024];
	int fds[2];
	pid_t pid;

	if (pipe(fds) < 0) {
		return -errno;
	}
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	(void)posix_spawn_file_actions_addclose(&actions, fds[0]);
	int err = -posix_spawnp(&pid, argv[0], &actions, NULL, (char **)argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(fds[1]);
	if (err == 0) {
		read_all(fds[0], text, sizeof text);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		unit_state_read(text, ret);
		err = ret->load[0] != '\0' ? 0 : -ETIMEDOUT;
	}
	(void)close(fds[0]);
	return err;
}

void doctor_look_at_systemd(struct doctor *d) {
	struct unit_state socket = {0}, service = {0};

	if (!d->is_system) {
		return; /* a user's daemon is started by whoever needs it */
	}
	if (access(SYSTEMD_RUNS, F_OK) < 0) {
		doctor_say(d, FINDING_OK, NULL, "it does not run here");
		return;
	}
	int err = ask("sae-metricsd.socket", &socket);
	if (err == 0) {
		err = ask("sae-metricsd.service", &service);
	}
	if (err < 0) {
		doctor_say(d, FINDING_UNSEEN, NULL, "it does not say: %s", strerror(-err));
	} else {
		doctor_judge_units(d, &socket, &service);
	}
}
