#include "stream.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "deadline.h"

int stream_init(struct stream *s, size_t outbox_bytes, size_t frame_max, void (*wake)(void)) {
	*s = (struct stream){.wake = wake, .last_step = -1};
	int status = outbox_init(&s->outbox, outbox_bytes, frame_max);
	if (status < 0) {
		return status;
	}

	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&s->lock, NULL);
	return 0;
}

void stream_finish(struct stream *s) {
	outbox_finish(&s->outbox);
	free(s->snapshot.keepsake);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
}

static bool is_open(const struct stream *s) {
	return !s->outbox.ended && !s->closing && !s->refused;
}

/* Waits for a change. False: the deadline has passed. */
static bool wait_until(struct stream *s, uint64_t deadline_ms) {
	struct timespec deadline = clock_timespec(deadline_ms);

	return pthread_cond_timedwait(&s->changed, &s->lock, &deadline) == 0;
}

/* ---- a log call ---- */

int stream_enter(struct stream *s) {
	pthread_mutex_lock(&s->lock);
	if (is_open(s)) {
		return 0;
	}

	int result = SAEM_INERT;
	if (s->refused && !s->outbox.ended) {
		outbox_drop_newest(&s->outbox, NULL);
		result = SAEM_REFUSED;
	}
	pthread_mutex_unlock(&s->lock);
	return result;
}

static uint8_t *room_now(struct stream *s, size_t header_max, size_t payload_max) {
	uint8_t *place = outbox_reserve(&s->outbox, header_max, payload_max);

	if (s->when_full == SAEM_DROP_OLDEST &&
		outbox_could_hold(&s->outbox, header_max, payload_max)) {
		while (place == NULL && outbox_drop_oldest(&s->outbox)) {
			place = outbox_reserve(&s->outbox, header_max, payload_max);
		}
	}
	return place;
}

uint8_t *stream_make_room(struct stream *s, size_t header_max, size_t payload_max) {
	uint8_t *place = room_now(s, header_max, payload_max);
	uint64_t deadline_ms = clock_now_ms() + s->when_full_wait_ms;

	if (s->when_full == SAEM_WAIT && outbox_could_hold(&s->outbox, header_max, payload_max)) {
		while (place == NULL && wait_until(s, deadline_ms) && is_open(s)) {
			place = outbox_reserve(&s->outbox, header_max, payload_max);
		}
	}
	return place;
}

int stream_drop(struct stream *s, const uint32_t *step) {
	if (s->outbox.ended || s->closing) {
		return SAEM_INERT; /* while it waited for room */
	}
	if (step == NULL) {
		outbox_drop_newest(&s->outbox, NULL);
	} else {
		struct place place = stream_place_of_step(s, *step);
		outbox_drop_newest(&s->outbox, &place);
		stream_move(s, place);
	}
	return s->refused ? SAEM_REFUSED : SAEM_DROPPED;
}

struct place stream_place_of_step(const struct stream *s, uint32_t step) {
	bool back = s->begun && step <= s->at.step;

	return (struct place){s->at.lap + (back ? 1 : 0), step};
}

struct place stream_place_of_state(const struct stream *s, uint32_t step) {
	return (struct place){s->at.lap + (s->begun ? 1 : 0), step};
}

void stream_move(struct stream *s, struct place place) {
	s->logged = s->logged && place.lap == s->at.lap;
	s->at = place;
	s->begun = true;
}

uint32_t stream_lap_of_log(struct stream *s) {
	s->logged = true;
	return s->at.lap;
}

void stream_begin_lap(struct stream *s) {
	if ((s->begun || s->logged) && s->at.lap < LAP_MAX) {
		s->at = (struct place){.lap = s->at.lap + 1};
		s->begun = s->logged = false;
	}
}

int stream_leave(struct stream *s, int result) {
	bool must_wake = s->starving && outbox_has_unsent(&s->outbox);

	if (must_wake) {
		s->starving = false;
	}
	if (result == SAEM_QUEUED && !s->connected) {
		result = SAEM_AWAY;
	}
	pthread_mutex_unlock(&s->lock);
	if (must_wake) {
		s->wake();
	}
	return result;
}

/* ---- a call that waits ---- */

/* Has the sender look at what was asked, and connect at once if it has to. Gives up the lock
 * meanwhile. */
static void press(struct stream *s) {
	s->hurry = true;
	s->starving = false;
	pthread_mutex_unlock(&s->lock);
	s->wake();
	pthread_mutex_lock(&s->lock);
}

/* Waits until is_done; see stream_await_ack. */
static int await(struct stream *s, bool (*is_done)(const struct stream *s, uint64_t what),
	uint64_t what, uint64_t deadline_ms) {
	uint32_t absences = s->absences;

	press(s);
	while (!is_done(s, what)) {
		if (s->refused) {
			return SAEM_REFUSED;
		}
		if (s->closing) {
			return SAEM_INERT;
		}
		if (!s->met && s->absences != absences) {
			return SAEM_AWAY;
		}
		if (!wait_until(s, deadline_ms)) {
			return is_done(s, what) ? SAEM_QUEUED : SAEM_TIMEOUT;
		}
	}
	return SAEM_QUEUED;
}

static bool is_acked(const struct stream *s, uint64_t seq) {
	return s->outbox.acked >= seq;
}

int stream_await_ack(struct stream *s, uint64_t seq, uint64_t deadline_ms) {
	if (s->flush_through < seq) {
		s->flush_through = seq;
	}
	return await(s, is_acked, seq, deadline_ms);
}

static bool is_free(const struct stream *s, uint64_t unused) {
	(void)unused;
	return !s->snapshot.wanted;
}

static bool is_answered(const struct stream *s, uint64_t token) {
	return s->snapshot.token != token || !s->snapshot.wanted;
}

int stream_await_state(struct stream *s, uint64_t deadline_ms, struct snapshot *ret) {
	int result = is_free(s, 0) ? SAEM_QUEUED : await(s, is_free, 0, deadline_ms);
	if (result != SAEM_QUEUED) {
		return result;
	}

	s->snapshot = (struct snapshot){
		.token = s->snapshot.token + 1,
		.through_seq = s->outbox.next_seq - 1,
		.wanted = true,
	};
	result = await(s, is_answered, s->snapshot.token, deadline_ms);
	if (result == SAEM_QUEUED) {
		*ret = s->snapshot;
		s->snapshot.keepsake = NULL;
	}
	s->snapshot.wanted = false; /* an answer that comes later is nobody's */
	pthread_cond_broadcast(&s->changed);
	return result;
}

/* ---- anybody ---- */

void stream_say(struct stream *s, const char *format, ...) {
	va_list args;

	va_start(args, format);
	vsnprintf(s->words, sizeof s->words, format, args);
	va_end(args);
	s->words_pass = false;
}

void stream_say_in_passing(struct stream *s, const char *words) {
	if (s->words_pass || s->words[0] == '\0') {
		snprintf(s->words, sizeof s->words, "%s", words);
		s->words_pass = true;
	}
}

void stream_forget_passing(struct stream *s) {
	if (s->words_pass) {
		s->words[0] = '\0';
	}
}

void stream_refuse(struct stream *s) {
	s->refused = true;
	outbox_forget(&s->outbox);
	pthread_cond_broadcast(&s->changed);
}
