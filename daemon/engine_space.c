/* A disk that is nearly full, or full: nothing more is taken from trainers, whose outboxes hold it. What was taken already
 * is committed and acked as ever. */
#include <stdio.h>

#include "engine_private.h"
#include "format.h"
#include "log.h"
#include "log_messages.h"

/* A statvfs costs a microsecond. What is written in between is far less than what is kept free. */
#define LOOK_MS       1000u
#define LOOK_SHORT_MS 100u /* while trainers wait for it */

bool engine_space_holds(const struct engine *e) {
	return e->space.is_short || store_is_full(e->store);
}

static void write_words(struct engine *e) {
	char free_bytes[FORMAT_MAX], kept[FORMAT_MAX];
	snprintf(e->space_words, sizeof e->space_words,
		"the disk of %.200s has only %s free: nothing more is taken until there are more "
		"than %s (keep_free); trainers go on and keep what they log",
		e->database, format_bytes(free_bytes, (double)e->space.free_bytes),
		format_bytes(kept, (double)space_kept_bytes(&e->space)));
}

static void on_changed(struct engine *e) {
	if (e->space.is_short) {
		write_words(e);
		log_of_kind(LOG_LEVEL_ERROR, LOG_DISK_SHORT, NULL, "%s", e->space_words);
		return;
	}
	char free_bytes[FORMAT_MAX];
	e->space_words[0] = '\0';
	log_of_kind(LOG_LEVEL_INFO, LOG_DISK_ROOM, NULL, "the disk has room again (%s): going on",
		format_bytes(free_bytes, (double)e->space.free_bytes));
	engine_space_resume(e);
}

/* What failed for want of room is worth another try as soon as there is some. */
static void look(struct engine *e) {
	uint64_t before = e->space.free_bytes;
	if (space_look(&e->space, e->database)) {
		on_changed(e);
	} else if (e->space.is_short) {
		write_words(e);
	}
	if (e->space.free_bytes > before && !e->space.is_short) {
		store_try_again(e->store);
	}
}

static void on_look(uv_timer_t *timer) {
	struct engine *e = timer->data;
	look(e);
	uint64_t next_ms = engine_space_holds(e) ? LOOK_SHORT_MS : LOOK_MS;
	(void)uv_timer_start(timer, on_look, next_ms, 0);
}

void engine_space_resume(struct engine *e) {
	if (e->n_held == 0 || engine_space_holds(e)) {
		return;
	}
	list_for_each(link, &e->peers) {
		peer_resume(container_of(link, struct peer, link));
	}
}

void engine_space_open(struct engine *e, uint64_t keep_free_bytes) {
	e->space.keep_free_bytes = keep_free_bytes;
	(void)uv_timer_init(e->loop, &e->space_timer);
	e->space_timer.data = e;
	on_look(&e->space_timer);
}

void engine_keep_free(struct engine *e, uint64_t keep_free_bytes) {
	e->space.keep_free_bytes = keep_free_bytes;
	on_look(&e->space_timer);
}
