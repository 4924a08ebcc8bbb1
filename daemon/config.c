#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "config_show.h"
#include "credential.h"
#include "settings.h"

static int config_run(int argc, char **argv);

const struct subcommand subcommand_config = {
	.name = "config",
	.summary = "what is set, and where",
	.usage =
		"usage: sae-metricsd config [options] [SECTION.KEY]\n"
		"       sae-metricsd config --check [options] [FILE]\n"
		"\n"
		"Prints all that can be set, its value, and the file and line, variable or option\n"
		"that it is from; of one SECTION.KEY the value alone. It is what `serve` would go\n"
		"by if it were started here and now: the variables and options of a service are\n"
		"not known here. Keys and passwords are never shown.\n"
		"\n"
		"  --check           say of each file that it is ok, or what is wrong with it\n"
		"  --json            as JSON\n"
		"  --system, --user  of the host's daemon, or of your own; without it of the\n"
		"                    host's if you are root\n"
		"  --config FILE     this file in place of all others\n"
		"  --set SECTION.KEY=VALUE\n"
		"                    as if `serve` had been told\n"
		"  -h, --help        this text\n"
		"\n"
		"exit status: 0 all is well, 1 something is wrong and was said, 2 wrong usage,\n"
		"             also: no such key\n",
	.run = config_run,
};

#define FLAGS_MAX 128u /* more --set than there are keys */

struct config {
	struct settings_flag flags[FLAGS_MAX];
	struct settings_options where;
	bool check, json, help, has_word;
	const char *name; /* NULL: all */
	unsigned n_files, n_remarks;
};

static void on_usage_problem(void *user, const char *words) {
	(void)user;
	(void)arguments_wrong("config", words, "");
}

static void on_problem(void *user, const char *words) {
	(void)user;
	fprintf(stderr, "%s\n", words);
}

static void on_remark(void *user, const char *words) {
	struct config *c = user;

	c->n_remarks++;
	fprintf(stderr, "%s\n", words);
}

static void on_file(void *user, const char *path, bool is_good) {
	struct config *c = user;

	c->n_files++;
	if (is_good) {
		printf("%s: ok\n", path);
	}
}

/* ---- the key ---- */

struct key_row {
	struct credential credential;
	char value[64];
	char words[CREDENTIAL_WORDS_MAX];
	struct settings_row row;
};

/* 0, or -errno: what is there cannot be used, which `source` says. */
static int find_key(const struct settings *s, struct key_row *k) {
	int err = 0;

	k->row = (struct settings_row){.name = "wandb.key"};
	if (s->wandb.mode != WANDB_MODE_ONLINE) {
		k->row.source = "not looked for: wandb.mode is not online";
		return 0;
	}
	err = credential_find(s->wandb.key_file, s->wandb.base_url, &k->credential, k->words);
	if (err < 0) {
		k->row.source = k->words;
	} else if (k->credential.key == NULL) {
		k->row.source = "none found here; systemd may hand the service one";
	} else {
		snprintf(k->value, sizeof k->value, "(credential, %zu bytes)",
			strlen(k->credential.key));
		k->row.value = k->value;
		k->row.source = k->credential.source;
	}
	return err;
}

/* ---- the two things it does ---- */

static int check(struct config *c) {
	struct settings settings = {0};
	struct key_row key = {0};

	c->where.on_file = on_file;
	int err = settings_load(&c->where, on_problem, c, &settings);
	if (err == 0) {
		err = find_key(&settings, &key);
		if (err < 0) {
			on_problem(c, key.words);
		} else if (key.credential.note[0] != '\0') {
			fprintf(stderr, "%s\n", key.credential.note);
		}
	}
	if (err == 0 && c->n_files == 0) {
		puts("no file: everything is preset, or set by variables");
	}
	credential_finish(&key.credential);
	settings_finish(&settings);
	bool is_written = fflush(stdout) == 0 && !ferror(stdout);
	return err == 0 && c->n_remarks == 0 && is_written ? EXIT_OK : EXIT_FAILED;
}

static int show(struct config *c) {
	struct settings settings = {0};
	struct key_row key = {0};

	if (settings_load(&c->where, on_problem, c, &settings) < 0) {
		return EXIT_FAILED;
	}
	(void)find_key(&settings, &key);
	int err = config_show(&settings, &key.row, c->json ? CONFIG_JSON : CONFIG_TABLE, c->name);
	credential_finish(&key.credential);
	settings_finish(&settings);
	if (err == -ENOENT) {
		return arguments_wrong("config", "there is no such SECTION.KEY, as wandb.mode", "");
	}
	return err < 0 ? EXIT_FAILED : EXIT_OK;
}

/* ---- options ---- */

enum { CHECK = 256, JSON, SYSTEM, USER, CONFIG, SET };

static int add_flag(struct config *c) {
	if (c->where.n_flags == FLAGS_MAX) {
		return arguments_wrong("config", "too many options", "");
	}
	c->flags[c->where.n_flags++] = (struct settings_flag){.flag = "--set", .text = optarg};
	return EXIT_OK;
}

/* `word` is what getopt looked at. */
static int take_option(int option, const char *word, void *user) {
	struct config *c = user;

	switch (option) {
	case CHECK:
		c->check = true;
		return EXIT_OK;
	case JSON:
		c->json = true;
		return EXIT_OK;
	case SYSTEM:
	case USER:
		c->where.is_system = option == SYSTEM;
		return EXIT_OK;
	case CONFIG:
		c->where.file = optarg;
		return EXIT_OK;
	case SET:
		return add_flag(c);
	case 'h':
		c->help = true;
		return EXIT_OK;
	default:
		return arguments_unknown("config", option, word);
	}
}

static int take_word(const char *word, void *user) {
	struct config *c = user;

	if (c->help) {
		return EXIT_OK;
	}
	if (c->has_word) {
		return arguments_wrong("config", "takes one argument, or none", "");
	}
	c->has_word = true;
	if (!c->check) {
		c->name = word;
		return EXIT_OK;
	}
	if (c->where.file != NULL) {
		return arguments_wrong("config", "--config FILE and FILE are one too many", "");
	}
	c->where.file = word;
	return EXIT_OK;
}

static int read_options(int argc, char **argv, struct config *c) {
	static const struct option known[] = {
		{"check", no_argument, NULL, CHECK},
		{"json", no_argument, NULL, JSON},
		{"system", no_argument, NULL, SYSTEM},
		{"user", no_argument, NULL, USER},
		{"config", required_argument, NULL, CONFIG},
		{"set", required_argument, NULL, SET},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int status = arguments_take(argc, argv, ":h", known, take_option, take_word, c);

	if (status != EXIT_OK || c->help) {
		return status;
	}
	if (c->json && (c->check || c->name != NULL)) {
		return arguments_wrong("config", "--json is for all that is set", "");
	}
	c->where.flags = c->flags;
	return settings_check_flags(&c->where, on_usage_problem, NULL) < 0 ? EXIT_USAGE : EXIT_OK;
}

static int config_run(int argc, char **argv) {
	struct config c = {.where = {.is_system = geteuid() == 0, .on_remark = on_remark}};
	int status = read_options(argc, argv, &c);

	if (status != EXIT_OK) {
		return status;
	}
	if (c.help) {
		return fputs(subcommand_config.usage, stdout) >= 0 && fflush(stdout) == 0
			       ? EXIT_OK
			       : EXIT_FAILED;
	}
	return c.check ? check(&c) : show(&c);
}
