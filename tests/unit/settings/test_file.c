/* The file's own grammar: what counts as a line, and that each bad one is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define A44 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define KNOWN                                                                                      \
	"base_url, app_url, entity, project, mode, extra_metrics, x_axis, transmit_interval, "     \
	"heartbeat_interval, request_timeout, requests_per_s, key_file, proxy_http, proxy_https, " \
	"ca_file, ca_directory, insecure_tls, allow_insecure_http"

static void lines_are_read_as_people_write_them(void **state) {
	struct rig *r = *state;

	rig_load(r, "\xef\xbb\xbf# of this host\r\n"
		    "; another comment = none\r\n"
		    "\r\n"
		    "  [wandb]\t; for W&B\r\n"
		    "entity=a\r\n"
		    "\tproject  =  b;c d ; said later\r\n"
		    "mode: offline\r\n"
		    "    ; an indented comment\n"
		    "    x_axis = tokens");
	rig_assert_good(r);
	assert_string_equal(r->settings.wandb.entity, "a");
	assert_string_equal(r->settings.wandb.project, "b;c d");
	assert_int_equal(r->settings.wandb.mode, WANDB_MODE_OFFLINE);
	assert_int_equal(r->settings.wandb.x_axis, WANDB_X_AXIS_TOKENS);
	rig_assert_source(r, "project", "FILE:6");
	rig_assert_source(r, "x_axis", "FILE:9");
}

static void an_address_may_hold_what_separates_elsewhere(void **state) {
	struct rig *r = *state;

	rig_load_line(r, "proxy_https = http://joe:a=b;c@proxy:3128");
	rig_assert_good(r);
	assert_string_equal(r->settings.wandb.proxy_https, "http://joe:a=b;c@proxy:3128");
}

static void all_that_is_wrong_is_told_at_once(void **state) {
	struct rig *r = *state;

	rig_load(r, "mode = online\n"
		    "[wandb]\n"
		    "api_key = 0123456789012345678901234567890123456789\n"
		    "mode = on line\n"
		    "just words\n"
		    "more words\n"
		    "entity = a\n"
		    "entity = b\n"
		    "[wandb\n"
		    "project =\n"
		    "[alarms]\n"
		    "on = nan\n"
		    "nonsense\n"
		    "[wandb]\n"
		    "x_axis = time\n"
		    "the last");
	rig_assert_told(r, "1: expected a section before it: [wandb]\n"
			   "3: a key for W&B is never in here: it goes into a file of its own "
			   "(key_file), or to the service (sae-metricsd(8))\n"
			   "4: mode: expected online, offline or off\n"
			   "5: expected NAME = VALUE\n"
			   "6: expected NAME = VALUE\n"
			   "8: entity: was given in line 7 already\n"
			   "9: expected [SECTION]\n"
			   "10: project: expected a name without any of / \\ # ? % :\n"
			   "11: there is no section [alarms], but " SECTIONS "\n"
			   "15: x_axis: expected step or tokens\n"
			   "16: expected NAME = VALUE\n");
}

static void a_key_given_twice_is_told_across_sections_too(void **state) {
	struct rig *r = *state;

	rig_load(r, "[wandb]\nmode = off\n[wandb]\nmode = off\nmode = off\n");
	rig_assert_told(r, "4: mode: was given in line 2 already\n"
			   "5: mode: was given in line 2 already\n");
}

static void names_are_told_as_a_terminal_can_bear_them(void **state) {
	struct rig *r = *state;
	char line[160];

	rig_load(r, "[\x1b[31m]\n[an overlong name of a section that goes on and on and on]\n[]\n");
	rig_assert_told(r, "1: there is no section [?[31m], but " SECTIONS "\n"
			   "2: there is no section [an overlong name of a section that goes on "
			   "a...], but " SECTIONS "\n"
			   "3: there is no section [], but " SECTIONS "\n");
	memset(line, 'a', 100);
	memcpy(line + 100, "\x1b = b", 6);
	rig_load_line(r, line);
	assert_null(strchr(r->problems, '\x1b'));
	rig_load_line(r, "= b");
	rig_assert_told(r, "2: there is no \"\" in [wandb], but " KNOWN "\n");
}

static void a_line_that_is_no_text_is_told(void **state) {
	static const char nul[] = "[wandb]\nentity = a\0b\nmode = off\n";
	struct rig *r = *state;

	rig_load_bytes(r, nul, sizeof nul - 1);
	rig_assert_told(r, "2: the line holds a NUL\n");
	rig_load_line(r, "entity = \xff");
	rig_assert_told(r, "2: the line is not UTF-8\n");
	rig_load_line(r, "entity = a\x01");
	rig_assert_told(r, "2: entity: expected a name without any of / \\ # ? % :\n");
}

static void a_line_is_whole_or_told(void **state) {
	struct rig *r = *state;
	char line[400];

	/* How long one may be is up to inih's build; Debian's takes 197 bytes. */
	memset(line, 'a', sizeof line);
	memcpy(line, "entity = ", 9);
	line[150] = '\0';
	rig_load_line(r, line);
	rig_assert_good(r);
	assert_int_equal(strlen(r->settings.wandb.entity), 141);
	for (size_t len = 190; len < 210; len++) {
		memset(line, 'a', sizeof line);
		memcpy(line, "entity = ", 9);
		line[len] = '\0';
		rig_load_line(r, line);
		if (r->result == 0) {
			assert_int_equal(strlen(r->settings.wandb.entity), len - 9);
		} else {
			char words[64];
			snprintf(words, sizeof words, "2: the line has %zu bytes, there may be ",
				len);
			assert_memory_equal(r->problems, words, strlen(words));
		}
	}
}

static void a_heading_may_have_any_length_and_is_told(void **state) {
	struct rig *r = *state;
	static char text[60000];

	memset(text, 'a', sizeof text);
	text[0] = '[';
	memcpy(text + sizeof text - 11, "\n[wandb]\nx\n", 11);
	rig_load_bytes(r, text, sizeof text);
	rig_assert_told(r, "1: expected [SECTION]\n3: expected NAME = VALUE\n");
	text[sizeof text - 12] = ']';
	rig_load_bytes(r, text, sizeof text);
	rig_assert_told(r, "1: there is no section [" A44 "...], but " SECTIONS "\n"
			   "3: expected NAME = VALUE\n");
}

static void an_endless_file_is_not_read_to_its_end(void **state) {
	struct rig *r = *state;

	rig_load_as(r, (struct settings_options){.file = "/dev/zero"});
	rig_assert_told(r, "/dev/zero: has more than 65536 bytes\n");
}

static void every_beginning_of_a_file_is_read_without_harm(void **state) {
	static const char text[] = "\xef\xbb\xbf[wandb]\n mode = off ; c\n# x\n[a]\nb\n[wandb]\nq";
	struct rig *r = *state;

	for (size_t len = 0; len < sizeof text; len++) {
		rig_load_bytes(r, text, len);
	}
	rig_assert_told(
		r, "4: there is no section [a], but " SECTIONS "\n7: expected NAME = VALUE\n");
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(lines_are_read_as_people_write_them),
		T(an_address_may_hold_what_separates_elsewhere),
		T(all_that_is_wrong_is_told_at_once),
		T(a_key_given_twice_is_told_across_sections_too),
		T(names_are_told_as_a_terminal_can_bear_them),
		T(a_line_that_is_no_text_is_told),
		T(a_line_is_whole_or_told),
		T(a_heading_may_have_any_length_and_is_told),
		T(an_endless_file_is_not_read_to_its_end),
		T(every_beginning_of_a_file_is_read_without_harm),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
