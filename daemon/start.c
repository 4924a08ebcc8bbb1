#include "start.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "background.h"
#include "duration.h"
#include "idle.h"

#define IDLE_DEFAULT "10m"

static int start_run(int argc, char **argv);

const struct subcommand subcommand_start = {
	.name = "start",
	.summary = "run the daemon in the background, unless one is there",
	.usage = "usage: sae-metricsd start [options]\n"
		 "\n"
		 "Starts `sae-metricsd serve` in the background, unless a daemon answers already,\n"
		 "and returns when it listens. It ends by itself when nobody has needed it for a\n"
		 "while. Its log is beside its database.\n"
		 "\n"
		 "  --exit-when-idle TIME\n"
		 "                     how long that is (" IDLE_DEFAULT "); never: until SIGTERM\n"
		 "  --json             say what became of it as JSON\n"
		 "  -h, --help         this text\n"
		 "\n"
		 "exit status: 0 a daemon answers, 1 failed, 2 wrong usage\n",
	.run = start_run,
};

struct options {
	const char *idle; /* NULL: never */
	bool json, help;
};

/* ---- what was asked for ---- */

static int read_idle(const char *text, struct options *o) {
	bool never = strcmp(text, "never") == 0;

	if (!never && duration_read(text) < IDLE_MIN_MS) {
		return arguments_wrong("start",
			"--exit-when-idle: expected a time from 1s to 400d, as 10m, or never, not ",
			text);
	}
	o->idle = never ? NULL : text;
	return EXIT_OK;
}

enum { OPTION_IDLE = 256, OPTION_JSON };

/* `word` is what getopt looked at. */
static int take_option(int option, const char *word, void *user) {
	struct options *o = user;

	switch (option) {
	case OPTION_IDLE:
		return read_idle(optarg, o);
	case OPTION_JSON:
		o->json = true;
		return EXIT_OK;
	case 'h':
		o->help = true;
		return EXIT_OK;
	default:
		return arguments_unknown("start", option, word);
	}
}

static int take_word(const char *word, void *user) {
	const struct options *o = user;
	return o->help ? EXIT_OK : arguments_no_word("start", word);
}

static int read_options(int argc, char **argv, struct options *o) {
	static const struct option longs[] = {
		{"exit-when-idle", required_argument, NULL, OPTION_IDLE},
		{"json", no_argument, NULL, OPTION_JSON},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};

	return arguments_take(argc, argv, ":h", longs, take_option, take_word, o);
}

/* ---- doing it ---- */

/* root's daemon is the host's. Where it was made a service, systemd is to start it; a container has none. */
static bool is_a_service(void) {
	static const char *const units[] = {"/etc/systemd/system/sae-metricsd.service",
		"/usr/lib/systemd/system/sae-metricsd.service",
		"/lib/systemd/system/sae-metricsd.service"};
	bool found = false;

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		found = found || access(units[i], F_OK) == 0;
	}
	return found && access("/run/systemd/system", F_OK) == 0;
}

static int say_json(const struct background *b) {
	json_t *said = b->pid == 0
			       ? json_pack("{s:b, s:s}", "started", 0, "socket", b->socket)
			       : json_pack("{s:b, s:i, s:s, s:s, s:s, s:s}", "started", 1, "pid",
					 (int)b->pid, "socket", b->socket, "database",
					 b->home.database, "log", b->log, "remark", b->home.remark);
	bool ok = said != NULL && json_dumpf(said, stdout, 0) == 0 && puts("") >= 0;

	json_decref(said);
	return ok && fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}

static int say(const struct background *b) {
	if (b->pid == 0) {
		printf("a daemon answers on %s already\n", b->socket);
	} else {
		printf("sae-metricsd " SAE_METRICSD_VERSION
		       ": started, pid %d, listening on %s, database %s, log %s\n",
			(int)b->pid, b->socket, b->home.database, b->log);
	}
	if (b->home.remark[0] != '\0') {
		fprintf(stderr, "sae-metricsd start: %s\n", b->home.remark);
	}
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}

static int start(const struct options *o) {
	struct background b = {.idle = o->idle};
	char words[HOME_WORDS_MAX];

	if (geteuid() == 0 && is_a_service() && !places_find_daemon(b.found)) {
		fputs("sae-metricsd start: this host's daemon is a service: `systemctl start "
		      "sae-metricsd` starts it\n",
			stderr);
		return EXIT_FAILED;
	}
	if (background_start(&b, words) < 0) {
		fprintf(stderr, "sae-metricsd start: %s\n", words);
		return EXIT_FAILED;
	}
	return o->json ? say_json(&b) : say(&b);
}

static int start_run(int argc, char **argv) {
	struct options options = {.idle = IDLE_DEFAULT};
	int status = read_options(argc, argv, &options);

	if (status != EXIT_OK) {
		return status;
	}
	if (options.help) {
		fputs(subcommand_start.usage, stdout);
		return EXIT_OK;
	}
	return start(&options);
}
