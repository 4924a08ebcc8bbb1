/* What a run may be opened with, and the sentence for what it may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "encode.h"
#include "keepsake.h"
#include "opening.h"

static struct saem_options defaults(void) {
	struct saem_options options = SAEM_OPTIONS_INIT;

	options.project = "tests";
	options.d_sae = 64;
	return options;
}

static void refused(const struct saem_options *options, const char *expected) {
	struct opening o;
	char words[OPENING_WORDS_SIZE] = "";

	assert_int_equal(opening_init(&o, options, words), -EINVAL);
	if (strstr(words, expected) == NULL) {
		fail_msg("expected \"%s\", got \"%s\"", expected, words);
	}
}

static struct opening opened(const struct saem_options *options) {
	struct opening o;
	char words[OPENING_WORDS_SIZE] = "";

	if (opening_init(&o, options, words) < 0) {
		fail_msg("%s", words);
	}
	return o;
}

static int clear_environment(void **state) {
	(void)state;
	unsetenv("TORCHELASTIC_RUN_ID");
	unsetenv("TORCHELASTIC_RESTART_COUNT");
	unsetenv("SLURM_JOB_ID");
	unsetenv("SLURM_STEP_ID");
	unsetenv("SLURM_RESTART_COUNT");
	return 0;
}

/* ---- refusals ---- */

