#include "opening.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"
#include "encode.h"
#include "open_fields.h"
#include "opening_check.h"
#include "text.h"

/* ---- from options to an OPEN that borrows from them ---- */

static struct text borrow(const char *s) {
	return s == NULL ? (struct text){0} : text_of(s, strlen(s));
}

/* What merely describes the surroundings is left out where it cannot be sent: a program must
 * not fail to train because of its own path. */
static struct text borrow_if_sound(const char *s) {
	struct text text = borrow(s);

	return text.len > FIELD_MAX_BYTES || text_flaw(text, false) != NULL ? (struct text){0}
									    : text;
}

static uint32_t list_length(const char *const *list, uint32_t most) {
	uint32_t n = 0;

	while (list != NULL && n < most && list[n] != NULL) {
		n++;
	}
	return n;
}

static void borrow_args(struct text_list *args, const char *const *items) {
	uint32_t n = list_length(items, LIST_MAX);

	for (uint32_t i = 0; i < n; i++) {
		struct text text = borrow_if_sound(items[i]);
		if (text.data != NULL) {
			args->items[args->count++] = text;
		}
	}
}

static void borrow_names(struct msg_open *m, const struct saem_options *o) {
	m->run = borrow(o->run);
	m->launch = borrow(o->launch);
	m->resume = borrow(o->resume);
	m->project = borrow(o->project);
	m->entity = borrow(o->entity);
	m->name = borrow(o->name);
	m->group = borrow(o->group);
	m->job_type = borrow(o->job_type);
	m->notes = borrow(o->notes);
	m->config = borrow(o->config_json);
	m->program = borrow_if_sound(o->program);
	m->git_commit = borrow_if_sound(o->git_commit);
	m->git_remote = borrow_if_sound(o->git_remote);
	m->sweep_id = borrow(o->sweep_id);
	m->source = borrow(o->source);
	m->profile = borrow(o->profile);
	m->architecture = borrow(o->architecture);
	m->key_suffix = borrow(o->key_suffix);
	if (o->log_to_wandb != 0 && o->wandb_key != NULL) {
		m->wandb_key = borrow(o->wandb_key);
		m->wandb_base_url = borrow(o->wandb_base_url);
	}
	borrow_args(&m->args, o->args);
}

static void take_numbers(struct msg_open *m, const struct saem_options *o) {
	m->first_seq = 1;
	m->rank = o->rank;
	m->world_size = o->world_size == 0 ? 1 : o->world_size;
	m->global_rank = o->global_world_size == 0 ? m->rank : o->global_rank;
	m->global_world_size = o->global_world_size == 0 ? m->world_size : o->global_world_size;
	m->started = clock_seconds(CLOCK_REALTIME);
	m->d_sae = o->d_sae;
	m->d_in = o->d_in;
	m->wandb_log_frequency = o->wandb_log_frequency;
	m->feature_sampling_window = o->feature_sampling_window;
	m->dead_feature_window = o->has_dead_feature_window || o->dead_feature_window > 0
					 ? o->dead_feature_window
					 : 5000;
	m->train_batch_size = o->train_batch_size;
	m->context_size = o->context_size;
	m->total_training_tokens = o->total_training_tokens;
	m->total_training_steps = o->total_training_steps;
	m->num_images = o->num_images;
	m->num_epochs = o->num_epochs;
	m->tokens_per_image = o->tokens_per_image;
	m->has_min_l0 = o->has_min_l0 != 0;
	m->min_l0 = o->min_l0;
	m->has_min_explained_variance = o->has_min_explained_variance != 0;
	m->min_explained_variance = o->min_explained_variance;
	m->has_private = o->is_private != 0;
	m->is_private = o->is_private > 0;
	m->log_to_wandb = o->log_to_wandb != 0;
}

