/* What it costs to make a batch durable, beside an fdatasync of the same disk; what it adds that lines go to W&B; and
 * what a window costs that closes, and a status of a long run. The directory is the argument, or the current one: name the disk that matters. */
#include "changes.h"
#include "checksum.h"
#include "clock.h"
#include "commit.h"
#include "files.h"
#include "report.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS         101
#define LONG_RUN_STEPS 1000000u
#define BATCH_STEPS    10000u
#define LINE_ENTRIES   18u
#define WINDOW_STEPS   1000u
#define LINE_STEPS     100u /* a commit every five seconds of a run of twenty steps a second */

static char directory[256];
static struct files files;
static struct committer committer;

static double now_us(void) {
	return (double)clock_mono_ns() / 1e3;
}

static int compare(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double median(double *values, size_t n) {
	qsort(values, n, sizeof *values, compare);
	return values[n / 2];
}

static void die(const char *what) {
	fprintf(stderr, "%s\n", what);
	exit(1);
}

/* ---- cuts ---- */

static struct run_cut *cut_create(uint32_t d_sae) {
	struct run_cut *cut = calloc(1, sizeof *cut);
	if (cut == NULL) {
		die("memory");
	}
	changes_init(&cut->changes);
	strcpy(cut->run_id, "bench");
	cut->row = (struct run_row){
		.id = "bench",
		.name = "bench",
		.user = "bench",
		.state = "running",
		.attempt = 1,
		.step = STEP_NONE,
		.started = 1.7e9,
		.last_seen = 1.7e9,
	};
	cut->d_sae = cut->row.d_sae = d_sae;
	cut->small = changes_alloc(&cut->changes, 2048);
	cut->small_len = 2048;
	memset(cut->small, 7, cut->small_len);
	return cut;
}

static void cut_add_arrays(struct run_cut *cut) {
	cut->arrays_changed = true;
	cut->window = calloc(cut->d_sae, sizeof *cut->window);
	cut->last = calloc(cut->d_sae, sizeof *cut->last);
	if (cut->window == NULL || cut->last == NULL) {
		die("memory");
	}
}

/* A step as a Prisma run has it: eighteen numbers. */
static void cut_add_step(struct run_cut *cut, uint32_t step) {
	struct change_step *s = &changes_append(&cut->changes, CHANGE_STEP)->step;
	s->attempt = 1;
	s->step = cut->row.step = step;
	s->time = 1.7e9 + step * 0.05;
	s->elapsed_s = step * 0.05;
	s->n_rows = 4096;
	s->measures.present = (1ull << (METRIC_N_TRAINING_IMAGES + 1)) - 1;
	s->measures.present |= 1ull << METRIC_FVU;
	for (int m = 0; m < METRIC_COUNT; m++) {
		s->measures.value[m] = 1.0 / (1 + step % 977) + m;
	}
}

/* The same with sums and with numbers of the trainer's own. */
static void cut_add_full_step(struct run_cut *cut, uint32_t step) {
	static const char *const names[] = {"grad_norm", "loss_scale", "temperature"};
	cut_add_step(cut, step);
	struct change_step *s = &container_of(cut->changes.tail, struct change, next)->step;
	for (int i = SCALAR_EV_COUNT; i <= SCALAR_TV_SUM; i++) {
		s->scalars_present |= 1u << i;
		s->scalars[i] = 1.0 / (2 + step % 977) + i;
	}
	s->n_extras = 3;
	s->extra_names = names;
	s->extras_present = changes_alloc(&cut->changes, sizeof *s->extras_present);
	s->extras = changes_alloc(&cut->changes, 3 * sizeof *s->extras);
	if (s->extras_present == NULL || s->extras == NULL) {
		die("memory");
	}
	*s->extras_present = 7;
	for (uint32_t i = 0; i < 3; i++) {
		s->extras[i] = 1.0 / (5 + step % 977) + i;
	}
}

/* What is logged of it, under W&B's own keys. */
static void cut_add_line(struct run_cut *cut, uint32_t step) {
	static const char *const keys[LINE_ENTRIES] = {"losses/mse_loss", "losses/l1_loss",
		"losses/ghost_grad_loss", "losses/overall_loss", "metrics/explained_variance",
		"metrics/explained_variance_std", "metrics/l0", "metrics/fvu",
		"sparsity/mean_passes_since_fired", "sparsity/dead_features",
		"details/current_learning_rate", "details/n_training_tokens",
		"details/n_training_images", "details/n_tokens_folded", "grad_norm",
		"sparsity/below_1e-5", "sparsity/below_1e-6", "sparsity/never_fired"};
	struct change_line *l = &changes_append(&cut->changes, CHANGE_LINE)->line;
	l->attempt = 1;
	l->line = l->step = step;
	l->time = 1.7e9 + step * 0.05;
	l->elapsed_s = step * 0.05;
	l->n_entries = LINE_ENTRIES;
	l->entries = changes_alloc(&cut->changes, LINE_ENTRIES * sizeof *l->entries);
	for (uint32_t i = 0; i < LINE_ENTRIES; i++) {
		struct value value = {.kind = VALUE_FLOAT, .number = 1.0 / (3 + step % 977) + i};
		if (i >= 11 && i <= 13) {
			value = (struct value){.kind = VALUE_INT, .integer = 4096ll * step};
		}
		l->entries[i] = (struct line_entry){keys[i], LINE_METRICS, value};
	}
}

static void commit(struct run_cut *cut) {
	struct batch batch;
	batch_init(&batch);
	batch_put(&batch, cut);
	if (commit_batch(&committer, &batch) < 0 || batch.rejected != NULL) {
		die("a commit failed");
	}
	batch_clear(&batch);
}

/* As the daemon does, outside what is measured. */
static void checkpoint(void) {
	bool pinned;
	if (files.db.wal_bytes > 4u << 20) {
		(void)db_checkpoint(&files.db, &pinned);
	}
}

/* ---- what is measured ---- */

static double measure_fdatasync(void) {
	char path[300], block[256] = "x";
	double us[ROUNDS];
	snprintf(path, sizeof path, "%s/append", directory);
	int fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
	for (int i = 0; i < ROUNDS; i++) {
		double begun = now_us();
		if (write(fd, block, sizeof block) < 0 || fdatasync(fd) < 0) {
			die("fdatasync");
		}
		us[i] = now_us() - begun;
	}
	close(fd);
	return median(us, ROUNDS);
}

static double measure_commit(uint32_t d_sae, uint32_t *step) {
	double us[ROUNDS];
	for (int i = 0; i < ROUNDS; i++) {
		struct run_cut *cut = cut_create(d_sae);
		cut_add_step(cut, (*step)++);
		if (d_sae > 0) {
			cut_add_arrays(cut);
		}
		double begun = now_us();
		commit(cut);
		us[i] = now_us() - begun;
		checkpoint();
	}
	return median(us, ROUNDS);
}

static void report_commits(void) {
	static const uint32_t sizes[] = {0, 16384, 131072, 1048576};
	uint32_t step = 2 * LONG_RUN_STEPS;
	double sync_us = measure_fdatasync();
	printf("fdatasync of an append      %8.0f us\n", sync_us);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		double us = measure_commit(sizes[i], &step);
		printf("commit of a step, d_sae %7u %5.0f us  %5.1f x fdatasync\n", sizes[i], us,
			us / sync_us);
	}
}