static void what_is_out_of_range_is_named(void **state) {
	struct saem_options o;
	const double densities[17] = {0.1, 0.2};
	static const char *const twice[] = {"a", "b", "a"};
	static const char *const with_newline[] = {"a\nb"};
	static const char *const without_name[] = {""};
	(void)state;

#define REFUSED(words, ...)                                                                        \
	o = defaults();                                                                            \
	__VA_ARGS__;                                                                               \
	refused(&o, words)
	REFUSED("run is \"a b\"; expected 1 to 64 of letters", o.run = "a b");
	REFUSED("run: 0 bytes", o.run = "");
	REFUSED("run: 65 bytes",
		o.run = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	REFUSED("project", o.project = "a\nb");
	REFUSED("name is not UTF-8", o.name = "\xff");
	REFUSED("d_sae is 16777217", o.d_sae = (1u << 24) + 1);
	REFUSED("feature_sampling_window is 1; expected 2", o.feature_sampling_window = 1);
	REFUSED("resume is \"maybe\"; expected never", o.resume = "maybe");
	REFUSED("profile is \"wandb\"; expected prisma", o.profile = "wandb");
	REFUSED("config: expected a JSON object", o.config_json = " [1]");
	REFUSED("config: expected a JSON object", o.config_json = "");
	REFUSED("rank is 2; expected less than world_size, which is 2", o.launch = "x"; o.rank = 2;
		o.world_size = 2);
	REFUSED("global_rank is 9", o.global_rank = 9; o.global_world_size = 9);
	REFUSED("world_size is 65", o.launch = "x"; o.world_size = 65);
	REFUSED("launch: expected with world_size 2", o.world_size = 2);
	REFUSED("launch: 0 bytes", o.launch = "");
	REFUSED("scalars has \"a\" twice", o.scalars = twice; o.n_scalars = 3);
	REFUSED("scalars holds a control character", o.scalars = with_newline; o.n_scalars = 1);
	REFUSED("scalars: 0 bytes", o.scalars = without_name; o.n_scalars = 1);
	REFUSED("scalars: 257 of them", o.scalars = twice; o.n_scalars = 257);
	REFUSED("thresholds: 17 of them", o.thresholds = densities; o.n_thresholds = 17);
	REFUSED("thresholds holds 0", o.thresholds = densities; o.n_thresholds = 3);
	REFUSED("min_l0 is not finite", o.has_min_l0 = 1; o.min_l0 = NAN);
	REFUSED("total_training_tokens is", o.total_training_tokens = UINT64_MAX);
#undef REFUSED
}

static void what_is_together_too_long_is_refused(void **state) {
	struct saem_options o = defaults();
	char *config = malloc(196001);
	char *notes = malloc(65537);
	(void)state;

	memset(config, ' ', 196000);
	config[0] = '{';
	config[195999] = '}';
	config[196000] = '\0';
	memset(notes, 'n', 65536);
	notes[65536] = '\0';
	o.config_json = config;
	struct opening fine = opened(&o);
	opening_finish(&fine);
	o.notes = notes;
	o.group = notes + 65536 - 1000;
	refused(&o, "together above the 262144 bytes");
	free(config);
	free(notes);
}

static void too_many_tags_are_refused_and_too_many_args_cut(void **state) {
	struct saem_options o = defaults();
	const char *list[LIST_MAX + 2] = {0};
	(void)state;

	for (size_t i = 0; i <= LIST_MAX; i++) {
		list[i] = "x";
	}
	o.tags = list;
	refused(&o, "tags: expected at most 64");
	o.tags = NULL;
	o.args = list;
	struct opening opening = opened(&o);
	assert_int_equal(opening.open.args.count, LIST_MAX);
	opening_finish(&opening);
}

static void a_program_with_a_strange_path_still_trains(void **state) {
	struct saem_options o = defaults();
	static const char *const args[] = {"\xff\xfe", "--fine", NULL};
	(void)state;

	o.program = "/home/\xe9t\xe9/train.py";
	o.args = args;
	o.git_remote = "\xc0";
	struct opening opening = opened(&o);
	assert_null(opening.open.program.data);
	assert_null(opening.open.git_remote.data);
	assert_int_equal(opening.open.args.count, 1);
	opening_finish(&opening);
}

/* ---- what is taken ---- */

static void everything_is_copied(void **state) {
	struct saem_options o = defaults();
	char name[] = "l9-x16";
	char scalar[] = "mse_loss";
	const char *scalars[] = {scalar};
	(void)state;

	o.name = name;
	o.scalars = scalars;
	o.n_scalars = 1;
	struct opening opening = opened(&o);
	memset(name, '?', sizeof name - 1);
	memset(scalar, '?', sizeof scalar - 1);
	assert_string_equal(opening_name(&opening), "l9-x16");
	assert_memory_equal(opening.open.scalars[0].data, "mse_loss", 8);
	assert_int_equal(opening.open.scalars[0].len, 8);
	opening_finish(&opening);
}

static void a_dead_window_of_zero_is_a_window(void **state) {
	struct saem_options o = defaults();
	(void)state;

	struct opening opening = opened(&o);
	assert_int_equal(opening.open.dead_feature_window, 5000);
	opening_finish(&opening);
	o.has_dead_feature_window = 1;
	opening = opened(&o);
	assert_int_equal(opening.open.dead_feature_window, 0);
	opening_finish(&opening);
}

static void who_says_nothing_of_private_leaves_it_as_it_was(void **state) {
	static const struct {
		int told;
		bool has, is;
	} cases[] = {{0, false, false}, {1, true, true}, {-1, true, false}};
	(void)state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct saem_options options = defaults();
		options.is_private = cases[i].told;
		struct opening o = opened(&options);
		assert_int_equal(o.open.has_private, cases[i].has);
		assert_int_equal(o.open.is_private, cases[i].is);
		opening_finish(&o);
	}
}

static void a_run_without_a_name_is_called_by_its_id(void **state) {
	struct saem_options o = defaults();
	(void)state;

	struct opening opening = opened(&o);
	assert_int_equal(strlen(opening.run), 8);
	assert_int_equal(strspn(opening.run, "abcdefghijklmnopqrstuvwxyz0123456789"), 8);
	assert_string_equal(opening_name(&opening), opening.run);
	opening_finish(&opening);
}

/* ---- ranks ---- */

static void alone_no_environment_is_looked_at(void **state) {
	struct saem_options o = defaults();
	(void)state;

	setenv("TORCHELASTIC_RUN_ID", "job", 1);
	struct opening a = opened(&o);
	struct opening b = opened(&o);
	assert_string_not_equal(a.run, b.run);
	assert_null(strstr(a.open.launch.data, "job"));
	opening_finish(&a);
	opening_finish(&b);
}

