/* Words and texts: how the text of a value becomes what the program goes by. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "settings_private.h"
#include "text.h"
#include "url.h"

#define GROUP_NAME_MAX 64u
#define TEXT_LEN_MAX   4095u /* a path's; nothing else that is set is longer */

static int expect(char expected[SETTINGS_EXPECTED_MAX], const char *words) {
	snprintf(expected, SETTINGS_EXPECTED_MAX, "%s", words);
	return -EINVAL;
}

/* Takes the text over, which may be NULL for want of memory. */
static int replace(char **field, char *text) {
	if (text == NULL) {
		return -ENOMEM;
	}
	free(*field);
	*field = text;
	return 0;
}

static bool is_good_text(const char *text) {
	size_t len = strlen(text);

	return len > 0 && len <= TEXT_LEN_MAX && text_flaw(text_of(text, len), true) == NULL;
}

/* W&B's web pages have a host of their own; who names that means the other one. */
static bool is_page_of_wandb(const struct url *u) {
	static const char *const pages[] = {"wandb.ai", "www.wandb.ai", "app.wandb.ai"};

	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
		if (u->host_len == strlen(pages[i]) &&
			strncasecmp(u->host, pages[i], u->host_len) == 0) {
			return true;
		}
	}
	return false;
}

static int read_url(const struct settings_key *key, const char *text, void *field,
	char expected[SETTINGS_EXPECTED_MAX]) {
	struct url u;

	if (!is_good_text(text) || url_read(text, &u) < 0) {
		return expect(expected, "https://HOST[:PORT][/PATH]");
	}
	if (strcmp(key->name, "base_url") == 0 && is_page_of_wandb(&u)) {
		return expect(expected, "https://api.wandb.ai, where programs go");
	}
	return replace(field, strndup(text, u.len));
}

/* W&B takes no other names either; so a comment behind one is found out that begins as only a line's may. */
static int read_name(const struct settings_key *key, const char *text, void *field,
	char expected[SETTINGS_EXPECTED_MAX]) {
	(void)key;
	if (!is_good_text(text) || strpbrk(text, "/\\#?%:") != NULL) {
		return expect(expected, "a name without any of / \\ # ? % :");
	}
	return replace(field, strdup(text));
}

static int read_path(const struct settings_key *key, const char *text, void *field,
	char expected[SETTINGS_EXPECTED_MAX]) {
	const char *home = getenv("HOME");
	char path[PATH_MAX];

	(void)key;
	if (is_good_text(text) && text[0] == '/') {
		return replace(field, strdup(text));
	}
	if (is_good_text(text) && strncmp(text, "~/", 2) == 0 && home != NULL && home[0] == '/' &&
		snprintf(path, sizeof path, "%s%s", home, text + 1) < (int)sizeof path) {
		return replace(field, strdup(path));
	}
	return expect(expected, "a path that begins with / or ~/");
}

/* Of a proxy: libcurl knows more kinds than we would list. */
static int read_address(const struct settings_key *key, const char *text, void *field,
	char expected[SETTINGS_EXPECTED_MAX]) {
	(void)key;
	if (!is_good_text(text) || strpbrk(text, " \t") != NULL) {
		return expect(expected, "an address, as http://proxy.example.org:3128");
	}
	return replace(field, strdup(text));
}

/* A group's name, which may be longer and odder than what groupadd makes; "none" takes back one that is preset. */
static int read_group(const struct settings_key *key, const char *text, void *field,
	char expected[SETTINGS_EXPECTED_MAX]) {
	char **group = field;

	(void)key;
	if (strcmp(text, "none") == 0) {
		free(*group);
		*group = NULL;
		return 0;
	}
	if (!is_good_text(text) || strlen(text) > GROUP_NAME_MAX || text[0] == '-' ||
		strpbrk(text, " \t:,/") != NULL) {
		return expect(expected, "a group's name, or none");
	}
	return replace(group, strdup(text));
}

static int read_word(const struct settings_key *key, const char *text, void *field,
	char expected[SETTINGS_EXPECTED_MAX]) {
	for (const struct settings_word *w = key->words; w->word != NULL; w++) {
		if (strcasecmp(w->word, text) == 0) {
			memcpy(field, &w->value, sizeof w->value);
			return 0;
		}
	}
	return expect(expected, key->words_expected);
}

static int read_switch(const struct settings_key *key, const char *text, void *field,
	char expected[SETTINGS_EXPECTED_MAX]) {
	static const struct settings_word words[] = {{"yes", true}, {"no", false}, {"true", true},
		{"false", false}, {"on", true}, {"off", false}, {"1", true}, {"0", false}};

	(void)key;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcasecmp(words[i].word, text) == 0) {
			*(bool *)field = words[i].value != 0;
			return 0;
		}
	}
	return expect(expected, "yes or no");
}

/* ---- as text again ---- */

static const char *write_text(
	const struct settings_key *key, const void *field, char out[SETTINGS_VALUE_SIZE]) {
	(void)key;
	(void)out;
	return *(char *const *)field;
}

static const char *write_group(
	const struct settings_key *key, const void *field, char out[SETTINGS_VALUE_SIZE]) {
	const char *group = write_text(key, field, out);

	return group == NULL && key->preset != NULL ? "none" : group;
}

/* Who may look at what is set is not who may know the proxy's password, or the name that goes with it. */
static const char *write_address(
	const struct settings_key *key, const void *field, char out[SETTINGS_VALUE_SIZE]) {
	const char *text = write_text(key, field, out);
	const char *at = text != NULL ? strrchr(text, '@') : NULL;

	if (at == NULL) {
		return text;
	}
	const char *scheme = strstr(text, "://");
	int len = scheme != NULL && scheme < at ? (int)(scheme + 3 - text) : 0;
	snprintf(out, SETTINGS_VALUE_SIZE, "%.*s***%s", len, text, at);
	return out;
}

static const char *write_word(
	const struct settings_key *key, const void *field, char out[SETTINGS_VALUE_SIZE]) {
	const struct settings_word *w = key->words;
	unsigned value;

	(void)out;
	memcpy(&value, field, sizeof value);
	while (w->word != NULL && w->value != value) {
		w++;
	}
	return w->word;
}

static const char *write_switch(
	const struct settings_key *key, const void *field, char out[SETTINGS_VALUE_SIZE]) {
	(void)key;
	(void)out;
	return *(const bool *)field ? "yes" : "no";
}

#define TEXT_KIND(name, writer)                                                                    \
	const struct settings_kind settings_kind_##name = {                                        \
		read_##name, writer, sizeof(char *), true}

TEXT_KIND(url, write_text);
TEXT_KIND(name, write_text);
TEXT_KIND(path, write_text);
TEXT_KIND(address, write_address);
TEXT_KIND(group, write_group);
const struct settings_kind settings_kind_word = {read_word, write_word, sizeof(unsigned), false};
const struct settings_kind settings_kind_switch = {read_switch, write_switch, sizeof(bool), false};
