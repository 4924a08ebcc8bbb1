#include "credential.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netrc.h"
#include "secret_file.h"
#include "url.h"

#define KEY_VARIABLE "WANDB_API_KEY"
#define KEY_FILE_MAX 4096u  /* a key, with room */
#define NETRC_MAX    65536u /* hundreds of machines */

void credential_finish(struct credential *c) {
	credential_free(c->key);
	*c = (struct credential){0};
}

static bool is_space(char c) {
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The key in a file, without whitespace around it; NULL when memory is short. A NUL in it becomes a space, which is
 * in no key. */
static char *key_of(const struct secret_file *f) {
	size_t begin = 0, end = f->len;

	while (begin < end && is_space(f->data[begin])) {
		begin++;
	}
	while (end > begin && is_space(f->data[end - 1])) {
		end--;
	}
	size_t len = end - begin;
	char *key = malloc(len + 1);
	if (key == NULL) {
		return NULL;
	}
	memcpy(key, f->data + begin, len);
	key[len] = '\0';
	for (size_t i = 0; i < len; i++) {
		if (key[i] == '\0') {
			key[i] = ' ';
		}
	}
	return key;
}

/* One search: what it goes by, and the words it may end with. */
struct search {
	const char *file, *base_url;
	char *variable; /* WANDB_API_KEY's value; NULL: not set */
	struct credential *found;
	char *words;
};

static int no_memory(struct search *s) {
	snprintf(s->words, CREDENTIAL_WORDS_MAX, "memory is short");
	return -ENOMEM;
}

static void keep(struct search *s, char *key, const char *place, const char *path) {
	s->found->key = key;
	snprintf(s->found->source, sizeof s->found->source, "%.16s%.100s", place, path);
}

/* Takes the key over. */
static int settle(struct search *s, char *key, const char *place) {
	char buffer[CREDENTIAL_WORDS_MAX];

	if (key == NULL) {
		return no_memory(s);
	}
	const char *flaw = credential_flaw(key, buffer);
	if (flaw != NULL) {
		snprintf(s->words, CREDENTIAL_WORDS_MAX, "the W&B key in %.150s %s", place, flaw);
		credential_free(key);
		return -EINVAL;
	}
	keep(s, key, "", place);
	return 0;
}

static int settle_file(struct search *s, const char *path, bool must_be_private) {
	struct secret_file f = {0};

	int err = secret_file_read(path, KEY_FILE_MAX, &f);
	if (err < 0) {
		snprintf(s->words, CREDENTIAL_WORDS_MAX, "the file for the W&B key, %.100s: %s",
			path, secret_file_words(err));
		return err;
	}
	if (must_be_private && (f.mode & S_IROTH) != 0) {
		snprintf(s->words, CREDENTIAL_WORDS_MAX,
			"the file for the W&B key, %.100s, may be read by everybody: `chmod o=` "
			"it, "
			"and think of a new key",
			path);
		err = -EPERM;
	} else {
		err = settle(s, key_of(&f), path);
	}
	secret_file_finish(&f);
	return err;
}

static int in_named_file(struct search *s) {
	return s->file != NULL ? settle_file(s, s->file, true) : 0;
}

/* systemd's LoadCredential=; a service without one goes on looking. */
static int in_credentials_directory(struct search *s) {
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_MAX];

	if (directory == NULL || directory[0] == '\0' ||
		snprintf(path, sizeof path, "%s/wandb-api-key", directory) >= (int)sizeof path ||
		(access(path, F_OK) < 0 && errno == ENOENT)) {
		return 0;
	}
	return settle_file(s, path, false);
}

static int in_variable(struct search *s) {
	char *key = s->variable;

	if (key == NULL || key[0] == '\0') {
		return 0;
	}
	s->variable = NULL;
	return settle(s, key, KEY_VARIABLE);
}

/* "" when there is no such place. */
static void join_home(char out[PATH_MAX], const char *rest) {
	const char *home = getenv("HOME");

	if (home == NULL || home[0] == '\0' ||
		snprintf(out, PATH_MAX, "%s%s", home, rest) >= PATH_MAX) {
		out[0] = '\0';
	}
}