/* Of a run of its own each; forwarded is what a line of W&B costs beside the same rows. */
static double commit_lines(const char *run_id, bool forwards, uint32_t *step) {
	struct run_cut *cut = cut_create(0);
	snprintf(cut->run_id, sizeof cut->run_id, "%s", run_id);
	cut->row.id = run_id;
	cut->row.forwards = forwards;
	cut->row.forward_summary_json = forwards ? "{\"losses/mse_loss\":0.1}" : NULL;
	for (uint32_t i = 0; i < LINE_STEPS; i++) {
		cut_add_step(cut, *step);
		cut_add_line(cut, (*step)++);
	}
	double begun = now_us();
	commit(cut);
	double us = now_us() - begun;
	checkpoint();
	return us;
}

static void report_lines(void) {
	double plain[ROUNDS], forwarded[ROUNDS];
	uint32_t plain_step = 0, forwarded_step = 0;
	for (int i = 0; i < ROUNDS; i++) {
		plain[i] = commit_lines("plain", false, &plain_step);
		forwarded[i] = commit_lines("forward", true, &forwarded_step);
	}
	double without = median(plain, ROUNDS), with = median(forwarded, ROUNDS);
	printf("commit of %u lines        %8.0f us, %.0f us when they go to W&B: %.2f x, "
	       "%.1f us a line more\n",
		LINE_STEPS, without, with, with / without, (with - without) / LINE_STEPS);
}

/* Of a run of its own: the steps of each window are stored before, as most are. */
static double commit_window(uint32_t window, uint32_t n_steps) {
	for (uint32_t i = 0; i < n_steps; i += LINE_STEPS) {
		struct run_cut *cut = cut_create(0);
		strcpy(cut->run_id, "windows");
		cut->row.id = "windows";
		for (uint32_t k = 0; k < LINE_STEPS; k++) {
			cut_add_full_step(cut, window * WINDOW_STEPS + i + k);
		}
		commit(cut);
	}
	struct run_cut *cut = cut_create(0);
	strcpy(cut->run_id, "windows");
	cut->row.id = "windows";
	struct change_window *w = &changes_append(&cut->changes, CHANGE_WINDOW)->window;
	w->attempt = 1;
	w->window = window;
	w->step_first = window * WINDOW_STEPS;
	w->step_last = w->step_first + WINDOW_STEPS - 1;
	double begun = now_us();
	commit(cut);
	double us = now_us() - begun;
	checkpoint();
	return us;
}

