#include "query_output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "repr.h"

#define TEXT_MIN 8u /* a column of texts is cut down to that before others are left out */

void query_output_init(struct query_output *o, const struct read_options *read,
	enum query_format format, FILE *stream) {
	*o = (struct query_output){.read = read, .format = format, .stream = stream};
	row_output_init(&o->rows, stream, format == QUERY_CSV ? ROWS_CSV : ROWS_JSONL);
}

void query_output_finish(struct query_output *o) {
	for (size_t i = 0; i < o->n; i++) {
		free(o->names[i]);
	}
	table_destroy(o->table);
	row_output_finish(&o->rows);
}

/* ---- names ---- */

static bool is_taken(const struct query_output *o, const char *name) {
	for (size_t i = 0; i < o->n; i++) {
		if (strcmp(o->names[i], name) == 0) {
			return true;
		}
	}
	return false;
}

static char *unique_name(const struct query_output *o, const char *name) {
	char *unique = strdup(name);

	for (unsigned i = 2; unique != NULL && is_taken(o, unique); i++) {
		free(unique);
		if (asprintf(&unique, "%s_%u", name, i) < 0) {
			unique = NULL;
		}
	}
	return unique;
}

/* ---- JSON ---- */

static int put(struct query_output *o, const char *text) {
	return buf_append(&o->rows.out, text, strlen(text));
}

static int begin_json(struct query_output *o) {
	int err = put(o, "{\"schema\":1,\"columns\":[");

	for (size_t i = 0; err == 0 && i < o->n; i++) {
		err = i > 0 ? put(o, ",") : 0;
		err = err < 0 ? err
			      : cell_put_json_text(&o->rows.out, o->names[i], strlen(o->names[i]));
	}
	return err < 0 ? err : put(o, "],\"rows\":[");
}

static int put_json(struct query_output *o, const struct cell *cells) {
	int err = put(o, o->rows.n_rows++ > 0 ? ",\n[" : "\n[");

	for (size_t i = 0; err == 0 && i < o->n; i++) {
		err = i > 0 ? put(o, ",") : 0;
		err = err < 0 ? err : cell_put_json(&o->rows.out, &cells[i]);
	}
	err = err < 0 ? err : put(o, "]");
	return err < 0 ? err : row_output_relieve(&o->rows);
}

/* ---- a table ---- */

static int make_table(struct query_output *o, const struct cell *first) {
	for (size_t i = 0; i < o->n; i++) {
		bool is_number = first != NULL &&
				 (first[i].kind == CELL_INTEGER || first[i].kind == CELL_REAL);
		o->columns[i] = (struct table_column){
			.title = o->names[i],
			.left = !is_number,
			.drop = (unsigned)
				i, /* the last are left out first, and the first never is */
			.shrink_to = is_number ? 0 : TEXT_MIN,
		};
	}
	o->table = table_create(o->columns, o->n);
	return o->table != NULL ? 0 : -ENOMEM;
}

static int set_cell(struct query_output *o, size_t column, const struct cell *c) {
	char number[REPR_MAX];
	struct buf text = {0};
	int err;

	switch (c->kind) {
	case CELL_NULL:
		return table_set(o->table, column, STYLE_DIM, "-");
	case CELL_INTEGER:
		(void)snprintf(number, sizeof number, "%" PRId64, c->integer);
		return table_set(o->table, column, STYLE_PLAIN, number);
	case CELL_REAL:
		return table_set(o->table, column, STYLE_PLAIN, repr_double(number, c->real));
	case CELL_BLOB:
		err = cell_put_csv(&text, c);
		break;
	default:
		err = buf_append(&text, c->bytes, c->len);
		break;
	}
	const char *whole = err == 0 ? buf_text(&text) : NULL;
	err = whole != NULL ? table_set(o->table, column, STYLE_PLAIN, whole) : -ENOMEM;
	buf_finish(&text);
	return err;
}

static int put_table(struct query_output *o, const struct cell *cells) {
	int err = o->table == NULL ? make_table(o, cells) : 0;

	err = err < 0 ? err : table_add_row(o->table);
	for (size_t i = 0; err == 0 && i < o->n; i++) {
		err = set_cell(o, i, &cells[i]);
	}
	return err;
}

static int draw(struct query_output *o) {
	struct look look = read_options_look(o->read);
	struct page page;
	int err = o->table == NULL ? make_table(o, NULL) : 0;

	page_init(&page, &look);
	if (err == 0) {
		table_draw(o->table, true, &page);
	}
	const char *text = err == 0 ? page_text(&page) : NULL;
	bool is_whole = text != NULL && fwrite(text, 1, page.out.len, o->stream) == page.out.len &&
			fflush(o->stream) == 0;
	err = text == NULL ? -ENOMEM : is_whole ? 0 : -errno;
	page_finish(&page);
	return err;
}

/* ---- the face ---- */

int query_output_begin(struct query_output *o, const char *const *names, size_t n) {
	if (n > QUERY_COLUMNS_MAX) {
		return -E2BIG;
	}
	for (size_t i = 0; i < n; i++) {
		o->names[i] = unique_name(o, names[i]);
		if (o->names[i] == NULL) {
			return -ENOMEM;
		}
		o->n = i + 1;
	}
	return o->format == QUERY_JSON ? begin_json(o)
	       : o->format == QUERY_CSV
		       ? row_output_heading(&o->rows, (const char *const *)o->names, o->n)
		       : 0;
}

int query_output_row(struct query_output *o, const struct cell *cells) {
	switch (o->format) {
	case QUERY_TABLE:
		return put_table(o, cells);
	case QUERY_JSON:
		return put_json(o, cells);
	default:
		return row_output_put(&o->rows, (const char *const *)o->names, cells, o->n);
	}
}

int query_output_end(struct query_output *o) {
	if (o->format == QUERY_TABLE) {
		return draw(o);
	}
	int err = o->format == QUERY_JSON ? put(o, "\n]}\n") : 0;
	return err < 0 ? err : row_output_flush(&o->rows);
}
