/* The key: found where it should be, refused where it must be, and never left lying about. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "credential.h"

#define KEY_A "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd"
#define KEY_B "0123456789012345678901234567890123456789"
#define KEY_C "ABCDEFGHIJabcdefghij__ABCDEFGHIJ__abcdefghij"
#define BASE  "https://api.wandb.ai"

struct place { /* a home of its own */
	char home[64], words[CREDENTIAL_WORDS_MAX];
	struct credential c;
};

static int setup(void **state) {
	struct place *p = calloc(1, sizeof *p);
	assert_non_null(p);
	strcpy(p->home, "/tmp/sae-credential-XXXXXX");
	assert_non_null(mkdtemp(p->home));
	setenv("HOME", p->home, 1);
	unsetenv("NETRC");
	unsetenv("CREDENTIALS_DIRECTORY");
	unsetenv("WANDB_API_KEY");
	*state = p;
	return 0;
}

static const char *path_of(const struct place *p, const char *name, char out[PATH_MAX]) {
	snprintf(out, PATH_MAX, "%s/%s", p->home, name);
	return out;
}

static int teardown(void **state) {
	static const char *const names[] = {".netrc", "_netrc", "other", "wandb-api-key", "key"};
	struct place *p = *state;
	char path[PATH_MAX];
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		(void)unlink(path_of(p, names[i], path));
	}
	assert_int_equal(rmdir(p->home), 0);
	credential_finish(&p->c);
	free(p);
	return 0;
}

static const char *write_file(const struct place *p, const char *name, const char *text,
	mode_t mode, char out[PATH_MAX]) {
	(void)unlink(path_of(p, name, out));
	int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return out;
}

static int find(struct place *p, const char *file, const char *base_url) {
	credential_finish(&p->c);
	p->words[0] = '\0';
	return credential_find(file, base_url, &p->c, p->words);
}

static void assert_found(const struct place *p, const char *key, const char *source) {
	assert_non_null(p->c.key);
	assert_string_equal(p->c.key, key);
	assert_string_equal(p->c.source, source);
}

static const char *flaw(const char *key) {
	static char buffer[CREDENTIAL_WORDS_MAX];
	return credential_flaw(key, buffer);
}

static void a_key_has_forty_characters_behind_its_first_dash(void **state) {
	(void)state;
	assert_null(flaw(KEY_B));
	assert_null(flaw(KEY_C));
	assert_null(flaw("local-" KEY_A));
	assert_null(flaw("wandb_v1_" KEY_A "-" KEY_A));
	assert_string_equal(flaw(&KEY_B[1]), "has 39 characters, at least 40 were expected");
	assert_non_null(flaw(KEY_A "-short"));
}

static void a_token_has_three_groups(void **state) {
	(void)state;
	assert_null(flaw("a.b.c"));
	assert_non_null(flaw("a.b"));
	assert_non_null(flaw("a.b.c.d"));
	assert_non_null(flaw("a..c"));
	assert_non_null(flaw(KEY_A "." KEY_A));
}

static void what_is_no_key_is_described_without_it(void **state) {
	char long_key[5000];
	(void)state;

	assert_string_equal(flaw(""), "is empty");
	assert_string_equal(flaw(KEY_A " " KEY_B), "has a character that is in no key");
	assert_string_equal(flaw("lo cal-" KEY_A), "has a character that is in no key");
	assert_string_equal(flaw(KEY_A "\n"), "has a character that is in no key");
	assert_string_equal(flaw(KEY_A "\xc3\xb6"), "has a character that is in no key");
	assert_string_equal(flaw("local-abc"),
		"has 3 characters behind its first dash, at least 40 were expected");
	memset(long_key, 'a', sizeof long_key);
	long_key[sizeof long_key - 1] = '\0';
	assert_string_equal(flaw(long_key), "is longer than any key");
}

static void nothing_anywhere_is_no_error(void **state) {
	struct place *p = *state;

	assert_int_equal(find(p, NULL, BASE), 0);
	assert_null(p->c.key);
	assert_string_equal(p->c.source, "");
	assert_string_equal(p->c.note, "");
	setenv("CREDENTIALS_DIRECTORY", p->home, 1);
	setenv("WANDB_API_KEY", "", 1);
	unsetenv("HOME");
	assert_int_equal(find(p, NULL, BASE), 0);
	assert_null(p->c.key);
}

