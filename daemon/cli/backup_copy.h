/* A copy of a database for people: what `backup` makes, and `export --database`. */
#pragma once

#include <stdbool.h>

struct backup_copy {
	const char *command;  /* who speaks on stderr */
	const char *database; /* NULL: where one is when nobody names it */
	const char *to;       /* a file, or a folder */
	bool force;           /* a file that is there is replaced */
};

/* Returns an exit_status, and has said what came of it. */
int backup_copy_make(const struct backup_copy *b);
