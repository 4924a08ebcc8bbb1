#include "rows_size.h"

#include <string.h>

#define EXTRA_BYTES   30u /* in a JSON text: name and digits */
#define BIN_BYTES     25u /* an edge and a count, as text */
#define EVENT_BYTES   32u /* with its place in an index */
#define ALERT_BYTES   44u
#define ATTEMPT_BYTES 66u
#define MARK_BYTES    46u

/* A row that is longer than a quarter of a page keeps about half of that there, and has pages of its own for the rest. */
#define ROW_LEN_MAX    1002u
#define LONG_ROW_BYTES 560u
#define OWN_PAGE_BYTES 4096u
#define OWN_PAGE_LEN   4092u

static uint64_t row_bytes(uint64_t len) {
	if (len <= ROW_LEN_MAX) {
		return len;
	}
	uint64_t n_pages = (len - ROW_LEN_MAX + OWN_PAGE_LEN - 1) / OWN_PAGE_LEN;
	return LONG_ROW_BYTES + n_pages * OWN_PAGE_BYTES;
}

static uint64_t entry_bytes(const struct line_entry *e) {
	switch (e->value.kind) {
	case VALUE_TEXT:
		return row_bytes(ROWS_ENTRY_BYTES + e->value.text.len);
	case VALUE_HISTOGRAM:
		return row_bytes(
			ROWS_ENTRY_BYTES + (uint64_t)BIN_BYTES * e->value.histogram.n_bins);
	default:
		return ROWS_ENTRY_BYTES;
	}
}

static uint64_t change_bytes(const struct change *c) {
	uint64_t bytes = 0;

	switch (c->kind) {
	case CHANGE_STEP:
		return ROWS_STEP_BYTES + (uint64_t)EXTRA_BYTES * c->step.n_extras;
	case CHANGE_LINE:
		for (uint32_t i = 0; i < c->line.n_entries; i++) {
			bytes += entry_bytes(&c->line.entries[i]);
		}
		return ROWS_LINE_BYTES + bytes;
	case CHANGE_WINDOW:
		return ROWS_WINDOW_BYTES;
	case CHANGE_EVENT:
		return EVENT_BYTES + (c->event.text != NULL ? strlen(c->event.text) : 0);
	case CHANGE_ATTEMPT:
		return ATTEMPT_BYTES;
	case CHANGE_ALERT:
		return ALERT_BYTES + strlen(c->alert.words);
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