static void the_first_place_in_order_counts(void **state) {
	struct place *p = *state;
	char file[PATH_MAX], credential[PATH_MAX], netrc[PATH_MAX], source[PATH_MAX];

	write_file(p, "key", KEY_A, 0600, file);
	write_file(p, "wandb-api-key", KEY_B "\n", 0400, credential);
	write_file(p, ".netrc", "machine api.wandb.ai password " KEY_C, 0600, netrc);
	setenv("CREDENTIALS_DIRECTORY", p->home, 1);
	setenv("WANDB_API_KEY", "local-" KEY_A, 1);
	assert_int_equal(find(p, file, BASE), 0);
	assert_found(p, KEY_A, file);

	setenv("WANDB_API_KEY", "local-" KEY_A, 1);
	assert_int_equal(find(p, NULL, BASE), 0);
	assert_found(p, KEY_B, credential);

	unlink(credential);
	setenv("WANDB_API_KEY", "local-" KEY_A, 1);
	assert_int_equal(find(p, NULL, BASE), 0);
	assert_found(p, "local-" KEY_A, "WANDB_API_KEY");

	assert_int_equal(find(p, NULL, BASE), 0);
	snprintf(source, sizeof source, "netrc %s/.netrc", p->home);
	assert_found(p, KEY_C, source);
	assert_string_equal(p->c.note, "");
}

static void whitespace_around_a_key_in_a_file_is_none_of_it(void **state) {
	struct place *p = *state;
	char path[PATH_MAX];

	write_file(p, "key", " \r\n\t" KEY_A "\r\n\n", 0640, path);
	assert_int_equal(find(p, path, BASE), 0);
	assert_found(p, KEY_A, path);
}

static void assert_refused(struct place *p, const char *file, int err, const char *words) {
	assert_int_equal(find(p, file, BASE), err);
	assert_null(p->c.key);
	assert_non_null(strstr(p->words, words));
	assert_non_null(strstr(p->words, file));
	assert_null(strstr(p->words, "aaaa"));
}

static void a_named_file_that_holds_no_key_is_an_error(void **state) {
	struct place *p = *state;
	char path[PATH_MAX], text[4200];

	setenv("WANDB_API_KEY", KEY_B, 1);
	assert_refused(p, path_of(p, "key", path), -ENOENT, "No such file");
	assert_refused(p, p->home, -ENXIO, "no regular file");
	assert_refused(p, write_file(p, "key", "", 0600, path), -EINVAL, "is empty");
	assert_refused(p, write_file(p, "key", "aaaa", 0600, path), -EINVAL, "has 4 characters");
	assert_refused(
		p, write_file(p, "key", KEY_A "\n" KEY_A, 0600, path), -EINVAL, "has a character");
	memset(text, 'a', sizeof text);
	text[4096] = '\0';
	assert_int_equal(find(p, write_file(p, "key", text, 0600, path), BASE), 0);
	text[4096] = '\n';
	text[4097] = '\0';
	assert_refused(p, write_file(p, "key", text, 0600, path), -EFBIG, "File too large");
}

static void a_nul_in_a_file_does_not_end_the_key(void **state) {
	struct place *p = *state;
	char path[PATH_MAX];

	write_file(p, "key", KEY_A " " KEY_A, 0600, path);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "", 1, strlen(KEY_A)), 1);
	close(fd);
	assert_refused(p, path, -EINVAL, "has a character");
}

static void a_pipe_is_not_waited_for(void **state) {
	struct place *p = *state;
	char path[PATH_MAX];

	assert_int_equal(mkfifo(path_of(p, "key", path), 0600), 0);
	assert_refused(p, path, -ENXIO, "no regular file");
}

static void a_named_file_that_everybody_may_read_is_refused(void **state) {
	struct place *p = *state;
	char path[PATH_MAX];

	assert_refused(p, write_file(p, "key", KEY_A, 0644, path), -EPERM, "read by everybody");
}

