#include "payload_writer.h"

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
