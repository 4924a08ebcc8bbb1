#include "run.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry_private.h"
#include "stream.h"

struct run *run_create(struct registry *r, struct text id, uint32_t uid, uint32_t d_sae) {
	struct run *run = calloc(1, sizeof *run);
	if (run == NULL) {
		return NULL;
	}
	run->registry = r;
	run->uid = uid;
	run->d_sae = d_sae;
	(void)snprintf(run->id, sizeof run->id, "%.*s", (int)id.len, id.data);
	list_init(&run->streams);
	lines_init(&run->lines);
	changes_init(&run->changes);
	run->folded.step = -1;
	run->shown_state = "running";
	run->holder = ledger_holder(r->options.ledger, uid);
	if (run->holder == NULL) {
		run_destroy(run);
		return NULL;
	}
	return run;
}

int run_make_arrays(struct run *run) {
	return run->d_sae > 0 ? firing_init(&run->firing, run->d_sae, UINT32_MAX) : 0;
}

void run_charge(struct run *run, uint64_t bytes) {
	if (!run->counted) {
		run->counted = true;
		ledger_add(run->holder, HOLDING_RUNS, 1);
	}
	ledger_give(run->holder, HOLDING_MEMORY, run->charged);
	ledger_add(run->holder, HOLDING_MEMORY, bytes);
	run->charged = bytes;
}

static void discharge(struct run *run) {
	if (run->holder == NULL) {
		return;
	}
	ledger_give(run->holder, HOLDING_MEMORY, run->charged);
	ledger_give(run->holder, HOLDING_RUNS, run->counted);
	holder_release(run->holder);
}

static void keys_finish(struct run *run) {
	for (int i = 0; i < METRIC_COUNT; i++) {
		free(run->keys[i]);
		run->keys[i] = NULL;
	}
}

void run_destroy(struct run *run) {
	if (run == NULL) {
		return;
	}
	discharge(run);
	keys_finish(run);
	facts_finish(&run->facts);
	extras_finish(&run->extras);
	free(run->launch);
	for (uint32_t i = 0; i < LAUNCHES_REMEMBERED; i++) {
		free(run->ended_launches[i]);
	}
	assembly_finish(&run->assembly);
	firing_finish(&run->firing);
	lines_finish(&run->lines);
	summary_finish(&run->summary);
	changes_finish(&run->changes);
	closed_window_destroy(run->closed);
	free(run->stop_reason);
	free(run->end_words);
	free(run);
}

uint64_t run_bytes_needed(uint32_t d_sae, uint32_t world_size) {
	uint64_t held = world_size > 1 ? world_size * (uint64_t)HELD_BYTES_MAX : 0;

	return RUN_OWN_BYTES_MAX + RUN_FEATURE_BYTES_MAX * (uint64_t)d_sae +
	       assembly_bytes_max(d_sae, world_size) + held;
}

uint64_t run_bytes(const struct run *run) {
	uint64_t bytes = sizeof *run + RUN_FEATURE_BYTES * (uint64_t)run->d_sae +
			 assembly_bytes(&run->assembly) + run->lines.bytes + run->summary.bytes +
			 run->changes.bytes + closed_window_bytes(run->closed);
	list_for_each(link, &run->streams) {
		bytes +=
			sizeof(struct stream) + container_of(link, struct stream, link)->held.bytes;
	}
	return bytes;
}

void run_keep_closed_totals(struct run *run) {
	if (run->closed != NULL && closed_window_keep_totals(run->closed, &run->firing) < 0) {
		run_break(run);
	}
}

/* ---- what decides its rows ---- */

/* The tracking document's total, where none is given: images × epochs × tokens an image. */
static uint64_t total_tokens(const struct msg_open *open) {
	if (open->total_training_tokens > 0) {
		return open->total_training_tokens;
	}
	uint64_t epochs = open->num_epochs > 0 ? open->num_epochs : 1;
	uint64_t per_image = open->tokens_per_image > 0 ? open->tokens_per_image : 1;
	uint64_t total;
	if (__builtin_mul_overflow(open->num_images, epochs, &total) ||
		__builtin_mul_overflow(total, per_image, &total)) {
		return 0;
	}
	return total;
}

