#include "line_value.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "value_code.h"

enum { AT_KIND = AT_REST, AT_VALUE, AT_TEXT };
enum { AT_EDGES = AT_REST, AT_COUNTS };

struct text line_column_text(sqlite3_stmt *st, int at) {
	const char *text = (const char *)sqlite3_column_text(st, at);

	return text_of(text != NULL ? text : "", (size_t)sqlite3_column_bytes(st, at));
}

static struct value float_of(double number) {
	return (struct value){.kind = VALUE_FLOAT, .number = number};
}

static int take_text(sqlite3_stmt *st, struct changes *arena, struct value *ret) {
	struct text text = line_column_text(st, AT_TEXT);

	text.data = changes_text(arena, text);
	if (text.data == NULL) {
		return -ENOMEM;
	}
	*ret = (struct value){.kind = VALUE_TEXT, .text = text};
	return 0;
}

static struct value number_of(sqlite3_stmt *st) {
	if (sqlite3_column_type(st, AT_VALUE) == SQLITE_INTEGER) {
		return (struct value){
			.kind = VALUE_INT, .integer = sqlite3_column_int64(st, AT_VALUE)};
	}
	return float_of(sqlite3_column_double(st, AT_VALUE));
}

int line_value_take(sqlite3_stmt *st, struct changes *arena, struct value *ret) {
	switch (sqlite3_column_int(st, AT_KIND)) {
	case CODE_NUM:
		*ret = number_of(st);
		return 0;
	case CODE_NAN:
		*ret = float_of(NAN);
		return 0;
	case CODE_INF:
		*ret = float_of(INFINITY);
		return 0;
	case CODE_MINUS_INF:
		*ret = float_of(-INFINITY);
		return 0;
	case CODE_TEXT:
		return take_text(st, arena, ret);
	default:
		return -EBADMSG;
	}
}

/* ---- histograms ---- */

/* A list of so many numbers, and nothing else. */
static int read_numbers(const json_t *list, double *numbers, size_t n) {
	const json_t *number;
	size_t i;

	if (json_array_size(list) != n) {
		return -EBADMSG;
	}
	json_array_foreach(list, i, number) {
		if (!json_is_number(number)) {
			return -EBADMSG;
		}
		numbers[i] = json_number_value(number);
	}
	return 0;
}

static json_t *column_json(sqlite3_stmt *st, int at) {
	struct text text = line_column_text(st, at);

	return json_loadb(text.data, text.len, 0, NULL);
}

int line_histogram_take(sqlite3_stmt *st, struct changes *arena, struct value *ret) {
	json_t *counts = column_json(st, AT_COUNTS), *edges = column_json(st, AT_EDGES);
	size_t n = json_array_size(counts);
	int err = n == 0 || n > HISTOGRAM_BINS_MAX ? -EBADMSG : 0;
	double *numbers = err < 0 ? NULL : changes_alloc(arena, (2 * n + 1) * sizeof *numbers);

	if (err == 0 && numbers == NULL) {
		err = -ENOMEM;
	}
	err = err < 0 ? err : read_numbers(counts, numbers, n);
	err = err < 0 ? err : read_numbers(edges, numbers + n, n + 1);
	if (err == 0) {
		*ret = (struct value){
			.kind = VALUE_HISTOGRAM, .histogram = {(uint32_t)n, numbers, numbers + n}};
	}
	json_decref(counts);
	json_decref(edges);
	return err;
}
