#include "row.h"

#include <math.h>

#include "json_text.h"
#include "value_code.h"

static int number_key(struct writer *r, const char *key, int64_t *ret) {
	struct row find = row_begin(r, STATEMENT_FIND_KEY);
	row_text(&find, key);
	int rc = row_read_int(&find, ret);
	if (rc != SQLITE_DONE) {
		return rc == SQLITE_ROW ? SQLITE_OK : rc;
	}
	struct row add = row_begin(r, STATEMENT_ADD_KEY);
	row_text(&add, key);
	rc = row_end(&add);
	if (rc == SQLITE_OK) {
		*ret = sqlite3_last_insert_rowid(r->sql);
	}
	return rc;
}

/* Values for a step whose line was closed already get numbers of their own, below zero. */
static int number_late_line(struct writer *r, int64_t run, int64_t *ret) {
	int64_t last = 0;
	struct row row = row_begin(r, STATEMENT_LAST_LATE_LINE);
	row_int(&row, run);
	int rc = row_read_int(&row, &last);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
		*ret = last - 1;
		return SQLITE_OK;
	}
	return rc;
}

static void put_entry_key(struct row *row, int64_t run, const struct change_line *line,
	int64_t number, int64_t key, enum line_source source) {
	row_int(row, run);
	row_int(row, line->step);
	row_int(row, line->attempt);
	row_int(row, number);
	row_int(row, key);
	row_int(row, source);
}

static int put_histogram(struct writer *r, struct row *row, const struct histogram_view *h) {
	struct buf *json = &r->json;
	buf_clear(json);
	row_keep(row, row_memory(json_put_list(json, h->edges, h->n_bins + 1, json_put_number)));
	size_t bins_len = json->len;
	row_keep(row, row_memory(json_put_list(json, h->counts, h->n_bins, json_put_count)));
	row_span(row, (const char *)json->data, bins_len);
	row_span(row, (const char *)json->data + bins_len, json->len - bins_len);
	return row_end(row);
}

static enum value_code code_of(double value) {
	return isnan(value)      ? CODE_NAN
	       : isfinite(value) ? CODE_NUM
	       : value > 0       ? CODE_INF
				 : CODE_MINUS_INF;
}

static int put_value(struct row *row, const struct value *v) {
	bool text = v->kind == VALUE_TEXT, whole = v->kind == VALUE_INT;
	row_int(row, text ? CODE_TEXT : whole ? CODE_NUM : code_of(v->number));
	if (text) {
		row_null(row);
		row_span(row, v->text.data, v->text.len);
	} else {
		if (whole) {
			row_int(row, v->integer);
		} else {
			row_real(row, v->number);
		}
		row_null(row);
	}
	return row_end(row);
}

static int put_entry(struct writer *r, int64_t run, const struct change_line *line, int64_t number,
	const struct line_entry *entry) {
	int64_t key = 0;
	int rc = number_key(r, entry->key, &key);
	if (rc != SQLITE_OK) {
		return rc;
	}
	bool histogram = entry->value.kind == VALUE_HISTOGRAM;
	struct row row = row_begin(r, histogram ? STATEMENT_HISTOGRAM : STATEMENT_HISTORY);
	put_entry_key(&row, run, line, number, key, entry->source);
	return histogram ? put_histogram(r, &row, &entry->value.histogram)
			 : put_value(&row, &entry->value);
}

int writer_put_line(struct writer *r, int64_t run, const struct change_line *line) {
	int64_t number = line->line;
	int rc = number == LINE_NONE ? number_late_line(r, run, &number) : SQLITE_OK;
	if (rc != SQLITE_OK) {
		return rc;
	}
	struct row row = row_begin(r, STATEMENT_LINE);
	row_int(&row, run);
	row_int(&row, number);
	row_int(&row, line->attempt);
	row_int(&row, line->step);
	row_real(&row, line->time);
	row_real(&row, line->elapsed_s);
	rc = row_end(&row);
	for (uint32_t i = 0; rc == SQLITE_OK && i < line->n_entries; i++) {
		rc = put_entry(r, run, line, number, &line->entries[i]);
	}
	return rc;
}
