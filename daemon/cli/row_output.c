#include "row_output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define FLUSH_BYTES (64u << 10)

void row_output_init(struct row_output *o, FILE *stream, enum row_format format) {
	*o = (struct row_output){
		.stream = stream,
		.format = format,
		.for_terminal = isatty(fileno(stream)) == 1,
	};
}

void row_output_finish(struct row_output *o) {
	buf_finish(&o->out);
}

/* Control characters, C1's two bytes in UTF-8 included, are shown as question marks. */
static void tame(struct buf *b) {
	for (size_t i = 0; i < b->len; i++) {
		bool is_c1 =
			b->data[i] >= 0x80 && b->data[i] < 0xa0 && i > 0 && b->data[i - 1] == 0xc2;
		bool is_end = b->data[i] == '\n' ||
			      (b->data[i] == '\r' && i + 1 < b->len && b->data[i + 1] == '\n');
		if (is_c1) {
			b->data[i - 1] = '?';
		}
		if (is_c1 || b->data[i] == 0x7f || (b->data[i] < 0x20 && !is_end)) {
			b->data[i] = '?';
		}
	}
}

static int write_out(struct row_output *o) {
	if (o->for_terminal) {
		tame(&o->out);
	}
	size_t n = fwrite(o->out.data, 1, o->out.len, o->stream);
	int err = n == o->out.len ? 0 : errno != 0 ? -errno : -EIO;
	buf_clear(&o->out);
	return err;
}

int row_output_flush(struct row_output *o) {
	int err = o->out.len > 0 ? write_out(o) : 0;

	return err < 0 ? err : fflush(o->stream) != 0 ? -errno : 0;
}

int row_output_relieve(struct row_output *o) {
	return o->out.len >= FLUSH_BYTES ? write_out(o) : 0;
}

static int end_line(struct row_output *o, const char *end) {
	int err = buf_append(&o->out, end, strlen(end));

	return err == 0 ? row_output_relieve(o) : err;
}

int row_output_heading(struct row_output *o, const char *const *names, size_t n) {
	int err = 0;

	if (o->format != ROWS_CSV) {
		return 0;
	}
	for (size_t i = 0; err == 0 && i < n; i++) {
		const struct cell name = {
			.kind = CELL_TEXT, .bytes = names[i], .len = strlen(names[i])};
		err = i > 0 ? buf_append(&o->out, ",", 1) : 0;
		err = err < 0 ? err : cell_put_csv(&o->out, &name);
	}
	return err < 0 ? err : end_line(o, "\r\n");
}

static int put_csv(struct row_output *o, const struct cell *cells, size_t n) {
	int err = 0;

	for (size_t i = 0; err == 0 && i < n; i++) {
		err = i > 0 ? buf_append(&o->out, ",", 1) : 0;
		err = err < 0 ? err : cell_put_csv(&o->out, &cells[i]);
	}
	return err < 0 ? err : end_line(o, "\r\n");
}

static int put_jsonl(
	struct row_output *o, const char *const *names, const struct cell *cells, size_t n) {
	int err = 0;

	for (size_t i = 0; err == 0 && i < n; i++) {
		err = buf_append(&o->out, i > 0 ? "," : "{", 1);
		err = err < 0 ? err : cell_put_json_text(&o->out, names[i], strlen(names[i]));
		err = err < 0 ? err : buf_append(&o->out, ":", 1);
		err = err < 0 ? err : cell_put_json(&o->out, &cells[i]);
	}
	return err < 0 ? err : end_line(o, "}\n");
}

int row_output_put(
	struct row_output *o, const char *const *names, const struct cell *cells, size_t n) {
	o->n_rows++;
	return o->format == ROWS_CSV ? put_csv(o, cells, n) : put_jsonl(o, names, cells, n);
}
