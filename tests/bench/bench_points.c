/* Where a thousand runs of sixteen windows stand: `make DATABASE` writes them, `file DATABASE` and `daemon SOCKET` say how long
 * the document takes. Started by bench_points.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ask.h"
#include "clock.h"
#include "commit.h"
#include "database_file.h"
#include "points.h"

#define RUNS         1000u
#define WINDOWS      16u
#define WINDOW_STEPS 20u
#define ROUNDS       11
#define TIMEOUT_MS   60000u

static void die(const char *what) {
	fprintf(stderr, "%s\n", what);
	exit(1);
}

/* ---- runs ---- */

static void add_step(struct run_cut *cut, uint32_t step) {
	struct change_step *s = &changes_append(&cut->changes, CHANGE_STEP)->step;
	s->attempt = 1;
	s->step = cut->row.step = step;
	s->time = 1.7e9 + step;
	s->n_rows = 4096;
	for (int m = 0; m <= METRIC_N_TOKENS_FOLDED; m++) {
		if (!metric_of_window((enum metric)m)) {
			s->measures.present |= 1ull << m;
			s->measures.value[m] = 1.0 / (3 + step) + m;
		}
	}
	s->measures.value[METRIC_N_TOKENS_FOLDED] = 4096.0 * (step + 1);
	for (int i = SCALAR_EV_COUNT; i <= SCALAR_LP_SUM; i++) {
		s->scalars_present |= 1u << i;
		s->scalars[i] = 1.0 / (2 + step) + i;
	}
}

static void add_window(struct run_cut *cut, uint32_t window) {
	struct change_window *w = &changes_append(&cut->changes, CHANGE_WINDOW)->window;
	w->attempt = 1;
	w->window = window;
	w->step_first = window * WINDOW_STEPS;
	w->step_last = w->step_first + WINDOW_STEPS - 1;
	w->time = 1.7e9;
	w->n_steps = w->n_steps_expected = WINDOW_STEPS;
	w->density.d_sae = 24576;
	w->density.n_rows = 4096 * WINDOW_STEPS;
	w->density.n_quantile_features = 20000;
	for (uint32_t i = 0; i < DENSITY_QUANTILES; i++) {
		w->density.quantiles[i] = -5.1 + i / 3.0;
	}
	w->density.has_wandb = true;
	for (uint32_t i = 0; i <= WANDB_BINS; i++) {
		w->density.wandb_edges[i] = -10.0f + (float)i * 0.153f;
	}
	for (uint32_t i = 0; i < FIXED_BINS; i++) {
		w->density.fixed_counts[i] = i * 7 % 301;
	}
}

/* Two kilobytes, as a trainer's settings are. */
static const char *config_of(uint32_t run) {
	static char json[4096];
	size_t len = (size_t)snprintf(json, sizeof json, "{\"lr\":%g", 1e-4 * (1 + run % 17));
	for (int i = 0; i < 80; i++) {
		len += (size_t)snprintf(
			json + len, sizeof json - len, ",\"setting_%02d\":\"value %d\"", i, i);
	}
	(void)snprintf(json + len, sizeof json - len, "}");
	return json;
}

static struct run_cut *cut_run(uint32_t run) {
	struct run_cut *cut = calloc(1, sizeof *cut);
	if (cut == NULL) {
		die("memory");
	}
	changes_init(&cut->changes);
	snprintf(cut->run_id, sizeof cut->run_id, "run%05u", run);
	cut->row = (struct run_row){.id = cut->run_id,
		.name = "clip-b32-l9-x16",
		.project = "clip-b32",
		.user = "bench",
		.profile = "prisma",
		.architecture = "standard",
		.state = "finished",
		.config_json = config_of(run),
		.attempt = 1,
		.d_sae = 24576,
		.started = 1.7e9,
		.last_seen = 1.7e9 + run,
		.ended = 1.7e9 + run};
	cut->small = changes_alloc(&cut->changes, 64);
	cut->small_len = 64;
	memset(cut->small, 7, 64);
	changes_append(&cut->changes, CHANGE_ATTEMPT)->attempt =
		(struct change_attempt){.attempt = 1, .launch = "l", .restored_from = "start"};
	for (uint32_t w = 0; w < WINDOWS; w++) {
		for (uint32_t i = 0; i < WINDOW_STEPS; i++) {
			add_step(cut, w * WINDOW_STEPS + i);
		}
		add_window(cut, w);
	}
	return cut;
}

