/* What the directory finds late: told to the engine while there is one. The engine is a double, and so is who knows the users. */
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "directory.h"
#include "engine.h"
#include "settings.h"

#define UID 4711u

static unsigned n_told;
static char told[64];

void engine_tell_user(struct engine *e, uint32_t uid, const char *name) {
	(void)e;
	assert_int_equal(uid, UID);
	snprintf(told, sizeof told, "%s", name);
	n_told++;
}

void engine_set_access(struct engine *e, const struct access_rules *rules) {
	(void)e;
	(void)rules;
}

static int door[2]; /* a byte lets one answer out */

/* The one that the lookup finds. */
int getpwuid_r(
	uid_t uid, struct passwd *resultbuf, char *buffer, size_t buflen, struct passwd **result) {
	static char name[] = "ana";
	char byte;
	(void)buffer;
	(void)buflen;

	*resultbuf = (struct passwd){.pw_uid = uid, .pw_name = name};
	*result = read(door[0], &byte, 1) == 1 ? resultbuf : NULL;
	return 0;
}

struct fixture {
	uv_loop_t loop;
	struct settings settings;
	struct directory *directory;
};

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	n_told = 0;
	assert_int_equal(pipe(door), 0);
	assert_int_equal(uv_loop_init(&f->loop), 0);
	assert_int_equal(directory_open(&f->loop, &f->settings, &f->directory), 0);
	directory_attach(f->directory, (struct engine *)f); /* which nobody looks into */
	*state = f;
	return 0;
}

static void on_closed(void *user) {
	*(bool *)user = true;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	struct closing closing;
	bool closed = false;
	closing_init(&closing, on_closed, &closed);
	directory_close(f->directory, &closing);
	closing_release(&closing);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_true(closed);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f);
	(void)close(door[0]);
	(void)close(door[1]);
	return 0;
}

/* Until the answer has come to the loop. */
static void let_it_answer(struct fixture *f) {
	assert_int_equal(write(door[1], "", 1), 1);
	(void)uv_run(&f->loop, UV_RUN_ONCE);
}

static void what_is_found_late_is_told_to_the_engine(void **state) {
	struct fixture *f = *state;

	assert_null(directory_user_name(f->directory, UID));
	let_it_answer(f);
	assert_int_equal(n_told, 1);
	assert_string_equal(told, "ana");
}

static void an_engine_that_is_gone_is_told_nothing(void **state) {
	struct fixture *f = *state;

	assert_null(directory_user_name(f->directory, UID));
	directory_detach(f->directory);
	let_it_answer(f);
	assert_int_equal(n_told, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
		T(what_is_found_late_is_told_to_the_engine),
		T(an_engine_that_is_gone_is_told_nothing),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("directory", tests, NULL, NULL);
}
