#include "export_offline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "interrupt.h"
#include "removed.h"
#include "run_source.h"
#include "subcommand.h"

struct offline {
	const struct read_options *read;
	const struct export_wandb *wandb;
	bool unfinished;
};

static void say(const char *words) {
	fprintf(stderr, "sae-metricsd export: %s\n", words);
}

/* What a file of W&B's is made of. */
static const char *const wandb_tables[] = {"runs_data", "runs_about", "forwards_data", "lines_data",
	"history_data", "histograms_data", "removed_data", NULL};

static int open_run(const struct offline *o, sqlite3 **ret_sql, struct kept_run *ret) {
	const struct run_source source = {
		.command = o->read->command,
		.where = &o->read->source,
		.tables = {.names = wandb_tables},
		.stop = o->wandb->stop,
	};
	int64_t n = 0;
	int status = run_source_open(&source, ret_sql, &n);

	if (status == EXIT_OK && kept_run_read(*ret_sql, n, ret) < 0) {
		fprintf(stderr, "sae-metricsd export: the database cannot be read: %s\n",
			sqlite3_errmsg(*ret_sql));
		return EXIT_FAILED;
	}
	return status;
}

static bool goes_on(const struct kept_run *run) {
	return strcmp(run->state, "running") == 0 || strcmp(run->state, "stalled") == 0;
}

static void say_removed(void *user, const struct removed *removed) {
	const struct kept_run *run = user;

	if (strcmp(removed->what, "lines") == 0) {
		fprintf(stderr, "sae-metricsd export: %s: %s: they are not exported\n", run->id,
			removed->words);
	}
}

/* What W&B will make of it, before it is too late. */
static int check_run(const struct kept_run *run, const struct offline *o) {
	if (goes_on(run) && !o->unfinished) {
		fprintf(stderr,
			"sae-metricsd export: %s goes on (%s), and W&B takes a run once: export it "
			"when it has ended, or with --unfinished\n",
			run->id, run->state);
		return EXIT_FAILED;
	}
	if (!run->has_exit_code) {
		fprintf(stderr,
			"sae-metricsd export: %s is %s, without an exit code: W&B will show it as "
			"failed\n",
			run->id, run->state);
	}
	if (run->n_forwarded > 0) {
		fprintf(stderr,
			"sae-metricsd export: %s is forwarded by the daemon: `wandb sync` would "
			"add "
			"its rows again\n",
			run->id);
	}
	return EXIT_OK;
}

static int write_run(sqlite3 *sql, const struct kept_run *run, const struct offline *o) {
	struct export_result result;
	char words[EXPORT_WORDS_MAX], rows[FORMAT_MAX], bytes[FORMAT_MAX];

	if (export_wandb(sql, run, o->wandb, &result, words) < 0) {
		say(words);
		return EXIT_FAILED;
	}
	printf("wrote %s (%s, %s rows)\n", result.path, format_bytes(bytes, (double)result.n_bytes),
		format_grouped(rows, result.n_rows));
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}

int export_offline(
	const struct read_options *read, const struct export_wandb *wandb, bool unfinished) {
	const struct offline o = {.read = read, .wandb = wandb, .unfinished = unfinished};
	struct kept_run run = {0};
	sqlite3 *sql = NULL;

	int status = open_run(&o, &sql, &run);
	status = status == EXIT_OK ? check_run(&run, &o) : status;
	if (status == EXIT_OK) {
		(void)removed_each(sql, run.n, say_removed, &run);
	}
	status = status == EXIT_OK ? write_run(sql, &run, &o) : status;
	kept_run_finish(&run);
	(void)sqlite3_close(sql);
	interrupt_heed();
	return status;
}
