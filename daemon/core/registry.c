#include "registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "hash.h"
#include "registry_private.h"
#include "run.h"
#include "stream.h"

struct registry *registry_create(const struct registry_options *options) {
	struct registry *r = calloc(1, sizeof *r);
	if (r == NULL) {
		return NULL;
	}
	r->options = *options;
	list_init(&r->runs);
	list_init(&r->unblocked);
	r->notices_tail = &r->notices;
	r->density_scratch = density_scratch_create();
	if (r->density_scratch == NULL) {
		free(r);
		return NULL;
	}
	return r;
}

void registry_set_alerts(struct registry *r, const struct alert_rules *rules) {
	r->options.alerts = *rules;
}

void registry_set_rank_grace(struct registry *r, uint64_t ms) {
	r->options.rank_grace_ms = ms;
}

void registry_destroy(struct registry *r) {
	if (r == NULL) {
		return;
	}
	while (!list_empty(&r->runs)) {
		registry_forget(r, container_of(r->runs.next, struct run, link));
	}
	density_scratch_destroy(r->density_scratch);
	free(r);
}

uint64_t registry_bytes(const struct registry *r) {
	uint64_t bytes = sizeof *r;
	list_for_each(link, &r->runs) {
		bytes += run_bytes(container_of(link, struct run, link));
	}
	return bytes;
}

/* ---- runs ---- */

static struct run **run_bucket(struct registry *r, const char *id) {
	return &r->runs_by_id[hash_text(id) % ID_BUCKETS];
}

struct run *registry_find(struct registry *r, const char *run_id) {
	for (struct run *run = *run_bucket(r, run_id); run != NULL; run = run->next_by_id) {
		if (strcmp(run->id, run_id) == 0) {
			return run;
		}
	}
	return NULL;
}

static struct run *run_at(const struct registry *r, const struct list *link) {
	return link != &r->runs ? container_of(link, struct run, link) : NULL;
}

struct run *registry_next(struct registry *r, struct run *after) {
	return run_at(r, after != NULL ? after->link.next : r->runs.next);
}

bool run_dirty(const struct run *run) {
	return run->dirty && !run->broken;
}

struct run *registry_next_dirty(struct registry *r, struct run *after) {
	struct run *run = registry_next(r, after);
	while (run != NULL && !run_dirty(run)) {
		run = registry_next(r, run);
	}
	return run;
}

void registry_add_run(struct registry *r, struct run *run) {
	struct run **bucket = run_bucket(r, run->id);

	run->next_by_id = *bucket;
	*bucket = run;
	list_append(&r->runs, &run->link);
}

static void drop_run(struct registry *r, struct run *run) {
	for (struct run **at = run_bucket(r, run->id); *at != NULL; at = &(*at)->next_by_id) {
		if (*at == run) {
			*at = run->next_by_id;
			break;
		}
	}
	list_remove(&run->link);
	mark_wait_end(run);
	run_destroy(run);
}

void registry_forget(struct registry *r, struct run *run) {
	list_for_each(link, &run->streams) {
		registry_drop_stream(r, container_of(link, struct stream, link));
	}
	drop_run(r, run);
}

bool run_is_settled(const struct run *run) {
	return !run->dirty && !run->broken && run->cuts_in_flight == 0;
}

bool run_evictable(const struct run *run) {
	if (!run_is_settled(run)) {
		return false;
	}
	list_for_each(link, &run->streams) {
		const struct stream *s = container_of(link, struct stream, link);
		if (s->connected || s->durable < s->received) {
			return false;
		}
	}
	return true;
}

void registry_evict(struct registry *r, struct run *run) {
	if (run_evictable(run)) {
		registry_forget(r, run);
	}
}

/* ---- streams ---- */

static struct stream **stream_bucket(struct registry *r, const uint8_t *id) {
	return &r->streams_by_id[hash_bytes(id, STREAM_ID_SIZE) % ID_BUCKETS];
}

struct stream *registry_find_stream(struct registry *r, const uint8_t id[STREAM_ID_SIZE]) {
	for (struct stream *s = *stream_bucket(r, id); s != NULL; s = s->next_by_id) {
		if (memcmp(s->id, id, STREAM_ID_SIZE) == 0) {
			return s;
		}
	}
	return NULL;
}

void registry_index_stream(struct registry *r, struct stream *s) {
	struct stream **bucket = stream_bucket(r, s->id);

	s->next_by_id = *bucket;
	*bucket = s;
}

void registry_add_stream(struct registry *r, struct stream *s) {
	registry_index_stream(r, s);
	list_append(&s->run->streams, &s->link);
}

static void drop_notices(struct registry *r, const struct stream *s) {
	struct queued_notice **at = &r->notices;
	while (*at != NULL) {
		struct queued_notice *q = *at;
		if (q->notice.stream == s) {
			*at = q->next;
			free(q);
		} else {
			at = &q->next;
		}
	}
	r->notices_tail = at;
}

void registry_drop_stream(struct registry *r, struct stream *s) {
	for (struct stream **at = stream_bucket(r, s->id); *at != NULL; at = &(*at)->next_by_id) {
		if (*at == s) {
			*at = s->next_by_id;
			break;
		}
	}
	drop_notices(r, s);
	if (s->run->ranks[s->rank] == s) {
		s->run->ranks[s->rank] = NULL;
	}
	stream_destroy(s);
}

struct stream *run_next_stream(const struct run *run, struct stream *after) {
	const struct list *link = after != NULL ? after->link.next : run->streams.next;

	return link != &run->streams ? container_of(link, struct stream, link) : NULL;
}

/* ---- queues ---- */

static void notify(struct registry *r, const struct notice *notice) {
	struct queued_notice *q = malloc(sizeof *q);
	if (q == NULL) {
		return;
	}
	q->next = NULL;
	q->notice = *notice;
	*r->notices_tail = q;
	r->notices_tail = &q->next;
}

void registry_notify_error(struct registry *r, struct stream *s, const struct apply_error *error) {
	struct notice notice = {
		.stream = s, .code = error->code, .has_seq = true, .seq = error->seq};
	memcpy(notice.words, error->words, sizeof notice.words);
	notify(r, &notice);
}

void registry_notify_stop(struct registry *r, struct stream *s, const char *reason) {
	struct notice notice = {.stream = s, .is_stop = true};
	(void)snprintf(notice.words, sizeof notice.words, "%s", reason);
	notify(r, &notice);
}

bool registry_next_notice(struct registry *r, struct notice *ret) {
	struct queued_notice *q = r->notices;
	if (q == NULL) {
		return false;
	}
	r->notices = q->next;
	if (r->notices == NULL) {
		r->notices_tail = &r->notices;
	}
	*ret = q->notice;
	free(q);
	return true;
}

struct stream *registry_next_unblocked(struct registry *r) {
	struct list *link = list_take_first(&r->unblocked);

	return link != NULL ? container_of(link, struct stream, unblocked_link) : NULL;
}

bool registry_next_wanted_mark(struct registry *r, struct wanted_mark *ret) {
	if (r->marks_unasked == 0) {
		return false; /* asked after every message */
	}
	list_for_each(link, &r->runs) {
		struct run *run = container_of(link, struct run, link);
		struct mark_wait *wait = &run->mark_wait;
		if (wait->waiting && !wait->asked) {
			wait->asked = true;
			r->marks_unasked--;
			*ret = (struct wanted_mark){run, wait->mark.attempt, wait->mark.step};
			return true;
		}
	}
	return false;
}
