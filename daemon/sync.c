#include "sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arguments.h"
#include "credential.h"
#include "database_file.h"
#include "database_list.h"
#include "document.h"
#include "drain.h"
#include "log.h"
#include "settings.h"
#include "sync_daemon.h"
#include "sync_show.h"
#include "wandb_setup.h"

#define PATIENCE_MS 60000u

static int sync_run(int argc, char **argv);

const struct subcommand subcommand_sync = {
	.name = "sync",
	.summary = "send what waits for Weights & Biases",
	.usage =
		"usage: sae-metricsd sync [options] [RUN | FILE | DIR]...\n"
		"\n"
		"Sends what runs have logged for Weights & Biases and what it does not have yet:\n"
		"of a RUN (any part of an id or name), of all runs of a database FILE or of every\n"
		"*.db in a DIR; of nothing in particular, of the user's own database, else the\n"
		"host's. Where a daemon has the database it is asked to go on at once, and does\n"
		"the sending; the user's own key is used for those of his runs that have none, or\n"
		"whose key is refused. Where none does, it is sent from here. Doing it twice\n"
		"sends nothing twice. It waits for all of what is over, and for what runs that\n"
		"still train had logged by then; of nothing in particular, for the user's own\n"
		"runs.\n"
		"\n"
		"  --take-over      go on behind whatever W&B has of a run that was parked,\n"
		"                   because somebody else wrote it, too; nothing of theirs is\n"
		"                   overwritten\n"
		"  --dry-run        say what would be sent, and send nothing\n"
		"  --db FILE        the database RUNs are looked for in\n"
		"  --socket PATH    the daemon's socket: $SAE_METRICS_SOCKET, else the user's,\n"
		"                   else the host's\n"
		"  --config PATH    what is set about W&B, as of `serve`\n"
		"  --patience S     give up when nothing was taken for so many seconds (60)\n"
		"  -h, --help       this text\n"
		"\n"
		"The key is looked for as by the daemon: key_file of the configuration,\n"
		"$WANDB_API_KEY, netrc.\n"
		"\n"
		"exit status: 0 W&B has all that, 1 it has not, 2 wrong usage, 3 no database,\n"
		"             4 no such run or more than one\n",
	.run = sync_run,
};

struct sync {
	bool take_over, dry_run, help;
	const char *database, *socket, *config;
	unsigned patience_s;
	char *const *words;
	int n_words;
	struct settings settings;
	struct credential credential;
};

static void say(const char *about, const char *words) {
	fprintf(stderr, "sae-metricsd sync: %s%s%s\n", about, about[0] != '\0' ? ": " : "", words);
}

/* ---- one database ---- */

/* The runs of a database that are W&B's, named for the drain. */
struct picked {
	const char **ids;
	size_t n;
};

static int pick(const json_t *document, struct picked *ret) {
	const json_t *runs = json_object_get(document, "runs");
	size_t i;
	json_t *run;
	ret->ids = calloc(json_array_size(runs) + 1, sizeof *ret->ids);
	if (ret->ids == NULL) {
		return -1;
	}
	json_array_foreach(runs, i, run) {
		const char *id = document_text(run, "id");
		if (sync_is_forwarded(run) && id != NULL) {
			ret->ids[ret->n++] = id;
		}
	}
	return 0;
}

static void on_progress(void *user, const struct forward_sum *all) {
	(void)user;
	sync_show_progress(all->pending, all->worst.words);
}

static int drain(struct sync *s, const char *path, const struct picked *picked) {
	struct forward_options forward;
	char words[FORWARD_WORDS_MAX];
	wandb_setup(&s->settings.wandb, &s->credential, &forward);
	forward.policy.once = true;
	struct drain_options options = {
		.database = path,
		.run_ids = picked->ids,
		.n_runs = picked->n,
		.take_over = s->take_over,
		.forward = &forward,
		.patience_ms = s->patience_s * 1000,
		.on_progress = on_progress,
	};
	int result = drain_run(&options, words);
	sync_end_progress();
	if (result != DRAIN_DONE) {
		say(path, words);
	}
	return result == DRAIN_DONE ? EXIT_OK : EXIT_FAILED;
}

static int read_database(const char *path, const char *run_part, json_t **ret) {
	char words[DATABASE_WORDS_MAX];
	enum database_result result = database_read(path, run_part, ret, words);
	if (words[0] != '\0') {
		say(path, words);
	}
	return result == DATABASE_OK            ? EXIT_OK
	       : result == DATABASE_NO_SUCH_RUN ? EXIT_NO_SUCH_RUN
						: EXIT_NO_ANSWER;
}

/* run_part NULL: all of its runs. */
static int sync_database(struct sync *s, const char *path, const char *run_part) {
	json_t *document = NULL;
	struct picked picked = {0};
	int status = read_database(path, run_part, &document);
	if (status != EXIT_OK) {
		return status;
	}
	if (pick(document, &picked) < 0) {
		status = EXIT_FAILED;
	} else if (s->dry_run || picked.n == 0) {
		status = sync_print(document, true);
	} else if (s->credential.key == NULL) {
		say("", "no W&B key: set WANDB_API_KEY, or key_file in the configuration, or log "
			"in with `wandb login`");
		status = EXIT_FAILED;
	} else {
		status = drain(s, path, &picked);
		json_t *after = NULL;
		if (read_database(path, run_part, &after) == EXIT_OK) {
			int synced = sync_print(after, false);
			status = status == EXIT_OK ? synced : status;
		}
		json_decref(after);
	}
	free(picked.ids);
	json_decref(document);
	return status;
}

