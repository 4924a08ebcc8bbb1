#include "netrc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "credential.h"

#define WORD_MAX 4096u /* as long as any key */

enum word { WORD_NONE, WORD_READ, WORD_BAD };

struct lexer {
	const char *at, *end;
	unsigned line;
	char word[WORD_MAX + 1];
	size_t word_len;
};

static bool is_space(char c) {
	return c != '\0' && strchr(" \t\r\n", c) != NULL;
}

static char take(struct lexer *l) {
	char c = *l->at++;
	l->line += c == '\n';
	return c;
}

/* Up to the closing quote, which is taken too, or to whitespace, which is left. */
static enum word read_word(struct lexer *l, bool is_quoted) {
	l->word_len = 0;
	while (l->at < l->end && (is_quoted ? *l->at != '"' : !is_space(*l->at))) {
		char c = take(l);
		if (c == '\\' && l->at < l->end) {
			c = take(l);
		}
		if (c == '\0' || l->word_len == WORD_MAX) {
			return WORD_BAD;
		}
		l->word[l->word_len++] = c;
	}
	l->word[l->word_len] = '\0';
	if (is_quoted && l->at == l->end) {
		return WORD_BAD;
	}
	l->at += is_quoted;
	return WORD_READ;
}

static enum word next_word(struct lexer *l) {
	while (l->at < l->end && is_space(*l->at)) {
		(void)take(l);
	}
	if (l->at == l->end) {
		return WORD_NONE;
	}
	bool is_quoted = *l->at == '"';
	l->at += is_quoted;
	return read_word(l, is_quoted);
}

static bool word_is(const struct lexer *l, const char *word) {
	return strcmp(l->word, word) == 0;
}

/* Returns whether there was anything in it. */
static bool skip_line(struct lexer *l) {
	bool is_empty = true;
	for (char c; l->at < l->end && (c = take(l)) != '\n';) {
		is_empty = is_empty && c == '\r';
	}
	return !is_empty;
}

/* A macro ends with an empty line. */
static void skip_macro(struct lexer *l) {
	(void)skip_line(l);
	while (l->at < l->end && skip_line(l)) {
	}
}

/* Whose words are being read, and what was found. */
enum entry { ENTRY_NONE, ENTRY_OTHER, ENTRY_DEFAULT, ENTRY_MACHINE, N_ENTRIES };

struct search {
	struct lexer lexer;
	const char *machine;
	enum entry entry;
	char *passwords[N_ENTRIES];
};

static int read_machine(struct search *s) {
	if (next_word(&s->lexer) != WORD_READ) {
		return NETRC_MALFORMED;
	}
	s->entry = strcasecmp(s->lexer.word, s->machine) == 0 ? ENTRY_MACHINE : ENTRY_OTHER;
	return NETRC_NONE;
}

static int read_value(struct search *s, bool is_password) {
	if (s->entry == ENTRY_NONE || next_word(&s->lexer) != WORD_READ) {
		return NETRC_MALFORMED;
	}
	if (!is_password || s->entry == ENTRY_OTHER) {
		return NETRC_NONE;
	}
	char *password = strdup(s->lexer.word);
	if (password == NULL) {
		return -ENOMEM;
	}
	credential_free(s->passwords[s->entry]);
	s->passwords[s->entry] = password;
	return NETRC_NONE;
}

static int read_entry_word(struct search *s) {
	struct lexer *l = &s->lexer;

	if (l->word[0] == '#') {
		/* A word that ended its line has left the newline where it was. */
		(void)skip_line(l);
		return NETRC_NONE;
	}
	if (word_is(l, "machine")) {
		return read_machine(s);
	}
	if (word_is(l, "default")) {
		s->entry = ENTRY_DEFAULT;
		return NETRC_NONE;
	}
	if (word_is(l, "macdef")) {
		skip_macro(l);
		s->entry = ENTRY_NONE;
		return NETRC_NONE;
	}
	if (word_is(l, "login") || word_is(l, "user") || word_is(l, "account")) {
		return read_value(s, false);
	}
	return word_is(l, "password") ? read_value(s, true) : NETRC_MALFORMED;
}

int netrc_find(const char *text, size_t len, const char *machine, char **ret_password,
	unsigned *ret_line) {
	struct search s = {
		.lexer = {.at = text, .end = text + len, .line = 1},
		.machine = machine,
	};
	int result = NETRC_NONE;
	enum word word;

	while (result == NETRC_NONE && (word = next_word(&s.lexer)) != WORD_NONE) {
		result = word == WORD_READ ? read_entry_word(&s) : NETRC_MALFORMED;
	}
	enum entry best = s.passwords[ENTRY_MACHINE] != NULL ? ENTRY_MACHINE : ENTRY_DEFAULT;
	if (result == NETRC_MALFORMED) {
		*ret_line = s.lexer.line;
	} else if (result == NETRC_NONE && s.passwords[best] != NULL) {
		*ret_password = s.passwords[best];
		s.passwords[best] = NULL;
		result = NETRC_FOUND;
	}
	for (size_t i = 0; i < N_ENTRIES; i++) {
		credential_free(s.passwords[i]);
	}
	explicit_bzero(&s.lexer, sizeof s.lexer);
	return result;
}
