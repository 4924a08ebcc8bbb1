#include "document.h"

#include <math.h>
#include <string.h>
#include <time.h>

const json_t *document_at(const json_t *object, const char *path) {
	while (object && *path) {
		size_t len = strcspn(path, ".");
		object = json_object_getn(object, path, len);
		path += len;
		path += *path == '.';
	}
	return object;
}

const json_t *document_member(const json_t *object, const char *key, size_t len) {
	const json_t *found = json_object_getn(object, key, len);

	for (size_t at = 0; found == NULL && at < len; at++) {
		if (key[at] == '.') {
			found = document_member(
				json_object_getn(object, key, at), key + at + 1, len - at - 1);
		}
	}
	return found;
}

bool document_number(const json_t *object, const char *path, double *ret) {
	static const struct {
		const char *word;
		double value;
	} words[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
	const json_t *value = document_at(object, path);

	if (json_is_number(value)) {
		*ret = json_number_value(value);
		return true;
	}
	for (size_t i = 0; json_is_string(value) && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(json_string_value(value), words[i].word) == 0) {
			*ret = words[i].value;
			return true;
		}
	}
	return false;
}

double document_count(const json_t *object, const char *path) {
	const json_t *value = document_at(object, path);

	return json_is_number(value) ? json_number_value(value) : 0;
}

const char *document_text(const json_t *object, const char *path) {
	return json_string_value(document_at(object, path));
}

bool document_true(const json_t *object, const char *path) {
	return json_is_true(document_at(object, path));
}

bool document_time(const json_t *object, const char *path, double *ret) {
	const char *text = document_text(object, path);
	struct tm tm = {0};
	const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

	if (!rest) {
		return false;
	}
	*ret = (double)timegm(&tm);
	if (*rest == '.') {
		double scale = 0.1;
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, scale /= 10) {
			*ret += (*rest - '0') * scale;
		}
	}
	return true;
}
