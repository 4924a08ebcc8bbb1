/* A file of its own: jansson has a json_is_object, too, and jsontext.h cannot be seen beside it. */
#include "payload_writer.h"

#include <errno.h>

#include <jansson.h>

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
