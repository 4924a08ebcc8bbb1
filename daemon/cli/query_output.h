/* An answer to `query` on its way out: aligned columns, JSON, JSON lines or CSV. */
#pragma once

#include "read_options.h"
#include "row_output.h"
#include "table.h"

#define QUERY_COLUMNS_MAX 256u

enum query_format { QUERY_TABLE = 0, QUERY_JSON, QUERY_CSV, QUERY_JSONL };

struct query_output {
	const struct read_options *read; /* borrowed */
	enum query_format format;
	FILE *stream; /* borrowed */
	char *names[QUERY_COLUMNS_MAX];
	size_t n;
	struct row_output rows; /* CSV and JSON lines, and the text of JSON */
	struct table_column columns[QUERY_COLUMNS_MAX];
	struct table *table; /* made with the first row, which tells numbers from texts */
};

void query_output_init(struct query_output *o, const struct read_options *read,
	enum query_format format, FILE *stream);
void query_output_finish(struct query_output *o);

/* All return 0, -ENOMEM, or -errno of the writing. Columns of one name are told apart: a, a_2. */
int query_output_begin(struct query_output *o, const char *const *names, size_t n);
int query_output_row(struct query_output *o, const struct cell *cells);
int query_output_end(struct query_output *o);
