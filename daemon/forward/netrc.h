/* The password that a netrc file has for a machine, read as W&B's own client reads it (with Python's netrc): words
 * between whitespace, quotes and backslashes, comments, macros passed over, the machine's own entry before
 * `default`, the last one of two. Pure. */
#pragma once

#include <stddef.h>

enum netrc_result {
	NETRC_NONE = 0, /* nothing for this machine */
	NETRC_FOUND,
	NETRC_MALFORMED, /* all of it counts as nothing, then */
};

/* NETRC_FOUND: the password, malloc'ed, in ret_password. NETRC_MALFORMED: the line in ret_line. Else -ENOMEM. */
int netrc_find(
	const char *text, size_t len, const char *machine, char **ret_password, unsigned *ret_line);
