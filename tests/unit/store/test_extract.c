/* What is kept of a run, page by page: all of it, once, and nothing of anybody else's. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "extract.h"
#include "rig.h"

static char words[256];

/* A run of uid 1000 whose lines have a key of its own. */
static void commit_run(const char *id, const char *key, uint32_t n_lines, bool is_private) {
	struct run_cut *cut = cut_create(id, n_lines);
	cut->row.is_private = is_private;
	for (uint32_t i = 0; i < n_lines; i++) {
		struct change_line *line = cut_line(cut, i, i, 1);
		line->entries[0] = (struct line_entry){key, LINE_LOG, value_int(i)};
	}
	cut_commit(cut);
}

static int page_of(
	const char *run, const char *table, const char *after, size_t bytes, json_t **ret) {
	const struct extract_query query = {.run_part = run,
		.viewer = {.uid = 1000},
		.table = table,
		.after = after,
		.page_bytes = bytes};
	struct buf text = {0};
	int result = extract_page(db.sql, &query, &text, words);
	*ret = result == 0 ? json_loadb((const char *)text.data, text.len, 0, NULL) : NULL;
	assert_true((result == 0) == (*ret != NULL));
	assert_true((result == 0) == (text.len > 0));
	buf_finish(&text);
	return result;
}

static void pages_have_every_row_once_and_in_order_however_small_they_are(void **state) {
	(void)state;
	commit_run("run1", "loss", 50, false);
	static const size_t sizes[] = {1, 100, 333, 1u << 20};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		char after[EXTRACT_AFTER_MAX + 1] = "";
		int64_t n = 0, n_pages = 0;
		bool more = true;
		while (more) {
			json_t *page, *row;
			size_t k;
			assert_int_equal(
				page_of("run1", "history_data", after, sizes[i], &page), 0);
			json_array_foreach(json_object_get(page, "rows"), k, row) {
				/* run, step, attempt, line, key, source, kind, value, text */
				assert_int_equal(json_integer_value(json_array_get(row, 1)), n);
				assert_int_equal(json_integer_value(json_array_get(row, 7)), n);
				n++;
			}
			const char *next = json_string_value(json_object_get(page, "next"));
			more = next != NULL;
			snprintf(after, sizeof after, "%s", more ? next : "");
			json_decref(page);
			n_pages++;
		}
		assert_int_equal(n, 50);
		assert_true(sizes[i] == 1 ? n_pages >= 50 : sizes[i] < 1000 || n_pages == 1);
	}
}

static void a_page_names_the_keys_of_its_own_rows_alone(void **state) {
	(void)state;
	commit_run("run1", "loss", 2, false);
	commit_run("run2", "a-secret-of-another-run", 2, false);
	json_t *page;
	assert_int_equal(page_of("run1", "history_data", NULL, 0, &page), 0);
	json_t *keys = json_object_get(page, "keys");
	assert_int_equal(json_object_size(keys), 1);
	assert_string_equal(
		json_string_value(json_object_iter_value(json_object_iter(keys))), "loss");
	assert_int_equal(json_array_size(json_object_get(page, "rows")), 2);
	json_decref(page);
}

static void a_run_that_may_not_be_seen_is_none(void **state) {
	(void)state;
	commit_run("secret", "loss", 2, true);
	const struct extract_query joes = {
		.run_part = "secret", .viewer = {.uid = 1001}, .table = "runs_data"};
	struct buf text = {0};
	json_t *page;
	assert_int_equal(extract_page(db.sql, &joes, &text, words), EXTRACT_NO_SUCH_RUN);
	assert_string_equal(words, "no run fits 'secret'");
	assert_int_equal(text.len, 0);
	assert_int_equal(page_of("secret", "runs_data", NULL, 0, &page), 0);
	json_decref(page);
}

static void an_id_is_that_run_whatever_others_are_called(void **state) {
	(void)state;
	commit_run("run1", "loss", 1, false);
	struct run_cut *cut = cut_create("mine", 1);
	cut->row.name = "run1";
	cut_commit(cut);
	json_t *page;
	assert_int_equal(page_of("run1", "runs_data", NULL, 0, &page), 0);
	assert_string_equal(json_string_value(json_object_get(page, "id")), "run1");
	json_decref(page);
}

/* Lines of run1, each with all three names. */
static void commit_norms(uint32_t n_lines) {
	static const char *const keys[] = {"loss", "train/grad_norm", "GradientNorm"};
	struct run_cut *cut = cut_create("run1", n_lines);

	for (uint32_t i = 0; i < n_lines; i++) {
		struct change_line *line = cut_line(cut, i, i, 3);
		for (size_t k = 0; k < 3; k++) {
			line->entries[k] = (struct line_entry){keys[k], LINE_LOG, value_int(i)};
		}
	}
	cut_commit(cut);
}

