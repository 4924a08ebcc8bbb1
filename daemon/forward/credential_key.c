/* What makes a key one: as W&B's own client judges it. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "credential.h"

#define KEY_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define KEY_SECRET_MIN 40u   /* W&B's client asks for as many */
#define KEY_MAX        4096u /* also a token with claims is shorter */

void credential_free(char *key) {
	if (key != NULL) {
		explicit_bzero(key, strlen(key));
		free(key);
	}
}

/* A JSON Web Token: three groups with dots between them. */
static bool is_token(const char *key) {
	for (int i = 0; i < 3; i++) {
		size_t len = strspn(key, KEY_CHARACTERS);
		if (len == 0 || key[len] != (i < 2 ? '.' : '\0')) {
			return false;
		}
		key += len + 1;
	}
	return true;
}

static bool is_printable(const char *text) {
	while (*text > ' ' && *text <= '~') {
		text++;
	}
	return *text == '\0';
}

const char *credential_flaw(const char *key, char buffer[CREDENTIAL_WORDS_MAX]) {
	size_t len = strlen(key);

	if (len == 0) {
		return "is empty";
	}
	if (len > KEY_MAX) {
		return "is longer than any key";
	}
	if (is_token(key)) {
		return NULL;
	}
	const char *dash = strchr(key, '-');
	const char *secret = dash != NULL ? dash + 1 : key;
	size_t secret_len = strlen(secret);
	if (!is_printable(key) || strspn(secret, KEY_CHARACTERS) != secret_len) {
		return "has a character that is in no key";
	}
	if (secret_len < KEY_SECRET_MIN) {
		snprintf(buffer, CREDENTIAL_WORDS_MAX,
			"has %zu characters%s, at least %u were expected", secret_len,
			dash != NULL ? " behind its first dash" : "", KEY_SECRET_MIN);
		return buffer;
	}
	return NULL;
}
