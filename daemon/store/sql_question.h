/* A question in SQL, of somebody whom nothing is believed: one SELECT over the documented views, of what he may see.
 *
 * What keeps him to that: his statement is prepared in a database of its own with nothing in it but the views (sql_views.h); an
 * authorizer that lets through SELECT, columns of those views, json_each and json_tree, and functions of a list; SQLite's own
 * limits; and a clock, asked while it runs. What one function can take too long for within itself, and how much memory is used, is
 * for the process to bound that this runs in. */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include "viewer.h"

#define SQL_WORDS_MAX 512u

struct sql_question {
	const char *sql; /* not terminated */
	size_t len;
	struct viewer viewer;
	uint32_t timeout_ms;
	bool in_memory;          /* what is sorted stays in memory, and makes no file */
	const atomic_bool *stop; /* NULL: nobody stops it */
	/* Called once, before all rows; and for each of them. Below 0 ends it, and is what sql_question_ask returns. */
	int (*on_columns)(void *user, sqlite3_stmt *st);
	int (*on_row)(void *user, sqlite3_stmt *st);
	void *user;
};

enum sql_answer {
	SQL_ANSWERED = 0,
	SQL_MISTAKEN,  /* words: what is wrong with it, or not permitted */
	SQL_TOO_LONG,  /* it took too long */
	SQL_TOO_LARGE, /* it takes too much memory */
	SQL_STOPPED
};

/* `kept` is of the current schema; it is read as of one moment. Below 0: -EBADMSG, the database cannot be read (words say why), or as the
 * callbacks said. Words are set for all but SQL_ANSWERED and what the callbacks said. */
int sql_question_ask(sqlite3 *kept, const struct sql_question *q, char ret_words[SQL_WORDS_MAX]);