static void of_the_history_the_norms_of_gradients_are_a_part(void **state) {
	(void)state;
	commit_norms(50);
	commit_run("run2", "another/grad_norm", 2, false);
	static const size_t page_rows[] = {1, 7, 150, 0};
	static const size_t n_pages[] = {151, 22, 2, 1};
	for (size_t i = 0; i < sizeof page_rows / sizeof page_rows[0]; i++) {
		struct extract_query query = {.run_part = "run1",
			.viewer = {.uid = 1000},
			.table = "gradient_norms",
			.page_rows = page_rows[i]};
		char after[EXTRACT_AFTER_MAX + 1] = "";
		size_t n = 0, pages = 0, k;
		for (bool more = true; more; pages++) {
			struct buf text = {0};
			query.after = after;
			assert_int_equal(extract_page(db.sql, &query, &text, words), 0);
			const char *number;
			json_t *row, *name;
			json_t *page = json_loadb((const char *)text.data, text.len, 0, NULL);
			assert_string_equal(
				json_string_value(json_object_get(page, "table")), "history_data");
			assert_int_equal(json_array_size(json_object_get(page, "columns")), 9);
			json_object_foreach(json_object_get(page, "keys"), number, name) {
				assert_true(strstr(json_string_value(name), "rad") != NULL);
			}
			json_array_foreach(json_object_get(page, "rows"), k, row) {
				assert_int_equal(json_array_size(row), 9);
				assert_int_equal(json_integer_value(json_array_get(row, 1)), n / 2);
				n++;
			}
			const char *next = json_string_value(json_object_get(page, "next"));
			more = next != NULL;
			snprintf(after, sizeof after, "%s", more ? next : "");
			json_decref(page);
			buf_finish(&text);
		}
		assert_int_equal(n, 100);
		assert_int_equal(pages, n_pages[i]);
	}
}

static void only_what_is_the_runs_is_handed_out(void **state) {
	(void)state;
	commit_run("run1", "loss", 1, false);
	static const char *const not [] = {"meta", "keys_data", "run_state", "streams_data",
		"removed_runs_data", "runs", "runs_data; DROP TABLE meta", ""};
	json_t *page;
	for (size_t i = 0; i < sizeof not / sizeof not [0]; i++) {
		assert_int_equal(page_of("run1", not [i], NULL, 0, &page), -EINVAL);
		assert_non_null(strstr(words, "there is no table"));
	}
}

static void a_place_that_is_none_is_said(void **state) {
	(void)state;
	commit_run("run1", "loss", 1, false);
	static const char *const not [] = {
		"x", "1", "1,2,3", "1,2,3,4,5", "1,2,3,", "1,2,3,x", "99999999999999999999,1,1,1"};
	json_t *page;
	for (size_t i = 0; i < sizeof not / sizeof not [0]; i++) {
		assert_int_equal(page_of("run1", "history_data", not [i], 0, &page), -EINVAL);
		assert_string_equal(words, "there is no such place in the table");
	}
	assert_int_equal(page_of("run1", "runs_data", "1", 0, &page), -EINVAL);
}

static void what_is_no_text_is_damage(void **state) {
	(void)state;
	commit_run("run1", "loss", 1, false);
	assert_int_equal(sqlite3_exec(db.sql, "UPDATE runs_data SET name = CAST(x'ff' AS TEXT)",
				 NULL, NULL, NULL),
		SQLITE_OK);
	json_t *page;
	assert_int_equal(page_of("run1", "runs_data", NULL, 0, &page), -EBADMSG);
	assert_string_equal(words, "the database cannot be read");
}

static void values_that_json_has_not_come_as_objects(void **state) {
	(void)state;
	commit_run("run1", "loss", 1, false);
	assert_int_equal(
		sqlite3_exec(db.sql, "UPDATE runs_data SET started = 9e999, last_seen = -9e999",
			NULL, NULL, NULL),
		SQLITE_OK);
	json_t *page;
	assert_int_equal(page_of("run1", "runs_data", NULL, 0, &page), 0);
	char *text = json_dumps(page, 0);
	assert_non_null(strstr(text, "{\"real\": \"Infinity\"}"));
	assert_non_null(strstr(text, "{\"real\": \"-Infinity\"}"));
	free(text);
	json_decref(page);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
		T(pages_have_every_row_once_and_in_order_however_small_they_are),
		T(a_page_names_the_keys_of_its_own_rows_alone),
		T(of_the_history_the_norms_of_gradients_are_a_part),
		T(a_run_that_may_not_be_seen_is_none),
		T(an_id_is_that_run_whatever_others_are_called),
		T(only_what_is_the_runs_is_handed_out),
		T(a_place_that_is_none_is_said),
		T(values_that_json_has_not_come_as_objects),
		T(what_is_no_text_is_damage),
#undef T
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("extract", tests, NULL, NULL);
}