/* What another rank, which is another process, would find: its first run of the job. */
static void expect_same_run_after_restart(const char *count_name) {
	struct saem_options o = defaults();
	o.world_size = 2;

	setenv(count_name, "0", 1);
	struct opening a = opened(&o);
	setenv(count_name, "1", 1);
	struct opening b = opened(&o);
	assert_string_not_equal(a.open.launch.data, b.open.launch.data);
	assert_string_not_equal(a.run, b.run); /* the second run of this process */
	opening_finish(&a);
	opening_finish(&b);
}

static void ranks_take_the_launch_from_torchrun_or_slurm(void **state) {
	struct saem_options o = defaults();
	(void)state;
	o.world_size = 2;

	setenv("SLURM_JOB_ID", "4711", 1);
	setenv("SLURM_STEP_ID", "3", 1);
	struct opening opening = opened(&o);
	assert_string_equal(opening.open.launch.data, "slurm/4711.3/0");
	opening_finish(&opening);

	setenv("TORCHELASTIC_RUN_ID", "none", 1); /* torchrun's default names no job */
	opening = opened(&o);
	assert_string_equal(opening.open.launch.data, "slurm/4711.3/0");
	opening_finish(&opening);

	setenv("TORCHELASTIC_RUN_ID", "job-7", 1);
	setenv("TORCHELASTIC_RESTART_COUNT", "2", 1);
	opening = opened(&o);
	assert_string_equal(opening.open.launch.data, "torchrun/job-7/2");
	opening_finish(&opening);
	expect_same_run_after_restart("TORCHELASTIC_RESTART_COUNT");
}

static void ranks_agree_on_the_run_from_the_job_alone(void **state) {
	char a[RUN_ID_OURS + 1];
	char b[RUN_ID_OURS + 1];
	(void)state;

	id_run_from(id_hash(id_hash(0, "torchrun/job-7", 14), &(uint32_t){0}, 4), a);
	id_run_from(id_hash(id_hash(0, "torchrun/job-7", 14), &(uint32_t){0}, 4), b);
	assert_string_equal(a, b);
	id_run_from(id_hash(id_hash(0, "torchrun/job-7", 14), &(uint32_t){1}, 4), b);
	assert_string_not_equal(a, b);
}

static void a_launcher_name_that_would_be_cut_is_not_used(void **state) {
	struct launcher launcher;
	char name[300];
	(void)state;

	memset(name, 'j', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	setenv("TORCHELASTIC_RUN_ID", name, 1);
	assert_false(id_launcher(&launcher));
}

/* ---- keepsakes ---- */

static void a_damaged_keepsake_is_none(void **state) {
	uint8_t keepsake[KEEPSAKE_HEAD_SIZE + 29];
	int64_t step = 0;
	(void)state;

	memset(keepsake, 7, sizeof keepsake);
	keepsake_seal(keepsake, 29, 41);
	assert_true(keepsake_open(keepsake, sizeof keepsake, &step));
	assert_int_equal(step, 41);
	for (size_t i = 0; i < sizeof keepsake; i++) {
		keepsake[i] ^= 0x10;
		assert_false(keepsake_open(keepsake, sizeof keepsake, &step));
		keepsake[i] ^= 0x10;
		assert_false(keepsake_open(keepsake, i, &step));
	}
	assert_true(keepsake_open(keepsake, sizeof keepsake, &step));
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, clear_environment)
		T(what_is_out_of_range_is_named),
		T(what_is_together_too_long_is_refused),
		T(too_many_tags_are_refused_and_too_many_args_cut),
		T(a_program_with_a_strange_path_still_trains),
		T(everything_is_copied),
		T(a_dead_window_of_zero_is_a_window),
		T(who_says_nothing_of_private_leaves_it_as_it_was),
		T(a_run_without_a_name_is_called_by_its_id),
		T(alone_no_environment_is_looked_at),
		T(ranks_take_the_launch_from_torchrun_or_slurm),
		T(ranks_agree_on_the_run_from_the_job_alone),
		T(a_launcher_name_that_would_be_cut_is_not_used),
		T(a_damaged_keepsake_is_none),
#undef T
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
