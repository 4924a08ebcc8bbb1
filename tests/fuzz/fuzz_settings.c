/* Whatever a file holds: what is wrong is told as a terminal can bear it, each value is what its own text would be read as again, and
 * one that is good is good a second time. */
#include "fuzz.h"

#include <string.h>

#include "settings_private.h"
#include "text.h"

static unsigned n_problems;

static void on_words(void *user, const char *words) {
	(void)user;
	n_problems++;
	HOLDS(text_flaw(text_of(words, strlen(words)), true) == NULL);
}

/* 0 or below. */
static int load(const char *text, size_t len, struct settings *ret) {
	const struct settings_options options = {.is_system = true, .on_remark = NULL};
	struct settings_loading l = {.settings = ret, .options = &options, .on_problem = on_words};

	n_problems = 0;
	settings_read_text(&l, "conf", text, len);
	HOLDS((l.err < 0) == (n_problems > 0));
	return l.err;
}

struct rows {
	char *text;
	size_t len, size;
};

/* As a file's lines. A proxy's address without its password is not what it was. */
static void on_row(void *user, const struct settings_row *row) {
	struct rows *rows = user;
	const char *dot = strrchr(row->name, '.');
	bool is_hidden = row->value == NULL || strstr(row->value, "***") != NULL;

	if (row->file == NULL || is_hidden) {
		return;
	}
	int len = snprintf(rows->text + rows->len, rows->size - rows->len, "[%.*s]\n%s = %s\n",
		(int)(dot - row->name), row->name, dot + 1, row->value);
	HOLDS(len > 0 && (size_t)len < rows->size - rows->len);
	rows->len += (size_t)len;
}

/* The rows of one that was good are good, and the same. */
static void check_again(const struct settings *s) {
	struct rows first = {.size = 1u << 20}, second = {.size = 1u << 20};
	struct settings again = {0};

	first.text = calloc(1, first.size);
	second.text = calloc(1, second.size);
	settings_each(s, on_row, &first);
	HOLDS(load(first.text, first.len, &again) == 0);
	settings_each(&again, on_row, &second);
	HOLDS(first.len == second.len && memcmp(first.text, second.text, first.len) == 0);
	settings_finish(&again);
	free(first.text);
	free(second.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct settings s = {0};

	if (load((const char *)data, size, &s) == 0) {
		check_again(&s);
	}
	settings_finish(&s);
	return 0;
}
