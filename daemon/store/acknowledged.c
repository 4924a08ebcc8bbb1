#include "acknowledged.h"

#include <string.h>

void acknowledged_read(struct report *r, const struct report_run *run) {
	json_t *list = json_array();
	sqlite3_stmt *st = report_query_again(r,
		"SELECT kind, words, attempt, who AS \"by\", time AS \"at:time\" FROM "
		"acknowledged_data WHERE run = ? ORDER BY n",
		1, run->n);
	while (report_next(r, &st)) {
		json_t *row = json_object();
		report_append(r, list, row);
		report_take_row(r, st, row);
	}
	if (json_array_size(list) > 0) {
		report_set(r, run->object, "acknowledgements", list);
	} else {
		json_decref(list);
	}
}

static const char *text(const json_t *object, const char *key) {
	const char *value = json_string_value(json_object_get(object, key));
	return value != NULL ? value : "";
}

/* Times are written alike: what is earlier is less. */
static bool knows_of(const json_t *ack, const json_t *alert, const json_t *attempt) {
	const char *since = text(alert, "since");
	if (strcmp(text(ack, "kind"), text(alert, "kind")) != 0) {
		return false;
	}
	if (since[0] != '\0') {
		return strcmp(since, text(ack, "at")) <= 0;
	}
	return strcmp(text(ack, "words"), text(alert, "words")) == 0 &&
	       json_equal(json_object_get(ack, "attempt"), attempt);
}

void acknowledged_mark(json_t *run) {
	const json_t *list = json_object_get(run, "acknowledgements");
	size_t i, at;
	json_t *alert, *ack;

	json_array_foreach(json_object_get(run, "alerts"), i, alert) {
		json_array_foreach(list, at, ack) {
			if (knows_of(ack, alert, json_object_get(run, "attempt"))) {
				json_object_set_new(alert, "acknowledged",
					json_pack("{s:O, s:O}", "by", json_object_get(ack, "by"),
						"at", json_object_get(ack, "at")));
			}
		}
	}
}