static void report_windows(void) {
	double whole[ROUNDS], empty[ROUNDS];
	for (uint32_t i = 0; i < ROUNDS; i++) {
		whole[i] = commit_window(2 * i, WINDOW_STEPS);
		empty[i] = commit_window(2 * i + 1, 0);
	}
	double with = median(whole, ROUNDS), without = median(empty, ROUNDS);
	printf("commit of a window          %8.0f us, of which the means of %u steps %.0f us\n",
		with, WINDOW_STEPS, with - without);
}

/* What single features' counts add to the commit that closes a window, beside the arrays, which it writes anyway. */
static double commit_closed(uint32_t d_sae, uint32_t *step, bool with_counts) {
	double us[ROUNDS / 4];
	for (int i = 0; i < ROUNDS / 4; i++) {
		struct run_cut *cut = cut_create(d_sae);
		cut_add_step(cut, (*step)++);
		cut_add_arrays(cut);
		cut->base_changed = true;
		cut->base = calloc(d_sae, sizeof *cut->base);
		cut->closed = with_counts ? closed_window_create(d_sae) : NULL;
		if (cut->base == NULL || (with_counts && cut->closed == NULL)) {
			die("memory");
		}
		if (with_counts) {
			cut->closed->attempt = 1;
			cut->closed->window = (uint32_t)i;
			memset(cut->closed->counts, i, d_sae * sizeof *cut->closed->counts);
			memset(cut->closed->last, i, d_sae * sizeof *cut->closed->last);
		}
		double begun = now_us();
		commit(cut);
		us[i] = now_us() - begun;
		checkpoint();
	}
	return median(us, ROUNDS / 4);
}

static void report_closed(void) {
	static const uint32_t sizes[] = {16384, 131072, 1048576};
	uint32_t step = 3 * LONG_RUN_STEPS;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		double without = commit_closed(sizes[i], &step, false);
		double with = commit_closed(sizes[i], &step, true);
		printf("commit of a close, d_sae %7u %6.0f us, of which the counts %.0f us\n",
			sizes[i], with, with - without);
	}
}

static void report_checksum(void) {
	size_t len = 8u << 20;
	uint8_t *from = calloc(1, len), *to = malloc(len);
	double copy_us[ROUNDS], sum_us[ROUNDS];
	uint64_t sum = 0;
	if (from == NULL || to == NULL) {
		die("memory");
	}
	for (int i = 0; i < ROUNDS; i++) {
		double begun = now_us();
		memcpy(to, from, len);
		copy_us[i] = now_us() - begun;
		begun = now_us();
		sum = checksum(to, len, sum);
		sum_us[i] = now_us() - begun;
	}
	double copy = median(copy_us, ROUNDS), taken = median(sum_us, ROUNDS);
	printf("checksum of 8 MiB           %8.0f us  %5.2f x memcpy%s\n", taken, taken / copy,
		sum == 1 ? "." : "");
	free(from);
	free(to);
}

/* A long run, written as a daemon under load would: in large batches. */
static void write_long_run(void) {
	double took_us = 0;
	for (uint32_t step = 0; step < LONG_RUN_STEPS; step += BATCH_STEPS) {
		struct run_cut *cut = cut_create(0);
		for (uint32_t i = 0; i < BATCH_STEPS; i++) {
			cut_add_step(cut, step + i);
		}
		double begun = now_us();
		commit(cut);
		took_us += now_us() - begun;
		checkpoint();
	}
	struct stat st;
	if (stat(files.path, &st) < 0) {
		die("stat");
	}
	printf("rows of %u steps        %8.2f us a row, %.0f k rows/s, %.0f bytes a row\n",
		LONG_RUN_STEPS, took_us / LONG_RUN_STEPS, LONG_RUN_STEPS / took_us * 1e3,
		(double)st.st_size / LONG_RUN_STEPS);
}

static void report_status(const char *what, const char *run_part) {
	double ms[11];
	for (int i = 0; i < 11; i++) {
		json_t *document = NULL;
		char words[256];
		double begun = now_us();
		if (report_build(files.db.sql, &(struct report_query){.run_part = run_part},
			    &document, words) != REPORT_OK) {
			die(words);
		}
		ms[i] = (now_us() - begun) / 1e3;
		json_decref(document);
	}
	printf("%-27s %8.2f ms\n", what, median(ms, 11));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int main(int argc, char **argv) {
	char words[DB_WORDS_MAX], path[300];
	snprintf(directory, sizeof directory, "%s/bench-store-XXXXXX", argc > 1 ? argv[1] : ".");
	if (mkdtemp(directory) == NULL) {
		die("the directory cannot be written");
	}
	snprintf(path, sizeof path, "%s/metrics.db", directory);
	if (files_open(&files, path, "bench", words) < 0) {
		die(words);
	}
	committer_init(&committer, &files.db, &files.slots);

	report_checksum();
	write_long_run();
	report_status("status, the list", NULL);
	report_status("status of that run", "bench");
	report_commits();
	report_lines();
	report_windows();
	report_closed();

	committer_finish(&committer);
	files_close(&files);
	(void)nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}