int run_make_keys(struct run *run) {
	const struct profile *profile = run->config.profile;

	keys_finish(run);
	for (int i = 0; i < METRIC_COUNT; i++) {
		if (profile->keys[i] == NULL) {
			continue;
		}
		const char *suffix = metric_suffixed((enum metric)i) ? run->config.key_suffix : "";
		if (asprintf(&run->keys[i], "%s%s", profile->keys[i], suffix) < 0) {
			run->keys[i] = NULL;
			return -ENOMEM;
		}
	}
	return 0;
}

int run_configure(struct run *run, const struct msg_open *open) {
	struct run_config *c = &run->config;
	uint64_t batch = open->train_batch_size;

	*c = (struct run_config){
		.profile = profile_find(open->profile),
		.architecture = architecture_find(open->architecture),
		.log_every = open->wandb_log_frequency,
		.window_steps = open->feature_sampling_window,
		.dead_window = open->dead_feature_window,
		.batch = batch,
		.context = open->context_size > 0 ? open->context_size : 1,
		.total_tokens = total_tokens(open),
		.total_steps = open->total_training_steps,
		.n_thresholds = open->n_thresholds,
		.min_l0 = open->has_min_l0 ? open->min_l0 : 0,
		.min_explained_variance =
			open->has_min_explained_variance ? open->min_explained_variance : 0,
	};
	memcpy(c->key_suffix, open->key_suffix.data != NULL ? open->key_suffix.data : "",
		open->key_suffix.len);
	memcpy(c->thresholds, open->thresholds, sizeof c->thresholds);
	run->d_in = open->d_in > 0 ? open->d_in : run->d_in;
	return run_make_keys(run);
}

uint64_t run_total_steps(const struct run *run) {
	const struct run_config *c = &run->config;

	if (c->total_steps > 0 || c->batch == 0) {
		return c->total_steps;
	}
	return c->total_tokens / c->batch;
}

/* ---- what it leaves ---- */

void run_break(struct run *run) {
	run->broken = true;
}

void run_note_elapsed(struct run *run, double elapsed_s) {
	if (isfinite(elapsed_s) && elapsed_s > run->elapsed_s) {
		run->elapsed_s = elapsed_s;
	}
}

void run_event(struct run *run, uint32_t attempt, int64_t step, double time, const char *kind,
	const char *format, ...) {
	char words[512];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(words, sizeof words, format, args);
	va_end(args);

	struct change *change = changes_append(&run->changes, CHANGE_EVENT);
	char *text = changes_printf(&run->changes, "%s", words);
	if (change == NULL || text == NULL) {
		run_break(run);
		return;
	}
	change->event = (struct change_event){
		.attempt = attempt,
		.step = step >= 0 ? (uint32_t)step : STEP_NONE,
		.time = time,
		.kind = kind,
		.text = text,
	};
	run->dirty = true;
}

const char *const *run_change_names(struct run *run) {
	uint32_t n = run->extras.count;
	if (run->change_names != NULL && run->n_change_names == n) {
		return run->change_names;
	}
	const char **names = changes_alloc(&run->changes, n * sizeof *names);
	if (names == NULL) {
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++) {
		const char *name = run->extras.names[i];
		names[i] = changes_text(&run->changes, text_of(name, strlen(name)));
		if (names[i] == NULL) {
			return NULL;
		}
	}
	run->change_names = names;
	run->n_change_names = n;
	return names;
}

/* ---- what others see ---- */

const char *run_id(const struct run *run) {
	return run->id;
}

void run_set_user(struct run *run, void *user) {
	run->user = user;
}

void run_retell(struct run *run) {
	run->dirty = true;
}

uint32_t run_uid(const struct run *run) {
	return run->uid;
}

void *run_user(const struct run *run) {
	return run->user;
}

bool run_broken(const struct run *run) {
	return run->broken;
}