static void what_systemd_hands_over_is_as_private_as_its_folder(void **state) {
	struct place *p = *state;
	char path[PATH_MAX];

	setenv("CREDENTIALS_DIRECTORY", p->home, 1);
	write_file(p, "wandb-api-key", KEY_A, 0444, path);
	assert_int_equal(find(p, NULL, BASE), 0);
	assert_found(p, KEY_A, path);

	write_file(p, "wandb-api-key", "aaaa", 0400, path);
	assert_int_equal(find(p, NULL, BASE), -EINVAL);
	assert_non_null(strstr(p->words, path));
}

static void a_variable_that_holds_no_key_is_an_error_and_wiped(void **state) {
	struct place *p = *state;

	setenv("WANDB_API_KEY", "aaaa", 1);
	assert_int_equal(find(p, NULL, BASE), -EINVAL);
	assert_string_equal(p->words,
		"the W&B key in WANDB_API_KEY has 4 characters, at least 40 were expected");
	assert_null(getenv("WANDB_API_KEY"));
}

static void the_variable_is_wiped_even_when_another_place_had_the_key(void **state) {
	struct place *p = *state;
	char path[PATH_MAX];

	setenv("WANDB_API_KEY", KEY_B, 1);
	const char *there = getenv("WANDB_API_KEY");
	assert_non_null(there);
	assert_int_equal(find(p, write_file(p, "key", KEY_A, 0600, path), BASE), 0);
	assert_null(getenv("WANDB_API_KEY"));
	static const char zeros[sizeof KEY_B];
	assert_memory_equal(there, zeros, sizeof zeros);
}

static void netrc_is_where_its_variable_says(void **state) {
	struct place *p = *state;
	char path[PATH_MAX], source[PATH_MAX + 8];

	write_file(p, ".netrc", "machine api.wandb.ai password " KEY_A, 0600, path);
	write_file(p, "other", "machine api.wandb.ai password " KEY_B, 0600, path);
	snprintf(source, sizeof source, "netrc %s", path);
	setenv("NETRC", path, 1);
	assert_int_equal(find(p, NULL, BASE), 0);
	assert_found(p, KEY_B, source);

	setenv("NETRC", "~/other", 1);
	assert_int_equal(find(p, NULL, BASE), 0);
	assert_found(p, KEY_B, source);

	setenv("NETRC", "~/none", 1);
	assert_int_equal(find(p, NULL, BASE), 0);
	assert_null(p->c.key);
	assert_string_equal(p->c.note, "");
}

static void an_underscore_netrc_is_for_who_has_no_other(void **state) {
	struct place *p = *state;
	char path[PATH_MAX];

	write_file(p, "_netrc", "machine api.wandb.ai password " KEY_A, 0600, path);
	assert_int_equal(find(p, NULL, BASE), 0);
	assert_string_equal(p->c.key, KEY_A);
	write_file(p, ".netrc", "machine api.wandb.ai password " KEY_B, 0600, path);
	assert_int_equal(find(p, NULL, BASE), 0);
	assert_string_equal(p->c.key, KEY_B);
}

static void netrc_is_asked_for_the_host_and_its_port(void **state) {
	struct place *p = *state;
	char path[PATH_MAX];

	write_file(p, ".netrc",
		"machine localhost password " KEY_A "\n"
		"machine localhost:8080 password " KEY_B "\n",
		0600, path);
	assert_int_equal(find(p, NULL, "http://localhost:8080/wandb"), 0);
	assert_string_equal(p->c.key, KEY_B);
	assert_int_equal(find(p, NULL, "http://localhost"), 0);
	assert_string_equal(p->c.key, KEY_A);
	assert_int_equal(find(p, NULL, BASE), 0);
	assert_null(p->c.key);
}

static void assert_passed_over(struct place *p, const char *words) {
	assert_int_equal(find(p, NULL, BASE), 0);
	assert_null(p->c.key);
	assert_non_null(strstr(p->c.note, words));
	assert_null(strstr(p->c.note, "aaaa"));
}

