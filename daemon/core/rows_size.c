#include "rows_size.h"

#include <string.h>

/* Measured on databases of some hundred thousand steps, with the pages' own overhead. */
#define STEP_BYTES    210u
#define EXTRA_BYTES   28u /* in a JSON text: name and digits */
#define LINE_BYTES    56u
#define ENTRY_BYTES   24u
#define BIN_BYTES     16u /* an edge and a count, as text */
#define WINDOW_BYTES  1400u
#define EVENT_BYTES   96u
#define ATTEMPT_BYTES 128u
#define MARK_BYTES    96u

static uint64_t entry_bytes(const struct line_entry *e) {
	switch (e->value.kind) {
	case VALUE_TEXT:
		return ENTRY_BYTES + e->value.text.len;
	case VALUE_HISTOGRAM:
		return ENTRY_BYTES + (uint64_t)BIN_BYTES * e->value.histogram.n_bins;
	default:
		return ENTRY_BYTES;
	}
}

static uint64_t change_bytes(const struct change *c) {
	uint64_t bytes = 0;

	switch (c->kind) {
	case CHANGE_STEP:
		return STEP_BYTES + (uint64_t)EXTRA_BYTES * c->step.n_extras;
	case CHANGE_LINE:
		for (uint32_t i = 0; i < c->line.n_entries; i++) {
			bytes += entry_bytes(&c->line.entries[i]);
		}
		return LINE_BYTES + bytes;
	case CHANGE_WINDOW:
		return WINDOW_BYTES;
	case CHANGE_EVENT:
		return EVENT_BYTES + (c->event.text != NULL ? strlen(c->event.text) : 0);
	case CHANGE_ATTEMPT:
		return ATTEMPT_BYTES;
	case CHANGE_MARK:
		return MARK_BYTES;
	}
	return 0;
}

uint64_t rows_size(const struct changes *changes) {
	uint64_t bytes = 0;

	for (const struct change *c = changes->first; c != NULL; c = c->next) {
		bytes += change_bytes(c);
	}
	return bytes;
}
