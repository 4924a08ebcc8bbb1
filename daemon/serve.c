#include "serve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "activation.h"
#include "coredump.h"
#include "credential.h"
#include "daemon.h"
#include "home.h"
#include "journal.h"
#include "log.h"
#include "lookup.h"
#include "serve_options.h"
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
		"  --socket PATH      where to listen: the socket that the service manager\n"
		"                     passed, or $SAE_METRICS_SOCKET, else\n"
		"                     $XDG_RUNTIME_DIR/sae-metricsd/socket, without such a folder\n"
		"                     /tmp/sae-metricsd-UID/socket (root:\n"
		"                     /run/sae-metricsd/socket)\n"
		"  --db PATH          the database: ~/.local/state/sae-metricsd/metrics.db; where\n"
		"                     that is on the network or cannot be written\n"
		"                     /var/tmp/sae-metricsd-UID/metrics.db (root:\n"
		"                     /var/lib/sae-metricsd/metrics.db)\n"
		"  --config FILE      what is set, in place of all other files:\n"
		"                     $SAE_METRICSD_CONFIG, else\n"
		"                     ~/.config/sae-metricsd/sae-metricsd.conf (root:\n"
		"                     /etc/sae-metricsd/sae-metricsd.conf) with the files in\n"
		"                     sae-metricsd.conf.d beside it; SIGHUP reads them again\n"
		"  --set SECTION.KEY=VALUE\n"
		"                     sets one thing, over all files and variables: `sae-metricsd\n"
		"                     config` lists what there is, and what it is\n"
		"  --backup-every TIME, --backup-to DIR\n"
		"                     copies the database into DIR again and again, as\n"
		"                     `sae-metricsd backup` does: 10m, 6h, 1d. A DIR of this\n"
		"                     daemon's own: what is named like a copy is taken for one\n"
		"                     and removed when it is old\n"
		"  --backup-keep N    as many copies are kept (7)\n"
		"  --exit-when-idle TIME\n"
		"                     ends by itself when nobody has been connected for so long\n"
		"                     and all is written and sent: 10m. `sae-metricsd start` says\n"
		"                     so\n"
		"  --rank-grace TIME  for so long a rank that is missing is waited for: 2m, or\n"
		"                     what is set\n"
		"  --log-level LEVEL  error, warning, info (default) or debug\n"
		"  -h, --help         this text\n"
		"\n"
		"exit status: 0 ended as asked, 1 failed, 2 wrong usage\n",
	.run = serve_run,
};

static void on_problem(void *user, const char *words) {
	(void)user;
	log_error("%s", words);
}

static void on_remark(void *user, const char *words) {
	(void)user;
	log_warning("%s", words);
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
static int serve(struct daemon_options options, const struct settings_options *flags) {
	journal_open();
	struct activation passed;
	struct home home;
	int err = take_passed(&options, &passed);
	if (err == 0) {
		err = fill_in(&options, &home);
	}
	if (err < 0) {
		return err;
	}
	struct settings_options where = *flags;
	struct settings settings = {0};
	struct credential credential = {0};

	where.is_system = options.is_system;
	where.on_remark = on_remark;
	err = coredump_forbid();
	if (err < 0) {
		log_error("core dumps cannot be forbidden, and one might hold a key: %s",
			strerror(-err));
		return err;
	}
	err = settings_load(&where, on_problem, NULL, &settings);
	if (err == 0) {
		log_set_level(settings.daemon.log_level);
		err = find_socket_group(&settings, &options);
	}
	if (err == 0) {
		err = find_key(&settings.wandb, &credential);
	}
	if (err == 0) {
		options.settings = &settings;
		options.where = &where;
		options.credential = &credential;
		err = daemon_run(&options);
	}
	credential_finish(&credential);
	settings_finish(&settings);
	return err;
}

static int serve_run(int argc, char **argv) {
	struct serve_options o = {0};
	int status = serve_read_options(argc, argv, &o);

	if (status != EXIT_OK) {
		return status;
	}
	if (o.help) {
		fputs(subcommand_serve.usage, stdout);
		return EXIT_OK;
	}
	return serve(o.daemon, &o.where) < 0 ? EXIT_FAILED : EXIT_OK;
}
