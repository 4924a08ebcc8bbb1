/* What a visit to the database is for, and what it brought. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "courier_private.h"
#include "hash.h"
#include "payload.h"

static bool wants_lines(const struct courier *c) {
	return c->has_key && c->introduced && c->checked && c->cursor.has_base &&
	       c->cursor.parked == NULL && c->refuse < 0 && c->n_lines == 0;
}

/* Right after lines were accepted more are fetched only while there are many. */
static bool fetches_lines(const struct courier *c, uint64_t now_ns) {
	uint64_t when_ns = UINT64_MAX;
	if (c->save == FORWARD_SAVE_BASE) {
		return false; /* which comes first is decided by it */
	}
	return wants_lines(c) && (c->catching_up || c->ended ||
					 courier_is_due(courier_transmit_ns(c), now_ns, &when_ns));
}

struct forward_visit *courier_visit(struct courier *c, bool may_fetch, uint64_t now_ns) {
	if (courier_is_stale(c, now_ns)) {
		courier_begin_talk(c);
		courier_drop_lines(c);
	}
	struct forward_visit *v = forward_visit_create(c->run_id);
	if (v == NULL || forward_cursor_copy(&v->cursor, &c->cursor) < 0) {
		forward_visit_destroy(v);
		return NULL;
	}
	v->save = c->save;
	v->server_lines = c->server_lines;
	v->server_step = c->server_step;
	v->refuse = c->refuse;
	v->refuse_status = c->refuse_status;
	memcpy(v->refuse_words, c->refuse_words, sizeof v->refuse_words);
	memcpy(v->event, c->event, sizeof v->event);
	v->look_at = c->look_at;
	v->expected = c->expected;
	v->want_about = courier_needs_upsert(c, now_ns, &(uint64_t){UINT64_MAX});
	v->want_summary = true;
	if (may_fetch && fetches_lines(c, now_ns)) {
		c->number = c->cursor.base + c->cursor.accepted;
		if (payload_stream_begin(&v->content, c->number) < 0) {
			forward_visit_destroy(v);
			return NULL;
		}
		c->head_len = v->content.len;
		v->lines_max = c->lines_max;
		v->bytes_max = c->bytes_max;
		c->looked_ns = now_ns;
	}
	c->news = false;
	c->telling |= c->about_news && v->want_about;
	c->about_news = c->about_news && !v->want_about;
	c->busy = true;
	return v;
}

static void take_summary(struct courier *c, struct forward_visit *v) {
	char *summary = c->summary;
	c->summary = v->summary;
	v->summary = summary;
	c->summary_hash = c->summary == NULL ? 0 : hash_text(c->summary) | 1;
}

static void take_lines(struct courier *c, struct forward_visit *v) {
	if (c->cursor.base + v->first != c->number) {
		return; /* not what is written before them: they are asked for again */
	}
	if (v->n_lines > 0) {
		struct buf room = c->content;
		c->content = v->content;
		v->content = room;
		c->lines_len = c->content.len - c->head_len;
		c->n_lines = v->n_lines;
		c->last = v->last;
	}
	c->catching_up = c->cursor.accepted + c->n_lines < v->lines;
}

/* Lines that W&B has accepted are not kept as they were sent; of the newest it is known what it was. */
static void compare_look(struct courier *c, const struct forward_visit *v) {
	struct forward_line newest = {c->cursor.step, c->cursor.time};
	if (v->has_looked) {
		courier_compare(c, &v->looked, v->knows_expected);
	} else if (v->look_at == c->cursor.accepted - 1 && c->cursor.has_step) {
		courier_compare(c, &newest, v->knows_expected);
	}
}

/* Whatever W&B said of how far it is was said for another one. */
static void notice_database(struct courier *c, const struct forward_visit *v) {
	if (c->known && memcmp(c->cursor.db_id, v->cursor.db_id, sizeof c->cursor.db_id) != 0) {
		courier_begin_talk(c);
		c->catching_up = false;
		c->lines = v->lines;
		courier_drop_lines(c);
	}
}

static void take_about(struct courier *c, struct forward_visit *v) {
	struct forward_about about = c->about;
	c->about = v->about;
	v->about = about;
	if (c->without_config) {
		free(c->about.config_json);
		c->about.config_json = NULL;
	}
	c->has_about = true;
	c->introduced = false; /* it is to be told */
}

static void take_visit(struct courier *c, struct forward_visit *v) {
	notice_database(c, v);
	struct forward_cursor cursor = c->cursor;
	c->cursor = v->cursor;
	v->cursor = cursor;
	c->known = true;
	if (c->state == COURIER_WAITING && !c->host_trouble && c->n_failed == 0 &&
		c->n_changes == 0) {
		c->state = COURIER_WELL; /* the database is there again */
		c->words[0] = '\0';
	}
	c->lines = v->lines > c->lines || !c->news ? v->lines : c->lines;
	c->ended = v->ended;
	c->silent = v->silent;
	c->exit_code = v->exit_code;
	c->uid = v->uid;
	c->oldest_time = v->oldest_time;
	c->save = FORWARD_SAVE_NOTHING;
	c->refuse = -1;
	c->event[0] = '\0';
	take_summary(c, v);
	if (v->want_about) {
		take_about(c, v);
	}
	if (v->lines_max > 0) {
		take_lines(c, v);
	}
	if (v->look_at >= 0) {
		c->look_at = -1;
		compare_look(c, v);
	}
	if (c->cursor.completed && (!c->ended || !courier_is_all_sent(c))) {
		c->cursor.completed = false; /* it went on */
		c->introduced = false;
	}
	if (c->cursor.parked != NULL) {
		c->state = COURIER_REFUSED;
		snprintf(c->words, sizeof c->words, "%s", c->cursor.parked);
	}
}

void courier_visited(struct courier *c, struct forward_visit *v, int status, uint64_t now_ns) {
	c->busy = false;
	if (status == 0) {
		take_visit(c, v);
		courier_resume_if_wanted(c);
		return;
	}
	bool noted = c->news;
	c->news = true;
	c->about_news |= c->telling;
	c->telling = false;
	if (status == -ENOENT) {
		c->gone = !noted;
	} else if (status == -EXDEV) {
		c->save = FORWARD_SAVE_NOTHING;
		c->refuse = c->look_at = -1;
		courier_begin_talk(c);
		courier_doubt(c);
	} else if (status == -ENODATA) {
		courier_park(c, "a line is missing in the database: what follows it is not sent");
	} else {
		c->not_before_ns = now_ns + COURIER_VISIT_AGAIN_MS * NS_PER_MS;
		c->state = COURIER_WAITING;
		c->host_trouble = false;
		snprintf(c->words, sizeof c->words, "the database: %s", strerror(-status));
	}
}