static bool take_lists(struct msg_open *m, const struct saem_options *o, char *words) {
	m->tags.count = list_length(o->tags, LIST_MAX + 1);
	if (m->tags.count > LIST_MAX) {
		return opening_fail(words, "tags: expected at most %u", LIST_MAX);
	}
	for (uint32_t i = 0; i < m->tags.count; i++) {
		m->tags.items[i] = borrow(o->tags[i]);
	}

	if (o->n_scalars > SCALARS_MAX) {
		return opening_fail(words, "scalars: %zu of them, expected at most %u",
			o->n_scalars, SCALARS_MAX);
	}
	if (o->n_scalars > 0 && o->scalars == NULL) {
		return opening_fail(words, "scalars is NULL; expected %zu names", o->n_scalars);
	}
	m->n_scalars = (uint32_t)o->n_scalars;
	for (uint32_t i = 0; i < m->n_scalars; i++) {
		m->scalars[i] = borrow(o->scalars[i] == NULL ? "" : o->scalars[i]);
	}

	if (o->n_thresholds > THRESHOLDS_MAX) {
		return opening_fail(words, "thresholds: %zu of them, expected at most %u",
			o->n_thresholds, THRESHOLDS_MAX);
	}
	if (o->n_thresholds > 0 && o->thresholds == NULL) {
		return opening_fail(
			words, "thresholds is NULL; expected %zu of them", o->n_thresholds);
	}
	m->n_thresholds = (uint32_t)o->n_thresholds;
	for (uint32_t i = 0; i < m->n_thresholds; i++) {
		m->thresholds[i] = o->thresholds[i];
	}
	return true;
}

/* ---- who it is ---- */

/* The run's id where none was given. With ranks it must be the same on all of them: it is made
 * from the job they are of (without the restart count, so that a restarted job goes on with its
 * runs) and from how many runs this process has opened that way, because every rank opens them
 * in the same order. */
static void name_run(struct opening *o, const char *job) {
	static uint32_t n_opened;

	if (job == NULL) {
		id_run_random(o->run);
		return;
	}
	uint32_t ordinal = __atomic_fetch_add(&n_opened, 1, __ATOMIC_RELAXED);
	id_run_from(id_hash(id_hash(0, job, strlen(job)), &ordinal, sizeof ordinal), o->run);
}

static bool take_launch(
	struct opening *o, struct launcher *launcher, const char **ret_job, char *words) {
	struct msg_open *m = &o->open;
	bool has_ranks = m->world_size > 1;

	*ret_job = NULL;
	if (m->launch.data != NULL) {
		snprintf(launcher->job, sizeof launcher->job, "%.*s", (int)LAUNCH_ID_MAX,
			m->launch.data);
		*ret_job = has_ranks ? launcher->job : NULL;
		return true;
	}

	if (!has_ranks) {
		id_run_random(launcher->launch);
	} else if (id_launcher(launcher)) {
		*ret_job = launcher->job;
	} else {
		return opening_fail(words,
			"launch: expected with world_size %u outside of torchrun and Slurm, the "
			"same text on "
			"all ranks and another at each start",
			m->world_size);
	}
	m->launch = borrow(launcher->launch);
	return true;
}

/* ---- made our own ---- */

/* Calls `each` with every text of an OPEN. */
static void each_text(struct msg_open *m, void (*each)(struct text *text, void *arg), void *arg) {
	for (uint32_t i = 0; i < open_fields_count; i++) {
		const struct open_field *field = &open_fields[i];
		struct text *texts = (void *)((char *)m + field->value);
		uint32_t n = 0;
		if (field->kind == OPEN_NAME || field->kind == OPEN_TEXT) {
			n = 1;
		} else if (field->kind == OPEN_NAMES || field->kind == OPEN_TEXTS) {
			n = *(const uint32_t *)(const void *)((const char *)m + field->given);
		}
		for (uint32_t k = 0; k < n; k++) {
			each(&texts[k], arg);
		}
	}
}

static void add_len(struct text *text, void *arg) {
	*(size_t *)arg += text->len + 1;
}

