#include "start.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static int usage_error(const char *what) {
	fprintf(stderr, "sae-metricsd start: %s; `sae-metricsd start --help` lists all\n", what);
	return EXIT_USAGE;
}

static int read_idle(const char *text, struct options *o) {
	bool never = strcmp(text, "never") == 0;

	if (!never && duration_read(text) < IDLE_MIN_MS) {
		return usage_error("--exit-when-idle: expected a time from 1s to 400d, as 10m, or "
				   "never");
	}
	o->idle = never ? NULL : text;
	return EXIT_OK;
}

static int read_options(int argc, char **argv, struct options *o) {
	enum { IDLE = 256, JSON };
	static const struct option known[] = {
		{"exit-when-idle", required_argument, NULL, IDLE},
		{"json", no_argument, NULL, JSON},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int status = EXIT_OK;

	opterr = 0;
	for (int c; status == EXIT_OK && (c = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
		if (c == IDLE) {
			status = read_idle(optarg, o);
		} else if (c == JSON || c == 'h') {
			o->json = o->json || c == JSON;
			o->help = o->help || c == 'h';
		} else {
			status = usage_error("unknown option, or one without its value");
		}
	}
	return status == EXIT_OK && optind < argc ? usage_error("takes no arguments but options")
						  : status;
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
