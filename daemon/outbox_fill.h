/* How full a trainer's outbox is, as far as a daemon can know: it keeps what is not acked, and goes on at the rate at which it
 * sent while it was read from. Pure: bytes and time are passed in. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Reading stops for moments all the time; from here on it is a pause. */
#define OUTBOX_PAUSE_MS 3000u

/* Of one connection. Zeroed: nothing is known. */
struct outbox_fill {
	double bytes_per_s; /* while it was read from; 0: not known */
	bool timed;         /* looked at before */
	uint64_t seen_bytes, seen_ms;
	uint64_t acked_bytes;    /* of what it sent, known to be durable */
	uint64_t pause_begun_ms; /* not read from since; 0: it is */
};

/* Whether it is read from, after each message of it. */
void outbox_note(struct outbox_fill *o, bool paused, uint64_t now_ms);
/* What it had sent by the cut that is durable now. */
void outbox_acked(struct outbox_fill *o, uint64_t sent_bytes);
/* About once a second: how fast it comes. */
void outbox_look(struct outbox_fill *o, uint64_t sent_bytes, uint64_t now_ms);

struct outbox_estimate {
	uint64_t filled_bytes; /* at most the size */
	double full_in_s;      /* 0: it is; < 0: not known */
	double paused_s;       /* not read from for so long; 0: it is, or only just not */
};
struct outbox_estimate outbox_estimate(
	const struct outbox_fill *o, uint64_t size_bytes, uint64_t sent_bytes, uint64_t now_ms);

#define OUTBOX_WORDS_MAX 192
/* `at this rate its outbox (64 MiB) is full in 4m10s`; whose: "its", "the first trainer's". Returns out. */
char *outbox_words(char out[OUTBOX_WORDS_MAX], const struct outbox_estimate *estimate,
	uint64_t size_bytes, const char *whose);
