#include "facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "jsontext.h"

void facts_finish(struct facts *f) {
	for (int i = 0; i < FACT_COUNT; i++) {
		free(f->text[i]);
	}
	*f = (struct facts){0};
}

int facts_set(struct facts *f, enum fact fact, struct text text) {
	if (text.data == NULL) {
		return 0;
	}
	char *copy = strndup(text.data, text.len);
	if (copy == NULL) {
		return -ENOMEM;
	}
	free(f->text[fact]);
	f->text[fact] = copy;
	return 0;
}

int facts_set_list(struct facts *f, enum fact fact, const struct text_list *list) {
	struct buf json = {0};
	int err = json_write_list(&json, list);
	if (err == 0) {
		err = facts_set(f, fact, text_of((const char *)json.data, json.len));
	}
	buf_finish(&json);
	return err;
}

int facts_set_open(struct facts *f, const struct msg_open *open) {
	const struct {
		enum fact fact;
		struct text text;
	} given[] = {
		{FACT_NAME, open->name},
		{FACT_PROJECT, open->project},
		{FACT_ENTITY, open->entity},
		{FACT_GROUP, open->group},
		{FACT_JOB_TYPE, open->job_type},
		{FACT_HOST, open->host},
		{FACT_PROGRAM, open->program},
		{FACT_GIT_COMMIT, open->git_commit},
		{FACT_GIT_REMOTE, open->git_remote},
		{FACT_SWEEP_ID, open->sweep_id},
		{FACT_SOURCE, open->source},
		{FACT_ARCHITECTURE, open->architecture},
		{FACT_NOTES, open->notes},
		{FACT_CONFIG, open->config},
	};
	int err = 0;

	for (size_t i = 0; i < sizeof given / sizeof given[0] && err == 0; i++) {
		err = facts_set(f, given[i].fact, given[i].text);
	}
	if (err == 0 && open->tags.count > 0) {
		err = facts_set_list(f, FACT_TAGS, &open->tags);
	}
	if (err == 0 && open->args.count > 0) {
		err = facts_set_list(f, FACT_ARGS, &open->args);
	}
	f->is_private = open->has_private ? open->is_private : f->is_private;
	f->log_to_wandb = open->log_to_wandb;
	if (f->started == 0) {
		f->started = open->started;
	}
	return err;
}

void facts_clear_long(struct facts *f) {
	for (int i = FACTS_KEPT; i < FACT_COUNT; i++) {
		free(f->text[i]);
		f->text[i] = NULL;
	}
}

void facts_pack(const struct facts *f, struct packer *p) {
	for (int i = 0; i < FACTS_KEPT; i++) {
		pack_text(p, f->text[i]);
	}
	pack_u8(p, f->is_private);
	pack_u8(p, f->log_to_wandb);
	pack_f64(p, f->started);
}

void facts_unpack(struct facts *f, struct unpacker *u) {
	for (int i = 0; i < FACTS_KEPT; i++) {
		f->text[i] = unpack_string(u);
	}
	f->is_private = unpack_bool(u);
	f->log_to_wandb = unpack_bool(u);
	f->started = unpack_f64(u);
}
