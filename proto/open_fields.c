#include "open_fields.h"

#include "text.h"

#define AT(member)       .value = offsetof(struct msg_open, member)
#define GIVEN(member)    .given = offsetof(struct msg_open, member)
#define NAME(name, most) .key = #name, .kind = OPEN_NAME, AT(name), .max = (most)
#define TEXT(name, most) .key = #name, .kind = OPEN_TEXT, AT(name), .max = (most)
#define U32(name, least, most)                                                                     \
	.key = #name, .kind = OPEN_U32, AT(name), .min = (least), .max = (most)
#define U64(name) .key = #name, .kind = OPEN_U64, AT(name), .max = INT64_MAX

const struct open_field open_fields[] = {
	{.key = "stream", .kind = OPEN_ID, AT(stream), .required = true},
	{NAME(run, RUN_ID_MAX), .min = 1, .required = true},
	{NAME(launch, LAUNCH_ID_MAX), .min = 1, .required = true},
	{.key = "first_seq",
		.kind = OPEN_U64,
		AT(first_seq),
		.min = 1,
		.max = SEQ_MAX,
		.required = true},
	{.key = "db_id", .kind = OPEN_ID, AT(db_id), GIVEN(has_db_id)},
	{U32(rank, 0, RANKS_MAX - 1)},
	{U32(world_size, 1, RANKS_MAX), .fallback = 1},
	{U32(global_rank, 0, UINT32_MAX)},
	{U32(global_world_size, 1, UINT32_MAX)},
	{NAME(resume, NAME_MAX_BYTES)},
	{NAME(project, FIELD_MAX_BYTES)},
	{NAME(entity, FIELD_MAX_BYTES)},
	{NAME(name, FIELD_MAX_BYTES)},
	{NAME(group, FIELD_MAX_BYTES)},
	{NAME(job_type, FIELD_MAX_BYTES)},
	{TEXT(notes, TEXT_MAX_BYTES)},
	{TEXT(config, HEADER_BYTES_MAX)},
	{NAME(host, FIELD_MAX_BYTES)},
	{TEXT(program, FIELD_MAX_BYTES)},
	{NAME(git_commit, FIELD_MAX_BYTES)},
	{TEXT(git_remote, FIELD_MAX_BYTES)},
	{NAME(sweep_id, FIELD_MAX_BYTES)},
	{NAME(source, FIELD_MAX_BYTES)},
	{.key = "tags",
		.kind = OPEN_NAMES,
		AT(tags.items),
		GIVEN(tags.count),
		.list_max = LIST_MAX,
		.min = 1,
		.max = KEY_MAX_BYTES},
	{.key = "args",
		.kind = OPEN_TEXTS,
		AT(args.items),
		GIVEN(args.count),
		.list_max = LIST_MAX,
		.max = FIELD_MAX_BYTES},
	{.key = "started", .kind = OPEN_FLOAT, AT(started)},
	{NAME(profile, NAME_MAX_BYTES)},
	{NAME(architecture, NAME_MAX_BYTES)},
	{NAME(key_suffix, NAME_MAX_BYTES)},
	{U32(d_sae, 1, D_SAE_MAX), .because = "; leave it out for a run without features"},
	{U32(d_in, 0, UINT32_MAX)},
	{U32(wandb_log_frequency, 1, UINT32_MAX), .fallback = 10},
	{U32(feature_sampling_window, 2, UINT32_MAX), .fallback = 1000,
		.because = ", because the first window has one step less"},
	{U32(dead_feature_window, 0, UINT32_MAX), .fallback = 5000, .always = true},
	{U32(train_batch_size, 1, UINT32_MAX)},
	{U32(context_size, 1, UINT32_MAX)},
	{U64(total_training_tokens)},
	{U64(total_training_steps)},
	{U64(num_images)},
	{U64(num_epochs)},
	{U64(tokens_per_image)},
	{.key = "thresholds",
		.kind = OPEN_FLOATS,
		AT(thresholds),
		GIVEN(n_thresholds),
		.list_max = THRESHOLDS_MAX},
	{.key = "min_l0", .kind = OPEN_FLOAT, AT(min_l0), GIVEN(has_min_l0)},
	{.key = "min_explained_variance",
		.kind = OPEN_FLOAT,
		AT(min_explained_variance),
		GIVEN(has_min_explained_variance)},
	{.key = "private", .kind = OPEN_BOOL, AT(is_private), GIVEN(has_private)},
	{.key = "log_to_wandb", .kind = OPEN_BOOL, AT(log_to_wandb)},
	{NAME(wandb_key, FIELD_MAX_BYTES)},
	{NAME(wandb_base_url, FIELD_MAX_BYTES)},
	{.key = "scalars",
		.kind = OPEN_NAMES,
		AT(scalars),
		GIVEN(n_scalars),
		.list_max = SCALARS_MAX,
		.min = 1,
		.max = NAME_MAX_BYTES},
};

const uint32_t open_fields_count = sizeof open_fields / sizeof open_fields[0];

_Static_assert(
	sizeof open_fields / sizeof open_fields[0] <= 64, "decode keeps a bit for each in a word");

const struct open_field *open_field_find(struct text key) {
	for (uint32_t i = 0; i < open_fields_count; i++) {
		if (text_is(key, open_fields[i].key)) {
			return &open_fields[i];
		}
	}
	return NULL;
}