static void a_netrc_that_is_no_use_counts_as_absent_and_says_so(void **state) {
	struct place *p = *state;
	char path[PATH_MAX];

	write_file(p, ".netrc", "machine api.wandb.ai\npassword " KEY_A "\naaaa", 0600, path);
	assert_passed_over(p, "line 3 cannot be read");
	write_file(p, ".netrc", "default login anonymous password aaaa@example.org", 0600, path);
	assert_passed_over(p, "has no W&B key: the password there has a character");
	setenv("NETRC", p->home, 1);
	assert_passed_over(p, "no regular file");
}

static void a_netrc_that_others_may_read_is_used_and_said(void **state) {
	struct place *p = *state;
	char path[PATH_MAX];

	write_file(p, ".netrc", "machine api.wandb.ai password " KEY_A, 0640, path);
	assert_int_equal(find(p, NULL, BASE), 0);
	assert_string_equal(p->c.key, KEY_A);
	assert_non_null(strstr(p->c.note, "may be read by others"));
}

/* What the kernel shows of the environment this process was started with. */
static bool environment_shows(const char *text) {
	static char shown[1u << 20];
	int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
	ssize_t n, len = 0;
	while ((n = read(fd, shown + len, sizeof shown - (size_t)len)) > 0) {
		len += n;
	}
	close(fd);
	return len > 0 && memmem(shown, (size_t)len, text, strlen(text)) != NULL;
}

/* In a process of its own: whatever is wrong is its exit status. */
static int child_main(const char *what) {
	struct credential c = {0};
	char words[CREDENTIAL_WORDS_MAX];

	if (!environment_shows(KEY_B)) {
		return 1; /* then the test shows nothing */
	}
	if (strcmp(what, "wipe") == 0) {
		credential_wipe_environment();
	} else if (credential_find(NULL, BASE, &c, words) < 0 || c.key == NULL ||
		   strcmp(c.key, KEY_B) != 0) {
		return 2;
	}
	credential_finish(&c);
	if (environment_shows(KEY_B) || environment_shows(KEY_A) || environment_shows("0123")) {
		return 3;
	}
	return environment_shows("OTHER=kept") && getenv("WANDB_API_KEY") == NULL ? 0 : 4;
}

static int run_child(const char *what) {
	const char *arguments[] = {"child", what, NULL};
	/* A name may stand there twice; only the first is what getenv sees. */
	const char *variables[] = {
		"OTHER=kept", "WANDB_API_KEY=" KEY_B, "WANDB_API_KEY=" KEY_A, NULL};
	int status = -1;

	pid_t pid = fork();
	if (pid == 0) {
		execve("/proc/self/exe", (char *const *)arguments, (char *const *)variables);
		_exit(9);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void the_kernel_shows_no_key_in_the_environment(void **state) {
	(void)state;
	assert_int_equal(run_child("find"), 0);
	assert_int_equal(run_child("wipe"), 0);
}

int main(int argc, char **argv) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_has_forty_characters_behind_its_first_dash),
		cmocka_unit_test(a_token_has_three_groups),
		cmocka_unit_test(what_is_no_key_is_described_without_it),
		T(nothing_anywhere_is_no_error),
		T(the_first_place_in_order_counts),
		T(whitespace_around_a_key_in_a_file_is_none_of_it),
		T(a_named_file_that_holds_no_key_is_an_error),
		T(a_nul_in_a_file_does_not_end_the_key),
		T(a_pipe_is_not_waited_for),
		T(a_named_file_that_everybody_may_read_is_refused),
		T(what_systemd_hands_over_is_as_private_as_its_folder),
		T(a_variable_that_holds_no_key_is_an_error_and_wiped),
		T(the_variable_is_wiped_even_when_another_place_had_the_key),
		T(netrc_is_where_its_variable_says),
		T(an_underscore_netrc_is_for_who_has_no_other),
		T(netrc_is_asked_for_the_host_and_its_port),
		T(a_netrc_that_is_no_use_counts_as_absent_and_says_so),
		T(a_netrc_that_others_may_read_is_used_and_said),
		cmocka_unit_test(the_kernel_shows_no_key_in_the_environment),
	};
#undef T
	if (argc == 2 && strcmp(argv[0], "child") == 0) {
		return child_main(argv[1]);
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("credential", tests, NULL, NULL);
}
