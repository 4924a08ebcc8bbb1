#include "payload_writer.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "jsontext.h"

void payload_begin(struct payload_writer *w, struct buf *out) {
	*w = (struct payload_writer){.out = out, .begin = out->len};
}

int payload_end(struct payload_writer *w) {
	if (w->err < 0) {
		w->out->len = w->begin;
	}
	return w->err;
}

void payload_put_part(struct payload_writer *w, struct text json) {
	if (w->err == 0) {
		w->err = buf_append(w->out, json.data, json.len);
	}
}

void payload_put(struct payload_writer *w, const char *json) {
	payload_put_part(w, text_of(json, strlen(json)));
}

void payload_put_text(struct payload_writer *w, const char *text) {
	if (text == NULL) {
		payload_put(w, "null");
	} else if (w->err == 0) {
		w->err = json_write_text(w->out, text_of(text, strlen(text)));
	}
}

void payload_put_integer(struct payload_writer *w, int64_t integer) {
	if (w->err == 0) {
		w->err = buf_printf(w->out, "%lld", (long long)integer);
	}
}

static int check_texts(const char *json) {
	json_error_t error;
	json_t *list = json_loads(json, 0, &error);

	if (list == NULL) {
		return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EINVAL;
	}
	int err = json_is_array(list) ? 0 : -EINVAL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!json_is_string(json_array_get(list, i))) {
			err = -EINVAL;
		}
	}
	json_decref(list);
	return err;
}

void payload_put_texts(struct payload_writer *w, const char *json) {
	if (json != NULL && w->err == 0) {
		w->err = check_texts(json);
	}
	payload_put(w, json != NULL ? json : "null");
}
