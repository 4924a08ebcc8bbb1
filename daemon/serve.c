#include "serve.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "activation.h"
#include "backup.h"
#include "coredump.h"
#include "credential.h"
#include "daemon.h"
#include "duration.h"
#include "home.h"
#include "idle.h"
#include "log.h"
#include "lookup.h"
#include "settings.h"

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
		"  --system           be the host's daemon, as root's is, without being root\n"
		"  --socket PATH      where to listen: the socket that the service manager passed, "
		"or\n"
		"                     $SAE_METRICS_SOCKET, else\n"
		"                     $XDG_RUNTIME_DIR/sae-metricsd/socket, without such a folder\n"
		"                     /tmp/sae-metricsd-UID/socket (root: "
		"/run/sae-metricsd/socket)\n"
		"  --db PATH          the database: ~/.local/state/sae-metricsd/metrics.db; where "
		"that\n"
		"                     is on the network or cannot be written\n"
		"                     /var/tmp/sae-metricsd-UID/metrics.db (root:\n"
		"                     /var/lib/sae-metricsd/metrics.db)\n"
		"  --config PATH      what is set: $SAE_METRICSD_CONFIG, else\n"
		"                     ~/.config/sae-metricsd/sae-metricsd.conf (root:\n"
		"                     /etc/sae-metricsd/sae-metricsd.conf)\n"
		"  --backup-every TIME, --backup-to DIR\n"
		"                     copies the database into DIR again and again, as "
		"`sae-metricsd\n"
		"                     backup` does: 10m, 6h, 1d. A DIR of this daemon's own: what "
		"is\n"
		"                     named like a copy is taken for one and removed when it is "
		"old\n"
		"  --backup-keep N    as many copies are kept (7)\n"
		"  --exit-when-idle TIME\n"
		"                     ends by itself when nobody has been connected for so long "
		"and "
		"all\n"
		"                     is written and sent: 10m. `sae-metricsd start` says so\n"
		"  --rank-grace TIME  for so long a rank that is missing is waited for: 120s, or "
		"what\n"
		"                     is set\n"
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

static void on_problem(void *user, const char *words) {
	(void)user;
	log_error("%s", words);
}

/* The key, where it is needed; from now on no environment shows one. 0, or -errno and said. */
static int find_key(const struct wandb_settings *w, struct credential *ret) {
	char words[CREDENTIAL_WORDS_MAX];

	if (w->mode != WANDB_MODE_ONLINE) {
		credential_wipe_environment();
		return 0;
	}
	int err = credential_find(w->key_file, w->base_url, ret, words);
	if (err < 0) {
		log_error("%s", words);
	} else if (ret->note[0] != '\0') {
		log_warning("%s", ret->note);
	}
	return err;
}

/* -1 when it is no number, or none that anybody means. */
static long read_count(const char *text) {
	char *end;
	long n = strtol(text, &end, 10);

	return text[0] >= '0' && text[0] <= '9' && *end == '\0' ? n : -1;
}

/* NULL, or what is wrong with the backups asked for. */
static const char *read_backup(const char *every, const char *keep, struct daemon_options *ret) {
	int64_t ms = every != NULL ? duration_read(every) : 0;
	long n = keep != NULL ? read_count(keep) : BACKUP_KEEP_DEFAULT;

	if ((every != NULL) != (ret->backup_folder != NULL) || (keep != NULL && every == NULL)) {
		return "--backup-every TIME and --backup-to DIR go together";
	}
	if (every != NULL && ms < BACKUP_EVERY_MIN_MS) {
		return "--backup-every: expected a time from 1s to 400d, as 10m or 6h";
	}
	if (n < 1 || n > (long)BACKUP_KEEP_MAX) {
		return "--backup-keep: expected a number from 1 to 10000";
	}
	ret->backup_every_ms = (uint64_t)ms;
	ret->backup_keep = (unsigned)n;
	return NULL;
}

static const char *read_idle(const char *after, struct daemon_options *ret) {
	int64_t ms = after != NULL ? duration_read(after) : 0;

	if (after != NULL && ms < IDLE_MIN_MS) {
		return "--exit-when-idle: expected a time from 1s to 400d, as 10m or 1h";
	}
	ret->idle_ms = (uint64_t)ms;
	return NULL;
}

static const char *read_rank_grace(const char *time, struct daemon_options *ret) {
	int64_t ms = time != NULL ? duration_read(time) : 0;

	if (time != NULL && (ms < RANK_GRACE_MIN_MS || ms > RANK_GRACE_MAX_MS)) {
		return "--rank-grace: expected a time from 100ms to 1d, as 30s or 10m";
	}
	ret->rank_grace_ms = (uint32_t)ms;
	return NULL;
}

