#include "outbox_fill.h"

#include <stdio.h>

#include "format.h"

#define FRESH_PART 0.2 /* of a look in the mean: the last five seconds or so */

void outbox_note(struct outbox_fill *o, bool paused, uint64_t now_ms) {
	if (!paused) {
		o->pause_begun_ms = 0;
	} else if (o->pause_begun_ms == 0) {
		o->pause_begun_ms = now_ms > 0 ? now_ms : 1;
	}
}

void outbox_acked(struct outbox_fill *o, uint64_t sent_bytes) {
	o->acked_bytes = sent_bytes;
}

/* What comes behind a pause comes all at once and says nothing, so a second with one in it is left out. */
void outbox_look(struct outbox_fill *o, uint64_t sent_bytes, uint64_t now_ms) {
	double took_s = (double)(now_ms - o->seen_ms) * 1e-3;
	if (o->timed && took_s > 0 && o->pause_begun_ms == 0) {
		double fresh = (double)(sent_bytes - o->seen_bytes) / took_s;
		o->bytes_per_s +=
			o->bytes_per_s > 0 ? FRESH_PART * (fresh - o->bytes_per_s) : fresh;
	}
	o->timed = o->pause_begun_ms == 0;
	o->seen_bytes = sent_bytes;
	o->seen_ms = now_ms;
}

struct outbox_estimate outbox_estimate(
	const struct outbox_fill *o, uint64_t size_bytes, uint64_t sent_bytes, uint64_t now_ms) {
	double paused_s = o->pause_begun_ms > 0 ? (double)(now_ms - o->pause_begun_ms) * 1e-3 : 0;
	double filled = (double)(sent_bytes - o->acked_bytes) + o->bytes_per_s * paused_s;
	double size = (double)size_bytes;
	bool is_full = filled >= size;

	return (struct outbox_estimate){
		.filled_bytes = is_full ? size_bytes : (uint64_t)filled,
		.full_in_s = is_full              ? 0
			     : o->bytes_per_s > 0 ? (size - filled) / o->bytes_per_s
						  : -1,
		.paused_s = paused_s * 1000 >= OUTBOX_PAUSE_MS ? paused_s : 0,
	};
}

char *outbox_words(char out[OUTBOX_WORDS_MAX], const struct outbox_estimate *estimate,
	uint64_t size_bytes, const char *whose) {
	char size[FORMAT_MAX], time[FORMAT_MAX];

	format_bytes(size, (double)size_bytes);
	if (estimate->full_in_s < 0) {
		snprintf(out, OUTBOX_WORDS_MAX, "how fast %s outbox (%s) fills is not known yet",
			whose, size);
	} else if (estimate->full_in_s == 0) {
		snprintf(out, OUTBOX_WORDS_MAX,
			"%s outbox (%s) is full by now: it drops, or waits, as it was told to",
			whose, size);
	} else {
		snprintf(out, OUTBOX_WORDS_MAX, "at this rate %s outbox (%s) is full in %s", whose,
			size, format_duration(time, estimate->full_in_s));
	}
	return out;
}
