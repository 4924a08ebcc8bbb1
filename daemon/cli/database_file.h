/* Database files, and status documents from them, with or without a daemon that writes them. */
#pragma once

#include <jansson.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>

#include "viewer.h"

#define DATABASE_WORDS_MAX 256

enum database_result {
	DATABASE_OK = 0,
	DATABASE_NO_SUCH_RUN, /* words: none, or which more than one */
	DATABASE_UNREADABLE   /* words: why */
};

enum database_version {
	DATABASE_CURRENT,      /* the schema that this program knows */
	DATABASE_CURRENT_OLDER /* or one that was before it */
};

/* Opens a database of ours for reading, also while a daemon writes it; nothing is changed. With DATABASE_OK, words may
 * hold a remark, else "". */
enum database_result database_open(const char *path, enum database_version version, sqlite3 **ret,
	char ret_words[DATABASE_WORDS_MAX]);

#define DATABASE_PLACES 3u
/* Where a database is when nobody names one, in this order: the user's, his on a disk of this machine, the host's. "" for
 * a place that cannot be told or is not to be trusted. */
void database_places(char ret[DATABASE_PLACES][PATH_MAX]);

/* The first of them that is there. False when none is. */
bool database_default(char ret_path[PATH_MAX]);

/* Who looks into this file: its owner (of "", which has no name, that is us) and root see all, whoever else may read it what is not private. */
struct viewer database_viewer(const char *path);

/* Reads one database, without changing it. With DATABASE_OK, words may hold a remark, else "". */
enum database_result database_read(const char *path, const char *run_part, json_t **ret_document,
	char ret_words[DATABASE_WORDS_MAX]);

/* The same of one run with curves of so many points (report.h). */
enum database_result database_read_fine(const char *path, const char *run_part, unsigned points,
	json_t **ret_document, char ret_words[DATABASE_WORDS_MAX]);

/* The same of no more than what its runs are called. */
enum database_result database_read_brief(
	const char *path, json_t **ret_document, char ret_words[DATABASE_WORDS_MAX]);

struct points_query;
/* The same of where its runs stand (points.h), as far as whoever looks into the file sees them. */
enum database_result database_read_points(const char *path, const struct points_query *query,
	json_t **ret_document, char ret_words[DATABASE_WORDS_MAX]);
