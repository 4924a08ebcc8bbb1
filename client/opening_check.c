/* The protocol's own table says what each field may be; what it cannot say stands below it. */
#include "opening_check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

static bool check_choice(const char *key, struct text text, const char *const *choices,
	const char *expected, char *words) {
	char quote[TEXT_QUOTE_SIZE];

	if (text.data == NULL) {
		return true;
	}
	for (size_t i = 0; choices[i] != NULL; i++) {
		if (text_is(text, choices[i])) {
			return true;
		}
	}
	return opening_fail(
		words, "%s is \"%s\"; expected %s", key, text_quote(text, quote), expected);
}

static bool check_run(struct text run, char *words) {
	char quote[TEXT_QUOTE_SIZE];

	for (size_t i = 0; i < run.len; i++) {
		char c = run.data[i];
		bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			       (c >= '0' && c <= '9') || c == '_' || c == '-';
		if (!allowed) {
			return opening_fail(words,
				"run is \"%s\"; expected letters, digits, _ and -",
				text_quote(run, quote));
		}
	}
	return true;
}

static bool check_ranks(const struct msg_open *m, char *words) {
	if (m->rank >= m->world_size) {
		return opening_fail(words, "rank is %u; expected less than world_size, which is %u",
			m->rank, m->world_size);
	}
	return m->global_rank < m->global_world_size ||
	       opening_fail(words,
		       "global_rank is %u; expected less than global_world_size, which is %u",
		       m->global_rank, m->global_world_size);
}

static bool check_scalars(const struct msg_open *m, char *words) {
	char quote[TEXT_QUOTE_SIZE];

	for (uint32_t i = 1; i < m->n_scalars; i++) {
		for (uint32_t k = 0; k < i; k++) {
			if (text_equal(m->scalars[i], m->scalars[k])) {
				return opening_fail(words,
					"scalars has \"%s\" twice; expected each name once",
					text_quote(m->scalars[i], quote));
			}
		}
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
	static const char *const resumes[] = {"never", "allow", "must", NULL};
	static const char *const profiles[] = {"prisma", "saelens", "native", NULL};

	for (uint32_t i = 0; i < open_fields_count; i++) {
		if (!check_field(&open_fields[i], m, words)) {
			return false;
		}
	}
	return check_run(m->run, words) && check_ranks(m, words) && check_scalars(m, words) &&
	       check_config(m->config, words) &&
	       check_choice("resume", m->resume, resumes, "never, allow or must", words) &&
	       check_choice("profile", m->profile, profiles, "prisma, saelens or native", words);
}
