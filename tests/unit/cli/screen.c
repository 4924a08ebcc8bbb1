#include "screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

json_t *screen_document(const char *name) {
	char path[512];
	json_error_t error;

	snprintf(path, sizeof(path), "%s/documents/%s.json", SCREENS, name);
	json_t *document = json_load_file(path, 0, &error);
	if (!document) {
		fail_msg("%s: %s", path, error.text);
	}
	return document;
}

static void write_screen(const char *path, const char *text) {
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

void screen_check(const char *text, const char *name) {
	char path[512];
	static char expected[65536];

	assert_non_null(text);
	snprintf(path, sizeof(path), "%s/screens/%s", SCREENS, name);
	if (getenv("UPDATE_SCREENS")) {
		write_screen(path, text);
		return;
	}
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t n = fread(expected, 1, sizeof(expected) - 1, f);
	expected[n] = '\0';
	assert_int_equal(fclose(f), 0);
	assert_string_equal(text, expected);
}