/* A socket that was passed is where it is. 0, or -errno and said. */
static int take_passed(struct daemon_options *options, struct activation *passed) {
	char words[256];

	int err = activation_take(passed, words);
	if (err < 0) {
		log_error("%s", words);
		return err;
	}
	if (passed->fd > 0 && options->socket != NULL &&
		strcmp(options->socket, passed->path) != 0) {
		log_error(
			"--socket names %s, but the service manager passed %s: leave --socket out",
			options->socket, passed->path);
		return -EINVAL;
	}
	if (passed->fd > 0) {
		options->socket = passed->path;
		options->socket_fd = passed->fd;
	}
	return 0;
}

/* What nobody named gets its default. 0, or -errno and said. */
static int fill_in(struct daemon_options *options, struct home *home) {
	char words[HOME_WORDS_MAX];

	int err = home_find(options->socket, options->database, options->is_system, home, words);
	if (err < 0) {
		log_error("%s", words);
		return err;
	}
	if (home->remark[0] != '\0') {
		log_warning("%s", home->remark);
	}
	options->is_system = home->is_system;
	options->socket = home->socket;
	options->database = home->database;
	return 0;
}

/* Without it there is no socket: the directory may take its time. 0, or -errno and said. */
static int find_socket_group(const struct settings *s, struct daemon_options *ret) {
	struct lookup_answer answer = {.kind = LOOKUP_GROUP};
	const char *name = s->access.socket_group;
	char where[SETTINGS_SOURCE_SIZE] = "";

	if (name == NULL) {
		return 0;
	}
	snprintf(answer.name, sizeof answer.name, "%s", name);
	lookup_find(&answer);
	if (!answer.found) {
		(void)settings_source(s, "access", "socket_group", where);
		log_error("%s: socket_group: there is no group %s", where, name);
		return -ENOENT;
	}
	ret->has_socket_group = true;
	ret->socket_group = (gid_t)answer.id;
	return 0;
}

/* With the options read: completes them, reads what is set, and serves. */
static int serve(struct daemon_options options, const char *config) {
	struct activation passed;
	struct home home;
	int err = take_passed(&options, &passed);
	if (err == 0) {
		err = fill_in(&options, &home);
	}
	if (err < 0) {
		return err;
	}
	struct settings_options where = {.file = config, .is_system = options.is_system};
	struct settings settings = {0};
	struct credential credential = {0};

	err = coredump_forbid();
	if (err < 0) {
		log_error("core dumps cannot be forbidden, and one might hold a key: %s",
			strerror(-err));
		return err;
	}
	err = settings_load(&where, on_problem, NULL, &settings);
	if (err == 0) {
		err = find_socket_group(&settings, &options);
	}
	if (err == 0) {
		err = find_key(&settings.wandb, &credential);
	}
	if (err == 0) {
		options.settings = &settings;
		options.credential = &credential;
		err = daemon_run(&options);
	}
	credential_finish(&credential);
	settings_finish(&settings);
	return err;
}

static int serve_run(int argc, char **argv) {
	enum {
		SYSTEM = 256,
		SOCKET,
		DB,
		CONFIG,
		BACKUP_EVERY,
		BACKUP_TO,
		BACKUP_KEEP,
		IDLE,
		RANK_GRACE,
		LOG_LEVEL
	};
	static const struct option known[] = {
		{"system", no_argument, NULL, SYSTEM},
		{"socket", required_argument, NULL, SOCKET},
		{"db", required_argument, NULL, DB},
		{"config", required_argument, NULL, CONFIG},
		{"backup-every", required_argument, NULL, BACKUP_EVERY},
		{"backup-to", required_argument, NULL, BACKUP_TO},
		{"backup-keep", required_argument, NULL, BACKUP_KEEP},
		{"exit-when-idle", required_argument, NULL, IDLE},
		{"rank-grace", required_argument, NULL, RANK_GRACE},
		{"log-level", required_argument, NULL, LOG_LEVEL},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct daemon_options options = {0};
	const char *config = NULL, *backup_every = NULL, *backup_keep = NULL, *idle = NULL,
		   *rank_grace = NULL;
	int level = LOG_LEVEL_INFO;

	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
		switch (c) {
		case SYSTEM:
			options.is_system = true;
			break;
		case SOCKET:
			options.socket = optarg;
			break;
		case DB:
			options.database = optarg;
			break;
		case CONFIG:
			config = optarg;
			break;
		case BACKUP_EVERY:
			backup_every = optarg;
			break;
		case BACKUP_TO:
			options.backup_folder = optarg;
			break;
		case BACKUP_KEEP:
			backup_keep = optarg;
			break;
		case IDLE:
			idle = optarg;
			break;
		case RANK_GRACE:
			rank_grace = optarg;
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
	const char *wrong = read_backup(backup_every, backup_keep, &options);
	wrong = wrong != NULL ? wrong : read_idle(idle, &options);
	wrong = wrong != NULL ? wrong : read_rank_grace(rank_grace, &options);
	if (wrong != NULL) {
		return usage_error(wrong);
	}
	log_set_level((enum log_level)level);
	return serve(options, config) < 0 ? EXIT_FAILED : EXIT_OK;
}
