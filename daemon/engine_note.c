/* Notes: what trainers that have ended would have said to a daemon that was not there. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "decode.h"
#include "engine_private.h"
#include "log.h"
#include "notes.h"

/* A note whose effect is in memory; its file goes once that is committed. */
struct taken_note {
	struct list link; /* engine.notes */
	char run_id[RUN_ID_MAX + 1];
	char path[];
};

struct reading {
	struct engine *engine;
	struct decoder *decoder;
};

/* The frames of a note, one after the other. */
struct conversation {
	struct reading *reading;
	const struct note *note;
	size_t at;
	struct message m; /* the latest */
};

/* false: there is none, or none that can be read. */
static bool next_message(struct conversation *c) {
	struct frame_view frame;
	struct decode_error error;

	if (frame_next(c->note->bytes + c->at, c->note->len - c->at, 0, &frame) != FRAME_READY ||
		decode(c->reading->decoder, &frame, &c->m, &error) != DECODE_OK) {
		return false;
	}
	c->at += frame.total_len;
	return true;
}

static bool next_is(struct conversation *c, enum message_type type) {
	return next_message(c) && c->m.type == type;
}

static void apply_rest(struct conversation *c, struct stream *stream) {
	struct engine *e = c->reading->engine;
	struct apply_error error;

	while (next_message(c)) {
		if (c->m.type == MSG_DROPPED || c->m.type == MSG_FINISH) {
			(void)registry_apply(e->registry, stream, &c->m, engine_now(), &error);
		}
	}
}

/* Its stream was opened: the rest takes effect, and the process behind it has ended. */
static void take_effect(struct conversation *c, struct stream *stream) {
	struct engine *e = c->reading->engine;
	struct run *run = stream_run(stream);

	apply_rest(c, stream);
	registry_disconnected(e->registry, stream, engine_now());
	registry_process_dead(e->registry, stream, engine_now());
	if (feed_of(run) != NULL || feed_create(e, run) == 0) {
		engine_settle(e, feed_of(run));
	}
}

/* 0, or a named refusal in words. */
static const char *open_note(struct conversation *c, char words[256]) {
	struct engine *e = c->reading->engine;
	struct asker asker = access_asker(&e->access, c->note->uid, false);
	struct peer_identity identity = {.uid = asker.uid, .is_admin = asker.is_admin};
	struct stream *stream = NULL;
	struct msg_opened opened = {0};
	struct refusal refusal = {0};
	char id[RUN_ID_MAX + 1];

	if (!next_is(c, MSG_HELLO) || c->m.hello.role != ROLE_TRAINER || !next_is(c, MSG_OPEN) ||
		memcmp(c->m.open.stream, c->note->stream, STREAM_ID_SIZE) != 0) {
		return "it is none";
	}
	snprintf(id, sizeof id, "%.*s", (int)c->m.open.run.len, c->m.open.run.data);
	if (registry_find(e->registry, id) == NULL) {
		char why[ENGINE_LOAD_WORDS]; /* has been said at the start, where the run had not ended */
		int err = engine_has_room_for(e, id) ? engine_load(e, id, why) : -ENOMEM;
		if (err < 0 && err != -ENOENT) {
			return NULL; /* the run cannot be read now: the next start tries again */
		}
	}
	int result = registry_open(e->registry, &c->m.open, &identity, store_db_id(e->store),
		engine_now(), &stream, &opened, &refusal);
	if (result > 0) {
		snprintf(words, 256, "%s", refusal.words);
		return words;
	}
	if (result == 0) {
		take_effect(c, stream);
	}
	return NULL;
}

static void remember(struct engine *e, const struct note *note, const char *run_id) {
	size_t len = strlen(note->path) + 1;
	struct taken_note *taken = calloc(1, sizeof *taken + len);
	if (taken == NULL) {
		return; /* it is taken again at the next start, and changes nothing then */
	}
	snprintf(taken->run_id, sizeof taken->run_id, "%s", run_id);
	memcpy(taken->path, note->path, len);
	list_append(&e->notes, &taken->link);
}

static void on_note(void *user, const struct note *note) {
	struct reading *reading = user;
	struct engine *e = reading->engine;
	struct conversation c = {.reading = reading, .note = note};
	char words[256];

	const char *refused = open_note(&c, words);
	if (refused != NULL) {
		log_warning("note %s is not taken: %s", note->path, refused);
		(void)unlink(note->path);
		return;
	}
	const struct stream *stream = registry_find_stream(e->registry, note->stream);
	if (stream == NULL) {
		return; /* no memory for it: it stays */
	}
	const struct run *run = stream_run(stream);
	log_of_run(LOG_LEVEL_INFO, run_id(run),
		"run %s: its trainer left a note when it ended; taken through message %" PRIu64,
		run_id(run), stream_applied(stream));
	if (run_dirty(run)) {
		remember(e, note, run_id(run));
	} else {
		(void)unlink(note->path);
	}
}

void engine_take_notes(struct engine *e) {
	struct reading reading = {.engine = e, .decoder = decoder_create()};

	if (reading.decoder != NULL) {
		(void)notes_each(e->socket, on_note, &reading);
	}
	decoder_destroy(reading.decoder);
}

void engine_notes_committed(struct engine *e, const char *run_id) {
	list_for_each(link, &e->notes) {
		struct taken_note *taken = container_of(link, struct taken_note, link);
		if (strcmp(taken->run_id, run_id) == 0) {
			(void)unlink(taken->path);
			list_remove(link);
			free(taken);
		}
	}
}

void engine_notes_forget(struct engine *e) {
	for (struct list *link; (link = list_take_first(&e->notes)) != NULL;) {
		free(container_of(link, struct taken_note, link));
	}
}
