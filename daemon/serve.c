#include "serve.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "log.h"
#include "paths.h"

static int serve_run(int argc, char **argv);

const struct subcommand subcommand_serve = {
	.name = "serve",
	.summary = "run the daemon in the foreground",
	.usage =
		"usage: sae-metricsd serve [options]\n"
		"\n"
		"Listens for trainers and keeps what they push. Ends at SIGTERM or SIGINT, after\n"
		"the last commit.\n"
		"\n"
		"  --socket PATH      where to listen: $SAE_METRICS_SOCKET, else\n"
		"                     $XDG_RUNTIME_DIR/sae-metricsd/socket (root:\n"
		"                     /run/sae-metricsd/socket)\n"
		"  --db PATH          the database: ~/.local/state/sae-metricsd/metrics.db (root:\n"
		"                     /var/lib/sae-metricsd/metrics.db)\n"
		"  --log-level LEVEL  error, warning, info (default) or debug\n"
		"  -h, --help         this text\n"
		"\n"
		"exit status: 0 ended as asked, 1 failed, 2 wrong usage\n",
	.run = serve_run,
};

static int usage_error(const char *what) {
	fprintf(stderr, "sae-metricsd serve: %s; `sae-metricsd serve --help` lists all\n", what);
	return EXIT_USAGE;
}

/* What nobody named gets its default; a sentence when there is none. */
static const char *fill_in(struct daemon_options *options, struct paths *paths) {
	options->is_system = geteuid() == 0;
	if (options->is_system) {
		paths_system(paths);
	} else {
		paths_user(paths);
	}
	if (options->socket == NULL) {
		const char *named = paths_socket_override();
		options->socket = named != NULL ? named : paths->socket;
	}
	if (options->database == NULL) {
		options->database = paths->database;
	}
	if (options->socket[0] == '\0') {
		return "no place for the socket: XDG_RUNTIME_DIR is not set; name one with "
		       "--socket PATH";
	}
	if (options->database[0] == '\0') {
		return "no place for the database: neither XDG_STATE_HOME nor HOME is set; name "
		       "one with --db PATH";
	}
	return NULL;
}

static int serve_run(int argc, char **argv) {
	enum { SOCKET = 256, DB, LOG_LEVEL };
	static const struct option known[] = {
		{"socket", required_argument, NULL, SOCKET},
		{"db", required_argument, NULL, DB},
		{"log-level", required_argument, NULL, LOG_LEVEL},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct daemon_options options = {0};
	struct paths paths;
	int level = LOG_LEVEL_INFO;

	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
		switch (c) {
		case SOCKET:
			options.socket = optarg;
			break;
		case DB:
			options.database = optarg;
			break;
		case LOG_LEVEL:
			level = log_level_parse(optarg);
			break;
		case 'h':
			fputs(subcommand_serve.usage, stdout);
			return EXIT_OK;
		default:
			return usage_error("unknown option, or one without its value");
		}
	}
	if (optind < argc) {
		return usage_error("takes no arguments but options");
	}
	if (level < 0) {
		return usage_error("--log-level: expected error, warning, info or debug");
	}
	const char *missing = fill_in(&options, &paths);
	if (missing != NULL) {
		return usage_error(missing);
	}
	log_set_level((enum log_level)level);
	return daemon_run(&options) < 0 ? EXIT_FAILED : EXIT_OK;
}
