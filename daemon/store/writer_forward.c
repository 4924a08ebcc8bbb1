#include "row.h"

#include "wandb_line.h"

int writer_put_forward(struct writer *r, int64_t run, int64_t lines, const struct change_line *last,
	const char *summary, bool own_key) {
	struct row row = row_begin(r, STATEMENT_FORWARD);
	row_int(&row, run);
	row_int(&row, lines);
	if (last != NULL) {
		row_int(&row, last->step);
		row_real(&row, last->time);
		row_real(&row, last->elapsed_s);
	} else {
		row_null(&row);
		row_null(&row);
		row_null(&row);
	}
	row_text(&row, summary);
	row_int(&row, own_key);
	return row_end(&row);
}

int writer_put_forward_line(struct writer *r, int64_t run, int64_t ordinal,
	const struct change_line *line, bool with_ours, bool *ret_put) {
	uint32_t n_keys = 0;
	buf_clear(&r->json);
	if (wandb_line_write(&r->json, line, with_ours, &n_keys) < 0) {
		return SQLITE_NOMEM;
	}
	*ret_put = n_keys > 0;
	if (n_keys == 0) {
		return SQLITE_OK;
	}
	struct row row = row_begin(r, STATEMENT_FORWARD_LINE);
	row_int(&row, run);
	row_int(&row, ordinal);
	row_int(&row, line->step);
	row_real(&row, line->time);
	row_real(&row, line->elapsed_s);
	row_json(&row, &r->json);
	return row_end(&row);
}
