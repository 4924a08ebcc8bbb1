/* What is not found when something is to be sent is said, and nothing else happens. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "libcurl.h"

static void a_library_that_is_not_there_is_named(void **state) {
	struct libcurl curl = {0};
	char words[256] = "";
	(void)state;

	assert_int_equal(libcurl_load("libcurl-of-nobody.so.4", &curl, words), -ELIBACC);
	assert_non_null(strstr(words, "libcurl-of-nobody.so.4"));
	assert_null(curl.easy_init);
}

static void a_library_without_a_function_that_is_needed_is_not_used_and_the_function_named(
	void **state) {
	struct libcurl curl = {0};
	char words[256] = "";
	(void)state;

	assert_int_equal(libcurl_load("libm.so.6", &curl, words), -ELIBACC);
	assert_non_null(strstr(words, "curl_global_init"));
	assert_null(curl.easy_init);
}

/* The one that the program itself asks for. */
static void every_function_is_libcurls_own(void **state) {
	struct libcurl curl;
	char words[256] = "";
	(void)state;

	assert_int_equal(libcurl_load("libcurl.so.4", &curl, words), 0);
	CURLU *url = curl.url();
	char *host = NULL;
	assert_int_equal(curl.url_set(url, CURLUPART_URL, "https://api.example/x", 0), CURLUE_OK);
	assert_int_equal(curl.url_get(url, CURLUPART_HOST, &host, 0), CURLUE_OK);
	assert_string_equal(host, "api.example");
	curl.free(host);
	curl.url_cleanup(url);
	assert_string_equal(curl.easy_strerror(CURLE_OK), "No error");
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_library_that_is_not_there_is_named),
		cmocka_unit_test(
			a_library_without_a_function_that_is_needed_is_not_used_and_the_function_named),
		cmocka_unit_test(every_function_is_libcurls_own),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("libcurl", tests, NULL, NULL);
}
