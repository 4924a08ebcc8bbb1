/* Rows on their way out as CSV or JSON lines, one at a time: however many there are, no more than some of them are in memory. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "cell.h"

enum row_format { ROWS_CSV, ROWS_JSONL };

struct row_output {
	FILE *stream; /* borrowed */
	enum row_format format;
	bool for_terminal; /* nothing that a terminal would obey gets to it */
	struct buf out;
	uint64_t n_rows;
};

void row_output_init(struct row_output *o, FILE *stream, enum row_format format);
/* The line of names that CSV begins with. All return 0, -ENOMEM, or -errno of the writing. */
int row_output_heading(struct row_output *o, const char *const *names, size_t n);
int row_output_put(
	struct row_output *o, const char *const *names, const struct cell *cells, size_t n);
/* What has gathered in `out` is written where it is much. */
int row_output_relieve(struct row_output *o);
/* All of it is with the stream, and on its way to the file. */
int row_output_flush(struct row_output *o);
void row_output_finish(struct row_output *o);
