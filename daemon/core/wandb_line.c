#include "wandb_line.h"

#include <math.h>
#include <string.h>

#include "jsontext.h"

bool wandb_line_reserves(const char *key) {
	return strcmp(key, "_step") == 0 || strcmp(key, "_runtime") == 0 ||
	       strcmp(key, "_timestamp") == 0;
}

static int write_entry(struct buf *out, const struct line_entry *e) {
	int err = json_write_text(out, text_of(e->key, strlen(e->key)));
	err = err < 0 ? err : buf_append(out, ":", 1);
	err = err < 0 ? err : json_write_bare_value(out, &e->value);
	return err < 0 ? err : buf_append(out, ",", 1);
}

static int write_end(struct buf *out, uint32_t step, double time, double elapsed_s) {
	int err = buf_printf(out, "\"_step\":%u,\"_runtime\":", step);
	err = err < 0 ? err : json_write_bare_number(out, elapsed_s);
	err = err < 0 ? err : buf_printf(out, ",\"_timestamp\":");
	err = err < 0 ? err : json_write_bare_number(out, time);
	return err < 0 ? err : buf_append(out, "}", 1);
}

int wandb_line_write(
	struct buf *out, const struct change_line *line, bool with_ours, uint32_t *ret_n_keys) {
	uint32_t n = 0;
	int err = buf_append(out, "{", 1);
	for (uint32_t i = 0; i < line->n_entries && err == 0; i++) {
		const struct line_entry *e = &line->entries[i];
		if ((e->source == LINE_OURS && !with_ours) || wandb_line_reserves(e->key)) {
			continue;
		}
		err = write_entry(out, e);
		n++;
	}
	err = err < 0 ? err : write_end(out, line->step, line->time, line->elapsed_s);
	if (err == 0) {
		*ret_n_keys = n;
	}
	return err;
}

double wandb_span_s(const struct wandb_span *span) {
	double since = span->has_line ? span->time : span->started;
	double span_s = span->has_line ? span->elapsed_s : 0;
	if (span->ended > since) {
		span_s += span->ended - since;
	}
	return isfinite(span_s) && span_s > 0 ? span_s : 0;
}

int wandb_line_write_empty(struct buf *out, uint32_t step, double time, double elapsed_s) {
	int err = buf_append(out, "{", 1);
	return err < 0 ? err : write_end(out, step, time, elapsed_s);
}