static void move_text(struct text *text, void *arg) {
	char **place = arg;

	if (text->data != NULL) {
		memcpy(*place, text->data, text->len);
		(*place)[text->len] = '\0';
		text->data = *place;
		*place += text->len + 1;
	}
}

static int own_texts(struct opening *o) {
	size_t size = 1;

	each_text(&o->open, add_len, &size);
	o->memory = malloc(size);
	if (o->memory == NULL) {
		return -ENOMEM;
	}
	o->memory_size = size;
	char *place = o->memory;
	each_text(&o->open, move_text, &place);
	return 0;
}

static bool fits_a_frame(const struct msg_open *open) {
	size_t len = 0;
	uint8_t *frame = opening_open(open, true, &len);
	bool fits = frame != NULL;

	opening_frame_free(frame, len);
	return fits;
}

int opening_init(
	struct opening *o, const struct saem_options *options, char words[OPENING_WORDS_SIZE]) {
	struct launcher launcher = {0};
	char host[256] = "";
	const char *job = NULL;

	*o = (struct opening){
		.quiet = options->quiet != 0,
		.key_for_any_user = options->wandb_key_any_user != 0,
	};
	borrow_names(&o->open, options);
	take_numbers(&o->open, options);
	gethostname(host, sizeof host - 1);
	o->open.host = borrow_if_sound(host);
	id_random(o->open.stream, sizeof o->open.stream);
	if (!take_lists(&o->open, options, words) || !take_launch(o, &launcher, &job, words)) {
		return -EINVAL;
	}
	if (options->run == NULL) {
		name_run(o, job);
		o->open.run = borrow(o->run);
	}
	if (!opening_check(&o->open, words)) {
		return -EINVAL;
	}
	if (options->run != NULL) {
		memcpy(o->run, options->run, o->open.run.len + 1);
	}

	int status = own_texts(o);
	if (status < 0) {
		return status;
	}
	if (!fits_a_frame(&o->open)) {
		opening_finish(o);
		opening_fail(words,
			"config, notes and the rest are together above the %u bytes of an OPEN",
			HEADER_LEN_MAX);
		return -EINVAL;
	}
	return 0;
}

void opening_finish(struct opening *o) {
	if (o->memory != NULL) {
		explicit_bzero(o->memory, o->memory_size);
	}
	free(o->memory);
	*o = (struct opening){0};
}

const char *opening_name(const struct opening *o) {
	return o->open.name.len > 0 ? o->open.name.data : o->run;
}

/* ---- as frames ---- */

static uint8_t *frame_of(const struct message *m, size_t *ret_len) {
	size_t size = encode_size_max(m);
	uint8_t *frame = malloc(size);
	if (frame == NULL) {
		return NULL;
	}

	size_t len = encode(m, 0, frame, size);
	if (len == 0) {
		opening_frame_free(frame, size);
		return NULL;
	}
	*ret_len = len;
	return frame;
}

void opening_frame_free(uint8_t *frame, size_t len) {
	if (frame != NULL) {
		explicit_bzero(frame, len);
	}
	free(frame);
}

uint8_t *opening_hello(size_t *ret_len) {
	struct message m = {.type = MSG_HELLO};

	m.hello = (struct msg_hello){
		.version_min = PROTO_VERSION_MIN,
		.version_max = PROTO_VERSION_MAX,
		.role = ROLE_TRAINER,
		.agent = borrow("sae-metrics-c " SAE_METRICSD_VERSION),
		.pid = (uint32_t)getpid(),
	};
	return frame_of(&m, ret_len);
}

uint8_t *opening_open(const struct msg_open *open, bool with_key, size_t *ret_len) {
	struct message m = {.type = MSG_OPEN};

	m.open = *open;
	if (!with_key) {
		m.open.wandb_key = m.open.wandb_base_url = (struct text){0};
	}
	return frame_of(&m, ret_len);
}
