/* The user's W&B key: who is given it, and where it must not be found. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <time.h>

#define PATIENCE_MS 60000u
#define KEY         "0123456789abcdef0123456789abcdef01234567"
#define OTHER_UID   65533u /* any but our own, root's and the overflow's */

static struct saem_options options_with_key(const struct fixture *x) {
	struct saem_options options = options_for(x);

	options.log_to_wandb = 1;
	options.wandb_key = KEY;
	return options;
}

/* Opens a run, has the daemon answer it, and ends it. */
static void exchange(struct fixture *x, const struct saem_options *options) {
	struct saem_run *run = open_run(options);

	log_step(run, 0);
	assert_int_equal(saem_finish(run, 0, NULL, PATIENCE_MS), SAEM_QUEUED);
	saem_close(run);
	stop(x);
	assert_true(x->daemon.n_opens > 0);
}

/* ---- who is given it ---- */

static void a_daemon_of_our_own_user_is_given_the_key(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_with_key(x);
	fake_start(&x->daemon, x->path, NULL);

	exchange(x, &options);
	assert_string_equal(x->daemon.wandb_key, KEY);
	fake_free(&x->daemon);
}

static void a_daemon_that_came_back_is_given_it_again(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_with_key(x);
	fake_start(&x->daemon, x->path, NULL);
	struct saem_run *run = open_run(&options);
	assert_true(fake_wait(&x->daemon, fake_has_opens, 1));

	fake_lock(&x->daemon);
	x->daemon.wandb_key[0] = '\0';
	fake_unlock(&x->daemon);
	fake_crash(&x->daemon);
	assert_true(fake_wait(&x->daemon, fake_has_opens, 2));
	fake_lock(&x->daemon);
	assert_string_equal(x->daemon.wandb_key, KEY);
	fake_unlock(&x->daemon);
	saem_close(run);
	stop(x);
	fake_free(&x->daemon);
}

static void a_run_that_does_not_go_to_wandb_gives_no_key(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_with_key(x);
	options.wandb_base_url = "https://wandb.example.org";
	options.log_to_wandb = 0;
	options.wandb_key_any_user = 1;
	fake_start(&x->daemon, x->path, NULL);

	exchange(x, &options);
	assert_string_equal(x->daemon.wandb_key, "");
	assert_string_equal(x->daemon.wandb_base_url, "");
	fake_free(&x->daemon);
}

/* Who listens is who a socket's other end is told of. */
static void start_as_another_user(struct fixture *x) {
	if (geteuid() != 0) {
		print_message("# only root can listen as another user\n");
		skip();
	}
	assert_int_equal(chmod(x->folder, 0777), 0);
	assert_int_equal(seteuid(OTHER_UID), 0);
	fake_start(&x->daemon, x->path, NULL);
	assert_int_equal(seteuid(0), 0);
}

static void whose_key_it_is_is_said_with_it(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_with_key(x);
	options.wandb_base_url = "https://wandb.example.org";
	fake_start(&x->daemon, x->path, NULL);

	exchange(x, &options);
	assert_string_equal(x->daemon.wandb_base_url, "https://wandb.example.org");
	fake_free(&x->daemon);
}

static void a_daemon_of_another_user_is_not_given_the_key(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_with_key(x);
	options.wandb_base_url = "https://wandb.example.org";
	start_as_another_user(x);

	exchange(x, &options);
	assert_string_equal(x->daemon.wandb_key, "");
	assert_string_equal(x->daemon.wandb_base_url, "");
	fake_free(&x->daemon);
}

static void a_daemon_of_another_user_that_was_chosen_is_given_it(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_with_key(x);
	options.wandb_key_any_user = 1;
	start_as_another_user(x);

	exchange(x, &options);
	assert_string_equal(x->daemon.wandb_key, KEY);
	fake_free(&x->daemon);
}

static void what_an_older_caller_s_options_end_in_chooses_nobody(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_with_key(x);
	options.wandb_key_any_user = 1;
	options.size = offsetof(struct saem_options, wandb_key_any_user);
	/* Its last field and the padding behind it lie before ours. */
	assert_true(options.size >= offsetof(struct saem_options, quiet) + 2 * sizeof(int));
	start_as_another_user(x);

	exchange(x, &options);
	assert_string_equal(x->daemon.wandb_key, "");
	fake_free(&x->daemon);
}

/* ---- where it is not ---- */

static void a_key_that_is_refused_is_not_repeated(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_with_key(x);
	struct saem_run *run = NULL;
	const char *why = NULL;

	options.wandb_key = KEY "\n";
	assert_int_equal(saem_open(&options, &run, &why), -EINVAL);
	assert_string_equal(why, "wandb_key holds a control character");
}

static size_t read_only_note(const char *folder, char note[2048]) {
	DIR *notes = opendir(folder);
	size_t len = 0;

	for (struct dirent *entry; (entry = readdir(notes)) != NULL;) {
		if (entry->d_name[0] == '.') {
			continue;
		}
		int fd = openat(dirfd(notes), entry->d_name, O_RDONLY | O_CLOEXEC);
		len = (size_t)read(fd, note, 2048);
		close(fd);
		unlinkat(dirfd(notes), entry->d_name, 0);
	}
	closedir(notes);
	return len;
}