static void make(const char *path) {
	static struct db db;
	struct slots slots;
	struct committer committer;
	char words[DB_WORDS_MAX];

	if (db_open(&db, path, "bench", words) < 0 || slots_open(&slots, path) < 0) {
		die(words);
	}
	committer_init(&committer, &db, &slots);
	for (uint32_t run = 0; run < RUNS; run++) {
		struct batch batch;
		batch_init(&batch);
		batch_put(&batch, cut_run(run));
		if (commit_batch(&committer, &batch) < 0 || batch.rejected != NULL) {
			die("a commit failed");
		}
		batch_clear(&batch);
	}
	committer_finish(&committer);
	slots_close(&slots);
	db_close(&db);
}

/* ---- times ---- */

static int compare(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static json_t *read_file(const char *path, const struct points_query *query) {
	char words[DATABASE_WORDS_MAX];
	json_t *document = NULL;
	if (database_read_points(path, query, &document, words) != DATABASE_OK) {
		die(words);
	}
	return document;
}

static json_t *ask_daemon(const char *socket, const struct points_query *query) {
	char words[ASK_WORDS_MAX];
	json_t *document = NULL;
	if (ask_points(socket, query, TIMEOUT_MS, &document, words) != ASK_ANSWERED) {
		die(words);
	}
	return document;
}

static void report(const char *what, const char *where,
	json_t *(*get)(const char *where, const struct points_query *query),
	const struct points_query *query) {
	double ms[ROUNDS];
	size_t n_runs = 0;
	clock_t cpu_before = clock();
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t begun_ns = clock_mono_ns();
		json_t *document = get(where, query);
		ms[i] = (double)(clock_mono_ns() - begun_ns) / 1e6;
		n_runs = json_array_size(json_object_get(document, "runs"));
		json_decref(document);
	}
	double cpu_ms = (double)(clock() - cpu_before) * 1e3 / CLOCKS_PER_SEC / ROUNDS;
	qsort(ms, ROUNDS, sizeof *ms, compare);
	printf("points of %zu runs %-28s %7.1f ms, the fastest %7.1f ms, %7.1f ms of it the "
	       "reader's own work\n",
		n_runs, what, ms[ROUNDS / 2], ms[0], cpu_ms);
}

int main(int argc, char **argv) {
	const struct points_query now = {0};
	const struct points_query at_tokens = {.has_at_tokens = true, .at_tokens = 4096 * 200};
	const struct points_query trajectory = {.trajectory = true};
	const struct points_query short_of_it = {.without_config = true};
	bool is_daemon = argc == 3 && strcmp(argv[1], "daemon") == 0;

	if (argc != 3) {
		die("make DATABASE, file DATABASE or daemon SOCKET");
	}
	if (strcmp(argv[1], "make") == 0) {
		make(argv[2]);
		return 0;
	}
	report(is_daemon ? "from a daemon" : "from a file", argv[2],
		is_daemon ? ask_daemon : read_file, &now);
	report(is_daemon ? "from a daemon, at tokens" : "from a file, at tokens", argv[2],
		is_daemon ? ask_daemon : read_file, &at_tokens);
	report(is_daemon ? "from a daemon, 16 windows" : "from a file, 16 windows", argv[2],
		is_daemon ? ask_daemon : read_file, &trajectory);
	report(is_daemon ? "from a daemon, without configs" : "from a file, without configs",
		argv[2], is_daemon ? ask_daemon : read_file, &short_of_it);
	return 0;
}
