#include "row_output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "glyph.h"

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

/* Its lines stay; of the rest what a terminal may show. */
static int tame(struct buf *b) {
	struct buf tamed = {0};
	const char *text = buf_text(b), *end = text != NULL ? text + b->len : NULL;
	int err = text != NULL ? 0 : -ENOMEM;

	while (err == 0 && text < end) {
		struct glyph glyph = {.bytes = "?"};
		if (text[0] == '\n' || (text[0] == '\r' && text[1] == '\n')) {
			glyph.bytes[0] = *text++;
		} else if (!glyph_next(&text, true, &glyph)) {
			text++; /* a NUL */
		}
		err = buf_append(&tamed, glyph.bytes, strlen(glyph.bytes));
	}
	buf_finish(b);
	*b = tamed;
	return err;
}

static int write_out(struct row_output *o) {
	int err = o->for_terminal ? tame(&o->out) : 0;

	if (err == 0 && fwrite(o->out.data, 1, o->out.len, o->stream) != o->out.len) {
		err = errno != 0 ? -errno : -EIO;
	}
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