static void a_note_holds_no_key(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_with_key(x);
	char folder[128];
	char note[2048];
	snprintf(folder, sizeof folder, "%s.notes", x->path);
	assert_int_equal(mkdir(folder, 0700), 0);
	options.wandb_key_any_user = 1;
	struct saem_run *run = open_run(&options);

	log_step(run, 0);
	saem_close(run);
	size_t len = read_only_note(folder, note);
	assert_non_null(memmem(note, len, "tests", 5)); /* its project */
	assert_null(memmem(note, len, KEY, sizeof KEY - 1));
	assert_null(memmem(note, len, "wandb", 5));
	rmdir(folder);
}

/* ---- and not any more ---- */

#define SECRET_LEN   40u
#define MAPPING_MAX  (256ull << 20) /* a sanitizer's own are terabytes, and hold none of ours */
#define SCANNED_SIZE (1u << 20)

/* What is looked for must not be found where it is asked for: it is kept with its bits turned. */
struct secret {
	uint8_t turned[SECRET_LEN];
};

static uint8_t secret_byte(const struct secret *secret, size_t i) {
	return secret->turned[i] ^ 0xff;
}

static bool is_secret(const struct secret *secret, const uint8_t *at) {
	for (size_t i = 0; i < SECRET_LEN; i++) {
		if (at[i] != secret_byte(secret, i)) {
			return false;
		}
	}
	return true;
}

static bool is_in(const struct secret *secret, const uint8_t *data, size_t len) {
	const int first = secret_byte(secret, 0);
	const uint8_t *end = data + len;

	while (len >= SECRET_LEN) {
		const uint8_t *at = memchr(data, first, len - SECRET_LEN + 1);
		if (at == NULL) {
			return false;
		}
		if (is_secret(secret, at)) {
			return true;
		}
		data = at + 1;
		len = (size_t)(end - data);
	}
	return false;
}

static bool is_in_mapping(
	const struct secret *secret, int memory, uint64_t from, uint64_t to, uint8_t *scanned) {
	while (from < to) {
		size_t most = to - from < SCANNED_SIZE ? to - from : SCANNED_SIZE;
		ssize_t n = pread(memory, scanned, most, (off_t)from);
		if (n <= 0) {
			return false;
		}
		if (is_in(secret, scanned, (size_t)n)) {
			return true;
		}
		from += n > (ssize_t)SECRET_LEN ? (uint64_t)n - SECRET_LEN + 1 : (uint64_t)n;
	}
	return false;
}

/* In any memory of this process that can be written, freed memory included. */
static bool is_in_memory(const struct secret *secret) {
	FILE *maps = fopen("/proc/self/maps", "re");
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	uint8_t *scanned = malloc(SCANNED_SIZE);
	char line[512];
	bool found = false;

	while (!found && fgets(line, sizeof line, maps) != NULL) {
		unsigned long long from = 0;
		unsigned long long to = 0;
		char rights[8] = "";
		if (sscanf(line, "%llx-%llx %7s", &from, &to, rights) == 3 &&
			strncmp(rights, "rw", 2) == 0 && to - from <= MAPPING_MAX) {
			found = is_in_mapping(secret, memory, from, to, scanned);
		}
	}
	explicit_bzero(scanned, SCANNED_SIZE); /* or it is what is found next time */
	free(scanned);
	close(memory);
	fclose(maps);
	return found;
}

static void make_secret(struct secret *secret, char *key) {
	for (size_t i = 0; i < SECRET_LEN; i++) {
		key[i] = (char)("QXZJ"[i % 4] + i / 4);
		secret->turned[i] = (uint8_t)key[i] ^ 0xff;
	}
	key[SECRET_LEN] = '\0';
}

/* What the fake in this process was told is forgotten by hand. */
static void make_daemon_forget(struct fixture *x) {
	stop(x);
	explicit_bzero(x->daemon.in, x->daemon.in_size);
	explicit_bzero(x->daemon.wandb_key, sizeof x->daemon.wandb_key);
}

static void nothing_of_the_key_is_left_in_memory_once_the_handle_is_closed(void **state) {
	struct fixture *x = *state;
	struct saem_options options = options_with_key(x);
	char key[SECRET_LEN + 1];
	struct secret secret;
	make_secret(&secret, key);
	options.wandb_key = key;
	fake_start(&x->daemon, x->path, NULL);

	struct saem_run *run = open_run(&options);
	explicit_bzero(key, sizeof key);
	log_step(run, 0);
	assert_int_equal(saem_flush(run, PATIENCE_MS), SAEM_QUEUED);
	fake_lock(&x->daemon);
	assert_int_equal(strlen(x->daemon.wandb_key), SECRET_LEN);
	fake_unlock(&x->daemon);
	make_daemon_forget(x);
	assert_true(is_in_memory(&secret)); /* for the next connection */
	saem_close(run);

	/* The sender lets go of it when it gets to it. */
	time_t begun = time(NULL);
	while (is_in_memory(&secret)) {
		assert_true(time(NULL) < begun + 20);
		sched_yield();
	}
	fake_free(&x->daemon);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_daemon_of_our_own_user_is_given_the_key),
		T(a_daemon_that_came_back_is_given_it_again),
		T(a_run_that_does_not_go_to_wandb_gives_no_key),
		T(whose_key_it_is_is_said_with_it),
		T(a_daemon_of_another_user_is_not_given_the_key),
		T(a_daemon_of_another_user_that_was_chosen_is_given_it),
		T(what_an_older_caller_s_options_end_in_chooses_nobody),
		T(a_key_that_is_refused_is_not_repeated),
		T(a_note_holds_no_key),
		T(nothing_of_the_key_is_left_in_memory_once_the_handle_is_closed),
#undef T
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return end_of_tests(cmocka_run_group_tests(tests, NULL, NULL));
}
