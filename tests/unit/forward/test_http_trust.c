/* Whom to believe when nobody says, on another distribution than libcurl was built on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "http_trust.h"

#define DEBIANS "/etc/ssl/certs/ca-certificates.crt"
#define FEDORAS "/etc/pki/tls/certs/ca-bundle.crt"

static bool everything(const char *path) {
	(void)path;
	return true;
}

static bool nothing(const char *path) {
	(void)path;
	return false;
}

static bool on_fedora(const char *path) {
	return strcmp(path, FEDORAS) == 0;
}

static void a_list_that_libcurl_knows_is_left_to_it(void **state) {
	(void)state;

	assert_null(http_trust_choose(DEBIANS, everything));
	assert_null(http_trust_choose("/opt/own.pem", everything));
	assert_null(http_trust_choose(FEDORAS, on_fedora));
}

static void debians_libcurl_finds_fedoras_list(void **state) {
	(void)state;

	assert_string_equal(http_trust_choose(DEBIANS, on_fedora), FEDORAS);
}

static void a_libcurl_without_a_list_gets_the_distributions(void **state) {
	(void)state;

	assert_string_equal(http_trust_choose(NULL, everything), DEBIANS);
	assert_string_equal(http_trust_choose(NULL, on_fedora), FEDORAS);
}

/* libcurl's own words about that are better than ours. */
static void where_there_is_none_at_all_nothing_is_named(void **state) {
	(void)state;

	assert_null(http_trust_choose(DEBIANS, nothing));
	assert_null(http_trust_choose(NULL, nothing));
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_that_libcurl_knows_is_left_to_it),
		cmocka_unit_test(debians_libcurl_finds_fedoras_list),
		cmocka_unit_test(a_libcurl_without_a_list_gets_the_distributions),
		cmocka_unit_test(where_there_is_none_at_all_nothing_is_named),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("http_trust", tests, NULL, NULL);
}
