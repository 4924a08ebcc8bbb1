/* What a program that forbade it leaves behind when it dies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "coredump.h"

static void a_process_that_forbade_it_dumps_no_core(void **state) {
	int status = 0;
	(void)state;

	pid_t pid = fork();
	if (pid == 0) {
		struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
		(void)setrlimit(RLIMIT_CORE, &limit); /* where one may */
		if (coredump_forbid() == 0 && prctl(PR_GET_DUMPABLE) == 0) {
			abort();
		}
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_false(WCOREDUMP(status));
	assert_int_equal(prctl(PR_GET_DUMPABLE), 1); /* only who asked */
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_that_forbade_it_dumps_no_core),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("coredump", tests, NULL, NULL);
}
