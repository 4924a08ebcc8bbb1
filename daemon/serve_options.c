#include "serve_options.h"

#include <stdio.h>
#include <unistd.h>

#include "arguments.h"
#include "subcommand.h"

static int add_flag(struct serve_options *o, const char *flag, const char *key) {
	if (o->where.n_flags == SERVE_FLAGS_MAX) {
		return arguments_wrong("serve", "too many options", "");
	}
	o->flags[o->where.n_flags++] =
		(struct settings_flag){.flag = flag, .key = key, .text = optarg};
	return EXIT_OK;
}

/* In a file a path says where it begins; here it begins where the shell is. */
static int add_path(struct serve_options *o, const char *flag, const char *key) {
	char here[PATH_MAX];

	if (optarg[0] != '/' && optarg[0] != '~' && optarg[0] != '\0') {
		if (getcwd(here, sizeof here) == NULL ||
			snprintf(o->folder, sizeof o->folder, "%s/%s", here, optarg) >=
				(int)sizeof o->folder) {
			return arguments_wrong("serve", "a path is too long", "");
		}
		optarg = o->folder;
	}
	return add_flag(o, flag, key);
}

/* Flags that only set something, and what. */
static const struct {
	const char *flag, *key;
	int (*add)(struct serve_options *o, const char *flag, const char *key);
} setters[] = {
	{"--backup-every", "backup.every", add_flag},
	{"--backup-to", "backup.to", add_path},
	{"--backup-keep", "backup.keep", add_flag},
	{"--exit-when-idle", "daemon.exit_when_idle", add_flag},
	{"--rank-grace", "ranks.grace", add_flag},
	{"--log-level", "daemon.log_level", add_flag},
	{"--set", NULL, add_flag},
};
#define N_SETTERS (sizeof setters / sizeof setters[0])

enum { FIRST_SETTER = 256, SOCKET = FIRST_SETTER + (int)N_SETTERS, DB, CONFIG, SYSTEM };

/* `word` is what getopt looked at. */
static int take_option(int option, const char *word, void *user) {
	struct serve_options *o = user;

	switch (option) {
	case SOCKET:
		o->daemon.socket = optarg;
		return EXIT_OK;
	case DB:
		o->daemon.database = optarg;
		return EXIT_OK;
	case CONFIG:
		o->where.file = optarg;
		return EXIT_OK;
	case SYSTEM:
		o->daemon.is_system = true;
		return EXIT_OK;
	case 'h':
		o->help = true;
		return EXIT_OK;
	default:
		if (option < FIRST_SETTER || option >= FIRST_SETTER + (int)N_SETTERS) {
			return arguments_unknown("serve", option, word);
		}
		return setters[option - FIRST_SETTER].add(
			o, setters[option - FIRST_SETTER].flag, setters[option - FIRST_SETTER].key);
	}
}

static void on_usage_problem(void *user, const char *words) {
	(void)user;
	(void)arguments_wrong("serve", words, "");
}

static int take_word(const char *word, void *user) {
	const struct serve_options *o = user;
	return o->help ? EXIT_OK : arguments_no_word("serve", word);
}

int serve_read_options(int argc, char **argv, struct serve_options *o) {
	struct option known[N_SETTERS + 6] = {
		{"system", no_argument, NULL, SYSTEM},
		{"socket", required_argument, NULL, SOCKET},
		{"db", required_argument, NULL, DB},
		{"config", required_argument, NULL, CONFIG},
		{"help", no_argument, NULL, 'h'},
	};
	for (size_t i = 0; i < N_SETTERS; i++) {
		known[5 + i] = (struct option){
			setters[i].flag + 2, required_argument, NULL, FIRST_SETTER + (int)i};
	}
	int status = arguments_take(argc, argv, ":h", known, take_option, take_word, o);
	if (status != EXIT_OK || o->help) {
		return status;
	}
	o->where.flags = o->flags;
	return settings_check_flags(&o->where, on_usage_problem, NULL) < 0 ? EXIT_USAGE : EXIT_OK;
}
