/* The host's own key for W&B, and where it is looked for: a file named in the configuration, `wandb-api-key` in systemd's
 * $CREDENTIALS_DIRECTORY, $WANDB_API_KEY, netrc. A key never leaves memory but as a request's header. */
#pragma once

#define CREDENTIAL_WORDS_MAX 256

struct credential {
	char *key;        /* NULL: none found */
	char source[128]; /* "netrc /home/joe/.netrc": never the key */
};

/* Looks in that order; `file` may be NULL. Wipes WANDB_API_KEY from the environment, also as /proc/PID/environ shows it.
 * 0 (also when there is none); -EINVAL with words when what is found is no key (the words never hold it), or the errno of
 * a file that was named and cannot be read. `base_url` says which machine netrc is asked for, port included. */
int credential_find(const char *file, const char *base_url, struct credential *ret,
	char ret_words[CREDENTIAL_WORDS_MAX]);
void credential_finish(struct credential *c); /* wiped */

/* NULL, or what is wrong with a key as a phrase ("has 12 characters, at least 40 were expected"). */
const char *credential_flaw(const char *key, char buffer[CREDENTIAL_WORDS_MAX]);

/* Frees a secret and leaves nothing of it in memory. NULL is fine. */
void credential_free(char *key);