/* ---- what was named ---- */

static int worse(int a, int b) {
	return a != EXIT_OK ? a : b;
}

static int sync_files(struct sync *s, const char *path) {
	struct database_list list = {0};
	int status = EXIT_OK;
	int err = database_list_add(&list, path);
	if (err < 0) {
		say(path, err == -2 ? "there is no *.db in it" : strerror(-err));
		status = EXIT_NO_ANSWER;
	}
	for (size_t i = 0; i < list.n; i++) {
		status = worse(status, sync_database(s, list.paths[i], NULL));
	}
	database_list_finish(&list);
	return status;
}

/* A run, or (NULL) all of them, of the database at hand: through the daemon that has it, if one does. */
static int sync_at_hand(struct sync *s, const char *run_part) {
	char path[PATH_MAX];
	if (s->database != NULL) {
		return sync_database(s, s->database, run_part);
	}
	if (!s->dry_run) {
		struct sync_request request = {.socket = s->socket,
			.run_part = run_part,
			.key = s->credential.key,
			.base_url = s->settings.wandb.base_url,
			.take_over = s->take_over,
			.patience_s = s->patience_s};
		int status = sync_through_daemon(&request);
		if (status != EXIT_NO_ANSWER) {
			return status;
		}
	}
	if (!database_default(path)) {
		say("", "there is no database; name one");
		return EXIT_NO_ANSWER;
	}
	return sync_database(s, path, run_part);
}

static int sync_all(struct sync *s) {
	int status = EXIT_OK;
	if (s->n_words == 0) {
		return sync_at_hand(s, NULL);
	}
	for (int i = 0; i < s->n_words; i++) {
		struct stat st;
		const char *word = s->words[i];
		bool is_path = strchr(word, '/') != NULL || stat(word, &st) == 0;
		status = worse(status, is_path ? sync_files(s, word) : sync_at_hand(s, word));
	}
	return status;
}

/* ---- options ---- */

static int parse_patience(const char *text, unsigned *ret) {
	char *end;
	unsigned long value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || value == 0 || value > 86400) {
		return arguments_wrong("sync", "--patience: expected seconds from 1 to 86400", "");
	}
	*ret = (unsigned)value;
	return EXIT_OK;
}

enum {
	OPTION_TAKE_OVER = 256,
	OPTION_DRY_RUN,
	OPTION_DB,
	OPTION_SOCKET,
	OPTION_CONFIG,
	OPTION_PATIENCE
};

/* `word` is what getopt looked at. */
static int take_option(int option, const char *word, void *user) {
	struct sync *s = user;

	switch (option) {
	case OPTION_TAKE_OVER:
		s->take_over = true;
		return EXIT_OK;
	case OPTION_DRY_RUN:
		s->dry_run = true;
		return EXIT_OK;
	case OPTION_DB:
		s->database = optarg;
		return EXIT_OK;
	case OPTION_SOCKET:
		s->socket = optarg;
		return EXIT_OK;
	case OPTION_CONFIG:
		s->config = optarg;
		return EXIT_OK;
	case OPTION_PATIENCE:
		return parse_patience(optarg, &s->patience_s);
	case 'h':
		s->help = true;
		return EXIT_OK;
	default:
		return arguments_unknown("sync", option, word);
	}
}

static int take_word(const char *word, void *user) {
	struct sync *s = user;

	if (word[0] == '\0') {
		return arguments_wrong("sync", "RUN is empty", "");
	}
	s->n_words++;
	return EXIT_OK;
}

static int parse_options(int argc, char **argv, struct sync *s) {
	static const struct option longs[] = {
		{"take-over", no_argument, NULL, OPTION_TAKE_OVER},
		{"dry-run", no_argument, NULL, OPTION_DRY_RUN},
		{"db", required_argument, NULL, OPTION_DB},
		{"socket", required_argument, NULL, OPTION_SOCKET},
		{"config", required_argument, NULL, OPTION_CONFIG},
		{"patience", required_argument, NULL, OPTION_PATIENCE},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int status = arguments_take(argc, argv, ":h", longs, take_option, take_word, s);
	s->words = argv + argc - s->n_words; /* getopt has put them behind the options */
	if (status == EXIT_OK && s->take_over && s->n_words == 0 && !s->help) {
		return arguments_wrong("sync", "--take-over: of which RUN or FILE?", "");
	}
	return status;
}

static void on_problem(void *user, const char *words) {
	(void)user;
	say("", words);
}

static int load(struct sync *s) {
	struct settings_options where = {.file = s->config, .is_system = geteuid() == 0};
	char words[CREDENTIAL_WORDS_MAX];
	if (settings_load(&where, on_problem, NULL, &s->settings) < 0) {
		return EXIT_FAILED;
	}
	int err = credential_find(
		s->settings.wandb.key_file, s->settings.wandb.base_url, &s->credential, words);
	if (err < 0) {
		say("", words);
	}
	return err < 0 ? EXIT_FAILED : EXIT_OK;
}

static int sync_run(int argc, char **argv) {
	struct sync s = {.patience_s = PATIENCE_MS / 1000};
	int status = parse_options(argc, argv, &s);
	if (status != EXIT_OK) {
		return status;
	}
	if (s.help) {
		fputs(subcommand_sync.usage, stdout);
		return EXIT_OK;
	}
	log_set_level(LOG_LEVEL_ERROR); /* what matters is printed at the end */
	status = load(&s);
	if (status == EXIT_OK) {
		status = sync_all(&s);
	}
	credential_finish(&s.credential);
	settings_finish(&s.settings);
	return status;
}
