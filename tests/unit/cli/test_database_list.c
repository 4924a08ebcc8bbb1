/* Several databases. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "database.h"
#include "database_list.h"
#include "document.h"

static char folder[32];

static int make_folder(void **state) {
	(void)state;

	strncpy(folder, "/tmp/sae-test-lists-XXXXXX", sizeof(folder));
	if (!mkdtemp(folder)) {
		return -1;
	}
	return 0;
}

static int remove_folder(void **state) {
	char command[64];
	(void)state;

	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static const char *in_folder(const char *name) {
	static char full[128];

	snprintf(full, sizeof(full), "%s/%s", folder, name);
	return full;
}

static const char *run_text(const json_t *document, size_t index, const char *member) {
	return document_text(json_array_get(document_at(document, "runs"), index), member);
}

static void a_folder_stands_for_its_databases_in_order(void **state) {
	struct database_list list = {0};
	(void)state;

	database_make(in_folder("b.db"), "");
	database_make(in_folder("a.db"), "");
	database_make(in_folder(".hidden.db"), "");
	assert_int_equal(mkdir(in_folder("metrics.db-state"), 0700), 0);
	assert_int_equal(database_list_add(&list, folder), 0);
	assert_int_equal(list.n, 2);
	assert_non_null(strstr(list.paths[0], "/a.db"));
	assert_non_null(strstr(list.paths[1], "/b.db"));
	database_list_finish(&list);
}

static void an_empty_folder_is_an_error_of_its_own(void **state) {
	struct database_list list = {0};
	(void)state;

	assert_int_equal(database_list_add(&list, folder), -ENOENT);
	database_list_finish(&list);
}

static json_t *document_of(const char *id, const char *name, const char *seen) {
	return json_pack("{s:[{ss,ss,ss}]}", "runs", "id", id, "name", name, "last_seen", seen);
}

static void merged_runs_are_ordered_by_activity(void **state) {
	json_t *all = document_of("b", "middle", "2026-01-02T00:00:00Z");
	json_t *newer = document_of("c", "newest", "2026-01-03T00:00:00Z");
	json_t *older = document_of("a", "oldest", "2026-01-01T00:00:00Z");
	(void)state;

	assert_int_equal(database_merge(all, older, "one.db"), 0);
	assert_int_equal(database_merge(all, newer, "two.db"), 0);
	assert_string_equal(run_text(all, 0, "name"), "newest");
	assert_string_equal(run_text(all, 1, "name"), "middle");
	assert_string_equal(run_text(all, 2, "name"), "oldest");
	assert_string_equal(run_text(all, 0, "database"), "two.db");
	json_decref(all);
	json_decref(newer);
	json_decref(older);
}

static void a_run_in_two_files_is_shown_as_seen_last(void **state) {
	json_t *all = document_of("a", "as copied", "2026-01-01T00:00:00Z");
	json_t *newer = document_of("a", "as it is", "2026-01-02T00:00:00Z");
	json_t *older = document_of("a", "as it was", "2025-01-01T00:00:00Z");
	(void)state;

	assert_int_equal(database_merge(all, newer, "one.db"), 0);
	assert_int_equal(database_merge(all, older, "two.db"), 0);
	assert_int_equal(json_array_size(document_at(all, "runs")), 1);
	assert_string_equal(run_text(all, 0, "name"), "as it is");
	json_decref(all);
	json_decref(newer);
	json_decref(older);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
	static const struct CMUnitTest tests[] = {
		TEST(a_folder_stands_for_its_databases_in_order),
		TEST(an_empty_folder_is_an_error_of_its_own),
		cmocka_unit_test(merged_runs_are_ordered_by_activity),
		cmocka_unit_test(a_run_in_two_files_is_shown_as_seen_last),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("database_list", tests, NULL, NULL);
}
