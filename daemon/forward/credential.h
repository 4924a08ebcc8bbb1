/* The host's own key for W&B, and where it is looked for: a file named in the configuration, `wandb-api-key` in systemd's
 * $CREDENTIALS_DIRECTORY, $WANDB_API_KEY, netrc ($NETRC, ~/.netrc, ~/_netrc). The first that has one counts. A key
 * never leaves memory but as a request's header, and no words here hold any part of one. */
#pragma once

#define CREDENTIAL_WORDS_MAX 256

struct credential {
	char *key;                       /* NULL: none found */
	char source[128];                /* "netrc /home/joe/.netrc" */
	char note[CREDENTIAL_WORDS_MAX]; /* "", or what somebody should know of a netrc file */
};

/* Looks in that order; `file` may be NULL. `base_url` says which machine netrc is asked for, port included.
 * Wipes WANDB_API_KEY from the environment in any case: call it before there are threads.
 *
 * 0, also when there is none. Below 0 with words when what is there cannot be used: -EINVAL for what is no key,
 * -EPERM for a `file` that everybody may read (as ssh does: who finds it out should change the key, too; systemd's
 * credentials are private by their folder), else the errno of a file that cannot be read.
 *
 * netrc belongs to other programs, too. So one that cannot be read, is malformed, or has no W&B key for this machine
 * counts as absent, and one that others may read is used; either way `note` says so. */
int credential_find(const char *file, const char *base_url, struct credential *ret,
	char ret_words[CREDENTIAL_WORDS_MAX]);
void credential_finish(struct credential *c); /* wiped */

/* For who needs no key: overwrites WANDB_API_KEY where it stands, so that /proc/PID/environ does not show it either,
 * and unsets it. */
void credential_wipe_environment(void);

/* NULL, or what is wrong with a key as a phrase ("has 12 characters, at least 40 were expected"). */
const char *credential_flaw(const char *key, char buffer[CREDENTIAL_WORDS_MAX]);

/* Frees a secret and leaves nothing of it in memory. NULL is fine. */
void credential_free(char *key);
