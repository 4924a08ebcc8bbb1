/* What goes wrong with the store's work: said once, tried again, and what it says of the file. */
#include <errno.h>
#include <stdio.h>

#include "clock.h"
#include "store_private.h"

/* What SQLite called damage so long ago has nothing to do with what it calls so now. */
#define DOUBT_FOR_NS 600000000000ull

void store_say_trouble(struct store *s, int err, const char *words) {
	if (s->trouble != err) {
		s->trouble = err;
		s->callbacks.on_trouble(s->user, words);
	}
}

static void on_retry(uv_timer_t *timer) {
	struct store *s = timer->data;
	s->waiting = false;
	store_next(s);
}

void store_retry_later(struct store *s, int err, const char *words) {
	s->waiting = true;
	uv_timer_start(&s->retry, on_retry, s->retry_ms, 0);
	uint64_t most_ms = err == -ENOSPC ? RETRY_FULL_MAX_MS : RETRY_MAX_MS;
	s->retry_ms = s->retry_ms * 2 > most_ms ? most_ms : s->retry_ms * 2;

	char sentence[512];
	snprintf(sentence, sizeof sentence,
		"%s; what was received is kept, and tried again until it works", words);
	store_say_trouble(s, err, sentence);
}

void store_all_is_well(struct store *s) {
	s->retry_ms = RETRY_MIN_MS;
	if (s->trouble != 0) {
		s->trouble = 0;
		s->callbacks.on_trouble(s->user, NULL);
	}
}

void store_doubt(struct store *s, enum doubt doubt) {
	s->doubt = doubt > s->doubt ? doubt : s->doubt;
}

/* Each time it is looked at more closely; in the end SQLite's own word counts. Small commits may work in between. */
void store_doubt_writing(struct store *s) {
	if (s->status != -EBADMSG) {
		return;
	}
	uint64_t now_ns = clock_mono_ns();
	bool is_new = s->commit_doubts == 0 || now_ns - s->doubted_ns > DOUBT_FOR_NS;
	s->doubted_ns = now_ns;
	s->commit_doubts = is_new ? 1 : s->commit_doubts + 1;
	store_doubt(
		s, s->commit_doubts < DOUBT_CERTAIN ? (enum doubt)s->commit_doubts : DOUBT_CERTAIN);
}

/* What cannot be read keeps nobody from writing: a file that passes both checks stays. */
void store_doubt_reading(struct store *s) {
	if (s->read_doubts < DOUBT_WHOLE) {
		s->read_doubts++;
		store_doubt(s, (enum doubt)s->read_doubts);
		s->reopen_wanted = true;
		store_next(s);
	}
}
