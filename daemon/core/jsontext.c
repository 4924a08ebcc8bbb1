#include "jsontext.h"

#include <math.h>
#include <string.h>

#include "repr.h"

static bool is_plain(uint8_t c) {
	return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

static uint8_t *write_escape(uint8_t *to, uint8_t c) {
	static const char hex[] = "0123456789abcdef";
	*to++ = '\\';
	if (c == '"' || c == '\\') {
		*to++ = c;
		return to;
	}
	memcpy(to, "u00", 3);
	to[3] = (uint8_t)hex[c >> 4];
	to[4] = (uint8_t)hex[c & 15];
	return to + 5;
}

int json_write_text(struct buf *out, struct text text) {
	/* Worst case: each byte becomes \u00XX. With room for that none asks for more: each line goes
	 * through here. */
	int err = buf_reserve(out, text.len * 6 + 2);
	if (err < 0) {
		return err;
	}
	uint8_t *to = out->data + out->len;
	*to++ = '"';
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = (uint8_t)text.data[i];
		if (is_plain(c)) {
			*to++ = c;
		} else {
			to = write_escape(to, c);
		}
	}
	*to++ = '"';
	out->len = (size_t)(to - out->data);
	return 0;
}

int json_write_bare_number(struct buf *out, double number) {
	if (!isfinite(number)) {
		return buf_printf(out, "%s",
			isnan(number) ? "NaN"
			: number > 0  ? "Infinity"
				      : "-Infinity");
	}
	char text[REPR_MAX];
	size_t len = strlen(repr_double(text, number));
	bool whole = len > 2 && memcmp(text + len - 2, ".0", 2) == 0;
	return buf_append(out, text, whole ? len - 2 : len);
}

int json_write_number(struct buf *out, double number) {
	if (isfinite(number)) {
		return json_write_bare_number(out, number);
	}
	int err = buf_append(out, "\"", 1);
	err = err < 0 ? err : json_write_bare_number(out, number);
	return err < 0 ? err : buf_append(out, "\"", 1);
}

static int write_numbers(struct buf *out, const double *numbers, size_t n) {
	int err = buf_append(out, "[", 1);
	for (size_t i = 0; i < n && err == 0; i++) {
		err = i > 0 ? buf_append(out, ",", 1) : 0;
		err = err < 0 ? err : json_write_number(out, numbers[i]);
	}
	return err < 0 ? err : buf_append(out, "]", 1);
}

static int write_histogram(struct buf *out, const struct histogram_view *h) {
	int err = buf_printf(out, "{\"_type\":\"histogram\",\"values\":");
	err = err < 0 ? err : write_numbers(out, h->counts, h->n_bins);
	err = err < 0 ? err : buf_printf(out, ",\"bins\":");
	err = err < 0 ? err : write_numbers(out, h->edges, (size_t)h->n_bins + 1);
	return err < 0 ? err : buf_append(out, "}", 1);
}

int json_write_value(struct buf *out, const struct value *value) {
	switch (value->kind) {
	case VALUE_FLOAT:
		return json_write_number(out, value->number);
	case VALUE_INT:
		return buf_printf(out, "%lld", (long long)value->integer);
	case VALUE_TEXT:
		return json_write_text(out, value->text);
	case VALUE_HISTOGRAM:
		return write_histogram(out, &value->histogram);
	}
	return 0;
}

int json_write_bare_value(struct buf *out, const struct value *value) {
	return value->kind == VALUE_FLOAT ? json_write_bare_number(out, value->number)
					  : json_write_value(out, value);
}

int json_write_list(struct buf *out, const struct text_list *list) {
	int err = buf_append(out, "[", 1);
	for (uint32_t i = 0; i < list->count && err == 0; i++) {
		err = i > 0 ? buf_append(out, ",", 1) : 0;
		err = err < 0 ? err : json_write_text(out, list->items[i]);
	}
	return err < 0 ? err : buf_append(out, "]", 1);
}
