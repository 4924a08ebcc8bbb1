#include "forwarding.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

static bool copy_text(char **to, const char *from) {
	*to = from == NULL ? NULL : strdup(from);
	return from == NULL || *to != NULL;
}

int forward_cursor_copy(struct forward_cursor *to, const struct forward_cursor *from) {
	*to = *from;
	to->storage_id = to->entity = to->project = to->display_name = to->url = to->parked = NULL;
	if (copy_text(&to->storage_id, from->storage_id) && copy_text(&to->entity, from->entity) &&
		copy_text(&to->project, from->project) &&
		copy_text(&to->display_name, from->display_name) &&
		copy_text(&to->url, from->url) && copy_text(&to->parked, from->parked)) {
		return 0;
	}
	forward_cursor_finish(to);
	return -ENOMEM;
}

void forward_cursor_finish(struct forward_cursor *c) {
	free(c->storage_id);
	free(c->entity);
	free(c->project);
	free(c->display_name);
	free(c->url);
	free(c->parked);
	*c = (struct forward_cursor){0};
}

void forward_about_finish(struct forward_about *a) {
	char *const texts[] = {a->entity, a->project, a->name, a->group, a->job_type, a->notes,
		a->tags_json, a->config_json, a->args_json, a->host, a->program, a->git_commit,
		a->git_remote, a->sweep_id, a->profile, a->key_suffix};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		free(texts[i]);
	}
	*a = (struct forward_about){0};
}

uint32_t forward_about_told(const struct forward_about *a) {
	const char *const texts[] = {a->name, a->group, a->job_type, a->notes, a->tags_json};
	uint32_t hash = 1;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		hash = hash * 31 + (texts[i] != NULL ? hash_text(texts[i]) : 0);
	}
	return hash | 1;
}

struct forward_visit *forward_visit_create(const char *run_id) {
	struct forward_visit *v = calloc(1, sizeof *v);
	if (v != NULL) {
		snprintf(v->run_id, sizeof v->run_id, "%s", run_id);
		v->refuse = v->look_at = v->server_step = -1;
	}
	return v;
}

void forward_visit_destroy(struct forward_visit *v) {
	if (v == NULL) {
		return;
	}
	forward_cursor_finish(&v->cursor);
	forward_about_finish(&v->about);
	free(v->summary);
	buf_finish(&v->content);
	free(v);
}
