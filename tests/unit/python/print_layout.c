/* Prints where the fields of sae_metrics.h's structures lie, for test_native.py to compare with its own. */
#include <stddef.h>
#include <stdio.h>

#include "sae_metrics.h"

#define FIELD(structure, field)                                                                    \
	printf(#structure " " #field " %zu %zu\n", offsetof(struct saem_##structure, field),       \
		sizeof(((struct saem_##structure *)0)->field))
#define SIZE(structure) printf(#structure " - 0 %zu\n", sizeof(struct saem_##structure))

static void print_options(void) {
	FIELD(options, size);
	FIELD(options, socket);
	FIELD(options, run);
	FIELD(options, launch);
	FIELD(options, rank);
	FIELD(options, world_size);
	FIELD(options, global_rank);
	FIELD(options, global_world_size);
	FIELD(options, resume);
	FIELD(options, project);
	FIELD(options, entity);
	FIELD(options, name);
	FIELD(options, group);
	FIELD(options, job_type);
	FIELD(options, notes);
	FIELD(options, tags);
	FIELD(options, args);
	FIELD(options, config_json);
	FIELD(options, program);
	FIELD(options, git_commit);
	FIELD(options, git_remote);
	FIELD(options, sweep_id);
	FIELD(options, source);
	FIELD(options, profile);
	FIELD(options, architecture);
	FIELD(options, key_suffix);
	FIELD(options, d_sae);
	FIELD(options, d_in);
	FIELD(options, wandb_log_frequency);
	FIELD(options, feature_sampling_window);
	FIELD(options, dead_feature_window);
	FIELD(options, has_dead_feature_window);
	FIELD(options, train_batch_size);
	FIELD(options, context_size);
	FIELD(options, total_training_tokens);
	FIELD(options, total_training_steps);
	FIELD(options, num_images);
	FIELD(options, num_epochs);
	FIELD(options, tokens_per_image);
	FIELD(options, thresholds);
	FIELD(options, n_thresholds);
	FIELD(options, has_min_l0);
	FIELD(options, has_min_explained_variance);
	FIELD(options, min_l0);
	FIELD(options, min_explained_variance);
	FIELD(options, is_private);
	FIELD(options, log_to_wandb);
	FIELD(options, wandb_key);
	FIELD(options, scalars);
	FIELD(options, n_scalars);
	FIELD(options, outbox_bytes);
	FIELD(options, when_full);
	FIELD(options, when_full_wait_ms);
	FIELD(options, quiet);
	FIELD(options, wandb_key_any_user);
	FIELD(options, wandb_base_url);
	SIZE(options);
}

int main(void) {
	print_options();

	FIELD(counts, type);
	FIELD(counts, data);
	FIELD(counts, indices);
	FIELD(counts, n_entries);
	SIZE(counts);

	FIELD(value, key);
	FIELD(value, kind);
	FIELD(value, number);
	FIELD(value, integer);
	FIELD(value, text);
	FIELD(value, counts);
	FIELD(value, edges);
	FIELD(value, n_bins);
	SIZE(value);

	FIELD(stats, size);
	FIELD(stats, messages);
	FIELD(stats, acked);
	FIELD(stats, dropped);
	FIELD(stats, refused);
	FIELD(stats, outbox_bytes);
	FIELD(stats, outbox_bytes_max);
	FIELD(stats, outbox_frames);
	FIELD(stats, bytes_sent);
	FIELD(stats, connects);
	FIELD(stats, connected);
	FIELD(stats, last_step);
	FIELD(stats, attempt);
	FIELD(stats, resumed);
	FIELD(stats, words);
	SIZE(stats);
	return 0;
}
