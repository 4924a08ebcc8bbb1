/* The shape of the database: whose file it is, which version, and the steps from one version to
 * the next. The SQL stands in schema_N.sql, the views people read in SCHEMA.md. */
#pragma once

#include <sqlite3.h>

#define SCHEMA_APPLICATION_ID 0x5341454d /* "SAEM" */
#define SCHEMA_VERSION        11

extern const char schema_1_sql[], schema_2_sql[], schema_3_sql[], schema_4_sql[], schema_5_sql[],
	schema_6_sql[], schema_7_sql[], schema_8_sql[], schema_9_sql[], schema_10_sql[],
	schema_11_sql[];

enum schema_state {
	SCHEMA_CURRENT = 0,
	SCHEMA_EMPTY,    /* no tables at all: a new file */
	SCHEMA_OLDER,    /* ours, to be migrated */
	SCHEMA_NEWER,    /* ours, of a later program */
	SCHEMA_FOREIGN,  /* somebody else's database */
	SCHEMA_ILLEGIBLE /* not to be read: sqlite3_extended_errcode() says why */
};

enum schema_state schema_inspect(sqlite3 *db, int *ret_version);

/* Brings an empty or older database to SCHEMA_VERSION in one transaction: an older program finds it as it was, or not at
 * all, and a new one is written to the disk once. An SQLite result code. */
int schema_migrate(sqlite3 *db);