static void netrc_path(char out[PATH_MAX]) {
	const char *named = getenv("NETRC");

	if (named != NULL && named[0] != '\0') {
		if (named[0] == '~' && named[1] == '/') {
			join_home(out, named + 1);
		} else if (snprintf(out, PATH_MAX, "%s", named) >= PATH_MAX) {
			out[0] = '\0';
		}
		return;
	}
	join_home(out, "/.netrc");
	if (out[0] != '\0' && access(out, F_OK) < 0) {
		join_home(out, "/_netrc");
	}
}

/* What was found for the machine; a note when it is no key after all, or no secret either. */
static void settle_netrc(struct search *s, char *password, const char *path, mode_t mode) {
	char *note = s->found->note, buffer[CREDENTIAL_WORDS_MAX];
	const char *flaw = credential_flaw(password, buffer);

	if (flaw != NULL) {
		snprintf(note, CREDENTIAL_WORDS_MAX,
			"netrc %.100s has no W&B key: the password there %s", path, flaw);
		credential_free(password);
		return;
	}
	keep(s, password, "netrc ", path);
	if ((mode & (S_IRWXG | S_IRWXO)) != 0) {
		snprintf(note, CREDENTIAL_WORDS_MAX,
			"netrc %.100s, where the W&B key is, may be read by others: `chmod 600` it",
			path);
	}
}

static int in_netrc(struct search *s) {
	char path[PATH_MAX], machine[256], *password = NULL;
	struct secret_file f = {0};
	struct url url;
	unsigned line = 0;

	netrc_path(path);
	if (path[0] == '\0' || url_read(s->base_url, &url) < 0 ||
		url.authority_len >= sizeof machine) {
		return 0;
	}
	snprintf(machine, sizeof machine, "%.*s", (int)url.authority_len, url.authority);
	int err = secret_file_read(path, NETRC_MAX, &f);
	int result = err == 0 ? netrc_find(f.data, f.len, machine, &password, &line) : NETRC_NONE;
	if (err < 0 && err != -ENOENT) {
		snprintf(s->found->note, CREDENTIAL_WORDS_MAX, "netrc %.100s is passed over: %s",
			path, secret_file_words(err));
	} else if (result == NETRC_MALFORMED) {
		snprintf(s->found->note, CREDENTIAL_WORDS_MAX,
			"netrc %.100s is passed over: line %u cannot be read", path, line);
	} else if (result == NETRC_FOUND) {
		settle_netrc(s, password, path, f.mode);
	}
	secret_file_finish(&f);
	return result < 0 ? no_memory(s) : 0;
}

extern char **environ;

/* The value, a copy; every place where it stood is overwritten. An environment may hold a name twice: getenv knows the
 * first, the kernel shows both. */
static char *take_variable(void) {
	const size_t name_len = strlen(KEY_VARIABLE "=");
	char *value = NULL;

	for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
		if (strncmp(*entry, KEY_VARIABLE "=", name_len) == 0) {
			if (value == NULL) {
				value = strdup(*entry + name_len);
			}
			explicit_bzero(*entry + name_len, strlen(*entry + name_len));
		}
	}
	unsetenv(KEY_VARIABLE);
	return value;
}

void credential_wipe_environment(void) {
	credential_free(take_variable());
}

int credential_find(const char *file, const char *base_url, struct credential *ret,
	char ret_words[CREDENTIAL_WORDS_MAX]) {
	static int (*const places[])(struct search *) = {
		in_named_file,
		in_credentials_directory,
		in_variable,
		in_netrc,
	};
	struct credential found = {0};
	struct search s = {
		.file = file,
		.base_url = base_url,
		.variable = take_variable(),
		.found = &found,
		.words = ret_words,
	};
	int err = 0;

	for (size_t i = 0; err == 0 && found.key == NULL && i < sizeof places / sizeof places[0];
		i++) {
		err = places[i](&s);
	}
	credential_free(s.variable);
	if (err == 0) {
		*ret = found;
	}
	return err;
}
