/* The protocol's own table says what each field may be, and its own rules what must fit together. */
#include "opening_check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "open_check.h"
#include "open_fields.h"
#include "opening.h"
#include "text.h"

bool opening_fail(char *words, const char *format, ...) {
	va_list args;

	va_start(args, format);
	vsnprintf(words, OPENING_WORDS_SIZE, format, args);
	va_end(args);
	return false;
}

static bool check_text(const struct open_field *field, struct text text, char *words) {
	bool is_name = field->kind == OPEN_NAME || field->kind == OPEN_NAMES;

	if (text.len < field->min || text.len > field->max) {
		return opening_fail(words, "%s: %zu bytes, expected %llu to %llu", field->key,
			text.len, (unsigned long long)field->min, (unsigned long long)field->max);
	}
	const char *flaw = text_flaw(text, is_name);
	return flaw == NULL || opening_fail(words, "%s %s", field->key, flaw);
}

static bool check_texts(
	const struct open_field *field, const struct text *items, uint32_t n, char *words) {
	for (uint32_t i = 0; i < n; i++) {
		if (!check_text(field, items[i], words)) {
			return false;
		}
	}
	return true;
}

static bool check_number(const struct open_field *field, uint64_t number, char *words) {
	if (number == 0 || (number >= field->min && number <= field->max)) {
		return true;
	}
	return opening_fail(words, "%s is %llu; expected %llu to %llu%s", field->key,
		(unsigned long long)number, (unsigned long long)field->min,
		(unsigned long long)field->max, field->because == NULL ? "" : field->because);
}

static bool check_densities(
	const struct open_field *field, const double *densities, uint32_t n, char *words) {
	for (uint32_t i = 0; i < n; i++) {
		if (!(densities[i] > 0 && densities[i] <= 1)) {
			return opening_fail(words,
				"%s holds %g; expected densities above 0 and up to 1", field->key,
				densities[i]);
		}
	}
	return true;
}

static bool check_field(const struct open_field *field, const struct msg_open *m, char *words) {
	const void *value = (const char *)m + field->value;
	const void *given = (const char *)m + field->given;

	switch (field->kind) {
	case OPEN_NAME:
	case OPEN_TEXT: {
		struct text text = *(const struct text *)value;
		return text.data == NULL || check_text(field, text, words);
	}
	case OPEN_U32:
		return check_number(field, *(const uint32_t *)value, words);
	case OPEN_U64:
		return check_number(field, *(const uint64_t *)value, words);
	case OPEN_FLOAT:
		return isfinite(*(const double *)value) ||
		       opening_fail(words, "%s is not finite", field->key);
	case OPEN_NAMES:
	case OPEN_TEXTS:
		return check_texts(field, value, *(const uint32_t *)given, words);
	case OPEN_FLOATS:
		return check_densities(field, value, *(const uint32_t *)given, words);
	case OPEN_ID:
	case OPEN_BOOL:
		break;
	}
	return true;
}

static bool check_config(struct text config, char *words) {
	size_t i = 0;

	while (i < config.len && strchr(" \t\r\n", config.data[i]) != NULL) {
		i++;
	}
	return config.data == NULL || (i < config.len && config.data[i] == '{') ||
	       opening_fail(words, "config: expected a JSON object");
}

bool opening_check(const struct msg_open *m, char *words) {
	struct decode_error error;

	for (uint32_t i = 0; i < open_fields_count; i++) {
		if (!check_field(&open_fields[i], m, words)) {
			return false;
		}
	}
	if (!open_check(m, &error)) {
		return opening_fail(words, "%s", error.words);
	}
	return check_config(m->config, words);
}
