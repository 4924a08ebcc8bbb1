#include "schema.h"

#include <stdio.h>

/* From version i to i + 1. Only ever appended to. */
static const char *const steps[] = {
	schema_1_sql,
	schema_2_sql,
	schema_3_sql,
	schema_4_sql,
	schema_5_sql,
	schema_6_sql,
	schema_7_sql,
	schema_8_sql,
	schema_9_sql,
	schema_10_sql,
	schema_11_sql,
};

static int read_int(sqlite3 *db, const char *sql, int *ret) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(st);
	}
	if (rc == SQLITE_ROW) {
		*ret = sqlite3_column_int(st, 0);
		rc = SQLITE_OK;
	}
	int final = sqlite3_finalize(st);
	return rc == SQLITE_OK ? final : rc;
}

enum schema_state schema_inspect(sqlite3 *db, int *ret_version) {
	int application_id = 0, version = 0, n_tables = 0;
	if (read_int(db, "PRAGMA application_id", &application_id) != SQLITE_OK ||
		read_int(db, "PRAGMA user_version", &version) != SQLITE_OK ||
		read_int(db, "SELECT count(*) FROM sqlite_schema", &n_tables) != SQLITE_OK) {
		return SCHEMA_ILLEGIBLE;
	}

	*ret_version = version;
	if (application_id == 0 && version == 0 && n_tables == 0) {
		return SCHEMA_EMPTY;
	}
	if (application_id != SCHEMA_APPLICATION_ID) {
		return SCHEMA_FOREIGN;
	}
	return version > SCHEMA_VERSION   ? SCHEMA_NEWER
	       : version < SCHEMA_VERSION ? SCHEMA_OLDER
					  : SCHEMA_CURRENT;
}

static int migrate_from(sqlite3 *db, int version) {
	char stamp[128];
	snprintf(stamp, sizeof stamp,
		"PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
		SCHEMA_APPLICATION_ID, SCHEMA_VERSION);

	int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	while (rc == SQLITE_OK && version < SCHEMA_VERSION) {
		rc = sqlite3_exec(db, steps[version++], NULL, NULL, NULL);
	}
	if (rc == SQLITE_OK) {
		rc = sqlite3_exec(db, stamp, NULL, NULL, NULL);
	}
	if (rc != SQLITE_OK) {
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	}
	return rc;
}

int schema_migrate(sqlite3 *db) {
	int version = 0;
	int rc = read_int(db, "PRAGMA user_version", &version);
	return rc == SQLITE_OK && version < SCHEMA_VERSION ? migrate_from(db, version) : rc;
}
