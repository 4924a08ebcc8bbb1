/* Retention's pace, with a store that does what the test says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine_private.h"
#include "log.h"

/* ---- in place of the store, and of what is not asked here ---- */

static struct {
	struct trim *trim;
	store_trim_fn on_trimmed; /* NULL: no turn is under way */
	void *user;
	int logs_emptied;
} store;

void store_empty_log(struct store *s) {
	(void)s;
	store.logs_emptied++;
}

int store_trim(struct store *s, struct trim *trim, store_trim_fn on_trimmed, void *user) {
	(void)s;
	store.trim = trim;
	store.on_trimmed = on_trimmed;
	store.user = user;
	return 0;
}

int store_find_removed(struct store *s, const char *run_id, const struct viewer *viewer,
	bool *ret_found, char ret_words[256]) {
	(void)s;
	(void)run_id;
	(void)viewer;
	(void)ret_words;
	*ret_found = false;
	return 0;
}

struct run *registry_find(struct registry *r, const char *run_id) {
	(void)r;
	(void)run_id;
	return NULL;
}

const char *run_id(const struct run *run) {
	(void)run;
	return "";
}

uint32_t run_uid(const struct run *run) {
	(void)run;
	return 0;
}

void run_tell(struct run *run, const char *kind, const char *words, struct instant now) {
	(void)run;
	(void)kind;
	(void)words;
	(void)now;
}

bool engine_is_removing(const struct engine *e, const char *run_id) {
	(void)e;
	(void)run_id;
	return false;
}

struct instant engine_now(void) {
	return (struct instant){0};
}

bool forward_look(
	const struct forward *f, const char *run_id, double now, struct forward_view *ret) {
	(void)f;
	(void)run_id;
	(void)now;
	(void)ret;
	return false;
}

/* ---- turns ---- */

static uv_loop_t loop;
static struct engine engine;

static int setup(void **state) {
	const struct retention policy = {.steps_s = RETENTION_FOREVER,
		.windows_s = RETENTION_FOREVER,
		.runs_s = 1,
		.max_db_bytes = UINT64_MAX};
	(void)state;
	log_set_level(LOG_LEVEL_ERROR - 1); /* the failures are meant */
	memset(&store, 0, sizeof store);
	memset(&engine, 0, sizeof engine);
	assert_int_equal(uv_loop_init(&loop), 0);
	engine.loop = &loop;
	engine_retention_open(&engine, &policy);
	return 0;
}

static int teardown(void **state) {
	(void)state;
	engine_retention_finish(&engine);
	uv_close(engine_retention_handle(&engine), NULL);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop);
}

static void begin_turn(void) {
	while (store.on_trimmed == NULL) {
		assert_true(uv_run(&loop, UV_RUN_ONCE) != 0 || store.on_trimmed != NULL);
	}
}

static void end_turn(int result) {
	store_trim_fn on_trimmed = store.on_trimmed;
	store.on_trimmed = NULL;
	on_trimmed(store.user, result, 0);
}

/* The next turn is one that may remove the run r. */
static void ask_about_r(void) {
	begin_turn();
	snprintf(store.trim->asked.id, sizeof store.trim->asked.id, "r");
	end_turn(TRIM_ASKS);
	assert_true(engine_retention_takes(&engine, "r"));
	begin_turn();
	assert_true(store.trim->may_remove);
}

static void a_run_that_may_be_opened_again_may_not_be_removed_any_more(void **state) {
	/* How a turn ends in which the run was not removed. */
	static const int results[] = {TRIM_WAITS, TRIM_MORE, TRIM_DONE, -ENOSPC, -EIO};
	(void)state;
	for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
		ask_about_r();
		end_turn(results[i]);
		assert_false(engine_retention_takes(&engine, "r"));
		assert_false(store.trim->may_remove);
		engine.retention.pass_at_ms = 0;
		engine_set_retention(&engine, &engine.retention.policy); /* at once */
	}
}

/* On a host where nobody trains no commit would have it emptied. */
static void a_log_that_a_reader_kept_is_emptied_by_whoever_waits_for_it(void **state) {
	(void)state;
	begin_turn();
	end_turn(TRIM_MORE);
	assert_int_equal(store.logs_emptied, 0);
	begin_turn();
	end_turn(TRIM_WAITS);
	assert_int_equal(store.logs_emptied, 1);
}

int main(void) {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_run_that_may_be_opened_again_may_not_be_removed_any_more),
		T(a_log_that_a_reader_kept_is_emptied_by_whoever_waits_for_it),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("retention", tests, NULL, NULL);
}
