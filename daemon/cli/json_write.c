#include "json_write.h"

#include <string.h>

#include "json_text.h"
#include "repr.h"

#define INDENT 2

struct writer {
	struct buf *out;
	enum json_layout layout;
	int depth;
	int err; /* the first one stays */
};

static void write_value(struct writer *w, const json_t *value);

static void put(struct writer *w, const char *text) {
	if (w->err == 0) {
		w->err = buf_append(w->out, text, strlen(text));
	}
}

static void put_break(struct writer *w, bool broken) {
	if (broken && w->err == 0) {
		w->err = buf_printf(w->out, "\n%*s", w->depth * INDENT, "");
	}
}

static void put_text(struct writer *w, const char *text, size_t len) {
	if (w->err == 0) {
		w->err = json_put_text(w->out, text, len);
	}
}

static bool is_plain_list(const json_t *list) {
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *value = json_array_get(list, i);
		if (json_is_array(value) || json_is_object(value)) {
			return false;
		}
	}
	return true;
}

static void write_list(struct writer *w, const json_t *list) {
	bool broken = w->layout == JSON_FOR_PEOPLE && !is_plain_list(list);
	const char *separator = broken || w->layout == JSON_ONE_LINE ? "," : ", ";

	put(w, "[");
	w->depth++;
	for (size_t i = 0; i < json_array_size(list); i++) {
		put(w, i > 0 ? separator : "");
		put_break(w, broken);
		write_value(w, json_array_get(list, i));
	}
	w->depth--;
	put_break(w, broken);
	put(w, "]");
}

static void write_object(struct writer *w, const json_t *object) {
	bool broken = w->layout == JSON_FOR_PEOPLE && json_object_size(object) > 0;
	/* jansson iterates a const object through a non-const handle only. */
	json_t *members = (json_t *)(uintptr_t)object;
	bool first = true;

	put(w, "{");
	w->depth++;
	for (void *i = json_object_iter(members); i; i = json_object_iter_next(members, i)) {
		put(w, first ? "" : ",");
		first = false;
		put_break(w, broken);
		put_text(w, json_object_iter_key(i), strlen(json_object_iter_key(i)));
		put(w, broken ? ": " : ":");
		write_value(w, json_object_iter_value(i));
	}
	w->depth--;
	put_break(w, broken);
	put(w, "}");
}

static void write_value(struct writer *w, const json_t *value) {
	char number[REPR_MAX];

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		write_object(w, value);
		break;
	case JSON_ARRAY:
		write_list(w, value);
		break;
	case JSON_STRING:
		put_text(w, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		if (w->err == 0) {
			w->err = buf_printf(
				w->out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		}
		break;
	case JSON_REAL:
		put(w, repr_double(number, json_real_value(value)));
		break;
	case JSON_TRUE:
		put(w, "true");
		break;
	case JSON_FALSE:
		put(w, "false");
		break;
	case JSON_NULL:
		put(w, "null");
		break;
	}
}

int json_write(struct buf *out, const json_t *value, enum json_layout layout) {
	struct writer w = {.out = out, .layout = layout};

	write_value(&w, value);
	return w.err;
}
